//! `tributary streams`: the sources, their streams, and what is known about each.

mod facts;
mod page;

use serde_json::{Value, json};
use shared::config::{AnySource, Settings};
use shared::facts::StreamFacts;

use crate::arguments::{Global, Streams};
use crate::display::{say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::load;
use crate::sources::{source, sources, streams};

use facts::{deletes, long, order, quota};

/// A source and its streams' facts.
struct Known {
    source: &'static dyn AnySource,
    streams: Vec<&'static StreamFacts>,
}

impl Known {
    fn of(source: &'static dyn AnySource) -> Result<Self, Failure> {
        let streams = streams(source)?;
        Ok(Self { source, streams: streams.iter().map(|stream| stream.facts()).collect() })
    }
}

pub(crate) fn run(global: &Global, asked: &Streams) -> Result<Exit, Failure> {
    let wanted = match &asked.source {
        Some(name) => vec![source(name)?],
        None => sources(),
    };
    let known = wanted.into_iter().map(Known::of).collect::<Result<Vec<_>, _>>()?;
    if asked.markdown {
        for known in &known {
            say(page::page(known).trim_end());
        }
        return Ok(Exit::Success);
    }
    // The list is for choosing, so it does not insist on settings; wrong ones are said all the same.
    let settings = if global.config_file().exists() { Some(load(global)?) } else { None };
    if global.json {
        let sources: Vec<Value> =
            known.iter().map(|known| document(known, settings.as_ref())).collect();
        say_json(&json!({ "sources": sources }))?;
        return Ok(Exit::Success);
    }
    for known in &known {
        print(known, settings.as_ref(), global.verbose > 0);
    }
    if global.verbose == 0 {
        tell("hint: -v tells where each fact is known from");
    }
    Ok(Exit::Success)
}

/// The connections of this source that read this stream.
fn selected_by<'s>(settings: Option<&'s Settings>, source: &str, stream: &str) -> Vec<&'s str> {
    settings
        .into_iter()
        .flat_map(|settings| settings.connections.values())
        .filter(|connection| connection.source.name == source && connection.selects(stream))
        .map(|connection| connection.name.as_str())
        .collect()
}

fn print(known: &Known, settings: Option<&Settings>, evidence: bool) {
    let source = known.source.facts();
    say(format!(
        "{} ({}), a {}; API {}",
        source.title, source.name, source.system, source.api_version.value
    ));
    if let Some(sunset) = source.sunset {
        say(format!("switched off by its vendor on {}", sunset.value));
    }
    say(format!("set up: {}\n", source.setup));
    let mut list = table([
        "stream",
        "reads",
        "lag",
        "lookback",
        "order",
        "deletes",
        "quota",
        "needs",
        "selected by",
    ]);
    for stream in &known.streams {
        list.add_row([
            stream.name.to_owned(),
            stream.reads.to_owned(),
            long(stream.lag.value),
            long(stream.lookback.value),
            order(stream.order.value).to_owned(),
            deletes(stream.deletes.value),
            stream.quota.map_or("–".to_owned(), |quota_fact| quota(quota_fact.value)),
            stream.scopes.join(", "),
            selected_by(settings, source.name, stream.name).join(", "),
        ]);
    }
    say(list.to_string());
    if evidence {
        for stream in &known.streams {
            say(format!("\n{}", stream.name));
            for (fact, evidence) in facts::evidence(stream) {
                say(format!("  {fact}: {evidence}"));
            }
        }
    }
    say("");
}

fn document(known: &Known, settings: Option<&Settings>) -> Value {
    let source = known.source.facts();
    let fact = |value: Value, evidence: &str| json!({ "value": value, "evidence": evidence });
    let streams = known.streams.iter().map(|stream| {
        json!({
            "name": stream.name,
            "object": stream.object,
            "reads": stream.reads,
            "lag_seconds": fact(stream.lag.value.as_secs().into(), stream.lag.evidence),
            "lookback_seconds": fact(stream.lookback.value.as_secs().into(), stream.lookback.evidence),
            "granularity_micros": fact(stream.granularity.value.micros().into(), stream.granularity.evidence),
            "order": fact(order(stream.order.value).into(), stream.order.evidence),
            "deletes": fact(deletes(stream.deletes.value).into(), stream.deletes.evidence),
            "page_ceiling": stream.page_ceiling.map(|ceiling| fact(ceiling.value.into(), ceiling.evidence)),
            "quota": stream.quota.map(|it| fact(quota(it.value).into(), it.evidence)),
            "scopes": stream.scopes,
            "optional": stream.optional,
            "never_empty": stream.never_empty,
            "pushed": stream.pushed,
            "selected_by": selected_by(settings, source.name, stream.name),
        })
    });
    json!({
        "name": source.name,
        "title": source.title,
        "system": source.system,
        "api_version": fact(source.api_version.value.into(), source.api_version.evidence),
        "sunset": source.sunset.map(|sunset| fact(sunset.value.into(), sunset.evidence)),
        "setup": source.setup,
        "settings_schema": known.source.settings_schema(),
        "streams": streams.collect::<Vec<_>>(),
    })
}

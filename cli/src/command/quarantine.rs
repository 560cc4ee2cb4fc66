//! `tributary quarantine`: what did not map and why, and another try.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::hub::Selection;
use shared::landing::Quarantined;
use shared::review::Retried;

use crate::arguments::{Global, Quarantine, QuarantineList};
use crate::display::{grouped, say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

/// Records that are wrong in the same way.
#[derive(Serialize)]
pub(super) struct Group {
    pub(super) connection: String,
    pub(super) stream: String,
    pub(super) field: String,
    pub(super) reason: String,
    pub(super) count: u64,
    examples: Vec<Example>,
}

#[derive(Serialize)]
struct Example {
    raw_key: String,
    received_at: shared::schema::Timestamp,
    /// The content, which may be about people: only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Box<RawValue>>,
}

pub(crate) async fn run(global: &Global, quarantine: &Quarantine) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let done = match quarantine {
        Quarantine::List(list) => show(global, &session, list).await,
        Quarantine::Retry(selected) => retry(global, &session, &selected.selection()).await,
    };
    session.close().await;
    done
}

/// The quarantine, grouped; the largest groups first.
pub(super) async fn groups(
    session: &Session,
    selection: &Selection,
    examples: usize,
    show: bool,
) -> Result<Vec<Group>, Failure> {
    let mut groups: BTreeMap<_, Group> = BTreeMap::new();
    for record in
        session.hub.quarantine(selection).await?.into_iter().flat_map(|object| object.records)
    {
        let Quarantined { connection, stream, field, reason, received_at, raw_key, record } =
            record;
        let key = (connection.clone(), stream.clone(), field.clone(), reason.clone());
        let empty = || Group { connection, stream, field, reason, count: 0, examples: Vec::new() };
        let group = groups.entry(key).or_insert_with(empty);
        group.count += 1;
        if group.examples.len() < examples {
            group.examples.push(Example { raw_key, received_at, record: show.then_some(record) });
        }
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    Ok(groups)
}

async fn show(global: &Global, session: &Session, list: &QuarantineList) -> Result<Exit, Failure> {
    let groups = groups(session, &list.selected.selection(), list.limit, list.show).await?;
    let total: u64 = groups.iter().map(|group| group.count).sum();
    if global.json {
        say_json(&json!({ "total": total, "groups": groups }))?;
        return Ok(Exit::Success);
    }
    if groups.is_empty() {
        say("the quarantine is empty");
        return Ok(Exit::Success);
    }
    for Group { connection, stream, field, reason, count, examples } in &groups {
        say(format!("{:>6} × {connection}/{stream}  {field}: {reason}", grouped(*count)));
        for example in examples {
            say(format!("         {}", example.raw_key));
            if let Some(record) = &example.record {
                say(format!("         {record}"));
            }
        }
    }
    say(format!("{:>6} in all", grouped(total)));
    if !list.show {
        tell(
            "hint: --show prints the records themselves; after an update, `tributary quarantine retry` maps them again",
        );
    }
    Ok(Exit::Success)
}

async fn retry(global: &Global, session: &Session, selection: &Selection) -> Result<Exit, Failure> {
    // A wrong name would otherwise look like an empty quarantine.
    if selection.stream.as_deref() == Some(shared::landing::DELIVERIES) {
        session.hub.connection(selection.connection.as_deref().unwrap_or_default())?;
    } else {
        session.connections(selection)?;
    }
    let Retried { tried, cured, remaining } = session.hub.retry_quarantine(selection).await?;
    if global.json {
        say_json(&json!({ "tried": tried, "cured": cured, "remaining": remaining }))?;
    } else {
        say(format!(
            "{} tried, {} landed, {} remain",
            grouped(tried),
            grouped(cured),
            grouped(remaining)
        ));
    }
    Ok(Exit::Success)
}

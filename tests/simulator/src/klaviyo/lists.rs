//! Collections: filters, sorting, sparse fields, and pages by opaque cursors.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::face::State;
use super::json;
use super::records::{Campaign, Event, Profile};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// The media type of every answer: JSON:API.
const JSON_API: &str = "application/vnd.api+json";

/// The vendor's error body.
pub(super) fn error(status: u16, code: &str, detail: &str, parameter: Option<&str>) -> Answer {
    let body = json!({"errors": [{
        "id": "f2d3a2c1-0000-4000-8000-000000000001",
        "status": status,
        "code": code,
        "title": "Invalid input.",
        "detail": detail,
        "source": {"pointer": "/data/", "parameter": parameter},
    }]});
    Answer::json(status, body.to_string()).with("content-type", JSON_API)
}

fn invalid(parameter: &str, detail: &str) -> Answer {
    error(400, "invalid", detail, Some(parameter))
}

/// One comparison of a filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Clause<'f> {
    pub(super) operator: &'f str,
    pub(super) field: &'f str,
    pub(super) value: &'f str,
}

/// Reads `op(field,value)`, several of them joined by commas or in `and(…)`.
pub(super) fn clauses(filter: &str) -> Option<Vec<Clause<'_>>> {
    let inner = filter.strip_prefix("and(").and_then(|rest| rest.strip_suffix(')'));
    split(inner.unwrap_or(filter))?
        .into_iter()
        .map(|clause| {
            let (operator, rest) = clause.split_once('(')?;
            let (field, value) = rest.strip_suffix(')')?.split_once(',')?;
            Some(Clause { operator, field, value })
        })
        .collect()
}

/// Splits at the commas outside of brackets.
fn split(text: &str) -> Option<Vec<&str>> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (depth == 0).then_some(parts)
}

impl Clause<'_> {
    /// Whether a time passes; none if this is no comparison of times.
    fn admits(&self, at: Timestamp) -> Option<bool> {
        let limit: Timestamp = self.value.parse().ok()?;
        Some(match self.operator {
            "greater-than" => at > limit,
            "greater-or-equal" => at >= limit,
            "less-than" => at < limit,
            "less-or-equal" => at <= limit,
            _ => return None,
        })
    }

    /// A time closer than five seconds to the present is refused.
    fn is_too_close(&self, now: Timestamp) -> bool {
        let limit = self.value.parse::<Timestamp>();
        limit.is_ok_and(|limit| limit > now - SignedDuration::from_secs(5))
    }

    /// The texts of `any(id,["a","b"])`.
    fn texts(&self) -> Option<BTreeSet<String>> {
        serde_json::from_str(&self.value.replace('\'', "\"")).ok()
    }

    fn text(&self) -> &str {
        self.value.trim_matches(['\'', '"'])
    }
}

/// The filter of a call, if every clause has an operator that its field allows.
fn filter<'c>(call: &'c Call, allowed: &[(&str, &[&str])]) -> Result<Vec<Clause<'c>>, Answer> {
    let Some(text) = call.query("filter") else { return Ok(Vec::new()) };
    let wrong = |detail: &str| invalid("filter", detail);
    let clauses = clauses(text).ok_or_else(|| wrong("The filter is malformed."))?;
    for clause in &clauses {
        let operators = allowed.iter().find(|(field, _)| *field == clause.field);
        let known = operators.is_some_and(|(_, operators)| operators.contains(&clause.operator));
        if !known {
            return Err(wrong("The field cannot be filtered by with this operator."));
        }
        if clause.is_too_close(call.at) {
            return Err(wrong("The time is too close to the present."));
        }
    }
    Ok(clauses)
}

/// How many records a page may have, and has unless asked otherwise.
#[derive(Clone, Copy)]
struct Size {
    default: usize,
    most: usize,
}

/// A record with its place in the order asked for.
struct Placed<T> {
    /// Micros, or 0 where the order is by id only.
    at: i64,
    id: String,
    record: T,
}

impl State {
    pub(super) fn profiles(&self, call: &Call, faults: &Faults) -> Answer {
        let clauses = match filter(
            call,
            &[
                ("id", &["any", "equals"]),
                ("email", &["any", "equals"]),
                ("updated", &["greater-than", "less-than"]),
                ("created", &["greater-than", "less-than"]),
            ],
        ) {
            Ok(clauses) => clauses,
            Err(refusal) => return refusal,
        };
        let by_updated = match call.query("sort") {
            None | Some("id") => false,
            Some("updated") => true,
            Some(_) => return invalid("sort", "The order is not simulated."),
        };
        let admits = |profile: &Profile| {
            clauses.iter().all(|clause| match (clause.field, clause.operator) {
                ("id", "any") => clause.texts().is_some_and(|ids| ids.contains(&profile.id)),
                ("id", _) => clause.text() == profile.id,
                ("email", "any") => clause
                    .texts()
                    .zip(profile.email.as_ref())
                    .is_some_and(|(all, email)| all.contains(email)),
                ("email", _) => profile.email.as_deref() == Some(clause.text()),
                ("updated", _) => clause.admits(profile.updated).unwrap_or(false),
                _ => clause.admits(profile.created).unwrap_or(false),
            })
        };
        let there = self.account.profiles.values().filter(|it| !it.deleted && admits(it));
        let there = there.map(|profile| Placed {
            at: if by_updated { profile.updated.as_microsecond() } else { 0 },
            id: profile.id.clone(),
            record: profile,
        });
        let sparse = match call.query("fields[profile]") {
            None => false,
            Some("updated") => true,
            Some(_) => return invalid("fields[profile]", "The field set is not simulated."),
        };
        let subscriptions = call.query("additional-fields[profile]") == Some("subscriptions");
        let base = call.base_url();
        self.list(call, faults, there.collect(), Size { default: 20, most: 100 }, |profiles| {
            let shown = profiles.iter().map(|it| json::profile(it, sparse, subscriptions, &base));
            (shown.collect(), Vec::new())
        })
    }

    pub(super) fn events(&self, call: &Call, faults: &Faults) -> Answer {
        let times: &[&str] = &["greater-or-equal", "greater-than", "less-or-equal", "less-than"];
        let allowed =
            [("datetime", times), ("metric_id", &["equals"]), ("profile_id", &["equals"])];
        let clauses = match filter(call, &allowed) {
            Ok(clauses) => clauses,
            Err(refusal) => return refusal,
        };
        if call.query("sort") != Some("datetime") {
            return invalid("sort", "The order is not simulated.");
        }
        let admits = |event: &Event| {
            clauses.iter().all(|clause| match clause.field {
                "datetime" => clause.admits(event.at).unwrap_or(false),
                "metric_id" => clause.text() == event.metric.id,
                _ => clause.text() == event.profile,
            })
        };
        let account = &self.account;
        let there = account.events.values().filter(|it| account.shows(it) && admits(it));
        let there = there.map(|event| Placed {
            at: event.at.as_microsecond(),
            id: event.id.clone(),
            record: event,
        });
        let wants = call.query("include") == Some("metric");
        let base = call.base_url();
        self.list(call, faults, there.collect(), Size { default: 200, most: 1_000 }, |events| {
            let shown = events.iter().map(|event| json::event(event, &base)).collect();
            let mut metrics: Vec<_> = events.iter().map(|event| event.metric).collect();
            metrics.sort_unstable_by_key(|metric| metric.id);
            metrics.dedup();
            let included = metrics.into_iter().map(|metric| json::metric(metric, &base));
            (shown, if wants { included.collect() } else { Vec::new() })
        })
    }

    pub(super) fn campaigns(&self, call: &Call, faults: &Faults) -> Answer {
        let times: &[&str] = &["greater-or-equal", "greater-than", "less-or-equal", "less-than"];
        let allowed = [
            ("messages.channel", &["equals"] as &[&str]),
            ("archived", &["equals"]),
            ("updated_at", times),
        ];
        let clauses = match filter(call, &allowed) {
            Ok(clauses) => clauses,
            Err(refusal) => return refusal,
        };
        let value = |field: &str| clauses.iter().find(|it| it.field == field).map(Clause::text);
        let Some(channel) = value("messages.channel") else {
            return invalid("filter", "A channel filter is required to list campaigns.");
        };
        if !["email", "sms", "mobile_push"].contains(&channel) {
            return invalid("filter", "There is no such channel.");
        }
        // Archived ones are hidden unless asked for.
        let archived = value("archived") == Some("true");
        let admits = |campaign: &Campaign| {
            let times = clauses.iter().filter(|it| it.field == "updated_at");
            !campaign.deleted
                && campaign.channel == channel
                && campaign.archived == archived
                && times.into_iter().all(|it| it.admits(campaign.updated).unwrap_or(false))
        };
        let there = self.account.campaigns.values().filter(|campaign| admits(campaign));
        let there =
            there.map(|campaign| Placed { at: 0, id: campaign.id.clone(), record: campaign });
        let wants = call.query("include") == Some("campaign-messages");
        let sparse = call.query("fields[campaign-message]") == Some("definition.content.subject");
        let base = call.base_url();
        self.list(call, faults, there.collect(), Size { default: 100, most: 100 }, |campaigns| {
            let shown = campaigns.iter().map(|it| json::campaign(it, &base)).collect();
            let messages = campaigns.iter().map(|it| json::message(it, sparse, &base));
            (shown, if wants { messages.collect() } else { Vec::new() })
        })
    }

    pub(super) fn names(
        &self,
        call: &Call,
        faults: &Faults,
        kind: &str,
        names: &[(&str, &str)],
    ) -> Answer {
        let there = names.iter().map(|(id, name)| Placed {
            at: 0,
            id: (*id).to_owned(),
            record: (*id, *name),
        });
        let base = call.base_url();
        self.list(call, faults, there.collect(), Size { default: 10, most: 10 }, |shown| {
            let shown = shown.iter().map(|(id, name)| json::named(kind, id, name, &base));
            (shown.collect(), Vec::new())
        })
    }

    pub(super) fn metrics(&self, call: &Call, faults: &Faults) -> Answer {
        if call.query("page[size]").is_some() {
            return invalid("page[size]", "The page size of metrics is fixed.");
        }
        let there = json::metrics(&call.base_url()).into_iter().map(|metric| Placed {
            at: 0,
            id: metric["id"].as_str().unwrap_or_default().to_owned(),
            record: metric,
        });
        self.list(call, faults, there.collect(), Size { default: 200, most: 200 }, |shown| {
            (shown.to_vec(), Vec::new())
        })
    }

    /// One page of what is there, after the cursor that the call has.
    fn list<T>(
        &self,
        call: &Call,
        faults: &Faults,
        mut there: Vec<Placed<T>>,
        size: Size,
        show: impl Fn(&[T]) -> (Vec<Value>, Vec<Value>),
    ) -> Answer {
        let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
        let asked = call.query("page[size]").map(str::parse::<usize>);
        let limit = match asked {
            None => size.default,
            Some(Ok(number)) if (1..=size.most).contains(&number) => number,
            Some(_) => return invalid("page[size]", "The page size is out of range."),
        };
        let limit = self.largest_page.map_or(limit, |most| limit.min(most));
        there.sort_unstable_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let question = self.question(call);
        let cursor = call.query("page[cursor]");
        let from = match cursor {
            None => 0,
            Some(_) if fires(Fault::ExpiredCursor) => {
                return invalid("page[cursor]", "The cursor is invalid.");
            }
            Some(cursor) => match decode(cursor, &question) {
                None => return invalid("page[cursor]", "The cursor is invalid."),
                Some((at, id)) => {
                    there.partition_point(|it| (it.at, it.id.as_str()) <= (at, id.as_str()))
                }
            },
        };
        there.drain(..from);
        let more = there.len() > limit;
        there.truncate(limit);
        let mut next =
            more.then(|| there.last().map(|last| encode(last.at, &last.id, &question))).flatten();
        if let Some(cursor) = cursor
            && fires(Fault::StuckCursor)
        {
            next = Some(cursor.to_owned());
        }
        let records: Vec<T> = there.into_iter().map(|placed| placed.record).collect();
        let (mut data, included) = show(&records);
        bend(&mut data, fires);
        let link = |cursor: &str| {
            let others = ["filter", "sort", "include", "page[size]", "additional-fields[profile]"];
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            for name in others {
                if let Some(value) = call.query(name) {
                    query.append_pair(name, value);
                }
            }
            query.append_pair("page[cursor]", cursor);
            format!("{}{}?{}", call.base_url(), call.path(), query.finish())
        };
        let mut body = json!({
            "data": data,
            "links": {
                "self": format!("{}{}", call.base_url(), call.target()),
                "next": next.as_deref().map(link),
                "prev": null,
            },
        });
        if !included.is_empty() {
            body["included"] = included.into();
        }
        Answer::json(200, body.to_string()).with("content-type", JSON_API)
    }

    /// What a cursor belongs to: another question does not know it, and neither does a later generation.
    fn question(&self, call: &Call) -> String {
        format!(
            "{}|{}|{}|{}",
            self.cursor_generation,
            call.path(),
            call.query("filter").unwrap_or_default(),
            call.query("sort").unwrap_or_default()
        )
    }
}

/// Lets the faults that concern records do their work.
fn bend(data: &mut Vec<Value>, fires: impl Fn(Fault) -> bool) {
    let Some(first) = data.first().cloned() else { return };
    if fires(Fault::ExtraField) {
        for record in data.iter_mut() {
            record["vibe_score"] = json!({"value": 0.7, "model": "v3"});
            record["attributes"]["ai_summary"] = Value::Null;
        }
    }
    if fires(Fault::BadRecord) {
        let mut record = first;
        record["id"] = Value::Null;
        data.push(record);
    }
}

fn encode(at: i64, id: &str, question: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("next::{at}::{id}::{question}"))
}

fn decode(cursor: &str, question: &str) -> Option<(i64, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let mut parts = text.strip_prefix("next::")?.splitn(3, "::");
    let (at, id) = (parts.next()?.parse().ok()?, parts.next()?.to_owned());
    (parts.next()? == question).then_some((at, id))
}

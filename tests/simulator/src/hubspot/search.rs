//! The search: by filters, sorted, never deeper than a wall, and behind the writes.

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::face::{State, refused};
use super::json;
use super::records::{Kind, Object};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

const MOST_ROWS: u64 = 200;
const LONGEST_BODY: usize = 3_000;

/// A comparable value: times and numbers as numbers.
fn value(object: &Object, kind: Kind, property: &str, indexed: Timestamp) -> Option<i64> {
    if property == "hs_object_id" {
        return i64::try_from(object.id).ok();
    }
    if property == kind.modified_property() {
        return Some(indexed.as_millisecond());
    }
    if property == kind.created_property() {
        return Some(object.created_at.as_millisecond());
    }
    number(object.text(property)?)
}

fn number(text: &str) -> Option<i64> {
    let time = || text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    text.parse().ok().or_else(time)
}

struct Filter {
    property: String,
    operator: String,
    value: i64,
}

impl Filter {
    fn holds(&self, value: i64) -> bool {
        match self.operator.as_str() {
            "GTE" => value >= self.value,
            "GT" => value > self.value,
            "LTE" => value <= self.value,
            "LT" => value < self.value,
            _ => value == self.value,
        }
    }
}

impl State {
    pub(super) fn search(&mut self, call: &Call, kind: Kind, faults: &Faults) -> Answer {
        match self.found(call, kind, faults) {
            Ok(body) => Answer::json(200, body.to_string()),
            Err((status, why)) => refused(status.as_u16(), why),
        }
    }

    fn found(
        &mut self,
        call: &Call,
        kind: Kind,
        faults: &Faults,
    ) -> Result<Value, (StatusCode, &'static str)> {
        let bad = |why| (StatusCode::BAD_REQUEST, why);
        if call.body.len() > LONGEST_BODY {
            return Err(bad("the query is too long"));
        }
        let question: Value =
            serde_json::from_slice(&call.body).map_err(|_| bad("the body is not JSON"))?;
        let limit = question["limit"].as_u64().unwrap_or(10);
        if !(1..=MOST_ROWS).contains(&limit) {
            return Err(bad("limit is 200 at most"));
        }
        let after = match &question["after"] {
            Value::Null => 0,
            Value::String(after) => after.parse().map_err(|_| bad("after is no number"))?,
            _ => return Err(bad("after is text")),
        };
        if after + limit > self.search_wall {
            return Err(bad("a search reaches 10,000 results"));
        }
        let groups = question["filterGroups"].as_array().ok_or(bad("filterGroups is missing"))?;
        if groups.len() > 5 {
            return Err(bad("five filter groups at most"));
        }
        let groups =
            groups.iter().map(|group| filters(group, kind)).collect::<Result<Vec<_>, _>>()?;
        let sort = &question["sorts"][0];
        let by = sort["propertyName"].as_str().unwrap_or("createdate").to_owned();
        let descending = sort["direction"] == "DESCENDING";
        let lag = self.portal.lag;
        let living = self.portal.of(kind).values().filter(|object| object.archived_at.is_none());
        let mut rows: Vec<(i64, &Object)> = Vec::new();
        for object in living {
            // What was written a moment ago is not in the index yet: the object stands there as it was.
            let fresh = object.written_at + lag > call.at;
            let Some(indexed) = (if fresh { object.indexed } else { Some(object.modified_at) })
            else {
                continue;
            };
            let holds = |filter: &Filter| {
                let value = value(object, kind, &filter.property, indexed);
                value.is_some_and(|value| filter.holds(value))
            };
            if groups.is_empty() || groups.iter().any(|group| group.iter().all(holds)) {
                rows.push((value(object, kind, &by, indexed).unwrap_or(0), object));
            }
        }
        rows.sort_by_key(|(key, object)| (*key, object.id));
        if descending {
            rows.reverse();
        }
        let total = rows.len();
        let (from, to) = (
            usize::try_from(after).unwrap_or(usize::MAX).min(total),
            usize::try_from(after + limit).unwrap_or(usize::MAX).min(total),
        );
        let wanted = json::names(&question["properties"]);
        let results: Vec<Value> =
            rows[from..to].iter().map(|(_, object)| json::object(kind, object, &wanted)).collect();
        let mut body = json!({ "total": total, "results": results });
        if to < total {
            body["paging"] = json!({ "next": { "after": to.to_string() } });
        }
        // Somebody changes what is about to be read: it leaves the window.
        let last = rows.get(to).or(rows.last()).map(|(_, object)| object.id);
        if let Some(id) = last
            && faults.take(call.target(), |fault| *fault == Fault::InsertWhilePaging).is_some()
        {
            self.portal.touch((kind, id), call.at, call.at);
        }
        Ok(body)
    }
}

fn filters(group: &Value, kind: Kind) -> Result<Vec<Filter>, (StatusCode, &'static str)> {
    let bad = |why| (StatusCode::BAD_REQUEST, why);
    let filters = group["filters"].as_array().ok_or(bad("filters are missing"))?;
    if filters.len() > 6 {
        return Err(bad("six filters at most"));
    }
    let filters = filters.iter().map(|filter| {
        let property = filter["propertyName"].as_str().unwrap_or_default().to_owned();
        let operator = filter["operator"].as_str().unwrap_or_default().to_owned();
        if !["EQ", "GT", "GTE", "LT", "LTE"].contains(&operator.as_str()) {
            return Err(bad("the operator is not simulated"));
        }
        let wrong = if kind == Kind::Contact { "hs_lastmodifieddate" } else { "lastmodifieddate" };
        if property == wrong || property.is_empty() {
            return Err(bad("there is no such property"));
        }
        let value = filter["value"].as_str().ok_or(bad("a value is text"))?;
        if property == kind.modified_property() && value == "0" {
            return Err((StatusCode::INTERNAL_SERVER_ERROR, "a filter at 1970"));
        }
        if property == kind.modified_property() && value.parse::<i64>().is_err() {
            return Err(bad("a time is a number of milliseconds"));
        }
        let value = number(value).ok_or(bad("the value is not simulated"))?;
        Ok(Filter { property, operator, value })
    });
    filters.collect()
}

//! Searches and lists, each with the filters, orders and ceilings that the vendor documents.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::face::State;
use super::pages::{Listing, bad};
use super::shop::Record;
use crate::faults::Faults;
use crate::server::{Answer, Call};

/// A range of time as a question has it; each end may be missing.
#[derive(Default)]
struct Range {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Range {
    fn of(filter: &Value) -> Result<Self, Answer> {
        Ok(Self { start: instant(&filter["start_at"])?, end: instant(&filter["end_at"])? })
    }

    /// Both ends belong to it.
    fn holds(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at <= end)
    }
}

fn instant(value: &Value) -> Result<Option<Timestamp>, Answer> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => parse(text).map(Some),
        _ => Err(bad("INVALID_TIME", "A time is not a text")),
    }
}

fn parse(text: &str) -> Result<Timestamp, Answer> {
    text.parse().map_err(|_| bad("INVALID_TIME", "A time is not in RFC 3339 format"))
}

/// The limit of a question, within what the vendor takes.
fn limit(body: &Value, usual: usize, most: usize) -> Result<usize, Answer> {
    let Some(limit) = body.get("limit").filter(|limit| !limit.is_null()) else { return Ok(usual) };
    match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(0) => Err(bad("VALUE_TOO_LOW", "limit")),
        _ => Err(bad("VALUE_TOO_HIGH", "limit")),
    }
}

/// All that a body asks but the cursor, and the cursor.
fn apart(body: &Value) -> (String, Option<String>) {
    let mut question = body.as_object().cloned().unwrap_or_default();
    let cursor = question.remove("cursor").and_then(|cursor| cursor.as_str().map(str::to_owned));
    (Value::from(question).to_string(), cursor)
}

impl State {
    pub(super) fn search_customers(
        &self,
        call: &Call,
        faults: &Faults,
        body: &Value,
    ) -> Result<Answer, Answer> {
        let (question, cursor) = apart(body);
        let filter = &body["query"]["filter"];
        let (updated, created) =
            (Range::of(&filter["updated_at"])?, Range::of(&filter["created_at"])?);
        let by_creation = match body["query"]["sort"]["field"].as_str() {
            Some("CREATED_AT") => true,
            None | Some("DEFAULT") => false,
            Some(_) => return Err(bad("INVALID_ENUM_VALUE", "query.sort.field")),
        };
        let customers = self.shop.customers.iter().filter(|(_, record)| {
            record.listed && updated.holds(record.updated_at) && created.holds(record.created_at)
        });
        let rows = customers.map(|(id, record)| {
            let name = record.json["given_name"].as_str().unwrap_or_default();
            let place = if by_creation {
                (record.created_at, id.clone())
            } else {
                (Timestamp::UNIX_EPOCH, format!("{name} {id}"))
            };
            (place, &record.json)
        });
        let listing = Listing {
            name: "customers",
            rows: rows.collect(),
            newest_first: body["query"]["sort"]["order"] == "DESC",
            limit: limit(body, 100, 100)?,
            question,
            cursor,
        };
        Ok(self.serve(call, faults, listing))
    }

    /// Profiles by id, those too that no list shows.
    pub(super) fn bulk_customers(&self, body: &Value) -> Result<Answer, Answer> {
        let ids = ids(&body["customer_ids"])?;
        let answer = |id: &str| {
            if self.unanswered.as_deref() == Some(id) {
                return json!({ "errors": [{ "category": "API_ERROR", "code": "INTERNAL_SERVER_ERROR" }] });
            }
            match self.shop.customers.get(id) {
                Some(record) => json!({ "customer": record.json }),
                None => json!({ "errors": [{
                    "category": "INVALID_REQUEST_ERROR",
                    "code": "NOT_FOUND",
                    "detail": format!("Customer with ID `{id}` not found."),
                }] }),
            }
        };
        let responses: Map<String, Value> =
            ids.iter().map(|id| ((*id).to_owned(), answer(id))).collect();
        Ok(Answer::json(200, json!({ "responses": responses }).to_string()))
    }

    pub(super) fn customer(&self, id: &str) -> Answer {
        match self.shop.customers.get(id) {
            Some(record) => Answer::json(200, json!({ "customer": record.json }).to_string()),
            None => {
                super::pages::error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "No such customer")
            }
        }
    }

    pub(super) fn search_orders(
        &self,
        call: &Call,
        faults: &Faults,
        body: &Value,
    ) -> Result<Answer, Answer> {
        let (question, cursor) = apart(body);
        let locations = ids_up_to(&body["location_ids"], 10)?;
        if let Some(_stranger) =
            locations.iter().find(|id| !self.shop.locations.iter().any(|known| known.id == **id))
        {
            return Err(bad("INVALID_VALUE", "location_ids"));
        }
        let filters = body["query"]["filter"]["date_time_filter"].as_object();
        let filters = filters.cloned().unwrap_or_default();
        let sort = body["query"]["sort"]["sort_field"].as_str().unwrap_or("CREATED_AT");
        let field = sort.to_ascii_lowercase();
        let range = match filters.len() {
            0 => Range::default(),
            1 => match filters.get(&field) {
                Some(filter) => Range::of(filter)?,
                None => return Err(bad("INVALID_VALUE", "sort_field must be the filtered field")),
            },
            _ => return Err(bad("INVALID_VALUE", "only one time range may be filtered for")),
        };
        let time = |record: &Record| match field.as_str() {
            "updated_at" => record.updated_at,
            _ => record.created_at,
        };
        let orders = self.shop.orders.iter().filter(|(_, record)| {
            let location = record.json["location_id"].as_str().unwrap_or_default();
            locations.contains(&location) && range.holds(time(record))
        });
        let rows: Vec<_> =
            orders.map(|(id, record)| ((time(record), id.clone()), &record.json)).collect();
        if body["return_entries"] == true {
            return Err(bad("BAD_REQUEST", "entries are not simulated: ask for orders"));
        }
        let listing = Listing {
            name: "orders",
            rows,
            newest_first: body["query"]["sort"]["sort_order"] != "ASC",
            limit: limit(body, 500, 1000)?,
            question,
            cursor,
        };
        Ok(self.serve(call, faults, listing))
    }

    /// Orders by id; those that do not exist are left out.
    pub(super) fn batch_orders(&self, body: &Value) -> Result<Answer, Answer> {
        let ids = ids(&body["order_ids"])?;
        let found = ids.iter().filter_map(|id| self.shop.orders.get(*id));
        let orders: Vec<&Value> = found.map(|record| &record.json).collect();
        let answer = if orders.is_empty() { json!({}) } else { json!({ "orders": orders }) };
        Ok(Answer::json(200, answer.to_string()))
    }

    /// Payments or refunds: by default of the last year, the payments of the main location only.
    pub(super) fn list(
        &self,
        call: &Call,
        faults: &Faults,
        name: &'static str,
    ) -> Result<Answer, Answer> {
        const ASKED: [&str; 8] = [
            "begin_time",
            "end_time",
            "updated_at_begin_time",
            "updated_at_end_time",
            "sort_field",
            "sort_order",
            "location_id",
            "limit",
        ];
        let time = |name: &str| call.query(name).map(parse).transpose();
        let year_ago = call.at - SignedDuration::from_hours(365 * 24);
        let created = Range {
            start: time("begin_time")?.or(Some(year_ago)),
            end: time("end_time")?.or(Some(call.at)),
        };
        let updated =
            Range { start: time("updated_at_begin_time")?, end: time("updated_at_end_time")? };
        let is_payments = name == "payments";
        let location = match call.query("location_id") {
            Some(id) if self.shop.locations.iter().any(|known| known.id == id) => Some(id),
            Some(_) => return Err(bad("INVALID_VALUE", "location_id")),
            None if is_payments => self.shop.locations.first().map(|main| main.id.as_str()),
            None => None,
        };
        let by_change = match call.query("sort_field") {
            Some("UPDATED_AT") => true,
            None | Some("CREATED_AT") => false,
            Some(_) => return Err(bad("INVALID_ENUM_VALUE", "sort_field")),
        };
        let of: &BTreeMap<String, Record> =
            if is_payments { &self.shop.payments } else { &self.shop.refunds };
        let found = of.iter().filter(|(_, record)| {
            location.is_none_or(|id| record.json["location_id"] == id)
                && created.holds(record.created_at)
                && updated.holds(record.updated_at)
        });
        let rows = found.map(|(id, record)| {
            let at = if by_change { record.updated_at } else { record.created_at };
            ((at, id.clone()), &record.json)
        });
        // A larger limit is ignored.
        let limit = call.query("limit").and_then(|limit| limit.parse::<usize>().ok());
        let question = ASKED.map(|name| format!("{name}={}", call.query(name).unwrap_or_default()));
        let listing = Listing {
            name,
            rows: rows.collect(),
            newest_first: call.query("sort_order") != Some("ASC"),
            limit: limit.filter(|limit| (1..=100).contains(limit)).unwrap_or(100),
            question: question.join("&"),
            cursor: call.query("cursor").map(str::to_owned),
        };
        Ok(self.serve(call, faults, listing))
    }

    pub(super) fn search_accounts(
        &self,
        call: &Call,
        faults: &Faults,
        body: &Value,
    ) -> Result<Answer, Answer> {
        let (question, cursor) = apart(body);
        if body.get("query").is_some_and(|query| *query != json!({})) {
            return Err(bad("BAD_REQUEST", "only the search for all accounts is simulated"));
        }
        let accounts = self.shop.accounts.iter();
        let rows = accounts.map(|(id, record)| ((record.created_at, id.clone()), &record.json));
        let listing = Listing {
            name: "loyalty_accounts",
            rows: rows.collect(),
            newest_first: false,
            limit: limit(body, 30, 200)?,
            question,
            cursor,
        };
        Ok(self.serve(call, faults, listing))
    }

    /// Newest first; the end of the range is not part of it.
    pub(super) fn search_events(
        &self,
        call: &Call,
        faults: &Faults,
        body: &Value,
    ) -> Result<Answer, Answer> {
        let (question, cursor) = apart(body);
        let range = Range::of(&body["query"]["filter"]["date_time_filter"]["created_at"])?;
        let events = self.shop.events.iter().filter(|(_, record)| {
            range.holds(record.created_at) && range.end != Some(record.created_at)
        });
        let rows = events.map(|(id, record)| ((record.created_at, id.clone()), &record.json));
        let listing = Listing {
            name: "events",
            rows: rows.collect(),
            newest_first: true,
            limit: limit(body, 30, 30)?,
            question,
            cursor,
        };
        Ok(self.serve(call, faults, listing))
    }
}

fn ids(list: &Value) -> Result<Vec<&str>, Answer> {
    ids_up_to(list, 100)
}

/// From one id to so many.
fn ids_up_to(list: &Value, most: usize) -> Result<Vec<&str>, Answer> {
    let ids: Vec<&str> = list.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if ids.is_empty() {
        return Err(bad("MISSING_REQUIRED_PARAMETER", "no id is named"));
    }
    if ids.len() > most {
        return Err(bad("ARRAY_LENGTH_TOO_LONG", "too many ids are named"));
    }
    Ok(ids)
}

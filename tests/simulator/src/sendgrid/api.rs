//! Who may ask what, where each path leads, and how fast.

use std::collections::HashMap;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::Account;
use super::records::{GROUPS, ListName};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

const LARGEST_PAGE: usize = 500;

/// An error as the API writes it.
pub(super) fn error(status: u16, message: &str) -> Answer {
    let errors = json!({"errors": [{"field": null, "message": message, "help": null}]});
    Answer::json(status, errors.to_string())
}

/// Adds to a page what faults ask for.
pub(super) fn spoil(call: &Call, page: &mut Vec<Value>, bad: &Value, faults: &Faults) {
    if faults.take(call.target(), |fault| *fault == Fault::ExtraField).is_some() {
        for record in page.iter_mut() {
            record["new_field"] = json!({"since": "today"});
        }
    }
    if faults.take(call.target(), |fault| *fault == Fault::BadRecord).is_some() {
        page.push(bad.clone());
    }
}

/// Limits per endpoint.
#[derive(Default)]
pub(super) struct Limits {
    allowed: Option<(u32, Duration)>,
    /// By path: how many calls since when.
    windows: HashMap<String, (Timestamp, u32)>,
}

impl Limits {
    pub(super) fn set(&mut self, requests: Option<u32>, window: Duration) {
        self.allowed = requests.map(|requests| (requests, window));
        self.windows.clear();
    }

    /// How many calls are left after this one, none for one too many, and when there are more.
    fn count(&mut self, path: &str, at: Timestamp) -> (u32, Option<u32>, i64) {
        let (allowed, window) = self.allowed.unwrap_or((600, Duration::from_mins(1)));
        let window = jiff::SignedDuration::try_from(window).unwrap_or_default();
        let (since, used) = self.windows.entry(path.to_owned()).or_insert((at, 0));
        if at.duration_since(*since) >= window {
            (*since, *used) = (at, 0);
        }
        *used += 1;
        // Rounded up: whoever comes back at that second is let in.
        let reset = (*since + window).as_second() + 1;
        let left = if self.allowed.is_some() { allowed.checked_sub(*used) } else { Some(allowed) };
        (allowed, left, reset)
    }
}

impl Account {
    pub(super) fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        let path: Vec<&str> = call.path().trim_start_matches('/').split('/').collect();
        if let ["exports-bucket", id, name] = path.as_slice() {
            return self.download(call, id, name);
        }
        if call.bearer() != Some(&self.api_key) {
            return error(401, "authorization required");
        }
        if call.header("on-behalf-of") != self.subuser.as_deref() {
            return error(403, "access forbidden");
        }
        let endpoint = path.iter().take(4).copied().collect::<Vec<_>>().join("/");
        let (allowed, left, reset) = self.limits.count(&endpoint, call.at);
        let answer = match left {
            None => error(429, "too many requests"),
            Some(_) => self.route(call, &path, faults),
        };
        answer
            .with("x-ratelimit-limit", allowed)
            .with("x-ratelimit-remaining", left.unwrap_or(0))
            .with("x-ratelimit-reset", reset)
    }

    fn route(&mut self, call: &Call, path: &[&str], faults: &Faults) -> Answer {
        let is_get = call.method == Method::GET;
        match path {
            ["v3", "marketing", ..] if !self.marketing => error(403, "access forbidden"),
            ["v3", "marketing", "contacts", "exports"] => self.exports(call, None, faults),
            ["v3", "marketing", "contacts", "exports", id] => self.exports(call, Some(id), faults),
            _ if !is_get => error(405, "method not allowed"),
            ["v3", "suppression", list] => match ListName::read(list) {
                Some(list) => self.list(call, list, faults),
                None => error(404, "not found"),
            },
            ["v3", "asm", "suppressions"] => self.group_suppressions(call, faults),
            ["v3", "asm", "groups"] => {
                let groups: Vec<Value> = GROUPS
                    .iter()
                    .map(|(id, name)| json!({"id": id, "name": name, "description": name, "is_default": false}))
                    .collect();
                Answer::json(200, json!(groups).to_string())
            }
            ["v3", "marketing", "lists"] => self.marketing_lists(call, faults),
            ["v3", "marketing", "segments", "2.0"] => self.segments(),
            ["v3", "marketing", "singlesends"] => self.single_sends(call, faults),
            _ => error(404, "not found"),
        }
    }

    /// A page of a list, newest first: whoever pages an open window meets entries twice and misses others.
    fn list(&mut self, call: &Call, list: ListName, faults: &Faults) -> Answer {
        let number = |name: &str| call.query(name).map(str::parse::<i64>).transpose();
        let numbers = [number("start_time"), number("end_time"), number("limit"), number("offset")];
        let [Ok(start), Ok(end), Ok(limit), Ok(offset)] = numbers else {
            return error(400, "a parameter is no number");
        };
        let wants_json =
            call.header("accept").is_some_and(|kind| kind.contains("application/json"));
        let limit = usize::try_from(limit.unwrap_or(500)).unwrap_or(0);
        let offset = usize::try_from(offset.unwrap_or(0));
        let (Ok(offset), 1..=LARGEST_PAGE, true) = (offset, limit, wants_json) else {
            return error(400, "limit must be from 1 to 500, and JSON accepted");
        };
        if offset > 0 && faults.take(call.target(), |f| *f == Fault::InsertWhilePaging).is_some() {
            self.add_entry(list, "came.between@mail.example", call.at);
        }
        let window = start.unwrap_or(0)..=end.unwrap_or(i64::MAX);
        let entries = self.lists.get(&list).into_iter().flatten().map(|(_, entry)| entry);
        let mut entries: Vec<_> = entries.filter(|entry| window.contains(&entry.created)).collect();
        entries.sort_by_key(|entry| (std::cmp::Reverse(entry.created), entry.email.clone()));
        let page = entries.into_iter().skip(offset).take(limit);
        let mut page: Vec<Value> = page.map(|entry| entry.json(list)).collect();
        spoil(call, &mut page, &json!({"created": "never", "email": 7}), faults);
        Answer::json(200, json!(page).to_string())
    }

    fn group_suppressions(&self, call: &Call, faults: &Faults) -> Answer {
        let mut all: Vec<Value> = self.groups.values().map(super::GroupEntry::json).collect();
        spoil(call, &mut all, &json!({"email": "jo@mail.example", "group_id": null}), faults);
        Answer::json(200, json!(all).to_string())
    }
}

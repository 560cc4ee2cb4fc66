//! Who may ask what, how often, and where each path leads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::oauth::OAuth;
use super::records::{Kind, Portal};
use crate::faults::Faults;
use crate::server::{Answer, Call, Face};
use crate::world::Company;

/// The account: its records, its doors and its settings.
pub(crate) struct State {
    pub(super) portal: Portal,
    pub(super) company: Arc<Company>,
    pub(super) token: String,
    pub(super) oauth: OAuth,
    pub(super) limits: Option<Limits>,
    /// How deep a search reaches.
    pub(super) search_wall: u64,
    /// The most links in one answer about one object.
    pub(super) link_page: usize,
    pub(super) links_as_text: bool,
    /// Tokens of lists of earlier generations have expired.
    pub(super) cursor_generation: u32,
    /// How old live changes are when they are made.
    pub(super) backdate: SignedDuration,
    pub(super) webhook_url: String,
}

/// How often somebody may ask.
pub(crate) struct Limits {
    /// In ten seconds.
    pub(super) requests: usize,
    /// In a second.
    pub(super) searches: usize,
    pub(super) seen: Vec<(Timestamp, bool)>,
}

impl Limits {
    /// The policy that is broken, and what is left of the ten seconds' quota.
    fn count(&mut self, is_search: bool, now: Timestamp) -> Result<usize, &'static str> {
        self.seen.retain(|(at, _)| now.duration_since(*at) < SignedDuration::from_secs(10));
        let recent = |(at, search): &&(Timestamp, bool)| {
            *search && now.duration_since(*at) < SignedDuration::from_secs(1)
        };
        if is_search && self.seen.iter().filter(recent).count() >= self.searches {
            return Err("SECONDLY");
        }
        if self.seen.len() >= self.requests {
            return Err("TEN_SECONDLY_ROLLING");
        }
        self.seen.push((now, is_search));
        Ok(self.requests - self.seen.len())
    }
}

/// The error as most endpoints write it.
pub(super) fn refused(status: u16, message: &str) -> Answer {
    let body = json!({ "status": "error", "message": message, "category": "VALIDATION_ERROR",
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf" });
    Answer::json(status, body.to_string())
}

impl State {
    fn signed_in(&self, call: &Call) -> bool {
        let admits = |token: &str| token == self.token || self.oauth.admits(token, call.at);
        call.bearer().is_some_and(admits)
    }

    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        if call.path() == "/oauth/v3/token" && call.method == Method::POST {
            let content_type = call.header("content-type").unwrap_or_default();
            return self.oauth.exchange(content_type, &call.body, call.at);
        }
        if !self.signed_in(call) {
            let body = json!({ "status": "error", "message": "Authentication credentials not found",
                "category": "INVALID_AUTHENTICATION" });
            return Answer::json(401, body.to_string());
        }
        let path: Vec<&str> = call.path().trim_matches('/').split('/').collect();
        let is_search = path.last() == Some(&"search");
        let counted = self.limits.as_mut().map(|limits| limits.count(is_search, call.at));
        let left = match counted {
            Some(Err(policy)) => {
                let body = json!({ "status": "error", "errorType": "RATE_LIMIT",
                    "message": "You have reached your limit.", "policyName": policy });
                return Answer::json(429, body.to_string());
            }
            Some(Ok(left)) => left,
            None => 99,
        };
        let answer = self.lead(call, &path, faults);
        if is_search {
            return answer;
        }
        answer
            .with("x-hubspot-ratelimit-max", 100)
            .with("x-hubspot-ratelimit-interval-milliseconds", 10_000)
            .with("x-hubspot-ratelimit-remaining", left)
            .with("x-hubspot-ratelimit-daily", 250_000)
            .with("x-hubspot-ratelimit-daily-remaining", 249_000)
    }

    fn lead(&mut self, call: &Call, path: &[&str], faults: &Faults) -> Answer {
        let reads = call.method == Method::GET;
        let asks = call.method == Method::POST;
        match path {
            ["crm", "v3", "owners"] if reads => Self::owners(call),
            ["crm", "v3", "pipelines", of] if reads => Self::pipelines(of),
            ["crm", "v3", "objects", kind, rest @ ..] => match (Kind::of_path(kind), rest) {
                (Some(kind), []) if reads => self.list(call, kind, faults),
                (Some(kind), [id]) if reads => self.one(call, kind, id),
                (Some(kind), ["search"]) if asks => self.search(call, kind, faults),
                (Some(kind), ["batch", "read"]) if asks => self.batch_read(call, kind, faults),
                _ => refused(404, "there is nothing here"),
            },
            ["crm", "v4", "associations", from, to, "batch", "read"] if asks => {
                match (Kind::of_path(from), Kind::of_path(to)) {
                    (Some(from), Some(to)) => self.associations(call, from, to),
                    _ => refused(404, "there is nothing here"),
                }
            }
            _ => refused(404, "there is nothing here"),
        }
    }
}

/// The account, and the faults that befall it.
pub(crate) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) faults: Faults,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        self.lock().answer(call, &self.faults)
    }
}

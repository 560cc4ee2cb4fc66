//! Who may ask what, and where each path leads.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::{Method, header};

use super::account::Account;
use super::limits::Limits;
use super::lists::error;
use super::oauth::OAuth;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call, Face};

/// The account, its doors and its settings.
pub(super) struct State {
    pub(super) account: Account,
    pub(super) api_key: String,
    pub(super) oauth: OAuth,
    pub(super) limits: Limits,
    /// Cursors of earlier generations have expired.
    pub(super) cursor_generation: u32,
    pub(super) largest_page: Option<usize>,
    pub(super) scopes_missing: Option<&'static str>,
}

/// What the server and the tests share.
pub(super) struct Shared {
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

impl State {
    fn signed_in(&self, call: &Call) -> bool {
        if let Some(token) = call.bearer() {
            return self.oauth.admits(token, call.at);
        }
        let given = call.header(header::AUTHORIZATION);
        given.and_then(|given| given.strip_prefix("Klaviyo-API-Key ")) == Some(&self.api_key)
    }

    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        if call.path() == "/oauth/token" && call.method == Method::POST {
            return self.oauth.exchange(call);
        }
        if !self.signed_in(call) {
            let detail = "Incorrect authentication credentials.";
            return error(401, "not_authenticated", detail, None);
        }
        match call.header("revision") {
            Some("2026-07-15") => {}
            Some(_) => return error(400, "invalid", "The revision is not supported.", None),
            None => return error(400, "invalid", "The header revision is missing.", None),
        }
        let path = call.path().trim_end_matches('/');
        let Some(collection) = path.strip_prefix("/api/") else { return missing() };
        if call.method != Method::GET {
            return error(405, "method_not_allowed", "Only reading is simulated.", None);
        }
        if self.scopes_missing.is_some_and(|scope| scope.split(':').next() == Some(collection)) {
            return error(403, "permission_denied", "A scope is missing.", None);
        }
        let standing = self.limits.count(path, call.at);
        if let Some(refusal) = standing.refusal() {
            return refusal;
        }
        let pages = call.query("page[cursor]").is_some();
        if pages && faults.take(call.target(), |it| *it == Fault::InsertWhilePaging).is_some() {
            self.account.disturb(call.at);
        }
        let answer = match collection {
            "profiles" => self.profiles(call, faults),
            "events" => self.events(call, faults),
            "campaigns" => self.campaigns(call, faults),
            "lists" => self.names(call, faults, "list", LISTS),
            "segments" => self.names(call, faults, "segment", SEGMENTS),
            "metrics" => self.metrics(call, faults),
            _ => missing(),
        };
        standing.tell(answer)
    }
}

const LISTS: &[(&str, &str)] = &[("Y6nRLr", "Newsletter"), ("Zt7pQs", "Test kitchen")];
const SEGMENTS: &[(&str, &str)] = &[("UTd5ui", "Repeat guests")];

fn missing() -> Answer {
    error(404, "not_found", "A resource could not be found.", None)
}

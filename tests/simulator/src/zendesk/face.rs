//! Who may ask what, and where each path leads.

use std::sync::{Arc, Mutex, PoisonError};

use http::Method;
use jiff::Timestamp;
use serde_json::json;

use super::desk::Desk;
use super::exports::{ByCursor, ByTime};
use super::limits::{Counted, Limits};
use super::lists::missing;
use super::oauth::OAuth;
use crate::faults::Faults;
use crate::server::{Answer, Call, Face};
use crate::world::Company;

/// The most records on a page of an export, and how many there are unless told otherwise.
pub(crate) const EXPORT_PAGE: usize = 1_000;

/// The account: its records, its doors and its settings.
pub(crate) struct State {
    pub(super) desk: Desk,
    pub(super) company: Arc<Company>,
    pub(super) oauth: OAuth,
    pub(super) limits: Limits,
    pub(super) email: String,
    pub(super) api_token: String,
    /// Whether the credentials are an admin's.
    pub(super) admin: bool,
    /// Whether the account has satisfaction ratings.
    pub(super) csat: bool,
    pub(super) page_size: usize,
    /// Whether a page begins with the last record of the one before.
    pub(super) duplicate_rows: bool,
    /// Cursors of earlier generations have expired.
    pub(super) cursor_generation: u32,
}

impl State {
    pub(super) fn live(&mut self, changes: usize, at: Timestamp) {
        let at = Desk::second(at);
        let company = Arc::clone(&self.company);
        for _ in 0..changes {
            self.desk.live(at, &company);
        }
    }

    fn signed_in(&mut self, call: &Call) -> bool {
        if let Some((user, password)) = call.basic() {
            return user.strip_suffix("/token") == Some(&self.email) && password == self.api_token;
        }
        call.bearer().is_some_and(|token| self.oauth.admits(token, call.at))
    }

    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        if call.path().trim_end_matches(".json") == "/oauth/tokens" && call.method == Method::POST {
            return self.oauth.exchange(&call.body, call.at);
        }
        if !self.signed_in(call) {
            return Answer::json(401, r#"{"error":"Couldn't authenticate you"}"#);
        }
        let path = call.path().strip_prefix("/api/v2/").unwrap_or("");
        let path = path.strip_suffix(".json").unwrap_or(path);
        let path: Vec<&str> = path.split('/').collect();
        let counted = match path.as_slice() {
            ["incremental", ..] => Counted::Export,
            ["deleted_tickets"] => Counted::DeletedTickets,
            _ => Counted::Account,
        };
        let standing = self.limits.count(counted, call.at);
        let answer = match standing.refusal() {
            Some(refusal) => refusal,
            None if call.method == Method::GET => self.get(call, &path, faults),
            None => missing(),
        };
        standing.tell(answer)
    }

    fn get(&mut self, call: &Call, path: &[&str], faults: &Faults) -> Answer {
        match path {
            ["incremental", ..] if !self.admin => {
                let refusal = json!({"error": {
                    "title": "Forbidden",
                    "message": "Only an admin may export",
                }});
                Answer::json(403, refusal.to_string())
            }
            ["incremental", "tickets", "cursor"] => self.by_cursor(call, ByCursor::Tickets, faults),
            ["incremental", "users", "cursor"] => self.by_cursor(call, ByCursor::Users, faults),
            ["incremental", "ticket_events"] => self.by_time(call, ByTime::TicketEvents, faults),
            ["incremental", "organizations"] => self.by_time(call, ByTime::Organizations, faults),
            ["satisfaction_ratings"] => self.satisfaction_ratings(call, faults),
            ["deleted_tickets"] => self.deleted_tickets(call, faults),
            ["deleted_users"] => self.deleted_users(call, faults),
            ["organizations"] => self.organizations(call, faults),
            ["tickets", "show_many"] => self.show_many(call, "tickets"),
            ["users", "show_many"] => self.show_many(call, "users"),
            ["users", "me"] => Self::show("user", self.me()),
            ["tickets", id, "comments"] => self.comments(call, faults, id),
            ["tickets", id] => Self::show("ticket", self.ticket(id)),
            ["users", id] => Self::show("user", self.user(id)),
            ["oauth", "tokens", "current"] => self.oauth.current(),
            _ => missing(),
        }
    }

    /// Whoever the credentials belong to: the owner, or the first agent when it is no admin.
    fn me(&self) -> Option<serde_json::Value> {
        let id = self.desk.staff.get(usize::from(!self.admin))?;
        self.desk.users.get(id).map(super::json::user)
    }
}

/// The account as the server shares it.
pub(crate) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) faults: Faults,
}

impl Shared {
    /// The account, even when a test panicked with it in hand.
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        self.lock().answer(call, &self.faults)
    }
}

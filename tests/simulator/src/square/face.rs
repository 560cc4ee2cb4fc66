//! Who may ask what, and where each path leads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::pages::{bad, error};
use super::shop::{Location, Shop};
use super::tokens::Tokens;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call, Face};
use crate::world::Company;

/// The seller's account: its records, its doors and its settings.
pub(super) struct State {
    pub(super) shop: Shop,
    pub(super) company: Arc<Company>,
    pub(super) tokens: Tokens,
    pub(super) page_size: usize,
    /// Cursors of earlier generations have expired.
    pub(super) cursor_generation: u32,
    pub(super) withheld_scopes: Vec<&'static str>,
    /// Where the webhook subscription is registered.
    pub(super) notification_url: String,
    /// A customer about whom bulk questions are answered with an error.
    pub(super) unanswered: Option<String>,
}

impl State {
    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        let path: Vec<&str> = call.path().trim_start_matches('/').split('/').collect();
        if path == ["oauth2", "token"] && call.method == Method::POST {
            return self.tokens.exchange(&call.body, call.at);
        }
        if !self.tokens.admits(call.bearer()) {
            let detail = "This request could not be authorized";
            return error(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", detail);
        }
        // The application's own default is one that nobody pinned; here that is none at all.
        if call.header("square-version").is_none_or(|version| version.len() != 10) {
            return bad("BAD_REQUEST", "The Square-Version header is missing or no version");
        }
        let Some(scope) = scope(&path) else { return missing() };
        if self.withheld_scopes.contains(&scope) {
            return error(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES", "A scope is missing");
        }
        if faults.take(call.target(), |fault| *fault == Fault::InsertWhilePaging).is_some() {
            self.live(3, call.at - super::BEHIND);
        }
        let body = match serde_json::from_slice::<Value>(&call.body) {
            Ok(body) => body,
            Err(_) if call.method == Method::GET => Value::Null,
            Err(_) => return bad("EXPECTED_JSON_BODY", "The body is not JSON"),
        };
        let answer = match (call.method.as_str(), path.as_slice()) {
            ("GET", ["v2", "locations"]) => Ok(self.locations()),
            ("POST", ["v2", "customers", "search"]) => self.search_customers(call, faults, &body),
            ("POST", ["v2", "customers", "bulk-retrieve"]) => self.bulk_customers(&body),
            ("GET", ["v2", "customers", id]) => Ok(self.customer(id)),
            ("POST", ["v2", "orders", "search"]) => self.search_orders(call, faults, &body),
            ("POST", ["v2", "orders", "batch-retrieve"]) => self.batch_orders(&body),
            ("GET", ["v2", "payments"]) => self.list(call, faults, "payments"),
            ("GET", ["v2", "refunds"]) => self.list(call, faults, "refunds"),
            ("POST", ["v2", "loyalty", "accounts", "search"]) => {
                self.search_accounts(call, faults, &body)
            }
            ("POST", ["v2", "loyalty", "events", "search"]) => {
                self.search_events(call, faults, &body)
            }
            _ => Err(missing()),
        };
        answer.unwrap_or_else(|refusal| refusal)
    }

    fn locations(&self) -> Answer {
        let json = |location: &Location| {
            json!({
                "id": location.id,
                "name": location.name,
                "timezone": location.zone,
                "currency": location.currency,
                "status": if location.active { "ACTIVE" } else { "INACTIVE" },
                "merchant_id": super::webhooks::MERCHANT,
            })
        };
        let locations: Vec<Value> = self.shop.locations.iter().map(json).collect();
        Answer::json(200, json!({ "locations": locations }).to_string())
    }

    /// The time of a change now: later than every change before.
    pub(super) fn moment(&mut self, at: Timestamp) -> Timestamp {
        let at = at.max(self.shop.last + SignedDuration::from_millis(1));
        self.shop.last = at;
        at
    }
}

/// The scope that a path needs.
fn scope(path: &[&str]) -> Option<&'static str> {
    Some(match path {
        ["v2", "locations"] => "MERCHANT_PROFILE_READ",
        ["v2", "customers", ..] => "CUSTOMERS_READ",
        ["v2", "orders", ..] => "ORDERS_READ",
        ["v2", "payments" | "refunds"] => "PAYMENTS_READ",
        ["v2", "loyalty", ..] => "LOYALTY_READ",
        _ => return None,
    })
}

fn missing() -> Answer {
    error(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", "There is nothing at this path")
}

/// The account as the server shares it.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) faults: Faults,
}

impl Shared {
    /// The account, even when a test panicked with it in hand.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        self.lock().answer(call, &self.faults)
    }
}

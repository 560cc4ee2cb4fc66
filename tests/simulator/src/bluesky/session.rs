//! Sessions by password, and how many calls an address may make.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{APP_PASSWORD, HANDLE};
use crate::server::{Answer, Call};

/// The reference server's: an access token is good for two hours, a spent refresh token for two more.
const ACCESS: Duration = Duration::from_hours(2);
const GRACE: Duration = Duration::from_hours(2);
/// The window of every limit.
const WINDOW: Duration = Duration::from_mins(5);
/// Sessions that may be opened in it.
const OPENINGS: usize = 30;

/// A token and when it ends.
struct Token {
    ends: Timestamp,
}

/// Every token given out.
pub(super) struct Sessions {
    access: HashMap<String, Token>,
    /// The current one never ends here; a spent one does after its grace.
    refresh: HashMap<String, Option<Timestamp>>,
    openings: Vec<Timestamp>,
    opened: usize,
    renewed: usize,
    limit: u32,
    calls: (i64, u32),
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            access: HashMap::new(),
            refresh: HashMap::new(),
            openings: Vec::new(),
            opened: 0,
            renewed: 0,
            limit: 3_000,
            calls: (0, 0),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    identifier: String,
    password: String,
}

pub(super) fn refusal(status: u16, error: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": error, "message": message }).to_string())
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by).map_or(at, |by| at + by)
}

impl Sessions {
    pub(super) fn opened(&self) -> usize {
        self.opened
    }

    pub(super) fn renewed(&self) -> usize {
        self.renewed
    }

    pub(super) fn limit(&mut self, requests: u32) {
        self.limit = requests;
    }

    pub(super) fn expire_access(&mut self) {
        for token in self.access.values_mut() {
            token.ends = Timestamp::MIN;
        }
    }

    pub(super) fn end(&mut self) {
        self.expire_access();
        self.refresh.clear();
    }

    /// Counts a call; an answer if there were too many, and the headers of all others.
    pub(super) fn count(&mut self, at: Timestamp) -> (Option<Answer>, [(&'static str, String); 4]) {
        let window = i64::try_from(WINDOW.as_secs()).unwrap_or(300);
        let begun = at.as_second().div_euclid(window) * window;
        if self.calls.0 != begun {
            self.calls = (begun, 0);
        }
        self.calls.1 += 1;
        let headers = [
            ("ratelimit-limit", self.limit.to_string()),
            ("ratelimit-remaining", self.limit.saturating_sub(self.calls.1).to_string()),
            ("ratelimit-reset", (begun + window).to_string()),
            ("ratelimit-policy", format!("{};w={window}", self.limit)),
        ];
        let over = self.calls.1 > self.limit;
        let refused = over.then(|| refusal(429, "RateLimitExceeded", "Rate Limit Exceeded"));
        (refused, headers)
    }

    pub(super) fn create(&mut self, call: &Call) -> Answer {
        self.openings.retain(|opened| later(*opened, WINDOW) > call.at);
        if self.openings.len() >= OPENINGS {
            return refusal(429, "RateLimitExceeded", "Rate Limit Exceeded");
        }
        self.openings.push(call.at);
        let Ok(login) = serde_json::from_slice::<Login>(&call.body) else {
            return refusal(400, "InvalidRequest", "Input must have the property \"identifier\"");
        };
        if login.identifier != HANDLE || login.password != APP_PASSWORD {
            return refusal(401, "AuthenticationRequired", "Invalid identifier or password");
        }
        self.opened += 1;
        self.grant(call.at)
    }

    pub(super) fn refresh(&mut self, call: &Call) -> Answer {
        if !call.body.is_empty() {
            return refusal(
                400,
                "InvalidRequest",
                "A request body was provided when none was expected",
            );
        }
        let Some(token) = call.bearer() else {
            return refusal(401, "AuthMissing", "Authentication Required");
        };
        match self.refresh.get_mut(token) {
            None => return refusal(400, "InvalidToken", "Token could not be verified"),
            Some(Some(ends)) if *ends <= call.at => {
                return refusal(400, "ExpiredToken", "Token has been revoked");
            }
            Some(Some(_)) => {}
            Some(spent) => *spent = Some(later(call.at, GRACE)),
        }
        self.renewed += 1;
        self.grant(call.at)
    }

    fn grant(&mut self, at: Timestamp) -> Answer {
        let number = self.opened + self.renewed;
        let (access, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
        self.access.insert(access.clone(), Token { ends: later(at, ACCESS) });
        self.refresh.insert(refresh.clone(), None);
        let granted = json!({ "accessJwt": access, "refreshJwt": refresh, "handle": HANDLE,
            "did": "did:plc:sync00000000000000000000", "active": true });
        Answer::json(200, granted.to_string())
    }

    /// Whether the call is signed in; an answer if its token is no good.
    pub(super) fn admit(&self, call: &Call) -> Result<bool, Answer> {
        let Some(token) = call.bearer() else { return Ok(false) };
        match self.access.get(token) {
            Some(token) if token.ends > call.at => Ok(true),
            Some(_) => Err(refusal(400, "ExpiredToken", "Token has expired")),
            None => Err(refusal(400, "InvalidToken", "Token could not be verified")),
        }
    }
}

//! Request limits per time window, and the headers that tell of them.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::server::Answer;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// Any request to the account.
    Account,
    /// A page of an incremental export.
    Export,
    /// A page of the deleted tickets.
    DeletedTickets,
}

const ACCOUNT_LIMIT: u32 = 700;
const DELETED_TICKETS_LIMIT: u32 = 10;

/// Fixed windows that open with their first request.
pub(crate) struct Limits {
    exports: Option<u32>,
    window: Duration,
    windows: HashMap<Counted, (Timestamp, u32)>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { exports: None, window: Duration::from_mins(1), windows: HashMap::new() }
    }
}

/// Where one request stands in its window.
pub(crate) struct Standing {
    limit: u32,
    remaining: Option<u32>,
    reset: u64,
}

impl Limits {
    /// Sets the limit on exports, and switches all limits on; none switches them off.
    pub(crate) fn set(&mut self, exports: Option<u32>, window: Duration) {
        self.exports = exports;
        self.window = window;
        self.windows.clear();
    }

    /// Counts a request.
    pub(crate) fn count(&mut self, counted: Counted, now: Timestamp) -> Standing {
        let limit = match (self.exports, counted) {
            (Some(exports), Counted::Export) => exports,
            (Some(_), Counted::DeletedTickets) => DELETED_TICKETS_LIMIT,
            (Some(_), Counted::Account) => ACCOUNT_LIMIT,
            (None, _) => u32::MAX,
        };
        let window = self.windows.entry(counted).or_insert((now, 0));
        let age = |since: Timestamp| now.duration_since(since).unsigned_abs();
        if age(window.0) >= self.window {
            *window = (now, 0);
        }
        window.1 = window.1.saturating_add(1);
        let left = self.window.saturating_sub(age(window.0));
        Standing {
            limit: limit.min(ACCOUNT_LIMIT),
            remaining: limit.checked_sub(window.1),
            reset: u64::try_from(left.as_millis().div_ceil(1_000)).unwrap_or(60).max(1),
        }
    }
}

impl Standing {
    /// The refusal, when the window is spent.
    pub(crate) fn refusal(&self) -> Option<Answer> {
        let refusal = || {
            Answer::text(429, "Number of allowed API requests per minute exceeded")
                .with("retry-after", self.reset)
        };
        self.remaining.is_none().then(refusal)
    }

    /// The answer with the headers every answer has.
    pub(crate) fn tell(&self, answer: Answer) -> Answer {
        let remaining = self.remaining.unwrap_or(0).min(self.limit);
        let index = format!("total={}; remaining={remaining}; resets={}", self.limit, self.reset);
        answer
            .with("x-rate-limit", self.limit)
            .with("x-rate-limit-remaining", remaining)
            .with("ratelimit-limit", self.limit)
            .with("ratelimit-remaining", remaining)
            .with("ratelimit-reset", self.reset)
            .with("zendesk-ratelimit-tickets-index", index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_refuses_and_then_opens_again() {
        let mut limits = Limits::default();
        limits.set(Some(2), Duration::from_mins(1));
        let now = Timestamp::from_second(1_780_000_000).expect("in range");
        let refused = |limits: &mut Limits, at| limits.count(Counted::Export, at).refusal();
        assert!(refused(&mut limits, now).is_none());
        assert!(refused(&mut limits, now).is_none());
        assert_eq!(refused(&mut limits, now).map(|answer| answer.status()), Some(429));
        let later = now + jiff::SignedDuration::from_mins(1);
        assert!(refused(&mut limits, later).is_none());
    }
}

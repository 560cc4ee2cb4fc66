//! Two windows per endpoint: one second and one minute.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::server::Answer;

/// Requests per endpoint.
#[derive(Default)]
pub(super) struct Limits {
    limit: Option<(u32, u32)>,
    windows: HashMap<(String, bool), (i64, u32)>,
}

/// Where one request stands.
pub(super) enum Standing {
    /// Nobody counts.
    Free,
    /// So many of so many are left in this minute, which ends in so many seconds.
    Counted(u32, u32, i64),
    /// None is left for so many seconds.
    Refused(i64),
}

impl Limits {
    pub(super) fn set(&mut self, limit: Option<(u32, u32)>) {
        self.limit = limit;
        self.windows.clear();
    }

    pub(super) fn count(&mut self, path: &str, now: Timestamp) -> Standing {
        let Some((burst, steady)) = self.limit else { return Standing::Free };
        let second = now.as_second();
        let mut used = |per_minute: bool| {
            let window = if per_minute { second.div_euclid(60) } else { second };
            let entry = self.windows.entry((path.to_owned(), per_minute)).or_insert((window, 0));
            if entry.0 != window {
                *entry = (window, 0);
            }
            entry.1 += 1;
            entry.1
        };
        let (in_second, in_minute) = (used(false), used(true));
        let rest = 60 - second.rem_euclid(60);
        if in_minute > steady {
            Standing::Refused(rest)
        } else if in_second > burst {
            Standing::Refused(1)
        } else {
            Standing::Counted(steady - in_minute, steady, rest)
        }
    }
}

impl Standing {
    /// A refusal says how long to wait, and nothing of the window.
    pub(super) fn refusal(&self) -> Option<Answer> {
        let Self::Refused(wait) = self else { return None };
        let answer = super::lists::error(429, "throttled", "Request was throttled.", None);
        Some(answer.with("retry-after", wait))
    }

    /// Other answers tell of the window.
    pub(super) fn tell(&self, answer: Answer) -> Answer {
        match self {
            Self::Counted(left, limit, reset) => answer
                .with("ratelimit-limit", limit)
                .with("ratelimit-remaining", left)
                .with("ratelimit-reset", reset),
            _ => answer,
        }
    }
}

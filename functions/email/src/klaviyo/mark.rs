//! How far a collection has been read that is sorted by a time: a window, and the place in it.

use serde::{Deserialize, Serialize};
use shared::connector::Horizon;
use shared::schema::Timestamp;

use super::instant;

/// How far a collection has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The second that the window opens at; 0 for everything.
    pub(super) since: i64,
    /// The second that the window ends before; kept, because a token belongs to the question it was given for.
    pub(super) until: i64,
    /// Every record up to this second is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) read_to: Option<i64>,
    /// The token of the next page, within a window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<String>,
    /// When a wide window was last opened, for streams that open such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) wide_at: Option<i64>,
}

impl Mark {
    /// A window from the operator's `start`.
    pub(super) fn begin(horizon: &Horizon) -> Self {
        let until = horizon.until.as_unix_seconds();
        let since = horizon.start.as_unix_seconds().clamp(0, until.max(0));
        Self { since, until, read_to: None, after: None, wide_at: None }
    }

    /// A new window that reads back `back` seconds over the one before; a window that was left in the middle goes on.
    pub(super) fn resume(self, back: i64, horizon: &Horizon) -> Self {
        if self.after.is_some() {
            return self;
        }
        let first = Self::begin(horizon);
        let Some(read_to) = self.read_to else { return first };
        // Never before `start`, and never past what was read, should the clock have been set back.
        let since = (read_to - back).max(first.since).min(read_to);
        Self { since, until: first.until, after: None, ..self }
    }

    /// The same window again from its newest record on, when its token is no longer good.
    pub(super) fn restart(&self, back: i64) -> Self {
        let since = self.read_to.map_or(self.since, |read_to| (read_to - back).max(self.since));
        Self { since, after: None, ..self.clone() }
    }

    /// After a page whose newest record is of `newest`.
    ///
    /// Records may be of the future: they never move the mark past the window's end.
    pub(super) fn after(&self, newest: Option<i64>, token: Option<String>) -> Self {
        let reached =
            if token.is_some() { newest.map(|at| at.min(self.until)) } else { Some(self.until) };
        let read_to = self.read_to.max(reached);
        Self { read_to, after: token, ..self.clone() }
    }

    pub(super) fn watermark(&self) -> Option<Timestamp> {
        instant(self.read_to?)
    }
}

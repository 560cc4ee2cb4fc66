//! A window on a list. A page is a place in a list that grows, so the window is closed before it is paged: it ends at a
//! fixed second.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::Horizon;
use shared::error::Error;
use shared::page::{Next, Page, Response};
use shared::request::Request;

/// A window of seconds, both ends inside, and how far it is read; between two runs, where the next window opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reading: Option<Reading>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    until: i64,
    offset: u64,
}

impl Window {
    /// A window from this second to the horizon.
    pub(super) fn open(since: i64, horizon: &Horizon) -> Self {
        let closed = Self { since, reading: None };
        Self { reading: Some(closed.reading(horizon)), ..closed }
    }

    fn reading(&self, horizon: &Horizon) -> Reading {
        let start = Reading { until: horizon.until.as_unix_seconds().max(self.since), offset: 0 };
        self.reading.unwrap_or(start)
    }

    /// The second at which it opens.
    pub(super) fn since(&self) -> i64 {
        self.since
    }

    /// Whether something of it is still to be read.
    pub(super) fn is_open(&self) -> bool {
        self.reading.is_some()
    }

    /// Whether it is partly read; then it stays as it is, because its pages are counted from its ends.
    pub(super) fn is_begun(&self) -> bool {
        self.reading.is_some_and(|reading| reading.offset > 0)
    }

    pub(super) fn request(&self, path: &'static str, size: u16, horizon: &Horizon) -> Request {
        let Reading { until, offset } = self.reading(horizon);
        Request::get(path)
            .query("start_time", self.since)
            .query("end_time", until)
            .query("limit", size)
            .query("offset", offset)
    }

    /// The page, and what comes next; `next_since` is where the window after this one opens, given where this one ends.
    pub(super) fn page<'r>(
        &self,
        size: u16,
        horizon: &Horizon,
        response: &'r Response,
        next_since: impl FnOnce(i64) -> i64,
    ) -> Result<Page<'r, Self>, Error> {
        let records: Vec<&RawValue> = response.json()?;
        let Reading { until, offset } = self.reading(horizon);
        let next = if records.len() < usize::from(size) {
            Next::Done(Self { since: next_since(until), reading: None })
        } else {
            let offset = offset + records.len() as u64;
            Next::More(Self { since: self.since, reading: Some(Reading { until, offset }) })
        };
        Ok(Page::new(records, next))
    }
}

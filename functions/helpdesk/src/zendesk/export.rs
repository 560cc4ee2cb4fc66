//! The cursor-based incremental export: asked from a second on once, then from token to token.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::Horizon;
use shared::error::Error;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::schema::Timestamp;

use super::instant;

/// How far before the watermark an export starts again when its token expired: the token knew more than a
/// second, and clocks may be ten minutes apart.
const OVERLAP_SECONDS: i64 = 900;

/// How far an export has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Position {
    /// Not at all: ask for the changes since this second.
    Since(i64),
    /// Up to this token, which has every change up to the second `read_to`.
    After {
        /// The last `after_cursor`.
        cursor: String,
        /// The watermark.
        read_to: i64,
    },
}

#[derive(Deserialize)]
struct Export<'a> {
    #[serde(borrow, rename = "tickets", alias = "users")]
    records: Vec<&'a RawValue>,
    after_cursor: Option<String>,
    end_of_stream: bool,
}

/// The same records, read by their ids.
pub(super) fn looked_up(response: &Response) -> Result<Vec<&RawValue>, Error> {
    #[derive(Deserialize)]
    struct Found<'a> {
        #[serde(borrow, rename = "tickets", alias = "users")]
        records: Vec<&'a RawValue>,
    }
    Ok(response.json::<Found<'_>>()?.records)
}

/// When a record changed, as far as the order of the export goes.
#[derive(Deserialize)]
struct Change<'a> {
    generated_timestamp: Option<i64>,
    #[serde(borrow)]
    updated_at: Option<&'a str>,
}

impl Position {
    pub(super) fn begin(horizon: &Horizon) -> Self {
        Self::Since(horizon.first_second())
    }

    pub(super) fn restart(&self, horizon: &Horizon) -> Self {
        let first = horizon.first_second();
        match self {
            Self::Since(_) => Self::Since(first),
            Self::After { read_to, .. } => Self::Since((read_to - OVERLAP_SECONDS).max(first)),
        }
    }

    /// `start_time` goes with the first request only: sent again beside a cursor, it has lost records (airbyte#28173).
    pub(super) fn request(&self, path: &str, page_size: u16) -> Request {
        let request = Request::get(path).query("per_page", page_size);
        match self {
            Self::Since(second) => request.query("start_time", second),
            Self::After { cursor, .. } => request.query("cursor", cursor),
        }
    }

    /// The token is kept when the export ends, because the next run goes on from it.
    pub(super) fn page<'r>(
        &self,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Self>, Error> {
        let Export { records, after_cursor, end_of_stream } = response.json()?;
        let until = horizon.until.as_unix_seconds();
        let next = match after_cursor.filter(|cursor| !cursor.is_empty()) {
            // Everything is said that happened before the last minute, even if the newest record is old.
            Some(cursor) if end_of_stream => Next::Done(self.after(cursor, until)),
            Some(cursor) if self.is_after(&cursor) => {
                return Err(Error::Stuck(
                    "the export goes on with the cursor that was asked for".to_owned(),
                ));
            }
            Some(cursor) => {
                let newest = records.iter().rev().find_map(|record| changed(record));
                Next::More(self.after(cursor, newest.unwrap_or(0).min(until)))
            }
            None if end_of_stream => Next::Done(self.clone()),
            None => {
                return Err(Error::Decode(
                    "after_cursor is missing, but the export goes on".to_owned(),
                ));
            }
        };
        Ok(Page::new(records, next))
    }

    pub(super) fn watermark(&self) -> Option<Timestamp> {
        match self {
            Self::Since(_) => None,
            Self::After { read_to, .. } => instant(*read_to),
        }
    }

    fn after(&self, cursor: String, read_to: i64) -> Self {
        let (Self::Since(before) | Self::After { read_to: before, .. }) = self;
        Self::After { cursor, read_to: read_to.max(*before) }
    }

    fn is_after(&self, token: &str) -> bool {
        matches!(self, Self::After { cursor, .. } if cursor == token)
    }
}

/// Tickets go by `generated_timestamp`, which silent updates move while `updated_at` stays.
fn changed(record: &RawValue) -> Option<i64> {
    let change: Change<'_> = serde_json::from_str(record.get()).ok()?;
    let updated =
        || Timestamp::parse_rfc3339(change.updated_at?).ok().map(Timestamp::as_unix_seconds);
    change.generated_timestamp.or_else(updated)
}

//! The cursor-based incremental export: asked from a second on once, then from token to token.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::StreamFacts;
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::paging::Map;
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::instant;

/// How far before the watermark an export starts again when its token expired: the token knew more than a
/// second, and clocks may be ten minutes apart.
const OVERLAP_SECONDS: i64 = 900;

/// A collection with every change of it, oldest first; the stream has the collection's name in the API.
pub(super) struct Export {
    pub(super) facts: &'static StreamFacts,
    pub(super) page_size: u16,
    pub(super) map: Map,
}

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
struct Answer<'a> {
    #[serde(borrow, rename = "tickets", alias = "users")]
    records: Vec<&'a RawValue>,
    after_cursor: Option<String>,
    end_of_stream: bool,
}

/// The same records, read by their ids.
#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow, rename = "tickets", alias = "users")]
    records: Vec<&'a RawValue>,
}

/// When a record changed, as far as the order of the export goes.
#[derive(Deserialize)]
struct Change<'a> {
    generated_timestamp: Option<i64>,
    #[serde(borrow)]
    updated_at: Option<&'a str>,
}

impl Stream for Export {
    type Cursor = Position;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, horizon: &Horizon) -> Position {
        Position::Since(horizon.first_second())
    }

    fn restart(&self, position: &Position, horizon: &Horizon) -> Position {
        let first = horizon.first_second();
        match position {
            Position::Since(_) => Position::Since(first),
            Position::After { read_to, .. } => {
                Position::Since((read_to - OVERLAP_SECONDS).max(first))
            }
        }
    }

    /// `start_time` goes with the first request only: sent again beside a cursor, it has lost records (airbyte#28173).
    fn request(&self, position: &Position, _: &Horizon) -> Request {
        let path = format!("/api/v2/incremental/{}/cursor.json", self.facts.name);
        let request = Request::get(path).query("per_page", self.page_size);
        match position {
            Position::Since(second) => request.query("start_time", second),
            Position::After { cursor, .. } => request.query("cursor", cursor),
        }
    }

    /// The token is kept when the export ends, because the next run goes on from it.
    fn page<'r>(
        &self,
        position: &Position,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Position>, Error> {
        let Answer { records, after_cursor, end_of_stream } = response.json()?;
        let until = horizon.until.as_unix_seconds();
        let next = match after_cursor.filter(|cursor| !cursor.is_empty()) {
            // Everything is said that happened before the last minute, even if the newest record is old.
            Some(cursor) if end_of_stream => Next::Done(position.after(cursor, until)),
            Some(cursor) if position.is_after(&cursor) => {
                return Err(Error::Stuck(
                    "the export goes on with the cursor that was asked for".to_owned(),
                ));
            }
            Some(cursor) => {
                let newest = records.iter().rev().find_map(|record| changed(record));
                Next::More(position.after(cursor, newest.unwrap_or(0).min(until)))
            }
            None if end_of_stream => Next::Done(position.clone()),
            None => {
                return Err(Error::Decode(
                    "after_cursor is missing, but the export goes on".to_owned(),
                ));
            }
        };
        Ok(Page::new(records, next))
    }

    fn watermark(&self, position: &Position) -> Option<Timestamp> {
        match position {
            Position::Since(_) => None,
            Position::After { read_to, .. } => instant(*read_to),
        }
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        (self.map)(record, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        let path = format!("/api/v2/{}/show_many.json", self.facts.name);
        Some(Request::get(path).query("ids", ids.join(",")))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        Ok(response.json::<Found<'_>>()?.records)
    }
}

impl Position {
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

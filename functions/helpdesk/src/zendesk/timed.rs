//! The time-based incremental export: each page starts at the second in which the one before it ended.

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

/// How many crowded seconds are remembered.
const REMEMBERED: usize = 100;

/// A collection with every change of it, oldest first; the stream has the collection's name in the API.
pub(super) struct TimedExport {
    pub(super) facts: &'static StreamFacts,
    /// What comes along with each record, if anything.
    pub(super) include: Option<&'static str>,
    pub(super) map: Map,
}

/// How far an export has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The second to ask from: `>=`, since others may have changed in the second that ended the page.
    since: i64,
    /// Every change up to this second is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_to: Option<i64>,
    /// Seconds with more changes than a page holds: what they held beyond one page was not offered to us.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    crowded: Vec<i64>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, rename = "ticket_events", alias = "organizations")]
    records: Vec<&'a RawValue>,
    end_time: Option<i64>,
    end_of_stream: bool,
}

/// When a record changed, as far as the order of the export goes.
#[derive(Deserialize)]
struct Change<'a> {
    timestamp: Option<i64>,
    #[serde(borrow)]
    updated_at: Option<&'a str>,
}

/// Whether a page is full of one second's changes; a page that goes on to later ones has only a wrong end.
fn is_crowded(records: &[&RawValue], second: i64) -> bool {
    !records.is_empty() && !records.iter().any(|record| changed(record) > Some(second))
}

fn changed(record: &RawValue) -> Option<i64> {
    let change: Change<'_> = serde_json::from_str(record.get()).ok()?;
    let updated =
        || Timestamp::parse_rfc3339(change.updated_at?).ok().map(Timestamp::as_unix_seconds);
    change.timestamp.or_else(updated)
}

impl Stream for TimedExport {
    type Cursor = Mark;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, horizon: &Horizon) -> Mark {
        Mark { since: horizon.first_second(), read_to: None, crowded: Vec::new() }
    }

    /// Without `per_page`: the smaller the page, the sooner a second fills it.
    fn request(&self, mark: &Mark, _: &Horizon) -> Request {
        let path = format!("/api/v2/incremental/{}.json", self.facts.name);
        let request = Request::get(path).query("start_time", mark.since);
        match self.include {
            Some(include) => request.query("include", include),
            None => request,
        }
    }

    fn page<'r>(
        &self,
        mark: &Mark,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Mark>, Error> {
        let Answer { records, end_time, end_of_stream } = response.json()?;
        let until = horizon.until.as_unix_seconds();
        let next = match end_time {
            _ if end_of_stream => {
                Next::Done(mark.moved(end_time.unwrap_or(mark.since).min(until), until))
            }
            None => {
                return Err(Error::Decode(
                    "end_time is missing, but the export goes on".to_owned(),
                ));
            }
            // What is younger than the horizon has not settled; the next run asks for it.
            Some(end) if end >= until => Next::Done(mark.moved(until, until)),
            Some(end) if end > mark.since => Next::More(mark.moved(end, end)),
            Some(end) if end == mark.since && is_crowded(&records, end) => {
                Next::More(mark.past_crowded_second())
            }
            Some(_) => {
                return Err(Error::Stuck(
                    "the export's end_time is before its start_time or its records".to_owned(),
                ));
            }
        };
        Ok(Page::new(records, next))
    }

    fn watermark(&self, mark: &Mark) -> Option<Timestamp> {
        instant(mark.read_to?)
    }

    /// The seconds that hold more changes than the export can tell.
    fn note(&self, mark: &Mark) -> Option<String> {
        let last = instant(*mark.crowded.last()?)?;
        let count = mark.crowded.len();
        Some(format!(
            "{count} seconds hold more changes than a page, and the export offers no more of them; the last is {last}"
        ))
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        (self.map)(record, rows)
    }
}

impl Mark {
    fn moved(&self, since: i64, read_to: i64) -> Self {
        Self {
            since: since.max(self.since),
            read_to: Some(self.read_to.map_or(read_to, |before| before.max(read_to))),
            crowded: self.crowded.clone(),
        }
    }

    /// A page that is full of one second's changes: asked again it would come again, for ever (estuary PR#1789).
    /// This export can tell no more of that second, so it is noted for the operator and left.
    fn past_crowded_second(&self) -> Self {
        let mut next = self.moved(self.since + 1, self.since);
        next.crowded.push(self.since);
        if next.crowded.len() > REMEMBERED {
            next.crowded.remove(0);
        }
        next
    }
}

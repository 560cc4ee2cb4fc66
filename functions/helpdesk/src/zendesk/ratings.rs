//! Satisfaction ratings of the classic kind: what a requester thought of a ticket, and when they said so.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Direction, Interaction, InteractionKind, Known, Precision, Purpose, Rating, Timestamp,
};

use super::words::reference;
use super::{EXPORT_LAG, instant, listing};

const SECONDS_PER_DAY: i64 = 86_400;

/// The best of the two scores: good is 1, bad is 0.
pub(super) const SCALE_MAX: u32 = 1;

/// Every rating that was offered or given.
pub(super) struct SatisfactionRatings {
    pub(super) lookback_days: u16,
}

static FACTS: StreamFacts = StreamFacts {
    name: "satisfaction_ratings",
    object: "satisfaction_rating",
    reads: "How satisfied requesters said to be, good or bad.",
    lag: fact(EXPORT_LAG.value, "not documented for this list; as careful as with the exports"),
    lookback: fact(
        Duration::from_hours(7 * 24),
        "a rating is offered first and given days later, and `start_time` may mean the first; csat_lookback_days changes it",
    ),
    granularity: fact(
        Granularity::Second,
        "developer.zendesk.com/api-reference/ticketing/ticket-management/satisfaction_ratings",
    ),
    order: fact(
        Order::Unordered,
        "github.com/singer-io/tap-zendesk saves its state after the last page only",
    ),
    deletes: fact(
        Deletes::None,
        "developer.zendesk.com/api-reference/ticketing/ticket-management/satisfaction_ratings",
    ),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["admin", "read"],
    optional: Some(
        "satisfaction ratings are switched off, or the plan lacks them; surveys of the new kind are not read",
    ),
    never_empty: None,
    pushed: false,
};

/// A window that opens at a second and is read page by page; it moves on when all of it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    since: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reading: Option<Reading>,
}

/// A place within the window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    after: String,
    newest: i64,
}

#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    updated_at: Option<&'a str>,
}

impl Stream for SatisfactionRatings {
    type Cursor = Window;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, horizon: &Horizon) -> Window {
        Window { since: horizon.first_second(), reading: None }
    }

    fn resume(&self, window: Window, horizon: &Horizon) -> Window {
        if window.reading.is_some() {
            return window;
        }
        let back = i64::from(self.lookback_days) * SECONDS_PER_DAY;
        let since = (window.since - back).max(horizon.first_second()).min(window.since);
        Window { since, reading: None }
    }

    fn restart(&self, window: &Window, _: &Horizon) -> Window {
        Window { since: window.since, reading: None }
    }

    fn request(&self, window: &Window, _: &Horizon) -> Request {
        let after = window.reading.as_ref().map(|reading| reading.after.as_str());
        listing::request(FACTS.name, after).query("start_time", window.since)
    }

    fn page<'r>(
        &self,
        window: &Window,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Window>, Error> {
        let (records, after) = listing::read(response)?;
        let before = window.reading.as_ref().map_or(window.since, |reading| reading.newest);
        let newest = records.iter().filter_map(|record| changed(record)).fold(before, i64::max);
        let next = if let Some(after) = after {
            Next::More(Window { since: window.since, reading: Some(Reading { after, newest }) })
        } else {
            let since = newest.min(horizon.until.as_unix_seconds()).max(window.since);
            Next::Done(Window { since, reading: None })
        };
        Ok(Page::new(records, next))
    }

    fn watermark(&self, window: &Window) -> Option<Timestamp> {
        instant(window.since)
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let id = record.required_id("id")?;
        let score = match record.word("score", score)? {
            Known::Value(Score::Given(score)) => score,
            Known::Value(Score::NotGiven) => {
                rows.filter("a rating that was offered and not given, or never offered");
                return Ok(());
            }
            Known::Absent | Known::Null => {
                return Err(Invalid::new("score", "is none that Zendesk documents"));
            }
        };
        let requester = reference(&mut record, "requester_id")?;
        let requester = requester.ok_or_else(|| Invalid::new("requester_id", "is missing"))?;
        let subject = rows.key("user", &requester);
        let created_at = record.required_time("created_at")?;
        let updated_at = record.time("updated_at")?.unwrap_or(created_at);
        let kind = InteractionKind::TicketCsat(Rating { score, scale_max: SCALE_MAX });
        let mut csat = Interaction::new(kind, subject, created_at, Some(&id));
        csat.occurred_precision = Some(Precision::Second);
        csat.direction = Some(Direction::In);
        csat.purpose = Purpose::Service;
        csat.thread_key = record.id("ticket_id")?.map(|ticket| rows.key("ticket", &ticket));
        record.ignore("url");
        csat.ext = record.into_ext(rows);
        rows.push(Draft::new(FACTS.object, id, updated_at, csat, rows));
        Ok(())
    }
}

fn changed(record: &RawValue) -> Option<i64> {
    let change: Change<'_> = serde_json::from_str(record.get()).ok()?;
    Timestamp::parse_rfc3339(change.updated_at?).ok().map(Timestamp::as_unix_seconds)
}

/// What a rating says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Score {
    /// Good or bad.
    Given(u32),
    /// Nothing yet.
    NotGiven,
}

pub(super) fn score(word: &str) -> Option<Score> {
    match word {
        "good" | "good_with_comment" | "good_without_comment" => Some(Score::Given(SCALE_MAX)),
        "bad" | "bad_with_comment" | "bad_without_comment" => Some(Score::Given(0)),
        "offered" | "unoffered" => Some(Score::NotGiven),
        _ => None,
    }
}

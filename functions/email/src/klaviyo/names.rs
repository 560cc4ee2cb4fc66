//! Lists, segments and metrics: names that other records refer to by id.
//!
//! The schema has no row for them, and a membership is no consent, so they stay in the raw zone, to be mapped by a
//! replay should that change. Tags on people will not do: only the profile's own record may write its row.

use std::time::Duration;

use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Fact, Granularity, Order, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Page, Response};
use shared::request::Request;
use shared::rows::Rows;

use super::listing::Place;
use super::{NO_LAG, NO_LOOKBACK, quota};

/// A collection of names.
pub(super) struct Names {
    facts: &'static StreamFacts,
    path: &'static str,
    page_size: Option<u8>,
    why_not: &'static str,
}

pub(super) const LISTS: Names = Names {
    facts: &LIST_FACTS,
    path: "/api/lists",
    page_size: Some(10),
    why_not: "the schema has no row for a list; its name stays in the raw zone",
};

pub(super) const SEGMENTS: Names = Names {
    facts: &SEGMENT_FACTS,
    path: "/api/segments",
    page_size: Some(10),
    why_not: "the schema has no row for a segment; its name stays in the raw zone",
};

pub(super) const METRICS: Names = Names {
    facts: &METRIC_FACTS,
    path: "/api/metrics",
    // Two hundred a page, and no parameter for another size.
    page_size: None,
    why_not: "the schema has no row for a metric; events carry its name",
};

const fn facts(
    name: &'static str,
    object: &'static str,
    reads: &'static str,
    quota: Fact<Quota>,
    scopes: &'static [&'static str],
) -> StreamFacts {
    StreamFacts {
        name,
        object,
        reads,
        lag: NO_LAG,
        lookback: NO_LOOKBACK,
        granularity: fact(
            Granularity::Microsecond,
            "OpenAPI: times are written with six fractional digits",
        ),
        order: fact(Order::Unordered, "the list is read whole"),
        deletes: fact(Deletes::None, "nothing of it becomes a row"),
        every: Some(Duration::from_hours(24)),
        page_ceiling: None,
        quota: Some(quota),
        expired_cursor: &[400],
        scopes,
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

static LIST_FACTS: StreamFacts = facts(
    "lists",
    "list",
    "The names of the lists that campaigns go to; raw only.",
    quota("lists", 750, "OpenAPI: get_lists"),
    &["lists:read"],
);
static SEGMENT_FACTS: StreamFacts = facts(
    "segments",
    "segment",
    "The names of the segments that campaigns go to; raw only.",
    quota("segments", 750, "OpenAPI: get_segments"),
    &["segments:read"],
);
static METRIC_FACTS: StreamFacts = facts(
    "metrics",
    "metric",
    "The names of what the account measures; raw only.",
    quota("metrics", 150, "OpenAPI: get_metrics"),
    &["metrics:read"],
);

impl Stream for Names {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        let request = Request::get(self.path);
        place.ask(match self.page_size {
            Some(size) => request.query("page[size]", size),
            None => request,
        })
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        place.page(response)
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        record.required_id("id")?;
        rows.filter(self.why_not);
        Ok(())
    }
}

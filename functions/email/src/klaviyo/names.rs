//! Lists, segments and metrics: names that other records refer to by id.
//!
//! The schema has no row for them, and a membership is no consent, so they stay in the raw zone, to be mapped by a
//! replay should that change. Tags on people will not do: only the profile's own record may write its row.

use std::time::Duration;

use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Fact, Granularity, Order, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::{List, Map};
use shared::request::Request;
use shared::rows::Rows;

use super::listing::{behind, listed};
use super::{NO_LAG, NO_LOOKBACK, quota};

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

/// The names of all lists.
pub(super) fn lists() -> impl Stream {
    names(&LIST_FACTS, "/api/lists", Some(10), |list, rows| {
        keep_raw(list, "the schema has no row for a list; its name stays in the raw zone", rows)
    })
}

/// The names of all segments.
pub(super) fn segments() -> impl Stream {
    names(&SEGMENT_FACTS, "/api/segments", Some(10), |segment, rows| {
        keep_raw(
            segment,
            "the schema has no row for a segment; its name stays in the raw zone",
            rows,
        )
    })
}

/// The names of all metrics: two hundred a page, and no parameter for another size.
pub(super) fn metrics() -> impl Stream {
    names(&METRIC_FACTS, "/api/metrics", None, |metric, rows| {
        keep_raw(metric, "the schema has no row for a metric; events carry its name", rows)
    })
}

fn names(
    facts: &'static StreamFacts,
    path: &'static str,
    page_size: Option<u8>,
    map: Map,
) -> impl Stream {
    let ask = move |token: Option<&str>| {
        let request = Request::get(path);
        let request = match page_size {
            Some(size) => request.query("page[size]", size),
            None => request,
        };
        behind(request, token)
    };
    List::new(facts, ask, listed, map)
}

fn keep_raw(mut record: Fields<'_>, why: &'static str, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    record.required_id("id")?;
    rows.filter(why);
    Ok(())
}

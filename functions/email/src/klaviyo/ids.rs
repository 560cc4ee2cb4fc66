//! The ids of all profiles: merged and deleted ones leave no other trace than that they are missing.

use std::time::Duration;

use shared::connector::Stream;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::paging::{List, Lookup, Map};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::PersonRecord;

use super::listing::{behind, listed};
use super::profiles::{OBJECT, PATH, QUOTA};
use super::{NO_LAG, NO_LOOKBACK, consents};

static FACTS: StreamFacts = StreamFacts {
    name: "profile_ids",
    object: OBJECT,
    reads: "Which profiles there are: merged and deleted ones are missing.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(
        Granularity::Microsecond,
        "OpenAPI: times are written with six fractional digits",
    ),
    order: fact(Order::Unordered, "OpenAPI: get_profiles, sorted by id"),
    deletes: fact(
        Deletes::FullPass,
        "no tombstones: a deleted or merged profile vanishes from get_profiles",
    ),
    every: Some(Duration::from_hours(7 * 24)),
    page_ceiling: None,
    quota: Some(QUOTA),
    expired_cursor: &[400],
    scopes: &["profiles:read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

fn sparse() -> Request {
    Request::get(PATH).query("fields[profile]", "updated").query("page[size]", 100)
}

/// The id of every profile.
pub(super) fn profile_ids() -> impl Stream {
    let map: Map = |mut record, rows| {
        rows.present(OBJECT, record.required_id("id")?);
        Ok(())
    };
    List::new(&FACTS, |token| behind(sparse().query("sort", "id"), token), listed, map)
        .with_lookup(Lookup { ask: by_ids, read: |response| Ok(listed(response)?.0) })
        .burying(bury)
}

fn by_ids(ids: &[String]) -> Request {
    let quoted = ids.iter().map(|id| format!("\"{}\"", id.replace(['"', '\\'], "")));
    let ids = quoted.collect::<Vec<_>>().join(",");
    sparse().query("filter", format!("any(id,[{ids}])"))
}

/// Buries the profile and what it agreed to; who must not be written to stays so.
fn bury(id: &str, rows: &mut Rows<'_>) {
    let at = rows.received_at();
    rows.push(Draft::tombstone(OBJECT, id, at, PersonRecord::default(), rows));
    consents::bury(id, at, rows);
}

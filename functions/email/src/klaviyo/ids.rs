//! The ids of all profiles: merged and deleted ones leave no other trace than that they are missing.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::PersonRecord;

use super::listing::{Listing, Place};
use super::profiles::{OBJECT, PATH, QUOTA};
use super::{NO_LAG, NO_LOOKBACK, consents};

/// The id of every profile.
pub(super) struct ProfileIds;

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

impl Stream for ProfileIds {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        place.ask(sparse().query("sort", "id"))
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
        rows.present(OBJECT, record.required_id("id")?);
        Ok(())
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        let quoted = ids.iter().map(|id| format!("\"{}\"", id.replace(['"', '\\'], "")));
        let ids = quoted.collect::<Vec<_>>().join(",");
        Some(sparse().query("filter", format!("any(id,[{ids}])")))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        Ok(Listing::read(response, None)?.records)
    }

    /// Buries the profile and what it agreed to; who must not be written to stays so.
    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        let at = rows.received_at();
        rows.push(Draft::tombstone(OBJECT, id, at, PersonRecord::default(), rows));
        consents::bury(id, at, rows);
    }
}

//! Owners: the colleagues who look after contacts, deals and tickets.
//!
//! The schema has no row for colleagues, and as people they would be taken for customers. A deal names its owner by id;
//! who that is stays in the raw zone, to be mapped by a replay should that change.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;

use super::OWNERS;
use super::all::List;
use super::kinds::NO_WAIT;

/// Every owner: first those who are there, then those who left.
pub(super) struct Owners;

const LISTED: &str = "HubSpot-public-api-spec-collection: CRM owners, GET /crm/v3/owners";
/// Owners in one answer.
const AT_ONCE: usize = 100;

static FACTS: StreamFacts = StreamFacts {
    name: "owners",
    object: "owner",
    reads: "Who owns contacts, deals and tickets, those who left too; raw only, because owners are colleagues and not \
            customers: `owner` of a deal is their id, and stays right when somebody is renamed.",
    lag: NO_WAIT,
    lookback: NO_WAIT,
    granularity: fact(Granularity::Millisecond, LISTED),
    order: fact(Order::Unordered, "the list is read whole"),
    deletes: fact(Deletes::None, "nothing of it becomes a row"),
    every: Some(Duration::from_hours(24)),
    page_ceiling: None,
    quota: None,
    // A token of a list may not outlive a pause; the list then begins anew.
    expired_cursor: &[400],
    scopes: &["crm.objects.owners.read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// The place in the two lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// In the list of those who left.
    #[serde(default)]
    archived: bool,
    /// The token of the page to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Stream for Owners {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        let request =
            Request::get(OWNERS).query("limit", AT_ONCE).query("archived", place.archived);
        match &place.after {
            Some(after) => request.query("after", after),
            None => request,
        }
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let list: List<&RawValue> = response.json()?;
        let next = match (list.after(place.after.as_deref())?, place.archived) {
            (None, false) => Next::More(Place { archived: true, after: None }),
            (None, true) => Next::Done(Place::default()),
            (after, archived) => Next::More(Place { archived, after }),
        };
        Ok(Page::new(list.results, next))
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        record.required_id("id")?;
        rows.filter("owners are colleagues, not customers; their names stay in the raw zone");
        Ok(())
    }
}

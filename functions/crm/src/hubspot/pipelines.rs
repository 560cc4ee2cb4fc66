//! Pipelines of deals and tickets with their stages.
//!
//! The schema has no row for a pipeline. What a stage means lands with the deals and tickets that stand in it; what it is
//! called stays in the raw zone, to be mapped by a replay should that change.

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

use super::all::List;
use super::kinds::NO_WAIT;
use super::stages;

/// Every pipeline.
pub(super) struct Pipelines;

const LISTED: &str = "developers.hubspot.com, \"Pipelines\": GET /crm/v3/pipelines/{objectType}";

static FACTS: StreamFacts = StreamFacts {
    name: "pipelines",
    object: "pipeline",
    reads: "The pipelines of deals and tickets with their stages; raw only, because the schema has no row for them: \
            tickets are told with whether their stage is closed, deals with whether theirs is, and won.",
    lag: NO_WAIT,
    lookback: NO_WAIT,
    granularity: fact(Granularity::Millisecond, LISTED),
    order: fact(Order::Unordered, "the list is read whole"),
    deletes: fact(Deletes::None, "nothing of it becomes a row"),
    every: Some(Duration::from_hours(24)),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &["crm.objects.deals.read", "tickets"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// Whose pipelines come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Of {
    #[default]
    Deals,
    Tickets,
}

impl Stream for Pipelines {
    type Cursor = Of;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Of {
        Of::Deals
    }

    fn request(&self, of: &Of, _: &Horizon) -> Request {
        stages::request(match of {
            Of::Deals => "deals",
            Of::Tickets => "tickets",
        })
    }

    fn page<'r>(
        &self,
        of: &Of,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Of>, Error> {
        let list: List<&RawValue> = response.json()?;
        let next = match of {
            Of::Deals => Next::More(Of::Tickets),
            Of::Tickets => Next::Done(Of::Deals),
        };
        Ok(Page::new(list.results, next))
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        // "0" is an id here: that of the tickets' default pipeline.
        record.said("id")?.ok_or_else(|| Invalid::new("id", "is missing"))?;
        rows.filter("the schema has no row for a pipeline; its names stay in the raw zone");
        Ok(())
    }
}

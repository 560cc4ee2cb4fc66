//! The saved searches of a project: reference for whoever reads mentions, kept in the raw zone.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;

use super::NO_LAG;
use super::project::{Project, records_in};

const EVIDENCE: &str = "developers.brandwatch.com/docs/retrieving-queries";

/// Every active query of the project.
pub(super) struct Queries {
    pub(super) project: Arc<Project>,
}

/// The list has one page and no place in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {}

static FACTS: StreamFacts = StreamFacts {
    name: "queries",
    object: "query",
    reads: "The project's saved searches as they are now: kept in the raw zone, where mentions name them by `queryId`.",
    lag: NO_LAG,
    lookback: fact(Duration::ZERO, "a list of what there is now"),
    granularity: fact(Granularity::Millisecond, EVIDENCE),
    order: fact(Order::Unordered, EVIDENCE),
    deletes: fact(Deletes::None, "a query is no row of the schema, so there is none to delete"),
    every: Some(Duration::from_hours(24)),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &["Regular or Admin user"],
    optional: None,
    never_empty: None,
    pushed: false,
};

impl Stream for Queries {
    type Cursor = Whole;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Whole {
        Whole {}
    }

    fn request(&self, _: &Whole, _: &Horizon) -> Request {
        self.project.list_queries()
    }

    fn page<'r>(
        &self,
        _: &Whole,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Whole>, Error> {
        Ok(Page::new(records_in(response)?, Next::Done(Whole {})))
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        record.required_id("id")?;
        rows.filter("a saved search tells nothing of a person");
        Ok(())
    }
}

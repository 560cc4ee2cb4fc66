//! The saved searches of a project: reference for whoever reads mentions, kept in the raw zone.

use std::sync::Arc;
use std::time::Duration;

use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::List;
use shared::rows::Rows;

use super::NO_LAG;
use super::project::{Project, records_in};

const EVIDENCE: &str = "developers.brandwatch.com/docs/retrieving-queries";

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

/// Every active query of the project, all in one answer.
pub(super) fn queries(project: Arc<Project>) -> impl Stream {
    let ask = move |_: Option<&str>| project.list_queries();
    List::new(&FACTS, ask, |response| Ok((records_in(response)?, None)), map)
}

fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    record.required_id("id")?;
    rows.filter("a saved search tells nothing of a person");
    Ok(())
}

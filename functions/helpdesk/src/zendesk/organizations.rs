//! Organisations: the companies that users belong to.

use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{Account, Known, Timestamp};

use super::timed::TimedExport;

use super::{EXPORT_GUIDE, EXPORT_LAG, EXPORT_QUOTA, EXPORT_REFERENCE, NO_LOOKBACK};

static FACTS: StreamFacts = StreamFacts {
    name: "organizations",
    object: "organization",
    reads: "Every company with its name and domains.",
    lag: EXPORT_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, EXPORT_REFERENCE),
    order: fact(Order::ByChange, EXPORT_GUIDE),
    deletes: fact(
        Deletes::None,
        "the export promises none; the webhook event organization.deleted tells",
    ),
    every: None,
    page_ceiling: Some(fact(
        1000,
        "changes in one second; github.com/estuary/connectors/pull/1789",
    )),
    quota: Some(EXPORT_QUOTA),
    expired_cursor: &[],
    scopes: &["admin", "read"],
    optional: None,
    never_empty: None,
    pushed: true,
};

/// Every organisation, oldest change first.
pub(super) fn organizations() -> TimedExport {
    TimedExport { facts: &FACTS, include: None, map: |record, rows| map(record, None, rows) }
}

/// Maps an organisation of the API or of a delivery; `seen_at` stands in for a time of change that is not told.
pub(super) fn map(
    mut record: Fields<'_>,
    seen_at: Option<Timestamp>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let updated_at = record.time("updated_at")?;
    let deleted_at = record.time("deleted_at")?;
    let changed_at = updated_at.max(deleted_at).or(seen_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    if deleted_at.is_some() {
        rows.push(tombstone(id, changed_at, rows));
        return Ok(());
    }
    let domain = domain(&mut record)?;
    let mut account = Account { name: record.text("name")?, domain, ..Account::default() };
    record.ignore("url");
    account.ext = record.into_ext(rows);
    rows.push(Draft::new(FACTS.object, id, changed_at, account, rows));
    Ok(())
}

/// Takes the first domain; an empty list says that there is none, and further ones stay in `ext`.
fn domain(record: &mut Fields<'_>) -> Result<Known<String>, Invalid> {
    const NAME: &str = "domain_names";
    let raw = match record.raw(NAME)? {
        Known::Value(raw) => raw,
        Known::Null => return Ok(Known::Null),
        Known::Absent => return Ok(Known::Absent),
    };
    let Ok(domains) = serde_json::from_str::<Vec<String>>(raw.get()) else {
        record.drift(NAME, raw);
        return Ok(Known::Null);
    };
    if domains.len() > 1 {
        record.keep(NAME, raw);
    }
    Ok(Known::or_null(domains.into_iter().next()))
}

/// What is left to say of an organisation that is gone; it outranks a living row of the same second.
pub(super) fn tombstone(id: String, at: Timestamp, rows: &Rows<'_>) -> Draft {
    Draft::tombstone(FACTS.object, id, at, Account::default(), rows)
}

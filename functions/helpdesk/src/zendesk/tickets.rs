//! Tickets as they are now, and the list of the deleted ones.

use serde::Deserialize;
use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, Pace, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Csat, Known, Precision, Priority, RecordKey, Ticket, TicketStatus, Timestamp,
};

use super::export::Export;
use super::ratings::{SCALE_MAX, Score, score};
use super::words::{channel, ours, reference};
use super::{
    EXPORT_GUIDE, EXPORT_LAG, EXPORT_QUOTA, EXPORT_REFERENCE, NO_LAG, NO_LOOKBACK, instant, listing,
};

static FACTS: StreamFacts = StreamFacts {
    name: "tickets",
    object: "ticket",
    reads: "Every ticket with its status, tags, custom fields and rating; archived and deleted ones too.",
    lag: EXPORT_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, EXPORT_REFERENCE),
    order: fact(Order::ByChange, EXPORT_GUIDE),
    deletes: fact(
        Deletes::Tombstone,
        "the export has deleted tickets with status `deleted` unless told otherwise; github.com/singer-io/tap-zendesk",
    ),
    every: None,
    page_ceiling: None,
    quota: Some(EXPORT_QUOTA),
    expired_cursor: &[400],
    scopes: &["admin", "read"],
    optional: None,
    never_empty: None,
    pushed: true,
};

/// Every ticket, oldest change first.
pub(super) fn tickets(page_size: u16) -> Export {
    Export { facts: &FACTS, page_size, map: |record, rows| map(record, None, rows) }
}

/// Maps a ticket of the API or of a delivery; `seen_at` stands in for a time of change that is not told.
pub(super) fn map(
    mut record: Fields<'_>,
    seen_at: Option<Timestamp>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let updated_at = record.time("updated_at")?;
    // Silent updates move `generated_timestamp` and leave `updated_at` behind.
    let generated = record.integer("generated_timestamp")?.into_value().and_then(instant);
    let changed_at = generated.max(updated_at).or(seen_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    let status = record.word("status", |word| ours(word, TicketStatus::from_word))?;
    let status = status.into_value().unwrap_or_default();
    let deleted = status == TicketStatus::Deleted;
    let requester = reference(&mut record, "requester_id")?;
    if requester.is_none() && !deleted {
        return Err(Invalid::new("requester_id", "is missing"));
    }
    let opened_at = record.time("created_at")?;
    let mut ticket = Ticket {
        subject: record.text("subject")?,
        status,
        priority: record.word("priority", |word| ours(word, Priority::from_word))?,
        channel: channel(&mut record)?,
        opened_at,
        opened_precision: opened_at.map(|_| Precision::Second),
        tags: record.get("tags")?.into_value().unwrap_or_default(),
        csat: csat(&mut record)?,
        ..Ticket::default()
    };
    // `fields` repeats `custom_fields`, `raw_subject` the subject; texts of messages stay in the raw zone.
    for repeated in ["fields", "raw_subject", "url", "description"] {
        record.ignore(repeated);
    }
    ticket.ext = record.into_ext(rows);
    let subject = requester.map(|requester| rows.key("user", &requester));
    let draft = Draft {
        updated_at: Some(updated_at.unwrap_or(changed_at)),
        deleted,
        ..Draft::new(FACTS.object, id, changed_at, ticket, rows)
    };
    rows.push(draft.about(subject));
    Ok(())
}

#[derive(Deserialize)]
struct Rated<'a> {
    #[serde(borrow)]
    score: &'a str,
    #[serde(default)]
    comment: Known<String>,
}

fn csat(record: &mut Fields<'_>) -> Result<Option<Csat>, Invalid> {
    const NAME: &str = "satisfaction_rating";
    let Known::Value(raw) = record.raw(NAME)? else { return Ok(None) };
    let rated = serde_json::from_str::<Rated<'_>>(raw.get()).ok();
    match rated.map(|rated| (score(rated.score), rated.comment)) {
        Some((Some(Score::Given(score)), comment)) => {
            Ok(Some(Csat { score, scale_max: SCALE_MAX, comment }))
        }
        Some((Some(Score::NotGiven), _)) => Ok(None),
        Some((None, _)) | None => {
            record.drift(NAME, raw);
            Ok(None)
        }
    }
}

/// What is left to say of a ticket that is gone.
pub(super) fn tombstone(
    id: String,
    at: Timestamp,
    requester: Option<RecordKey>,
    rows: &Rows<'_>,
) -> Draft {
    let gone = Ticket { status: TicketStatus::Deleted, ..Ticket::default() };
    Draft::tombstone(FACTS.object, id, at, gone, rows).about(requester)
}

static DELETED: StreamFacts = StreamFacts {
    name: "deleted_tickets",
    object: "ticket",
    reads: "Tickets deleted in the last 30 days; not the archived ones.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, "OpenAPI: ListDeletedTickets"),
    order: fact(Order::Unordered, "OpenAPI: by creation, not by deletion"),
    deletes: fact(Deletes::None, "the list is one of deletions"),
    every: None,
    page_ceiling: None,
    quota: Some(fact(
        Quota { name: "deleted-tickets", pace: Pace::per_minute(10) },
        "OpenAPI: 10 a minute, and 5 beyond page 100, where the source's own 429 slows us down",
    )),
    expired_cursor: &[400],
    scopes: &["agent", "read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// Every ticket in the bin.
pub(super) fn deleted() -> impl Stream {
    listing::list(&DELETED, map_deleted)
}

/// The export has the same deletion with the requester: in the same second, that row says more and goes first.
fn map_deleted(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let at = record.required_time("deleted_at")?;
    let version = rows.version(at) - 1;
    rows.push(Draft { version, ..tombstone(id, at, None, rows) });
    Ok(())
}

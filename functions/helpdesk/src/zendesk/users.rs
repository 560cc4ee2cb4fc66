//! Users, customers and agents alike, and the list of the deleted ones.

use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Answer, ContactPoint, Identifier, Known, Language, Namespace, PartyType, PersonName,
    PersonRecord, Precision, Timestamp,
};

use super::export::Export;
use super::words::reference;
use super::{
    EXPORT_GUIDE, EXPORT_LAG, EXPORT_QUOTA, EXPORT_REFERENCE, NO_LAG, NO_LOOKBACK, listing,
};

/// The name that Zendesk gives to whom it has forgotten.
const FORGOTTEN: &str = "Permanently Deleted User";

static FACTS: StreamFacts = StreamFacts {
    name: "users",
    object: "user",
    reads: "Every customer and agent with how to reach and recognise them.",
    lag: EXPORT_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, EXPORT_REFERENCE),
    order: fact(Order::ByChange, EXPORT_GUIDE),
    deletes: fact(Deletes::Listed("deleted_users"), "OpenAPI: ListDeletedUsers"),
    every: None,
    page_ceiling: None,
    quota: Some(EXPORT_QUOTA),
    expired_cursor: &[400],
    scopes: &["admin", "read"],
    optional: None,
    never_empty: Some("the account that signs in is a user"),
    pushed: true,
};

/// Every user, oldest change first.
pub(super) fn users(page_size: u16) -> Export {
    Export { facts: &FACTS, page_size, map: |record, rows| map(record, None, rows) }
}

/// Maps a user of the API or of a delivery; `seen_at` stands in for a time of change that is not told.
pub(super) fn map(
    mut record: Fields<'_>,
    seen_at: Option<Timestamp>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let changed_at = record.time("updated_at")?.or(seen_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    let active = record.get::<bool>("active")?;
    let full = record.text("name")?;
    if active == Known::Value(false) || full.value().is_some_and(|name| name == FORGOTTEN) {
        rows.push(tombstone(id, changed_at, rows));
        return Ok(());
    }
    let created_at = record.time("created_at")?;
    let account = reference(&mut record, "organization_id")?;
    let (contact_points, mut identifiers) = reach(&mut record, rows.region())?;
    identifiers.insert(0, Identifier::new(Namespace::HelpdeskUser, id.as_str()));
    let mut person = PersonRecord {
        party_type: PartyType::Individual,
        name: PersonName { full, ..PersonName::default() },
        language: record.word("locale", |tag| tag.parse::<Language>().ok())?,
        time_zone: record.text("iana_time_zone")?,
        identifiers,
        contact_points,
        account_key: account.map(|account| rows.key("organization", &account)),
        tags: record.get("tags")?.into_value().unwrap_or_default(),
        created_at,
        created_precision: created_at.map(|_| Precision::Second),
        ..PersonRecord::default()
    };
    record.ignore("url");
    person.ext = record.into_ext(rows);
    rows.push(Draft::new(FACTS.object, id, changed_at, person, rows));
    Ok(())
}

/// How to reach a user, and what of that recognises them elsewhere.
fn reach(
    record: &mut Fields<'_>,
    region: Option<&str>,
) -> Result<(Vec<ContactPoint>, Vec<Identifier>), Invalid> {
    let (mut points, mut identifiers) = (Vec::new(), Vec::new());
    let verified = record.get::<bool>("verified")? == Known::Value(true);
    if let Some(email) = told(record.text("email")?) {
        let mut point = ContactPoint::email(&email);
        if verified {
            point.deliverable = Answer::Yes;
        }
        identifiers
            .extend(point.normalised.clone().map(|email| Identifier::new(Namespace::Email, email)));
        points.push(point);
    }
    let shared_phone = record.get::<bool>("shared_phone_number")? == Known::Value(true);
    if let Some(phone) = told(record.text("phone")?) {
        let point = ContactPoint::phone(&phone, region);
        // A number that several users share reaches them and recognises none of them.
        let own = point.normalised.clone().filter(|_| !shared_phone);
        identifiers.extend(own.map(|phone| Identifier::new(Namespace::Phone, phone)));
        points.push(point);
    }
    if let Some(external) = told(record.text("external_id")?) {
        identifiers.push(Identifier::new(Namespace::External, external.trim()));
    }
    Ok((points, identifiers))
}

fn told(text: Known<String>) -> Option<String> {
    text.into_value().filter(|text| !text.trim().is_empty())
}

/// What is left of a user who was deleted: nothing but the key.
///
/// Nobody says that a deletion moves `updated_at`, so it outranks a living row of the same second.
pub(super) fn tombstone(id: String, at: Timestamp, rows: &Rows<'_>) -> Draft {
    Draft::tombstone(FACTS.object, id, at, PersonRecord::default(), rows)
}

static DELETED: StreamFacts = StreamFacts {
    name: "deleted_users",
    object: "user",
    reads: "Every user who was deleted, for good or not yet.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, "OpenAPI: ListDeletedUsers"),
    order: fact(Order::Unordered, "OpenAPI: ListDeletedUsers promises no order"),
    deletes: fact(Deletes::None, "the list is one of deletions"),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["agent", "read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// Every deleted user, the permanently deleted among them.
pub(super) fn deleted() -> impl Stream {
    listing::list(&DELETED, map_deleted)
}

fn map_deleted(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let at = record.required_time("updated_at")?;
    rows.push(tombstone(id, at, rows));
    Ok(())
}

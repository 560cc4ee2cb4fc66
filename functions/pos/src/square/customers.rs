//! Customers: those that changed, and once a week all that there are.

use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::Lookup;
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Channel, Consent, ConsentScope, ConsentState, ContactPoint, ContactType, Country, Ext,
    Identifier, Known, Namespace, PartialDate, PartyType, PersonName, PersonRecord, Purpose,
    Timestamp,
};

use super::answer::found;
use super::window::{Asks, Question, Windowed, rfc3339};
use super::{LAG, LOOKBACK, MILLISECONDS};

/// `limit` is advisory, and 100 is the most.
const PAGE_SIZE: u8 = 100;

/// The customers in a window of changes come by the time of their creation: Square sorts by nothing else that helps.
const ASKS: Asks =
    Asks { list: "customers", sorted_by: "created_at", newest_first: false, locations: None };

static FACTS: StreamFacts = StreamFacts {
    name: "customers",
    object: "customer",
    reads: "Every customer profile that changed, with how to reach and recognise the person; not the profiles without \
            any name, address or number, which Square lists nowhere.",
    lag: LAG,
    lookback: LOOKBACK,
    granularity: MILLISECONDS,
    order: fact(Order::Unordered, "OpenAPI: CustomerSortField has no time of change"),
    deletes: fact(
        Deletes::FullPassOf("customer_directory"),
        "OpenAPI: nothing lists deleted customers; customer.deleted tells of them as it happens",
    ),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["CUSTOMERS_READ"],
    optional: None,
    never_empty: None,
    pushed: true,
};

fn search(filter: &Value, token: Option<&str>) -> Request {
    let mut body = json!({
        "limit": PAGE_SIZE,
        "query": { "filter": filter, "sort": { "field": "CREATED_AT", "order": "ASC" } },
    });
    if let Some(token) = token {
        body["cursor"] = token.into();
    }
    Request::post("/v2/customers/search", body)
}

/// Up to a hundred customers by id; profiles that no list shows are answered too.
const BY_ID: Lookup = Lookup {
    ask: |ids| Request::post("/v2/customers/bulk-retrieve", json!({ "customer_ids": ids })),
    read: |response| found(response, "customer"),
};

/// Every customer who changed.
pub(super) fn customers() -> impl Stream {
    let ask = |asked: &Question<'_>| {
        let mut filter = json!({
            "updated_at": { "start_at": rfc3339(asked.from), "end_at": rfc3339(asked.until) },
        });
        if let Some(edge) = asked.edge {
            filter["created_at"] = json!({ "start_at": rfc3339(edge) });
        }
        search(&filter, asked.token)
    };
    Windowed { lookup: Some(BY_ID), ..Windowed::new(&FACTS, ASKS, ask, map_listed) }
}

static DIRECTORY: StreamFacts = StreamFacts {
    name: "customer_directory",
    reads: "Every customer profile that Square lists, once a week: who is not listed any more, and not found by id \
            either, was deleted.",
    lookback: fact(Duration::ZERO, "each pass reads everything"),
    order: fact(Order::Unordered, "OpenAPI: sorted by creation, which says nothing of changes"),
    deletes: fact(
        Deletes::FullPass,
        "absences are confirmed by id: developer.squareup.com/reference/square/customers-api/BulkRetrieveCustomers",
    ),
    every: Some(Duration::from_hours(7 * 24)),
    ..FACTS
};

/// Every customer that there is.
pub(super) fn directory() -> impl Stream {
    let ask = |asked: &Question<'_>| {
        let from = asked.edge.unwrap_or(asked.from);
        let created = json!({ "start_at": rfc3339(from), "end_at": rfc3339(asked.until) });
        search(&json!({ "created_at": created }), asked.token)
    };
    Windowed {
        lookup: Some(BY_ID),
        bury: Some(|id, rows| bury(id, rows.received_at(), None, rows)),
        ..Windowed::new(&DIRECTORY, ASKS, ask, map_listed)
    }
}

fn map_listed(record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    map(record, None, rows)
}

/// Maps a customer of the API or of a delivery; `seen_at` stands in for a time of change that is not told.
pub(super) fn map(
    mut record: Fields<'_>,
    seen_at: Option<Timestamp>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let updated_at = record.time("updated_at")?;
    let created_at = record.time("created_at")?;
    let changed_at = updated_at.or(seen_at).or(created_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    let name = PersonName {
        given: record.text("given_name")?,
        family: record.text("family_name")?,
        ..PersonName::default()
    };
    let is_named = [&name.given, &name.family]
        .iter()
        .any(|name| name.value().is_some_and(|name| !name.trim().is_empty()));
    let mut identifiers = vec![Identifier::new(Namespace::PosCustomer, id.as_str())];
    let mut contact_points = Vec::new();
    let mut email = None;
    if let Some(written) = record.said("email_address")? {
        let point = ContactPoint::email(&written);
        email.clone_from(&point.normalised);
        identifiers.extend(email.clone().map(|email| Identifier::new(Namespace::Email, email)));
        contact_points.push(point);
    }
    if let Some(written) = record.said("phone_number")? {
        let point = ContactPoint::phone(&written, rows.region());
        let phone = point.normalised.clone();
        identifiers.extend(phone.map(|phone| Identifier::new(Namespace::Phone, phone)));
        contact_points.push(point);
    }
    contact_points.extend(address(&mut record, rows)?);
    // "An optional second ID used to associate the customer profile with an entity in another system."
    if let Some(reference) = record.said("reference_id")? {
        identifiers.push(Identifier::new(Namespace::External, reference.trim()));
    }
    if let Some(consent) = consent(&mut record, email, changed_at, rows)? {
        let subject = rows.key(FACTS.object, &id);
        rows.push(
            Draft::new(PREFERENCE, id.as_str(), changed_at, consent, rows).about(Some(subject)),
        );
    }
    let mut person = PersonRecord {
        // A profile may stand for a company, or for somebody whom nobody named.
        party_type: if is_named { PartyType::Individual } else { PartyType::Unknown },
        name,
        birth_date: record.word("birthday", birthday)?,
        identifiers,
        contact_points,
        created_at,
        ..PersonRecord::default()
    };
    record.ignore("note");
    person.ext = record.into_ext(rows);
    rows.push(Draft::new(FACTS.object, id, changed_at, person, rows));
    Ok(())
}

/// The object of what a customer wants to be sent; one per customer, under the customer's id.
const PREFERENCE: &str = "email_preference";

/// Who unsubscribed must not be written to; who did not has not agreed to anything.
fn consent(
    record: &mut Fields<'_>,
    email: Option<String>,
    changed_at: Timestamp,
    rows: &mut Rows<'_>,
) -> Result<Option<Consent>, Invalid> {
    let Some((raw, mut preferences)) = part(record, "preferences")? else { return Ok(None) };
    let unsubscribed = preferences.get::<bool>("email_unsubscribed")?.into_value();
    if !preferences.into_ext(rows).is_empty() {
        record.keep("preferences", raw);
    }
    let (Some(unsubscribed), Some(email)) = (unsubscribed, email) else { return Ok(None) };
    let state = if unsubscribed { ConsentState::OptOut } else { ConsentState::Unknown };
    Ok(Some(Consent {
        contact_point: Some(email),
        contact_type: ContactType::Email,
        scope: ConsentScope::ContactPoint,
        // The profile's last change is when it was so at the latest; Square tells no earlier time.
        ..Consent::new(Channel::Email, Purpose::Marketing, state, changed_at)
    }))
}

/// `1998-09-21`, or `0000-09-21` where nobody knows the year.
fn birthday(text: &str) -> Option<PartialDate> {
    match text.strip_prefix("0000-") {
        Some(day) => format!("--{day}").parse().ok(),
        None => text.parse().ok(),
    }
}

/// An object within a customer, and as it stands: what a mapping leaves over must not get lost.
fn part<'a>(
    record: &mut Fields<'a>,
    name: &'static str,
) -> Result<Option<(&'a RawValue, Fields<'a>)>, Invalid> {
    let Some(raw) = record.raw(name)?.into_value() else { return Ok(None) };
    if let Ok(fields) = Fields::parse(raw) {
        return Ok(Some((raw, fields)));
    }
    record.drift(name, raw);
    Ok(None)
}

fn address(record: &mut Fields<'_>, rows: &mut Rows<'_>) -> Result<Option<ContactPoint>, Invalid> {
    let Some((raw, mut address)) = part(record, "address")? else { return Ok(None) };
    let mut lines = Vec::new();
    for line in ["address_line_1", "address_line_2", "address_line_3", "sublocality"] {
        lines.extend(address.said(line)?);
    }
    let point = ContactPoint {
        r#type: ContactType::Address,
        lines,
        locality: address.text("locality")?,
        region: address.text("administrative_district_level_1")?,
        postal_code: address.text("postal_code")?,
        country: address.word("country", |code| code.parse::<Country>().ok())?,
        ..ContactPoint::default()
    };
    for repeated in ["first_name", "last_name"] {
        address.ignore(repeated);
    }
    if !address.into_ext(rows).is_empty() {
        record.keep("address", raw);
    }
    let says = |field: &Known<String>| field.value().is_some_and(|text| !text.trim().is_empty());
    let is_there = !point.lines.is_empty()
        || [&point.locality, &point.region, &point.postal_code].into_iter().any(says);
    Ok(is_there.then_some(point))
}

/// Buries a customer and what they wanted to be sent; a merge says in whom they live on.
pub(super) fn bury(id: &str, at: Timestamp, merged_into: Option<&str>, rows: &mut Rows<'_>) {
    let ext =
        merged_into.map(|winner| ("merged_into".into(), Value::from(winner).to_string().into()));
    let person = PersonRecord { ext: ext.into_iter().collect::<Ext>(), ..PersonRecord::default() };
    let nothing = Consent::new(Channel::Email, Purpose::Marketing, ConsentState::Unknown, at);
    for tombstone in [
        Draft::tombstone(FACTS.object, id, at, person, rows),
        Draft { only_if_known: true, ..Draft::tombstone(PREFERENCE, id, at, nothing, rows) },
    ] {
        // A time without a fraction may be one that was cut short: the deletion comes last in its second.
        let is_whole = at.as_micros() % SECOND == 0;
        let version = tombstone.version + if is_whole { SECOND - 1_000 } else { 0 };
        rows.push(Draft { version, ..tombstone });
    }
}

const SECOND: i64 = 1_000_000;

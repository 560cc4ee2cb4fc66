//! Marketing's contacts. There is no question for what changed, so every pass exports them all; what is unchanged lands
//! no second time.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    ContactPoint, ContactType, Country, Identifier, Known, Namespace, PartyType, PersonName,
    PersonRecord, Precision,
};
use url::Url;

use super::exports::{Position, Terms};
use super::{A_DAY, ExportFormat, NO_LAG, NO_LOOKBACK, NO_MARKETING};

/// Every contact.
pub(super) struct Contacts {
    pub(super) format: ExportFormat,
    pub(super) file_mb: u16,
    pub(super) poll: Duration,
    pub(super) base: Url,
    pub(super) hosts: Vec<Cow<'static, str>>,
}

static FACTS: StreamFacts = StreamFacts {
    name: "contacts",
    object: "contact",
    reads: "Every contact of Marketing Campaigns with how to reach and recognise them.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Second, "OpenAPI: GetContact"),
    order: fact(Order::Unordered, "OpenAPI: ExportContact"),
    deletes: fact(Deletes::FullPass, "OpenAPI: DeleteContact leaves nothing behind"),
    every: Some(A_DAY),
    page_ceiling: None,
    quota: None,
    // The export itself and its signed links expire.
    expired_cursor: &[400, 403, 404, 410],
    scopes: &["marketing"],
    optional: Some(NO_MARKETING),
    never_empty: None,
    pushed: false,
};

impl Contacts {
    fn terms(&self) -> Terms<'_> {
        let Self { format, file_mb, poll, base, hosts } = self;
        Terms { format: *format, file_mb: *file_mb, poll: *poll, base, hosts }
    }
}

impl Stream for Contacts {
    type Cursor = Position;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Position {
        Position::START
    }

    fn resume(&self, position: Position, _: &Horizon) -> Position {
        position.resume()
    }

    fn request(&self, position: &Position, _: &Horizon) -> Request {
        position.request(&self.terms())
    }

    fn page<'r>(
        &self,
        position: &Position,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Position>, Error> {
        position.page(&self.terms(), response)
    }

    fn noted(&self, position: &Position) -> Position {
        position.without_link()
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        // Files say `contact_id`, all other answers `id`.
        let id = match record.id("contact_id")? {
            Some(id) => id,
            None => record.required_id("id")?,
        };
        let updated_at = record.required_time("updated_at")?;
        let created_at = record.time("created_at")?;
        let mut person = PersonRecord {
            party_type: PartyType::Individual,
            name: PersonName {
                given: record.text("first_name")?,
                family: record.text("last_name")?,
                ..PersonName::default()
            },
            identifiers: vec![Identifier::new(Namespace::EmailProfile, id.as_str())],
            created_at,
            created_precision: created_at.map(|_| Precision::Second),
            ..PersonRecord::default()
        };
        reach(&mut record, rows.region(), &mut person)?;
        person.contact_points.extend(home(&mut record)?);
        record.ignore("_metadata");
        person.ext = record.into_ext(rows);
        // A file has a column for every field of the account, so most of them are empty.
        person.ext.retain(|_, value| value != "\"\"");
        rows.push(Draft::new(FACTS.object, id, updated_at, person, rows));
        Ok(())
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        let at = rows.received_at();
        rows.push(Draft::tombstone(FACTS.object, id, at, PersonRecord::default(), rows));
    }
}

/// Adds how to reach a contact, and what of that recognises them elsewhere.
fn reach(
    record: &mut Fields<'_>,
    region: Option<&str>,
    person: &mut PersonRecord,
) -> Result<(), Invalid> {
    let mut points: Vec<ContactPoint> = Vec::new();
    let first = record.said("email")?.into_iter();
    points.extend(first.chain(alternates(record)?).map(|email| ContactPoint::email(&email)));
    for name in ["phone_number", "phone_number_id"] {
        points.extend(record.said(name)?.map(|phone| ContactPoint::phone(&phone, region)));
    }
    for point in points {
        let known = |other: &&ContactPoint| match &point.normalised {
            Some(normalised) => other.normalised.as_ref() == Some(normalised),
            None => other.exact == point.exact,
        };
        if person.contact_points.iter().any(|other| known(&other)) {
            continue;
        }
        let namespace = match point.r#type {
            ContactType::Phone => Namespace::Phone,
            _ => Namespace::Email,
        };
        let identifier = point.normalised.clone().map(|value| Identifier::new(namespace, value));
        person.identifiers.extend(identifier);
        person.contact_points.push(point);
    }
    let external = record.said("external_id")?;
    person
        .identifiers
        .extend(external.map(|external| Identifier::new(Namespace::External, external.trim())));
    Ok(())
}

/// Further addresses: a list in JSON; in a file, one text of which no more is documented.
fn alternates(record: &mut Fields<'_>) -> Result<Vec<String>, Invalid> {
    let Some(raw) = record.raw("alternate_emails")?.into_value() else { return Ok(Vec::new()) };
    let text = serde_json::from_str::<String>(raw.get());
    let listed = match &text {
        Ok(text) if !text.trim_start().starts_with('[') => {
            let emails = text.split([',', ';']).map(str::trim).filter(|email| !email.is_empty());
            return Ok(emails.map(str::to_owned).collect());
        }
        Ok(text) => serde_json::from_str::<Vec<String>>(text),
        Err(_) => serde_json::from_str::<Vec<String>>(raw.get()),
    };
    Ok(listed.unwrap_or_else(|_| {
        record.drift("alternate_emails", raw);
        Vec::new()
    }))
}

/// The postal address, if anything of it is told.
fn home(record: &mut Fields<'_>) -> Result<Option<ContactPoint>, Invalid> {
    let mut lines = Vec::new();
    for name in ["address_line_1", "address_line_2"] {
        lines.extend(record.said(name)?);
    }
    let mut part = |name| record.text(name);
    let locality = part("city")?;
    let region = part("state_province_region")?;
    let postal_code = part("postal_code")?;
    let country = country(record)?;
    let is_told = |text: &Known<String>| text.value().is_some_and(|text| !text.trim().is_empty());
    let told = !lines.is_empty()
        || [&locality, &region, &postal_code].into_iter().any(is_told)
        || country.value().is_some();
    Ok(told.then(|| ContactPoint {
        r#type: ContactType::Address,
        lines,
        locality,
        region,
        postal_code,
        country,
        ..ContactPoint::default()
    }))
}

/// The country where it is written as a code; it is free text, and other texts stay beside.
fn country(record: &mut Fields<'_>) -> Result<Known<Country>, Invalid> {
    let raw: &RawValue = match record.raw("country")? {
        Known::Value(raw) => raw,
        Known::Null => return Ok(Known::Null),
        Known::Absent => return Ok(Known::Absent),
    };
    let code = serde_json::from_str::<String>(raw.get()).ok();
    let code = code.and_then(|code| code.parse::<Country>().ok());
    if code.is_none() {
        record.keep("country", raw);
    }
    Ok(code.into())
}

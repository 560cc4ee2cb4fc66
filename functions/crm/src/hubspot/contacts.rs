//! Contacts: people as the CRM knows them.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    ContactPoint, ContactType, Country, Identifier, Known, Language, Namespace, PartialDate,
    PartyType, PersonName, PersonRecord,
};

use super::objects::{Object, word};

pub(super) fn map(mut object: Object<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let properties = &mut object.properties;
    let (contact_points, mut identifiers) = reach(properties, rows.region())?;
    identifiers.insert(0, Identifier::new(Namespace::CrmContact, object.id.as_str()));
    let account = properties.id("associatedcompanyid")?;
    let mut person = PersonRecord {
        party_type: PartyType::Individual,
        name: PersonName {
            given: properties.text("firstname")?,
            family: properties.text("lastname")?,
            prefix: properties.text("salutation")?,
            ..PersonName::default()
        },
        // Both are free text in many an account.
        birth_date: word(properties, "date_of_birth", |text| text.parse::<PartialDate>().ok())?,
        language: word(properties, "hs_language", |tag| tag.parse::<Language>().ok())?,
        identifiers,
        contact_points,
        account_key: account.map(|id| rows.key("company", &id)),
        created_at: object.created_at,
        ..PersonRecord::default()
    };
    let (id, changed_at, kind) = (object.id.clone(), object.changed_at, object.kind);
    person.ext = object.into_ext(rows);
    rows.push(Draft::new(kind.object, id, changed_at, person, rows));
    Ok(())
}

/// How to reach a contact, and what of that recognises them elsewhere.
fn reach(
    properties: &mut Fields<'_>,
    region: Option<&str>,
) -> Result<(Vec<ContactPoint>, Vec<Identifier>), Invalid> {
    let (mut points, mut identifiers) = (Vec::new(), Vec::new());
    let main = properties.said("email")?;
    // Addresses of contacts that were merged into this one, joined with semicolons.
    let more = properties.said("hs_additional_emails")?;
    let more = more.iter().flat_map(|emails| emails.split(';'));
    for email in main.as_deref().into_iter().chain(more).map(str::trim) {
        let point = ContactPoint::email(email);
        if email.is_empty() || is_there(&points, &point) {
            continue;
        }
        let identifier = point.normalised.clone();
        identifiers.extend(identifier.map(|email| Identifier::new(Namespace::Email, email)));
        points.push(point);
    }
    for name in ["phone", "mobilephone"] {
        let Some(phone) = properties.said(name)? else { continue };
        let point = ContactPoint::phone(&phone, region);
        if is_there(&points, &point) {
            continue;
        }
        let identifier = point.normalised.clone();
        identifiers.extend(identifier.map(|phone| Identifier::new(Namespace::Phone, phone)));
        points.push(point);
    }
    let street = properties.said("address")?;
    let address = ContactPoint {
        r#type: ContactType::Address,
        lines: street.into_iter().collect(),
        locality: properties.text("city")?,
        region: properties.text("state")?,
        postal_code: properties.text("zip")?,
        // Free text: "Germany" stays in `ext`.
        country: word(properties, "country", |text| text.parse::<Country>().ok())?,
        ..ContactPoint::default()
    };
    let says = |text: &Known<String>| text.value().is_some_and(|text| !text.is_empty());
    let tells = !address.lines.is_empty()
        || says(&address.locality)
        || says(&address.region)
        || says(&address.postal_code)
        || address.country.value().is_some();
    if tells {
        points.push(address);
    }
    Ok((points, identifiers))
}

/// Whether one of the points is the same, spelling aside.
fn is_there(points: &[ContactPoint], new: &ContactPoint) -> bool {
    let same = |point: &ContactPoint| {
        point.normalised == new.normalised && (new.normalised.is_some() || point.exact == new.exact)
    };
    points.iter().any(same)
}

//! Profiles: whom the account writes to, how they are reached and what they agreed to.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Fact, Granularity, Order, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Answer, BounceState, ContactPoint, ContactType, Country, Identifier, Known, Language,
    Namespace, PartyType, PersonName, PersonRecord, Timestamp,
};

use super::consents::{self, Profile};
use super::listing::{Listing, behind, beyond, rest};
use super::mark::Mark;
use super::{SETTLING, quota, written};

pub(super) const OBJECT: &str = "profile";
pub(super) const PATH: &str = "/api/profiles";
/// With predictive analytics it would be 150.
pub(super) const QUOTA: Fact<Quota> = quota("profiles", 750, "OpenAPI: get_profiles");

const LOOKBACK: Duration = Duration::from_mins(10);
const BACK: i64 = 600;

/// Every profile, oldest change first.
pub(super) struct Profiles;

static FACTS: StreamFacts = StreamFacts {
    name: "profiles",
    object: OBJECT,
    reads: "Every profile with how to reach it, what it agreed to, and whether it must not be written to.",
    lag: SETTLING,
    lookback: fact(
        LOOKBACK,
        "OpenAPI: `updated` can be asked for as greater-than only, so a second can be cut in two",
    ),
    granularity: fact(
        Granularity::Microsecond,
        "OpenAPI: times are written with six fractional digits",
    ),
    order: fact(Order::ByChange, "OpenAPI: get_profiles, sort=updated"),
    deletes: fact(
        Deletes::FullPassOf("profile_ids"),
        "no tombstones; a merged profile disappears, too",
    ),
    every: None,
    page_ceiling: None,
    quota: Some(QUOTA),
    expired_cursor: &[400],
    scopes: &["profiles:read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// When a record changed, as far as the order of the list goes.
#[derive(Deserialize)]
struct Change<'a> {
    #[serde(borrow)]
    attributes: Option<Attributes<'a>>,
}

#[derive(Deserialize)]
struct Attributes<'a> {
    updated: Option<&'a str>,
}

fn changed(record: &RawValue) -> Option<i64> {
    let change: Change<'_> = serde_json::from_str(record.get()).ok()?;
    Timestamp::parse_rfc3339(change.attributes?.updated?).ok().map(Timestamp::as_unix_seconds)
}

impl Stream for Profiles {
    type Cursor = Mark;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, horizon: &Horizon) -> Mark {
        Mark::begin(horizon)
    }

    fn resume(&self, mark: Mark, horizon: &Horizon) -> Mark {
        mark.resume(BACK, horizon)
    }

    fn restart(&self, mark: &Mark, _: &Horizon) -> Mark {
        mark.restart(BACK)
    }

    fn request(&self, mark: &Mark, _: &Horizon) -> Request {
        let mut request = Request::get(PATH)
            .query("additional-fields[profile]", "subscriptions")
            .query("page[size]", 100)
            .query("sort", "updated");
        if mark.since > 0 {
            // Strictly greater is all there is, and `since` itself is wanted.
            let filter = format!("greater-than(updated,{})", written(mark.since - 1));
            request = request.query("filter", filter);
        }
        behind(request, mark.after.as_deref())
    }

    fn page<'r>(
        &self,
        mark: &Mark,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Mark>, Error> {
        let Listing { records, next, .. } = Listing::read(response, mark.after.as_deref())?;
        let newest = records.iter().filter_map(|record| changed(record)).max();
        let more = next.is_some();
        let mark = mark.after(newest, next);
        Ok(Page::new(records, if more { Next::More(mark) } else { Next::Done(mark) }))
    }

    fn watermark(&self, mark: &Mark) -> Option<Timestamp> {
        mark.watermark()
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let id = record.required_id("id")?;
        let attributes = record.object("attributes")?;
        let mut attributes =
            attributes.ok_or_else(|| Invalid::new("attributes", "is missing or not an object"))?;
        let created_at = attributes.time("created")?;
        let changed_at = attributes.time("updated")?.or(created_at);
        let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated"))?;
        let mut email = attributes.said("email")?.map(|email| ContactPoint::email(&email));
        let phone = attributes.said("phone_number")?;
        let phone = phone.map(|phone| ContactPoint::phone(&phone, rows.region()));
        let profile = Profile {
            id: &id,
            email: email.as_ref().and_then(|point| point.normalised.as_deref()),
            phone: phone.as_ref().and_then(|point| point.normalised.as_deref()),
            created_at,
            changed_at,
        };
        let (mailbox, undecided) = consents::tell(&mut attributes, profile, rows)?;
        if let Some(email) = &mut email {
            if mailbox.bounced || mailbox.invalid {
                email.deliverable = Answer::No;
            }
            if mailbox.bounced {
                email.bounce_state = BounceState::Hard;
            }
        }
        let mut identifiers = vec![Identifier::new(Namespace::EmailProfile, id.as_str())];
        for (point, namespace) in [(&email, Namespace::Email), (&phone, Namespace::Phone)] {
            let value = point.as_ref().and_then(|point| point.normalised.clone());
            identifiers.extend(value.map(|value| Identifier::new(namespace, value)));
        }
        let external = attributes.said("external_id")?;
        identifiers
            .extend(external.map(|external| Identifier::new(Namespace::External, external.trim())));
        let mut person = PersonRecord {
            party_type: PartyType::Individual,
            name: PersonName {
                given: attributes.text("first_name")?,
                family: attributes.text("last_name")?,
                ..PersonName::default()
            },
            language: attributes.word("locale", |tag| tag.parse::<Language>().ok())?,
            identifiers,
            contact_points: [email, phone].into_iter().flatten().collect(),
            created_at,
            ..PersonRecord::default()
        };
        let location = attributes.object("location")?;
        let location = location.map(|it| place(it, &mut person, rows)).transpose()?.flatten();
        person.ext = attributes.into_ext(rows);
        person.ext.append(&mut beyond(record, rows));
        let parts = [("location", location), ("subscriptions", undecided)];
        person
            .ext
            .extend(parts.into_iter().filter_map(|(name, rest)| Some((name.into(), rest?.into()))));
        rows.push(Draft::new(OBJECT, id, changed_at, person, rows));
        Ok(())
    }
}

/// Where the person is: an address as far as there is one, a time zone, and the rest as it came.
fn place(
    mut location: Fields<'_>,
    person: &mut PersonRecord,
    rows: &mut Rows<'_>,
) -> Result<Option<String>, Invalid> {
    person.time_zone = location.text("timezone")?;
    let lines = [location.said("address1")?, location.said("address2")?];
    let mut address = ContactPoint {
        r#type: ContactType::Address,
        lines: lines.into_iter().flatten().collect(),
        locality: location.text("city")?,
        region: location.text("region")?,
        postal_code: location.text("zip")?,
        ..ContactPoint::default()
    };
    // Documented as a name; a code is read, a name stays as it came.
    if let Known::Value(raw) = location.raw("country")? {
        let code = serde_json::from_str::<String>(raw.get()).ok();
        match code.and_then(|code| code.parse::<Country>().ok()) {
            Some(country) => address.country = country.into(),
            None => location.keep("country", raw),
        }
    }
    let says = |part: &Known<String>| part.value().is_some_and(|text| !text.trim().is_empty());
    let parts = [&address.locality, &address.region, &address.postal_code];
    if !address.lines.is_empty() || address.country.value().is_some() || parts.into_iter().any(says)
    {
        person.contact_points.push(address);
    }
    Ok(rest(location, rows))
}

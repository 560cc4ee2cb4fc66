//! Webhooks of a HubSpot app: lists of short events, each naming an object; the object itself is read again.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{DeliveryId, Event, Headers, Refetch, Webhook, WebhookFacts};
use shared::error::Invalid;
use shared::facts::Granularity;
use shared::fields::Fields;
use shared::rows::Rows;
use shared::schema::{Known, Timestamp};
use shared::signature::{
    Algorithm, Encoding, Part, SecretEncoding, Signature, SignedTime, TimeFormat,
};

use super::kinds::{COMPANIES, CONTACTS, DEALS, KINDS, Kind, TICKETS};
use super::links::is_id;
use super::objects::tombstone;

/// The receiver of an app's events.
pub(super) struct HubSpotEvents;

const SIGNED_AT: &str = "x-hubspot-request-timestamp";
const SCHEME: &str = "x-hubspot-signature-version";
const OLD_SIGNATURE: &str = "x-hubspot-signature";

/// The escapes that HubSpot writes as the characters themselves when it signs an address.
const DECODED: &[(&str, &str)] = &[
    ("%3A", ":"),
    ("%2F", "/"),
    ("%3F", "?"),
    ("%40", "@"),
    ("%21", "!"),
    ("%24", "$"),
    ("%27", "'"),
    ("%28", "("),
    ("%29", ")"),
    ("%2A", "*"),
    ("%2C", ","),
    ("%3B", ";"),
];

/// The two older schemes, which sign no time.
const fn plain_hash(scheme: &'static str, signed: &'static [Part]) -> Signature {
    Signature {
        algorithm: Algorithm::Sha256OfSecretAndParts,
        header: OLD_SIGNATURE,
        encoding: Encoding::Hex(""),
        secret: SecretEncoding::Literal,
        signed,
        timestamp: None,
        only_if: Some((SCHEME, scheme)),
    }
}

static FACTS: WebhookFacts = WebhookFacts {
    signatures: &[
        Signature {
            algorithm: Algorithm::HmacSha256,
            header: "x-hubspot-signature-v3",
            encoding: Encoding::Base64,
            secret: SecretEncoding::Literal,
            signed: &[
                Part::Method,
                Part::UrlDecoding(DECODED),
                Part::Body,
                Part::Header(SIGNED_AT),
            ],
            timestamp: Some(SignedTime {
                header: SIGNED_AT,
                format: TimeFormat::UnixMillis,
                tolerance: Duration::from_mins(5),
            }),
            only_if: None,
        },
        plain_hash("v2", &[Part::Method, Part::Url, Part::Body]),
        plain_hash("v1", &[Part::Body]),
    ],
    // `eventId` is not unique, and a delivery has no id.
    delivery_id: DeliveryId::Body,
    granularity: Granularity::Millisecond,
    keep_headers: &[SIGNED_AT, SCHEME],
    // Up to ten times within a day.
    retries_for: Duration::from_hours(24),
};

/// What an event says.
enum Notice {
    /// An object may look different now.
    Changed(&'static Kind, String),
    /// These objects are gone; the one that they were merged into looks different.
    Gone(&'static Kind, Vec<String>, Option<String>, Timestamp),
    /// Nothing that concerns us.
    Nothing(&'static str),
}

impl Webhook for HubSpotEvents {
    fn facts(&self) -> &'static WebhookFacts {
        &FACTS
    }

    fn events<'d>(&self, _: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid> {
        let records: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|_| Invalid::new("body", "is not a list of events"))?;
        let event = |record| {
            // An event that is not understood must not keep the others from being heard.
            let notice = Fields::parse(record).and_then(Notice::open).ok();
            Event { record, refetch: notice.and_then(Notice::refetch) }
        };
        let mut events: Vec<Event<'d>> = records.into_iter().map(event).collect();
        one_with_links(&mut events);
        Ok(events)
    }

    fn map(&self, event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        match Notice::open(event)? {
            Notice::Gone(kind, ids, _, at) => {
                for id in ids {
                    let gone = tombstone(kind, &id, at, rows);
                    rows.push(gone);
                }
            }
            Notice::Changed(kind, _) if kind.linked.is_empty() => {
                rows.filter("says that an object changed; the object is read again");
            }
            Notice::Changed(..) => {
                rows.filter("says that an object with links changed; both are read again");
            }
            Notice::Nothing(why) => rows.filter(why),
        }
        Ok(())
    }
}

impl Notice {
    fn open(mut event: Fields<'_>) -> Result<Self, Invalid> {
        let told = event.get::<&str>("subscriptionType")?.into_value();
        let told = told.ok_or_else(|| Invalid::new("subscriptionType", "is missing"))?;
        let (family, happened) = told.split_once('.').unwrap_or((told, ""));
        let object_type = event.get::<&str>("objectTypeId")?.into_value();
        let kind = match (family, object_type) {
            ("contact", _) | ("object", Some("0-1")) => &CONTACTS,
            ("company", _) | ("object", Some("0-2")) => &COMPANIES,
            ("deal", _) | ("object", Some("0-3")) => &DEALS,
            ("ticket", _) | ("object", Some("0-5")) => &TICKETS,
            _ => return Ok(Self::Nothing("an event of another kind of object")),
        };
        match happened {
            "creation" | "propertyChange" | "restore" => {
                Ok(Self::Changed(kind, event.required_id("objectId")?))
            }
            "associationChange" => Ok(Self::Changed(kind, event.required_id("fromObjectId")?)),
            "deletion" | "privacyDeletion" => {
                let at = occurred_at(&mut event)?;
                Ok(Self::Gone(kind, vec![event.required_id("objectId")?], None, at))
            }
            "merge" => {
                let at = occurred_at(&mut event)?;
                let primary = event.required_id("primaryObjectId")?;
                let winner = event.id("newObjectId")?.unwrap_or_else(|| primary.clone());
                let mut losers = vec![primary];
                for raw in event.list("mergedObjectIds")? {
                    losers.push(raw.get().trim_matches('"').to_owned());
                }
                losers.retain(|id| *id != winner && is_id(id));
                losers.sort_unstable();
                losers.dedup();
                Ok(Self::Gone(kind, losers, Some(winner), at))
            }
            _ => Ok(Self::Nothing("an event of another kind")),
        }
    }

    /// The object to read again: values in events may be stale, and events come in any order.
    ///
    /// Never required: the next search has the change within minutes, and a refusal would have HubSpot send a hundred
    /// events again for one of them.
    fn refetch(self) -> Option<Refetch> {
        let (kind, id) = match self {
            Self::Changed(kind, id) => (kind, id),
            Self::Gone(kind, _, winner, _) => (kind, winner?),
            Self::Nothing(_) => return None,
        };
        Some(Refetch { stream: kind.changes.name, id, required: false })
    }
}

/// Leaves one object of each type with links to be read again: together with its links, one question answers one
/// object. The others wait for the next search, since a row without links must not take the place of one with them.
fn one_with_links(events: &mut [Event<'_>]) {
    for kind in KINDS.iter().filter(|kind| !kind.linked.is_empty()) {
        let mut first: Option<String> = None;
        for event in events.iter_mut() {
            let of_kind = |refetch: &&Refetch| refetch.stream == kind.changes.name;
            let Some(refetch) = event.refetch.as_ref().filter(of_kind) else { continue };
            if first.get_or_insert_with(|| refetch.id.clone()) != &refetch.id {
                event.refetch = None;
            }
        }
    }
}

fn occurred_at(event: &mut Fields<'_>) -> Result<Timestamp, Invalid> {
    let at = match event.integer("occurredAt")? {
        Known::Value(millis) => Timestamp::from_millis(millis).ok(),
        Known::Absent | Known::Null => None,
    };
    at.ok_or_else(|| Invalid::new("occurredAt", "is missing or not a time"))
}

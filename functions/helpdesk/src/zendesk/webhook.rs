//! Zendesk's event webhooks: what changed, in an envelope; the record itself is read again.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{DeliveryId, Event, Headers, Refetch, Webhook, WebhookFacts};
use shared::error::Invalid;
use shared::facts::Granularity;
use shared::fields::Fields;
use shared::rows::Rows;
use shared::schema::Timestamp;
use shared::signature::{
    Algorithm, Encoding, Part, SecretEncoding, Signature, SignedTime, TimeFormat,
};

use super::words::reference;
use super::{organizations, tickets, users};

/// The receiver of event webhooks.
pub(super) struct ZendeskEvents;

const SIGNED_AT: &str = "x-zendesk-webhook-signature-timestamp";
const INVOCATION: &str = "x-zendesk-webhook-invocation-id";

static FACTS: WebhookFacts = WebhookFacts {
    signatures: &[Signature {
        algorithm: Algorithm::HmacSha256,
        header: "x-zendesk-webhook-signature",
        encoding: Encoding::Base64,
        // The secret looks like base64 and is used as the characters that it is written with.
        secret: SecretEncoding::Literal,
        signed: &[Part::Header(SIGNED_AT), Part::Body],
        timestamp: Some(SignedTime {
            header: SIGNED_AT,
            format: TimeFormat::Rfc3339,
            // Zendesk names no tolerance; `webhook_tolerance` changes ours.
            tolerance: Duration::from_mins(5),
        }),
        only_if: None,
    }],
    delivery_id: DeliveryId::FieldOrHeader("id", INVOCATION),
    granularity: Granularity::Second,
    keep_headers: &["x-zendesk-account-id", "x-zendesk-webhook-id", INVOCATION, SIGNED_AT],
    // Retries are few, but how late the last one comes is not documented.
    retries_for: Duration::from_hours(4 * 24),
};

const EVENT_TYPE: &str = "zen:event-type:";
const FROM_TRIGGER: &str = "is not a Zendesk event's; a trigger-connected webhook sends the body its admin wrote; \
                            connect the webhook to Zendesk events instead";

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Ticket,
    User,
    Organization,
}

/// An event as far as it is the same for every family.
struct Notice<'a> {
    family: Family,
    deletes: bool,
    id: String,
    time: Option<Timestamp>,
    detail: Option<Fields<'a>>,
}

impl Webhook for ZendeskEvents {
    fn facts(&self) -> &'static WebhookFacts {
        &FACTS
    }

    fn events<'d>(&self, _: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid> {
        let record: &RawValue =
            serde_json::from_slice(body).map_err(|_| Invalid::new("body", "is not JSON"))?;
        let notice = Notice::open(Fields::parse(record)?)?;
        Ok(vec![Event { record, refetch: notice.and_then(Notice::refetch) }])
    }

    fn map(&self, event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let Some(notice) = Notice::open(event)? else {
            rows.filter("an event of neither a ticket nor a user nor an organisation");
            return Ok(());
        };
        if notice.deletes {
            return notice.bury(rows);
        }
        let detail =
            notice.detail.ok_or_else(|| Invalid::new("detail", "is missing or not an object"))?;
        match notice.family {
            Family::Ticket => tickets::map(detail, notice.time, rows),
            Family::User => users::map(detail, notice.time, rows),
            Family::Organization => organizations::map(detail, notice.time, rows),
        }
    }
}

impl<'a> Notice<'a> {
    /// Reads the envelope; none if it is about something that we do not keep.
    fn open(mut event: Fields<'a>) -> Result<Option<Self>, Invalid> {
        let kind = event.get::<&str>("type")?.into_value();
        let kind = kind.and_then(|kind| kind.strip_prefix(EVENT_TYPE));
        let kind = kind.ok_or_else(|| Invalid::new("type", FROM_TRIGGER))?;
        let (family, action) = kind.split_once('.').unwrap_or((kind, ""));
        let family = match family {
            "ticket" => Family::Ticket,
            "user" => Family::User,
            "organization" => Family::Organization,
            _ => return Ok(None),
        };
        // `zen:ticket:35436`
        let subject = event.get::<&str>("subject")?.into_value();
        let id = subject.and_then(|subject| subject.rsplit(':').next());
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let id = id.ok_or_else(|| Invalid::new("subject", "names no record"))?.to_owned();
        let deletes = matches!(action, "deleted" | "soft_deleted" | "permanently_deleted");
        let (time, detail) = (event.time("time")?, event.object("detail")?);
        Ok(Some(Self { family, deletes, id, time, detail }))
    }

    /// The record to read again: an event says less than the record, and events come in any order.
    fn refetch(self) -> Option<Refetch> {
        let stream = match self.family {
            Family::Ticket => "tickets",
            Family::User => "users",
            Family::Organization => return None,
        };
        (!self.deletes).then_some(Refetch { stream, id: self.id, required: false })
    }

    fn bury(self, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let at = self.time.ok_or_else(|| Invalid::no_time("time"))?;
        let tombstone = match self.family {
            Family::Ticket => {
                let requester =
                    self.detail.map(|mut detail| reference(&mut detail, "requester_id"));
                let requester = requester.transpose()?.flatten().map(|id| rows.key("user", &id));
                tickets::tombstone(self.id, at, requester, rows)
            }
            Family::User => users::tombstone(self.id, at, rows),
            Family::Organization => organizations::tombstone(self.id, at, rows),
        };
        rows.push(tombstone);
        Ok(())
    }
}

//! The Event Webhook: what became of each email. Nothing of it can be asked for again later.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{DeliveryId, Event, Headers, Webhook, WebhookFacts};
use shared::error::Invalid;
use shared::facts::Granularity;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Answer, Bounce, Bounced, Channel, Clicked, ConsentChange, ConsentState, Direction, Ext,
    Interaction, InteractionKind, Known, Nothing, Opened, Precision, Purpose, Timestamp,
};
use shared::signature::{
    Algorithm, Encoding, Part, SecretEncoding, Signature, SignedTime, TimeFormat,
};

use super::address::Address;
use super::collections::SINGLE_SEND;
use super::times::required_seconds;
use super::{groups, suppressions};

/// The receiver of the Event Webhook.
pub(super) struct SendGridEvents;

const SIGNED_AT: &str = "x-twilio-email-event-webhook-timestamp";
const OBJECT: &str = "event";

static FACTS: WebhookFacts = WebhookFacts {
    signatures: &[Signature {
        algorithm: Algorithm::EcdsaP256,
        header: "x-twilio-email-event-webhook-signature",
        encoding: Encoding::Base64,
        secret: SecretEncoding::Base64,
        // The body with its line breaks, the one at its end too.
        signed: &[Part::Header(SIGNED_AT), Part::Body],
        timestamp: Some(SignedTime {
            header: SIGNED_AT,
            format: TimeFormat::UnixSeconds,
            // A retry, up to a day later, may carry the time of the first try, and an event that is refused is lost for
            // ever; a replayed one lands nothing new. `webhook_tolerance` changes this.
            tolerance: Duration::from_hours(25),
        }),
        only_if: None,
    }],
    delivery_id: DeliveryId::Body,
    granularity: Granularity::Second,
    keep_headers: &[SIGNED_AT],
    retries_for: Duration::from_hours(24),
};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Processed,
    Deferred,
    Delivered,
    Bounce,
    Dropped,
    Open,
    Click,
    SpamReport,
    Unsubscribe,
    GroupUnsubscribe,
    GroupResubscribe,
}

impl What {
    fn read(word: &str) -> Option<Self> {
        Some(match word {
            "processed" => Self::Processed,
            "deferred" => Self::Deferred,
            "delivered" => Self::Delivered,
            "bounce" => Self::Bounce,
            "dropped" => Self::Dropped,
            "open" => Self::Open,
            "click" => Self::Click,
            "spamreport" => Self::SpamReport,
            "unsubscribe" => Self::Unsubscribe,
            "group_unsubscribe" => Self::GroupUnsubscribe,
            "group_resubscribe" => Self::GroupResubscribe,
            _ => return None,
        })
    }

    fn direction(self) -> Direction {
        match self {
            Self::Processed | Self::Deferred | Self::Delivered | Self::Bounce | Self::Dropped => {
                Direction::Out
            }
            _ => Direction::In,
        }
    }
}

impl Webhook for SendGridEvents {
    fn facts(&self) -> &'static WebhookFacts {
        &FACTS
    }

    fn events<'d>(&self, _: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid> {
        let events: Vec<&RawValue> = serde_json::from_slice(body)
            .map_err(|_| Invalid::new("body", "is not a list of events in JSON"))?;
        Ok(events.into_iter().map(|record| Event { record, refetch: None }).collect())
    }

    fn map(&self, mut event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let word = event.said("event")?.ok_or_else(|| Invalid::new("event", "is missing"))?;
        let Some(what) = What::read(&word) else {
            if event.said("email")?.is_some() {
                return Err(Invalid::new("event", "is none that SendGrid documents"));
            }
            rows.filter("an event about the account, not about an email");
            return Ok(());
        };
        let id = event.required_id("sg_event_id")?;
        let at = required_seconds(&mut event, "timestamp")?;
        let address = Address::take(&mut event, rows)?;
        let kind = kind(what, &mut event, &address, at, rows)?;
        let subject = address.recipient(rows);
        let mut told = Interaction::new(kind, subject, at, Some(&id));
        told.occurred_precision = Some(Precision::Second);
        told.direction = Some(what.direction());
        told.channel = Channel::Email;
        told.message_id = event.said("sg_message_id")?;
        if what == What::Click {
            told.url = event.said("url")?;
        }
        if let Some(send) = event.said("singlesend_id")? {
            told.campaign_key = Some(rows.key(SINGLE_SEND, &send));
            told.purpose = Purpose::Marketing;
        }
        told.ext = event.into_ext(rows);
        if told.ext.contains_key("marketing_campaign_id") {
            told.purpose = Purpose::Marketing;
        }
        rows.push(Draft::new(OBJECT, id, at, told, rows));
        rows.push(address.person(rows));
        Ok(())
    }
}

/// What the event is in the schema; a decision of the person lands beside it.
fn kind(
    what: What,
    event: &mut Fields<'_>,
    address: &Address,
    at: Timestamp,
    rows: &mut Rows<'_>,
) -> Result<InteractionKind, Invalid> {
    Ok(match what {
        What::Processed => InteractionKind::EmailSent(Nothing {}),
        What::Deferred => InteractionKind::EmailDeferred(Nothing {}),
        What::Delivered => InteractionKind::EmailDelivered(Nothing {}),
        What::Bounce => InteractionKind::EmailBounced(bounced(event)?),
        What::Dropped => InteractionKind::EmailSuppressed(Nothing {}),
        What::Open => {
            let machine = match event.get::<bool>("sg_machine_open")? {
                Known::Value(true) => Answer::Yes,
                Known::Value(false) => Answer::No,
                Known::Absent | Known::Null => Answer::Unknown,
            };
            InteractionKind::EmailOpened(Opened { machine })
        }
        What::Click => InteractionKind::EmailClicked(Clicked::default()),
        What::SpamReport => InteractionKind::EmailComplained(Nothing {}),
        What::Unsubscribe => {
            suppressions::unsubscribe(address, at, Ext::new(), rows);
            InteractionKind::EmailUnsubscribed(Nothing {})
        }
        What::GroupUnsubscribe => {
            let group = group(event)?;
            groups::leave(address, &group, at, Ext::new(), rows);
            InteractionKind::EmailUnsubscribed(Nothing {})
        }
        What::GroupResubscribe => {
            let group = group(event)?;
            let consent_key = groups::come_back(address, &group, at, rows);
            InteractionKind::ConsentChanged(ConsentChange {
                consent_key: Some(consent_key),
                channel: Channel::Email,
                purpose: Purpose::Unknown,
                state: ConsentState::OptIn,
            })
        }
    })
}

/// The group that the event is about; it stays beside the fact, too.
fn group(event: &mut Fields<'_>) -> Result<String, Invalid> {
    const NAME: &str = "asm_group_id";
    let Some(raw) = event.raw(NAME)?.into_value() else { return event.required_id(NAME) };
    event.keep(NAME, raw);
    let id = event.required_id(NAME)?;
    event.keep(NAME, raw);
    Ok(id)
}

/// How final a bounce is, and what the receiving server replied.
fn bounced(event: &mut Fields<'_>) -> Result<Bounced, Invalid> {
    let status = event.id("status")?;
    let for_now = status.as_deref().is_some_and(|status| status.starts_with('4'));
    let bounce = event.word("type", |word| match word {
        "bounce" if for_now => Some(Bounce::Soft),
        "bounce" => Some(Bounce::Hard),
        "blocked" => Some(Bounce::Soft),
        _ => None,
    })?;
    let reason = event.raw("reason")?.into_value();
    if let Some(reason) = reason {
        event.keep("reason", reason);
    }
    let smtp_code = status.or_else(|| reply_code(reason?));
    Ok(Bounced { bounce: bounce.into_value().unwrap_or_default(), smtp_code: smtp_code.into() })
}

/// The three digits that a reply of a mail server begins with.
fn reply_code(reason: &RawValue) -> Option<String> {
    let text = serde_json::from_str::<String>(reason.get()).ok()?;
    let code = text.split_whitespace().next()?;
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| code.to_owned())
}

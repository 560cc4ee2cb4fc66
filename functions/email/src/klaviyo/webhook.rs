//! Klaviyo's system webhooks: events of metrics, up to a thousand in a delivery, each as the API would answer it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::connector::{DeliveryId, Event, Headers, Webhook, WebhookFacts};
use shared::error::Invalid;
use shared::facts::Granularity;
use shared::fields::Fields;
use shared::rows::Rows;
use shared::signature::{
    Algorithm, Encoding, Part, SecretEncoding, Signature, SignedTime, TimeFormat,
};

use super::events;
use super::meanings::Meanings;

/// The receiver of system webhooks.
pub(super) struct SystemWebhook {
    pub(super) meanings: Arc<Meanings>,
}

const SIGNED_AT: &str = "klaviyo-timestamp";
const WEBHOOK: &str = "klaviyo-webhook-id";

static FACTS: WebhookFacts = WebhookFacts {
    signatures: &[Signature {
        algorithm: Algorithm::HmacSha256,
        header: "klaviyo-signature",
        encoding: Encoding::Hex(""),
        secret: SecretEncoding::Literal,
        signed: &[Part::Body, Part::Header(SIGNED_AT)],
        timestamp: Some(SignedTime {
            header: SIGNED_AT,
            format: TimeFormat::HttpDate,
            // Klaviyo names no tolerance; `webhook_tolerance` changes ours.
            tolerance: Duration::from_mins(5),
        }),
        only_if: None,
    }],
    // Events have ids, deliveries have none.
    delivery_id: DeliveryId::Body,
    granularity: Granularity::Second,
    keep_headers: &[WEBHOOK, SIGNED_AT],
    // Whether and how long system webhooks are repeated is not documented.
    retries_for: Duration::from_hours(4 * 24),
};

#[derive(Deserialize)]
struct Delivery<'d> {
    #[serde(borrow)]
    data: Vec<&'d RawValue>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    klaviyo_webhook_id: Option<String>,
}

impl Webhook for SystemWebhook {
    fn facts(&self) -> &'static WebhookFacts {
        &FACTS
    }

    fn events<'d>(&self, headers: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid> {
        let Delivery { data, meta } = serde_json::from_slice(body)
            .map_err(|_| Invalid::new("body", "is not a delivery of a system webhook"))?;
        // The header is not signed, the body is: the guide says not to go on when they differ.
        if meta.klaviyo_webhook_id.is_none()
            || meta.klaviyo_webhook_id.as_ref() != headers.get(WEBHOOK)
        {
            return Err(Invalid::new(
                "meta.klaviyo_webhook_id",
                "is not the one in the header Klaviyo-Webhook-Id",
            ));
        }
        Ok(data.into_iter().map(|record| Event { record, refetch: None }).collect())
    }

    fn map(&self, mut event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let topic = event.said("topic")?.ok_or_else(|| Invalid::new("topic", "is missing"))?;
        let payload = event.object("payload")?;
        let data = payload.map(|mut payload| payload.object("data")).transpose()?.flatten();
        let Some(data) = data else {
            return Err(Invalid::new("payload.data", "is missing or not an object"));
        };
        events::tell(data, self.meanings.of_topic(&topic), rows)
    }
}

//! Square's webhooks: most carry the record whole; those of orders only name it, and it is read again.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{DeliveryId, Event, Headers, Refetch, Webhook, WebhookFacts};
use shared::error::Invalid;
use shared::facts::Granularity;
use shared::fields::Fields;
use shared::rows::Rows;
use shared::schema::Timestamp;
use shared::signature::{Algorithm, Encoding, Part, SecretEncoding, Signature};

use super::{customers, loyalty, payments};

/// The receiver of webhook subscriptions.
pub(super) struct SquareEvents;

const SIGNATURE: &str = "x-square-hmacsha256-signature";

static FACTS: WebhookFacts = WebhookFacts {
    signatures: &[Signature {
        algorithm: Algorithm::HmacSha256,
        header: SIGNATURE,
        encoding: Encoding::Base64,
        secret: SecretEncoding::Literal,
        // The address as it is registered, then the body; no time, so only `event_id` tells a repetition.
        signed: &[Part::Url, Part::Body],
        timestamp: None,
        only_if: None,
    }],
    // No header repeats it: a body without one is known by itself, since signatures are not kept.
    delivery_id: DeliveryId::FieldOrHeader("event_id", SIGNATURE),
    granularity: Granularity::Millisecond,
    keep_headers: &[
        "square-environment",
        "square-initial-delivery-timestamp",
        "square-retry-number",
        "square-retry-reason",
    ],
    // Square's documents name 24 hours now and 72 hours before.
    retries_for: Duration::from_hours(72),
};

const REVOKED: &str = "the seller revoked this application's access: authorise the connection again, and treat what \
                       landed as your policy says";

/// A delivery's envelope.
struct Envelope<'a> {
    kind: String,
    created_at: Option<Timestamp>,
    id: Option<String>,
    object: Option<Fields<'a>>,
}

impl Webhook for SquareEvents {
    fn facts(&self) -> &'static WebhookFacts {
        &FACTS
    }

    fn events<'d>(&self, _: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid> {
        let record: &RawValue =
            serde_json::from_slice(body).map_err(|_| Invalid::new("body", "is not JSON"))?;
        let refetch = Envelope::open(Fields::parse(record)?)?.refetch()?;
        Ok(vec![Event { record, refetch }])
    }

    fn map(&self, event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let envelope = Envelope::open(event)?;
        let at = envelope.created_at;
        match envelope.kind.as_str() {
            "customer.deleted" => envelope.bury_customer(rows),
            "customer.created" | "customer.updated" => envelope.customer(rows),
            "payment.created" | "payment.updated" => {
                payments::map(envelope.record("payment")?, rows)
            }
            "refund.created" | "refund.updated" => {
                payments::map_refund(envelope.record("refund")?, rows)
            }
            "loyalty.account.deleted" => {
                loyalty::bury(&envelope.named()?, envelope.created()?, rows);
                Ok(())
            }
            "loyalty.account.created" | "loyalty.account.updated" => {
                loyalty::map(envelope.record("loyalty_account")?, at, rows)
            }
            "loyalty.event.created" => loyalty::map_event(envelope.record("loyalty_event")?, rows),
            "oauth.authorization.revoked" => {
                rows.filter(REVOKED);
                Ok(())
            }
            order if order.starts_with("order.") => {
                rows.filter("names an order, which was read again");
                Ok(())
            }
            _ => {
                rows.filter(
                    "an event of neither a customer nor an order nor a payment nor loyalty points",
                );
                Ok(())
            }
        }
    }
}

impl<'a> Envelope<'a> {
    fn open(mut event: Fields<'a>) -> Result<Self, Invalid> {
        let kind = event.said("type")?.ok_or_else(|| Invalid::new("type", "is missing"))?;
        let created_at = event.time("created_at")?;
        let (id, object) = match event.object("data")? {
            Some(mut data) => (data.id("id")?, data.object("object")?),
            None => (None, None),
        };
        Ok(Self { kind, created_at, id, object })
    }

    /// The order to read again: what the event says of it is not worth landing.
    fn refetch(mut self) -> Result<Option<Refetch>, Invalid> {
        let Some(what) = self.kind.strip_prefix("order.") else { return Ok(None) };
        let told = match (&mut self.object, what) {
            (Some(object), "created") => object.object("order_created")?,
            (Some(object), "updated") => object.object("order_updated")?,
            (Some(object), "fulfillment.updated") => object.object("order_fulfillment_updated")?,
            _ => None,
        };
        let id = told.map(|mut told| told.id("order_id")).transpose()?.flatten();
        let id = id.or(self.id).ok_or_else(|| Invalid::new("data.id", "names no order"))?;
        Ok(Some(Refetch { stream: "orders", id, required: true }))
    }

    /// The record that the delivery carries.
    fn record(self, name: &'static str) -> Result<Fields<'a>, Invalid> {
        let record = self.object.map(|mut object| object.object(name)).transpose()?.flatten();
        record.ok_or_else(|| Invalid::new(format!("data.object.{name}"), "is missing"))
    }

    fn named(&self) -> Result<String, Invalid> {
        self.id.clone().ok_or_else(|| Invalid::new("data.id", "is missing"))
    }

    fn created(&self) -> Result<Timestamp, Invalid> {
        self.created_at.ok_or_else(|| Invalid::no_time("created_at"))
    }

    /// A new or changed customer. A merge makes a new one out of several, which are gone from then on.
    fn customer(mut self, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let at = self.created_at;
        if let Some(merge) = self.merge()? {
            let at = self.created()?;
            for loser in merge.from.iter().filter(|loser| **loser != merge.to) {
                customers::bury(loser, at, Some(&merge.to), rows);
            }
        }
        customers::map(self.record("customer")?, at, rows)
    }

    fn bury_customer(mut self, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let (id, created_at) = (self.named()?, self.created()?);
        let winner = self.merge()?.map(|merge| merge.to);
        let last = self.object.and_then(|mut object| object.object("customer").ok().flatten());
        let last = last.and_then(|mut customer| customer.time("updated_at").ok().flatten());
        // The deletion comes after the last change, even where its own time was cut short.
        let at = last.map_or(created_at, |last| a_millisecond_after(last).max(created_at));
        customers::bury(&id, at, winner.as_deref().filter(|winner| *winner != id), rows);
        Ok(())
    }

    /// What was merged, if that is what happened.
    fn merge(&mut self) -> Result<Option<Merge>, Invalid> {
        let Some(object) = &mut self.object else { return Ok(None) };
        let Some(mut context) = object.object("event_context")? else { return Ok(None) };
        let Some(mut merge) = context.object("merge")? else { return Ok(None) };
        let from = merge.get::<Vec<String>>("from_customer_ids")?.into_value().unwrap_or_default();
        let to = merge.id("to_customer_id")?;
        let from = from.into_iter().filter(|id| !id.is_empty()).collect();
        Ok(to.map(|to| Merge { from, to }))
    }
}

fn a_millisecond_after(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_add(1_000)).unwrap_or(at)
}

/// Which customers became which one.
struct Merge {
    from: Vec<String>,
    to: String,
}

//! The Event Webhook: lists of events with line breaks between them, signed with ECDSA.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use jiff::Timestamp;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePublicKey as _;
use serde_json::Value;

use crate::sender::{DeliveryPlan, DeliveryReport, Parcel, send};

/// Tries after the first: the vendor goes on for a day.
const RETRIES: usize = 6;
/// The most events of one delivery when the history is pushed.
const BATCH: usize = 40;

/// One webhook call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By which the simulation tells deliveries apart; the vendor's have no id.
    pub id: String,
    /// The ids of its events.
    pub events: Vec<String>,
    /// The raw body.
    pub body: Bytes,
}

/// Deliveries in the order of their events.
#[derive(Default)]
pub(super) struct Outbox {
    deliveries: Vec<Delivery>,
    /// Every event that was pushed, with its delivery.
    pub(super) events: Vec<(Value, String)>,
    history: Vec<Value>,
    taken: usize,
    ids: u64,
}

impl Outbox {
    /// The id of a new event.
    pub(super) fn new_id(&mut self, kind: &str) -> String {
        self.ids += 1;
        URL_SAFE_NO_PAD.encode(format!("{kind}-{:08}", self.ids))
    }

    /// Keeps events of the time before the webhook.
    pub(super) fn remember(&mut self, events: Vec<Value>) {
        self.history.extend(events);
    }

    pub(super) fn push_history(&mut self) {
        let history = std::mem::take(&mut self.history);
        for events in history.chunks(BATCH) {
            self.push(events.to_vec());
        }
    }

    pub(super) fn push(&mut self, events: Vec<Value>) {
        let id = format!("delivery-{}", self.deliveries.len());
        let ids = events.iter().filter_map(|event| event["sg_event_id"].as_str());
        let delivery = Delivery {
            id: id.clone(),
            events: ids.map(str::to_owned).collect(),
            body: body(&events),
        };
        self.deliveries.push(delivery);
        self.events.extend(events.into_iter().map(|event| (event, id.clone())));
    }

    pub(super) fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// What nobody has taken yet.
    pub(super) fn take(&mut self) -> Vec<Delivery> {
        let fresh = self.deliveries[self.taken..].to_vec();
        self.taken = self.deliveries.len();
        fresh
    }
}

/// The body of a delivery: line breaks between the events and at the end.
fn body(events: &[Value]) -> Bytes {
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    format!("[{}]\r\n", events.join(",\r\n")).into()
}

/// The key in base64 of its 32 bytes.
///
/// # Panics
///
/// When it is no private key of P-256.
fn signing_key(private_key: &str) -> SigningKey {
    let bytes = STANDARD.decode(private_key).expect("the key is base64");
    SigningKey::from_slice(&bytes).expect("the key is one of P-256")
}

/// The public key to a private one, as the vendor shows it: base64 of a `SubjectPublicKeyInfo`.
///
/// # Panics
///
/// When it is no private key of P-256.
pub fn public_key(private_key: &str) -> String {
    let key =
        signing_key(private_key).verifying_key().to_public_key_der().expect("a point has DER");
    STANDARD.encode(key.as_bytes())
}

/// The signature of a delivery: over the text of the time, then the body.
///
/// # Panics
///
/// When it is no private key of P-256.
pub fn sign(private_key: &str, timestamp: &str, body: &[u8]) -> String {
    let message = [timestamp.as_bytes(), body].concat();
    let signature: DerSignature = signing_key(private_key).sign(&message);
    STANDARD.encode(signature.as_bytes())
}

/// Any answer but success is tried again.
fn retries(_: Option<u16>, _: Option<u64>) -> usize {
    RETRIES
}

pub(super) async fn send_all(
    deliveries: Vec<Delivery>,
    url: &str,
    plan: &DeliveryPlan,
    private_key: &str,
    now: Timestamp,
) -> DeliveryReport {
    let private_key = plan.secret.as_deref().unwrap_or(private_key);
    let timestamp = plan.stamp.unwrap_or(now).as_second().to_string();
    let parcels = deliveries.into_iter().map(|delivery| Parcel {
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", "SendGrid Event API".to_owned()),
            (
                "x-twilio-email-event-webhook-signature",
                sign(private_key, &timestamp, &delivery.body),
            ),
            ("x-twilio-email-event-webhook-timestamp", timestamp.clone()),
        ],
        id: delivery.id,
        body: delivery.body,
    });
    send(parcels.collect(), url, plan, retries).await
}

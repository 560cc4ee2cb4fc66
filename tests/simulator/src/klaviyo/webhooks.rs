//! Deliveries of a system webhook: envelope, headers, signature.

use std::fmt::Write as _;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::account::Account;
use super::json;

/// The id of the webhook, in the header and in the body.
const WEBHOOK_ID: &str = "01HKEMBER0AKWEBH00K0000001";
/// The most events that one delivery has here; the vendor sends up to 1,000.
const BATCH: usize = 7;

/// One webhook call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By which a test tells deliveries; the vendor gives them no id.
    pub id: String,
    /// The ids of its events.
    pub events: Vec<String>,
    /// The raw body.
    pub body: Bytes,
}

impl Delivery {
    /// The headers, signed at a time with a secret.
    pub fn signed(&self, secret: &str, at: Timestamp) -> Vec<(&'static str, String)> {
        let timestamp = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        vec![
            ("content-type", "application/json".to_owned()),
            ("klaviyo-webhook-id", WEBHOOK_ID.to_owned()),
            ("klaviyo-signature", signature(secret, &timestamp, &self.body)),
            ("klaviyo-timestamp", timestamp),
        ]
    }
}

/// The signature of a delivery: lower hexadecimal of HMAC-SHA256 over the body, then the time's text.
///
/// # Panics
///
/// Never: HMAC takes a key of any length.
pub fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    mac.update(timestamp.as_bytes());
    let digest = mac.finalize().into_bytes();
    digest.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Account {
    /// Puts the events that wait into deliveries.
    pub(super) fn pack(&mut self, at: Timestamp) {
        let pending = std::mem::take(&mut self.pending);
        for events in pending.chunks(BATCH) {
            let data: Vec<Value> = events
                .iter()
                .map(|event| {
                    json!({
                        "external_id": event.id,
                        "topic": event.metric.topic,
                        "payload": {"data": json::event(event, "https://a.klaviyo.com")},
                    })
                })
                .collect();
            let body = json!({
                "data": data,
                "meta": {
                    "klaviyo_account_id": "ABC123",
                    "klaviyo_webhook_id": WEBHOOK_ID,
                    "timestamp": json::time(at),
                    "version": "2026-07-15",
                },
            });
            self.deliveries.push(Delivery {
                id: format!("delivery-{}", self.deliveries.len()),
                events: events.iter().map(|event| event.id.clone()).collect(),
                body: body.to_string().into(),
            });
        }
    }
}

//! Webhook deliveries: the envelope, the headers, the signature, and the outbox they wait in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::Sha256;

use super::json::{time, uuid};
use crate::Dice;

/// The seller.
pub(super) const MERCHANT: &str = "MLEMBEROAK000";

/// One webhook call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id, by which a receiver tells duplicates.
    pub id: String,
    /// The event type, such as `customer.created`.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// The raw body.
    pub body: Bytes,
}

impl Delivery {
    /// The headers, signed with a key for the address at which the subscription is registered.
    pub fn headers(&self, key: &str, registered: &str) -> Vec<(&'static str, String)> {
        vec![
            ("content-type", "application/json".to_owned()),
            ("user-agent", "Square Connect v2".to_owned()),
            ("square-environment", "Production".to_owned()),
            ("square-initial-delivery-timestamp", time(self.at)),
            ("x-square-hmacsha256-signature", signature(key, registered, &self.body)),
        ]
    }
}

/// The signature of a delivery: base64 of HMAC-SHA256 over the registered address, then the body.
///
/// # Panics
///
/// Never: HMAC takes a key of any length.
pub fn signature(key: &str, registered: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(registered.as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Deliveries in the order of their events.
pub(super) struct Outbox {
    /// Off while the history is written: its deliveries went out long ago.
    pub(super) open: bool,
    dice: Dice,
    deliveries: Vec<Delivery>,
    taken: usize,
}

impl Outbox {
    pub(super) fn new(dice: Dice) -> Self {
        Self { open: false, dice, deliveries: Vec::new(), taken: 0 }
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

    fn push(&mut self, at: Timestamp, kind: &str, data: &Value) {
        if !self.open {
            return;
        }
        let id = uuid(&mut self.dice);
        // At times to the nanosecond, at times to the second.
        let created_at = match self.dice.random_range(0..3) {
            0 => at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string(),
            1 => at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            _ => time(at),
        };
        let body = json!({
            "merchant_id": MERCHANT,
            "type": kind,
            "event_id": id,
            "created_at": created_at,
            "data": data,
        });
        let body = body.to_string().into();
        self.deliveries.push(Delivery { id, kind: kind.to_owned(), at, body });
    }

    /// A record that the delivery carries whole.
    pub(super) fn whole(&mut self, at: Timestamp, kind: &str, name: &str, id: &str, json: &Value) {
        let mut data = json!({ "type": name, "id": id, "object": { name: json } });
        if kind.ends_with(".deleted") {
            data["deleted"] = true.into();
        }
        self.push(at, kind, &data);
    }

    /// A customer, without groups and segments, and with the merge that made or ended them.
    pub(super) fn customer(
        &mut self,
        at: Timestamp,
        kind: &str,
        json: &Value,
        merge: Option<&Value>,
    ) {
        let mut customer = json.clone();
        if let Some(fields) = customer.as_object_mut() {
            fields.remove("group_ids");
            fields.remove("segment_ids");
        }
        let mut data =
            json!({ "type": "customer", "id": json["id"], "object": { "customer": customer } });
        if kind == "customer.deleted" {
            data["deleted"] = true.into();
        }
        if let Some(merge) = merge {
            data["object"]["event_context"] = json!({ "merge": merge });
        }
        self.push(at, kind, &data);
    }

    /// An order, of which the delivery tells little.
    pub(super) fn order(&mut self, at: Timestamp, what: &str, json: &Value) {
        let name = format!("order_{what}");
        let mut told = json!({
            "order_id": json["id"],
            "location_id": json["location_id"],
            "state": json["state"],
            "created_at": json["created_at"],
            "updated_at": json["updated_at"],
        });
        if let Some(version) = json.get("version") {
            told["version"] = version.clone();
        }
        let data = json!({ "type": name, "id": json["id"], "object": { name.as_str(): told } });
        self.push(at, &format!("order.{what}"), &data);
    }
}

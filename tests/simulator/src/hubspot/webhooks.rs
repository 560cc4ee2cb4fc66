//! Events, the lists that they are sent in, and how those are signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::records::{Kind, Portal};
use crate::Dice;
use crate::sender::{DeliveryPlan, DeliveryReport, Parcel, send};

/// Events that nobody has sent yet.
pub(crate) struct Outbox {
    /// Off while the history is written: its events went out long ago.
    pub(super) open: bool,
    dice: Dice,
    events: Vec<Value>,
    sent: usize,
}

impl Outbox {
    pub(super) fn new(dice: Dice) -> Self {
        Self { open: false, dice, events: Vec::new(), sent: 0 }
    }

    pub(super) fn events(&self) -> &[Value] {
        &self.events
    }

    /// The events that wait, in lists of a few.
    pub(super) fn take(&mut self) -> Vec<Bytes> {
        let mut waiting = &self.events[self.sent..];
        let mut lists = Vec::new();
        while !waiting.is_empty() {
            let (list, rest) = waiting.split_at(self.dice.random_range(1..=4).min(waiting.len()));
            lists.push(Value::from(list).to_string().into());
            waiting = rest;
        }
        self.sent = self.events.len();
        lists
    }
}

impl Portal {
    pub(super) fn announce(
        &mut self,
        kind: Kind,
        what: &str,
        id: u64,
        at: Timestamp,
        told: &[(&str, Value)],
    ) {
        let Some(name) = kind.event_name().filter(|_| self.outbox.open) else { return };
        let mut event = json!({
            // Not unique, as documented.
            "eventId": self.outbox.dice.random_range(1..50),
            "subscriptionId": 12_345,
            "portalId": 62_515,
            "appId": 54_321,
            "occurredAt": at.as_millisecond(),
            "subscriptionType": format!("{name}.{what}"),
            "attemptNumber": 0,
            "objectId": id,
            "changeSource": "CRM",
        });
        for (name, value) in told {
            event[*name] = value.clone();
        }
        // Events about links name two objects, and none as the one that it is about.
        if let Some(fields) = event.as_object_mut() {
            fields.retain(|name, value| name != "objectId" || !value.is_null());
        }
        self.outbox.events.push(event);
    }
}

/// The signature of version 3: base64 of HMAC-SHA256 over method, address, body and time in milliseconds.
///
/// # Panics
///
/// Never: HMAC takes a key of any length.
pub fn signature_v3(secret: &str, url: &str, body: &[u8], millis: i64) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(b"POST");
    mac.update(decoded(url).as_bytes());
    mac.update(body);
    mac.update(millis.to_string().as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The signature of version 1: hexadecimal SHA-256 of secret and body.
pub fn signature_v1(secret: &str, body: &[u8]) -> String {
    use std::fmt::Write as _;
    let hash = Sha256::new().chain_update(secret).chain_update(body).finalize();
    hash.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The address with a dozen escapes undone, and no others.
fn decoded(url: &str) -> String {
    let mut plain = String::new();
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        let code = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let sign = code.map(char::from).filter(|sign| ":/?@!$'()*,;".contains(*sign));
        plain.push(sign.unwrap_or('%'));
        rest = if sign.is_some() { &after[2..] } else { after };
    }
    plain + rest
}

/// Anything but success is tried again, up to ten times.
fn retries(_: Option<u16>, _: Option<u64>) -> usize {
    10
}

pub(super) async fn send_all(
    lists: Vec<Bytes>,
    to: &str,
    signed_url: &str,
    plan: &DeliveryPlan,
    secret: &str,
    now: Timestamp,
) -> DeliveryReport {
    let secret = plan.secret.as_deref().unwrap_or(secret);
    let millis = plan.stamp.unwrap_or(now).as_millisecond();
    let parcels = lists.into_iter().enumerate().map(|(number, body)| Parcel {
        id: format!("{millis}-{number}"),
        headers: vec![
            ("content-type", "application/json".to_owned()),
            ("x-hubspot-signature", signature_v1(secret, &body)),
            ("x-hubspot-signature-version", "v1".to_owned()),
            ("x-hubspot-signature-v3", signature_v3(secret, signed_url, &body, millis)),
            ("x-hubspot-request-timestamp", millis.to_string()),
        ],
        body,
    });
    send(parcels.collect(), to, plan, retries).await
}

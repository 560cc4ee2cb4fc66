//! Webhook deliveries: the envelope, the headers, the signature, and the outbox they wait in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};
use sha2::Sha256;

use super::desk::Desk;
use super::json::{BRAND_ID, FORM_ID, GROUP_ID};
use super::records::{Organization, Ticket, User};
use crate::Dice;

/// The account's id in every delivery.
pub(crate) const ACCOUNT_ID: u64 = 12_514_403;
const WEBHOOK_ID: &str = "01J0EMBEROAK0WEBHOOK0000001";

/// What a delivery is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A ticket's id.
    Ticket(u64),
    /// A user's id.
    User(u64),
    /// An organisation's id.
    Organization(u64),
}

/// One webhook call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The event's id, by which a receiver tells duplicates; a trigger's is its invocation id.
    pub id: String,
    /// The invocation id in the headers.
    pub invocation_id: String,
    /// The event type, such as `zen:event-type:ticket.created`; `trigger` for an admin's own body.
    pub kind: String,
    /// What it is about.
    pub subject: Subject,
    /// When it happened.
    pub at: Timestamp,
    /// The headers, signed at that time with the current secret.
    pub headers: Vec<(&'static str, String)>,
    /// The raw body.
    pub body: Bytes,
}

impl Delivery {
    /// The headers, signed at another time or with another secret.
    pub fn signed(&self, secret: &str, at: Timestamp) -> Vec<(&'static str, String)> {
        let timestamp = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        vec![
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("user-agent", "Zendesk Webhook".to_owned()),
            ("x-zendesk-account-id", ACCOUNT_ID.to_string()),
            ("x-zendesk-webhook-id", WEBHOOK_ID.to_owned()),
            ("x-zendesk-webhook-invocation-id", self.invocation_id.clone()),
            ("x-zendesk-webhook-signature", signature(secret, &timestamp, &self.body)),
            ("x-zendesk-webhook-signature-timestamp", timestamp),
        ]
    }
}

/// The signature of a delivery: base64 of HMAC-SHA256 over the timestamp, then the body.
///
/// # Panics
///
/// Never: HMAC takes a key of any length.
pub fn signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(timestamp.as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// Deliveries in the order of their events.
pub(crate) struct Outbox {
    /// Off while the history is written: its deliveries went out long ago.
    pub(crate) open: bool,
    pub(crate) secret: String,
    dice: Dice,
    deliveries: Vec<Delivery>,
    taken: usize,
}

impl Outbox {
    pub(crate) fn new(dice: Dice, secret: String) -> Self {
        Self { open: false, secret, dice, deliveries: Vec::new(), taken: 0 }
    }

    pub(crate) fn deliveries(&self) -> &[Delivery] {
        &self.deliveries
    }

    /// What nobody has taken yet.
    pub(crate) fn take(&mut self) -> Vec<Delivery> {
        let fresh = self.deliveries[self.taken..].to_vec();
        self.taken = self.deliveries.len();
        fresh
    }

    fn push(
        &mut self,
        at: Timestamp,
        subject: Subject,
        kind: String,
        body: impl Fn(&str) -> Value,
    ) {
        let invocation_id = self.uuid();
        let id = if kind == TRIGGER { invocation_id.clone() } else { self.uuid() };
        let mut delivery = Delivery {
            body: body(&id).to_string().into(),
            id,
            invocation_id,
            kind,
            subject,
            at,
            headers: Vec::new(),
        };
        delivery.headers = delivery.signed(&self.secret, at);
        self.deliveries.push(delivery);
    }

    fn uuid(&mut self) -> String {
        let hex = format!("{:032x}", self.dice.random::<u128>());
        let parts = [&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]];
        format!("{}-{}-4{}-a{}-{}", parts[0], parts[1], parts[2], parts[3], parts[4])
    }
}

const TRIGGER: &str = "trigger";

impl Desk {
    /// Puts an event's delivery into the outbox.
    pub(crate) fn announce(
        &mut self,
        at: Timestamp,
        subject: Subject,
        actor: u64,
        kind: &str,
        event: &Value,
    ) {
        if !self.outbox.open {
            return;
        }
        let (name, id, detail) = match subject {
            Subject::Ticket(id) => ("ticket", id, self.tickets.get(&id).map(ticket_detail)),
            Subject::User(id) => ("user", id, self.users.get(&id).map(user_detail)),
            Subject::Organization(id) => {
                let organization = self.organizations.get(&id);
                ("organization", id, organization.map(organization_detail))
            }
        };
        let Some(mut detail) = detail else { return };
        detail["actor_id"] = text_id(Some(actor));
        let sequence = format!("{:032X}", self.outbox.dice.random::<u128>());
        let kind = format!("zen:event-type:{kind}");
        let mut event = event.clone();
        event["meta"] = json!({"sequence": {"id": sequence, "position": 1, "total": 1}});
        self.outbox.push(at, subject, kind.clone(), |delivery_id| {
            json!({
                "type": kind,
                "account_id": ACCOUNT_ID,
                "id": delivery_id,
                "time": at,
                "zendesk_event_version": "2022-11-06",
                "subject": format!("zen:{name}:{id}"),
                "detail": detail,
                "event": event,
            })
        });
    }

    /// Puts a delivery with a body of the admin's own design into the outbox.
    pub(crate) fn fire_trigger(&mut self, at: Timestamp, ticket: u64) {
        let Some(record) = self.tickets.get(&ticket) else {
            return;
        };
        let body = json!({
            "ticket_id": record.id.to_string(),
            "title": record.subject,
            "status": record.status,
            "requester": {"id": record.requester_id, "name": "{{ticket.requester.name}}"},
        });
        let subject = Subject::Ticket(ticket);
        self.outbox.push(at, subject, TRIGGER.to_owned(), |_| body.clone());
    }
}

/// Ids in a delivery are text, and an absent one is `"0"`.
fn text_id(id: Option<u64>) -> Value {
    id.unwrap_or(0).to_string().into()
}

/// Words that REST writes small are capitals here.
fn capitals(word: Option<&str>) -> Value {
    word.map(str::to_uppercase).into()
}

fn ticket_detail(ticket: &Ticket) -> Value {
    json!({
        "id": text_id(Some(ticket.id)),
        "subject": ticket.subject,
        "description": ticket.description,
        "status": capitals(Some(ticket.status.word())),
        "custom_status": "0",
        "priority": capitals(ticket.priority),
        "type": capitals(ticket.kind),
        "is_public": true,
        "requester_id": text_id(Some(ticket.requester_id)),
        "submitter_id": text_id(Some(ticket.submitter_id)),
        "assignee_id": text_id(ticket.assignee_id),
        "organization_id": text_id(ticket.organization_id),
        "group_id": text_id(Some(GROUP_ID)),
        "brand_id": text_id(Some(BRAND_ID)),
        "form_id": text_id(Some(FORM_ID)),
        "external_id": ticket.external_id,
        "tags": ticket.tags,
        "via": {"channel": ticket.channel},
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
    })
}

fn user_detail(user: &User) -> Value {
    json!({
        "id": text_id(Some(user.id)),
        "email": user.email,
        "role": user.role,
        "external_id": user.external_id,
        "organization_id": text_id(user.organization_id),
        "default_group_id": "0",
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    })
}

fn organization_detail(organization: &Organization) -> Value {
    json!({
        "id": text_id(Some(organization.id)),
        "name": organization.name,
        "external_id": organization.external_id,
        "group_id": "0",
        "shared_tickets": false,
        "shared_comments": false,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
    })
}

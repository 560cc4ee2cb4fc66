//! The helpdesk's records as its REST API writes them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::records::{Change, Child, Deletion, Event, Organization, Rating, Ticket, User};

/// The account's only group, brand and form.
pub(crate) const GROUP_ID: u64 = 360_005_518_112;
pub(crate) const BRAND_ID: u64 = 360_002_144_231;
pub(crate) const FORM_ID: u64 = 360_001_930_774;
const FIELD_ORDER: u64 = 360_019_874_451;
const FIELD_STORE: u64 = 360_019_874_471;
const FIELD_REFUND: u64 = 360_019_874_491;
const API: &str = "https://ember-oak.zendesk.example/api/v2";

pub(crate) fn ticket(ticket: &Ticket, rating: Option<&Rating>) -> Value {
    let fields = json!([
        {"id": FIELD_ORDER, "value": ticket.order_number},
        {"id": FIELD_STORE, "value": null},
        {"id": FIELD_REFUND, "value": false},
        {"id": FIELD_REFUND + 20, "value": "home_delivery"},
        {"id": FIELD_REFUND + 40, "value": null},
        {"id": FIELD_REFUND + 60, "value": ["margherita", "lemonade"]},
        {"id": FIELD_REFUND + 80, "value": "2026-02-14"},
    ]);
    let satisfaction_rating = match rating {
        None => json!({"score": "unoffered"}),
        Some(rating) => json!({
            "id": rating.id, "score": rating.score, "comment": rating.comment,
        }),
    };
    json!({
        "id": ticket.id,
        "url": format!("{API}/tickets/{}.json", ticket.id),
        "external_id": ticket.external_id,
        "via": via(ticket.channel),
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "generated_timestamp": ticket.generated_timestamp,
        "type": ticket.kind,
        "subject": ticket.subject,
        "raw_subject": ticket.subject,
        "description": ticket.description,
        "priority": ticket.priority,
        "status": ticket.status,
        "custom_status_id": 360_010_000_001_u64 + ticket.status as u64,
        "recipient": null,
        "requester_id": ticket.requester_id,
        "submitter_id": ticket.submitter_id,
        "assignee_id": ticket.assignee_id,
        "organization_id": ticket.organization_id,
        "group_id": GROUP_ID,
        "brand_id": BRAND_ID,
        "ticket_form_id": FORM_ID,
        "collaborator_ids": [],
        "follower_ids": [],
        "email_cc_ids": [],
        "followup_ids": [],
        "sharing_agreement_ids": [],
        "forum_topic_id": null,
        "problem_id": null,
        "has_incidents": false,
        "is_public": true,
        "due_at": null,
        "tags": ticket.tags,
        "custom_fields": fields,
        "fields": fields,
        "satisfaction_rating": satisfaction_rating,
        "allow_channelback": false,
        "allow_attachments": true,
        "from_messaging_channel": false,
    })
}

pub(crate) fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "url": format!("{API}/users/{}.json", user.id),
        "name": user.name,
        "email": user.email,
        "phone": user.phone,
        "shared_phone_number": user.phone.as_ref().map(|_| user.shared_phone_number),
        "alias": null,
        "role": user.role,
        "verified": user.email.is_some(),
        "active": user.deletion == Deletion::No,
        "suspended": false,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "time_zone": user.time_zone,
        "iana_time_zone": user.iana_time_zone,
        "locale": user.locale,
        "organization_id": user.organization_id,
        "external_id": user.external_id,
        "tags": user.tags,
        "user_fields": {"favourite_store": null, "newsletter": user.person.map(|p| p % 2 == 0)},
        "notes": user.notes,
        "details": "",
        "photo": null,
        "ticket_restriction": if user.person.is_some() { Some("requested") } else { None },
        "last_login_at": null,
        "two_factor_auth_enabled": null,
        "shared": false,
        "moderator": user.person.is_none(),
        "restricted_agent": user.person.is_some(),
    })
}

pub(crate) fn deleted_user(user: &User) -> Value {
    json!({
        "id": user.id,
        "url": format!("{API}/deleted_users/{}.json", user.id),
        "name": user.name,
        "email": user.email,
        "phone": user.phone,
        "shared_phone_number": null,
        "role": user.role,
        "active": false,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
        "time_zone": user.time_zone,
        "locale": user.locale,
        "organization_id": user.organization_id,
        "photo": null,
    })
}

pub(crate) fn deleted_ticket(ticket: &Ticket, at: Timestamp, actor: Option<&User>) -> Value {
    let mut deleted = json!({
        "id": ticket.id,
        "subject": ticket.subject,
        "description": ticket.description,
        "deleted_at": at,
        "previous_state": "open",
    });
    if let Some(actor) = actor {
        deleted["actor"] = json!({"id": actor.id, "name": actor.name});
    }
    deleted
}

pub(crate) fn organization(organization: &Organization) -> Value {
    json!({
        "id": organization.id,
        "url": format!("{API}/organizations/{}.json", organization.id),
        "name": organization.name,
        "domain_names": [organization.domain],
        "external_id": organization.external_id,
        "created_at": organization.created_at,
        "updated_at": organization.updated_at,
        "tags": ["business"],
        "details": "",
        "notes": "",
        "group_id": null,
        "shared_tickets": false,
        "shared_comments": false,
        "organization_fields": {"contract": null},
        "deleted_at": null,
    })
}

pub(crate) fn rating(rating: &Rating) -> Value {
    json!({
        "id": rating.id,
        "url": format!("{API}/satisfaction_ratings/{}.json", rating.id),
        "ticket_id": rating.ticket_id,
        "requester_id": rating.requester_id,
        "assignee_id": rating.assignee_id,
        "group_id": GROUP_ID,
        "score": rating.score,
        "comment": rating.comment,
        "reason": null,
        "reason_id": null,
        "created_at": rating.created_at,
        "updated_at": rating.updated_at,
    })
}

/// An update of a ticket; comments are only announced unless `comments` asks for them.
pub(crate) fn event(event: &Event, comments: bool) -> Value {
    let child_events = event.children.iter();
    json!({
        "id": event.id,
        "ticket_id": event.ticket_id,
        "timestamp": event.at.as_second(),
        "created_at": event.at,
        "updater_id": event.updater_id,
        "via": channel_name(event.channel),
        "system": {"client": "simulated", "location": null},
        "metadata": {},
        "event_type": "Audit",
        "child_events": child_events.map(|c| child(event, c, comments)).collect::<Vec<_>>(),
    })
}

fn child(event: &Event, child: &Child, comments: bool) -> Value {
    let mut value = match &child.change {
        Change::Create { subject, status, priority, kind, requester_id } => json!({
            "event_type": "Create",
            "subject": subject,
            "status": status,
            "priority": priority,
            "type": kind,
            "requester_id": requester_id,
            "group_id": GROUP_ID,
            "brand_id": BRAND_ID,
        }),
        Change::Comment { author_id, public, body } if comments => json!({
            "event_type": "Comment",
            "type": "Comment",
            "author_id": author_id,
            "body": body,
            "html_body": format!("<div class=\"zd-comment\"><p dir=\"auto\">{body}</p></div>"),
            "plain_body": body,
            "public": public,
            "attachments": [],
            "audit_id": event.id,
            "created_at": event.at,
        }),
        Change::Comment { public, .. } => json!({
            "event_type": "Comment",
            "comment_present": true,
            "comment_public": public,
        }),
        Change::Field { name, from, to } => json!({
            "event_type": "Change",
            *name: to,
            "previous_value": from,
        }),
        Change::Redaction { comment_id } => json!({
            "event_type": "CommentRedactionEvent",
            "comment_id": comment_id,
        }),
    };
    value["id"] = child.id.into();
    value["via"] = via(event.channel);
    value["via_reference_id"] = Value::Null;
    value
}

pub(crate) fn via(channel: &str) -> Value {
    json!({"channel": channel, "source": {"from": {}, "to": {}, "rel": null}})
}

fn channel_name(channel: &str) -> &'static str {
    match channel {
        "email" => "Mail",
        "api" => "Web service",
        "chat" => "Chat",
        _ => "Web form",
    }
}

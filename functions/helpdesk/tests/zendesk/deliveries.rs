//! Webhook deliveries: which are understood, what they name, what they become.

use helpdesk::zendesk::Zendesk;
use serde_json::{Value, json};
use shared::connector::{Connector, DeliveryId, Headers, Webhook};
use shared::signature::SecretEncoding;
use shared::testing::asked::Delivered;

use crate::support::{WITH_TOKEN, check, connect};

fn connector() -> Connector {
    connect(WITH_TOKEN).expect("good settings").connector
}

fn webhook(connector: &Connector) -> &dyn Webhook {
    connector.webhook.as_deref().expect("Zendesk has webhooks")
}

fn seen(body: &str) -> Value {
    Delivered::new(&Zendesk, WITH_TOKEN).seen(&Headers::new(), body.as_bytes())
}

macro_rules! deliveries {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let body = include_str!(concat!("../fixtures/zendesk/webhook/", stringify!($case), ".json"));
            check(concat!("webhook__", stringify!($case)), &seen(body));
        })+
    };
}

deliveries! {
    ticket_status_changed, ticket_undeleted, ticket_soft_deleted, ticket_permanently_deleted,
    user_created, user_deleted, organization_name_changed, organization_deleted,
    agent_state_changed, of_a_trigger, without_detail,
}

fn event(kind: &str, subject: &str, detail: &Value) -> Value {
    json!({"type": format!("zen:event-type:{kind}"), "subject": subject,
        "time": "2026-03-02T11:40:23Z", "detail": detail})
}

/// A base64-looking secret is the key as it is written.
#[test]
fn the_secret_is_used_as_its_literal_characters() {
    let connector = connector();
    let facts = webhook(&connector).facts();
    let [signature] = facts.signatures else { panic!("one scheme") };
    assert_eq!(signature.secret, SecretEncoding::Literal);
    assert!(signature.timestamp.is_some_and(|time| time.tolerance.as_secs() == 300));
    assert!(!facts.keep_headers.contains(&signature.header));
    let id = DeliveryId::FieldOrHeader("id", "x-zendesk-webhook-invocation-id");
    assert_eq!(format!("{:?}", facts.delivery_id), format!("{id:?}"));
}

#[test]
fn a_trigger_connected_webhook_has_a_body_of_its_admin() {
    let seen = seen(include_str!("../fixtures/zendesk/webhook/of_a_trigger.json"));
    let reason = seen["invalid"].as_str().expect("refused");
    assert!(reason.contains("connect the webhook to Zendesk events instead"), "{reason}");
}

#[test]
fn an_empty_body_is_invalid() {
    for body in ["", " ", "null", "[]", "{}", "\"zen:event-type:ticket.created\""] {
        assert!(seen(body)["invalid"].is_string(), "{body}");
    }
}

#[test]
fn ids_in_detail_are_text_and_zero_is_none() {
    let detail = json!({"id": "35436", "requester_id": "20978392", "organization_id": "0",
        "status": "OPEN", "updated_at": "2026-03-02T11:40:22Z"});
    let row = &seen(&event("ticket.created", "zen:ticket:35436", &detail).to_string())[0]["mapped"]
        ["rows"][0];
    assert_eq!(row["id"], "35436");
    assert_eq!(row["subject"], "zendesk/eu/user/20978392");
    assert_eq!(row["entity"]["status"], "open");
    let user = json!({"id": "7", "organization_id": "0", "updated_at": "2026-03-02T11:40:22Z"});
    let row =
        &seen(&event("user.created", "zen:user:7", &user).to_string())[0]["mapped"]["rows"][0];
    assert_eq!(row["entity"].get("account_key"), None);
}

/// Sequence order is not guaranteed: what a delivery says counts less than what is read in the same second.
#[test]
fn a_record_read_again_outranks_the_delivery_of_the_same_second() {
    let detail = json!({"id": "7", "updated_at": "2026-03-02T11:40:22Z"});
    let row =
        &seen(&event("user.created", "zen:user:7", &detail).to_string())[0]["mapped"]["rows"][0];
    assert_eq!(row["version"], 1_772_451_622_000_000_i64);
}

#[test]
fn deletions_are_not_read_again_and_undeletions_are() {
    for (kind, subject, read_again) in [
        ("ticket.soft_deleted", "zen:ticket:35436", false),
        ("ticket.permanently_deleted", "zen:ticket:35436", false),
        ("ticket.undeleted", "zen:ticket:35436", true),
        ("user.deleted", "zen:user:7", false),
        ("user.active_changed", "zen:user:7", true),
        ("organization.deleted", "zen:organization:7", false),
    ] {
        let seen = seen(&event(kind, subject, &json!({})).to_string());
        assert_eq!(seen[0]["refetch"].is_object(), read_again, "{kind}");
    }
}

#[test]
fn a_subject_that_names_no_record_is_invalid() {
    for subject in ["", "zen:ticket:", "zen:ticket:abc", "zen:ticket:-1"] {
        assert!(
            seen(&event("ticket.created", subject, &json!({})).to_string())["invalid"].is_string()
        );
    }
}

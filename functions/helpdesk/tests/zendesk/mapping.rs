//! What each page of the fixtures becomes; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::Origin;
use shared::schema::{Entity, PersonRecord, RecordKey};

use crate::support::{asked, check, second};

fn seen(name: &'static str, page: &str) -> Value {
    asked(name).seen(page)
}

shared::pages! {
    "zendesk", ".json";
    tickets: in_every_status, generated_after_updated, deleted_and_scrubbed, redacted,
        words_and_types_we_do_not_know;
    users: customers, agents, shared_phone_number, deleted, words_and_types_we_do_not_know;
    organizations: companies, deleted;
    ticket_events: a_conversation, a_call_solved_at_once, of_the_system_or_of_no_interest,
        words_and_types_we_do_not_know;
    satisfaction_ratings: out_of_order, scores_we_do_not_know;
    deleted_users: soft_and_permanent, permanent;
    deleted_tickets: in_the_bin;
}

fn ticket(changes: &[(&str, Value)]) -> Value {
    let mut ticket = json!({
        "id": 35436, "status": "open", "requester_id": 20_978_392, "subject": "Parcel",
        "created_at": "2026-03-02T09:14:07Z", "updated_at": "2026-03-02T11:40:22Z",
    });
    for (name, value) in changes {
        ticket[*name] = value.clone();
    }
    ticket
}

fn user(changes: &[(&str, Value)]) -> Value {
    let mut user = json!({
        "id": 20_978_392, "name": "Mira Okonkwo", "email": "mira.okonkwo@mail.example",
        "active": true, "updated_at": "2026-03-01T10:38:52Z",
    });
    for (name, value) in changes {
        user[*name] = value.clone();
    }
    user
}

fn version(stream: &'static str, record: &Value, origin: Origin) -> i64 {
    asked(stream).map(record, origin).expect("a good record").drafts[0].version
}

/// Silent system updates move `generated_timestamp`; `updated_at` stays behind.
#[test]
fn generated_timestamp_is_the_version_of_a_ticket() {
    let silent = ticket(&[("generated_timestamp", json!(1_772_460_000))]);
    assert_eq!(version("tickets", &silent, Origin::Page), 1_772_460_000_000_002);
    let plain = version("tickets", &ticket(&[]), Origin::Page);
    assert_eq!(plain, second(1_772_451_622).as_micros() + 2);
}

/// airbyte PR#28774, dlt verified-sources#621: rows older than `start_time` belong to the export.
#[test]
fn rows_updated_before_start_time_are_not_dropped() {
    let old = ticket(&[
        ("updated_at", json!("2009-05-05T10:38:52Z")),
        ("generated_timestamp", json!(1_772_460_000)),
    ]);
    assert_eq!(asked("tickets").map(&old, Origin::Page).unwrap().drafts.len(), 1);
}

#[test]
fn ticket_fields_duplicates_custom_fields_and_is_dropped() {
    let both = ticket(&[
        ("fields", json!([{"id": 27642, "value": "745"}])),
        ("custom_fields", json!([{"id": 27642, "value": "745"}])),
    ]);
    let mapped = asked("tickets").map(&both, Origin::Page).unwrap();
    let Entity::Ticket(ticket) = &mapped.drafts[0].entity else { panic!("a ticket") };
    assert_eq!(ticket.ext.keys().collect::<Vec<_>>(), ["custom_fields"]);
}

#[test]
fn deleted_tickets_arrive_with_status_deleted() {
    let mapped = asked("tickets").map(&ticket(&[("status", json!("deleted"))]), Origin::Page);
    assert!(mapped.unwrap().drafts[0].deleted);
}

/// In one second, the export's row of a deletion knows the requester, and the list's does not.
#[test]
fn a_deletion_in_the_export_outranks_the_same_one_in_the_list() {
    let export =
        ticket(&[("status", json!("deleted")), ("updated_at", json!("2026-03-02T12:00:00Z"))]);
    let listed = json!({"id": 35436, "deleted_at": "2026-03-02T12:00:00Z"});
    let listed = version("deleted_tickets", &listed, Origin::Page);
    assert!(version("tickets", &export, Origin::Page) > listed);
    assert!(version("tickets", &ticket(&[]), Origin::Page) < listed);
}

/// A deleted user may keep the `updated_at` of their last change.
#[test]
fn a_deletion_outranks_a_living_user_of_the_same_second() {
    let deleted = version("deleted_users", &user(&[("active", json!(false))]), Origin::Page);
    assert!(deleted > version("users", &user(&[]), Origin::Page));
}

#[test]
fn permanently_deleted_users_have_null_email_and_phone() {
    let gone = user(&[
        ("name", json!("Permanently Deleted User")),
        ("email", Value::Null),
        ("phone", Value::Null),
    ]);
    let draft = &asked("users").map(&gone, Origin::Page).unwrap().drafts[0];
    assert!(draft.deleted);
    assert_eq!(draft.entity, PersonRecord::default().into());
}

#[test]
fn redacted_text_stays_black() {
    let mapped = asked("tickets").map(&ticket(&[("subject", json!("▇▇▇ twice"))]), Origin::Page);
    let Entity::Ticket(ticket) = &mapped.unwrap().drafts[0].entity else { panic!("a ticket") };
    assert_eq!(ticket.subject.value().map(String::as_str), Some("▇▇▇ twice"));
}

/// The vendor's `OpenAPI` file shows metric events in this place.
#[test]
fn the_published_schema_of_ticket_events_is_wrong() {
    let metric = json!({"id": 1, "instance_id": 1, "metric": "agent_work_time", "ticket_id": 155,
        "time": "2020-10-26T12:53:12Z", "type": "measure"});
    assert!(asked("ticket_events").map(&metric, Origin::Page).is_err());
}

/// dlt verified-sources#659: pages overlap, so the same event must become the same rows.
#[test]
fn duplicates_are_normal_and_change_nothing() {
    let page = include_str!("../fixtures/zendesk/ticket_events/a_conversation.json");
    let events = asked("ticket_events");
    assert_eq!(events.seen(page), events.seen(page));
}

#[test]
fn a_solved_ticket_tells_it_twice_under_two_ids() {
    let page = include_str!("../fixtures/zendesk/ticket_events/a_conversation.json");
    let seen = asked("ticket_events").seen(page);
    let rows = seen["records"][2]["rows"].as_array().expect("rows");
    let ids: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    assert_eq!(ids, ["926256957621", "926256957622", "926256957622:solved"]);
}

/// Texts expire with the raw zone, and links to attachments open without a login.
#[test]
fn neither_texts_of_messages_nor_links_to_attachments_leave_the_raw_zone() {
    let page = include_str!("../fixtures/zendesk/ticket_events/a_conversation.json");
    let seen = asked("ticket_events").seen(page).to_string();
    assert!(!seen.contains("It comes tomorrow") && !seen.contains("s3cr3t"));
}

#[test]
fn a_shared_phone_number_reaches_and_does_not_recognise() {
    let kiosk = user(&[("phone", json!("+49 30 901820")), ("shared_phone_number", json!(true))]);
    let mapped = asked("users").map(&kiosk, Origin::Page).unwrap();
    let Entity::PersonRecord(person) = &mapped.drafts[0].entity else { panic!("a person") };
    assert_eq!(person.contact_points.len(), 2);
    assert!(person.identifiers.iter().all(|identifier| identifier.value != "+4930901820"));
}

#[test]
fn the_requester_is_the_subject() {
    let mapped = asked("tickets").map(&ticket(&[]), Origin::Page).unwrap();
    let subject = mapped.drafts[0].subject.as_ref().map(RecordKey::as_str);
    assert_eq!(subject, Some("zendesk/eu/user/20978392"));
}

#[test]
fn half_a_surrogate_pair_is_invalid_and_a_nul_is_not() {
    let tickets = asked("tickets");
    let with = |subject: &str| ticket(&[]).to_string().replace("Parcel", subject);
    assert!(tickets.map_text(&with(r"\ud800"), Origin::Page).is_err());
    assert!(tickets.map_text(&with(r"\u0000"), Origin::Page).is_ok());
}

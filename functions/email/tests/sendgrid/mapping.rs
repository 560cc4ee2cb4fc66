//! What each page of the fixtures becomes; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::Origin;
use shared::schema::{Entity, RecordKey, SuppressionCause};

use crate::support::{check, delivered, stream};

fn seen(name: &'static str, page: &str) -> Value {
    stream(name).seen(page)
}

shared::pages! {
    "sendgrid", ".json";
    bounces: hard_soft_and_quoting_the_address, words_and_types_we_do_not_know;
    blocks: refused_for_now;
    spam_reports: with_the_address_it_was_sent_from;
    invalid_emails: no_addresses;
    unsubscribes: global;
    group_suppressions: two_groups;
    lists: first_page, last_page;
    segments: all;
    single_sends: in_every_status, words_and_types_we_do_not_know;
}

fn rows(stream_name: &'static str, record: &Value) -> Vec<shared::rows::Draft> {
    stream(stream_name).map(record, Origin::Page).expect("a good record").drafts
}

/// Addresses come in any case, and the same one must have one key in every list.
#[test]
fn an_address_is_one_recipient_however_it_is_written() {
    let lists = ["bounces", "spam_reports", "invalid_emails", "unsubscribes", "all_bounces"];
    let spellings = ["jo@mail.example", " JO@Mail.Example ", "Jo@MAIL.example."];
    let mut seen = Vec::new();
    for list in lists {
        for email in spellings {
            let rows = rows(list, &json!({"created": 1_771_761_143, "email": email}));
            seen.push(rows.into_iter().find(|row| row.object == "recipient").expect("a recipient"));
        }
    }
    assert!(seen.iter().all(|row| *row == seen[0]), "{seen:#?}");
    assert_eq!(seen[0].version, 0);
}

/// Otherwise each delivery would land the recipient anew.
#[test]
fn a_recipient_is_the_same_row_pulled_or_pushed() {
    let pulled = rows("bounces", &json!({"created": 1_771_761_143, "email": "jo@mail.example"}));
    let pulled = pulled.iter().find(|row| row.object == "recipient").expect("a recipient");
    let event = json!([{"email": "JO@mail.example", "timestamp": 1_771_761_143, "event": "open",
        "sg_event_id": "b3Blbi0x"}]);
    let pushed = delivered().seen(&shared::connector::Headers::new(), event.to_string().as_bytes());
    let pushed = pushed[0]["mapped"]["rows"].as_array().expect("rows");
    let pushed = pushed.iter().find(|row| row["object"] == "recipient").expect("a recipient");
    assert_eq!(pushed["id"], pulled.id.as_str());
    assert_eq!(pushed["version"], 0);
    assert_eq!(pushed["entity"], serde_json::to_value(&pulled.entity).expect("JSON"));
}

/// Reasons quote the address, and a suppression outlives the erasure of the person.
#[test]
fn a_suppression_has_nothing_that_names_the_person() {
    let bounce = json!({"created": 1_771_761_143, "email": "jo@mail.example", "status": "5.1.1",
        "reason": "550 <jo@mail.example> unknown", "new_field": "jo@mail.example"});
    let rows = rows("bounces", &bounce);
    let suppression = rows.iter().find(|row| row.object == "bounce").expect("a bounce");
    let json = serde_json::to_string(&suppression.entity).expect("JSON");
    assert!(!json.contains('@'), "{json}");
    assert!(!suppression.id.contains('@'));
}

#[test]
fn no_key_is_an_address() {
    for name in ["bounces", "blocks", "unsubscribes", "invalid_emails"] {
        let rows = rows(name, &json!({"created": 1_771_761_143, "email": "jo@mail,example"}));
        for row in rows {
            assert_eq!(row.id.len(), 64, "{name}");
            let subject = row.subject.as_ref().map_or("", RecordKey::as_str);
            assert!(!subject.contains("jo"), "{name}");
        }
    }
}

/// A global unsubscribe stops every email; one from a group stops that group's.
#[test]
fn a_group_unsubscribe_is_no_suppression() {
    let group = json!({"created_at": 1_771_761_143, "email": "jo@mail.example", "group_id": 7,
        "group_name": "Weekly News"});
    let tables: Vec<String> =
        rows("group_suppressions", &group).iter().map(|r| r.entity.table().to_string()).collect();
    assert_eq!(tables, ["consent", "person_record"]);
    let global = json!({"created": 1_771_761_143, "email": "jo@mail.example"});
    let tables: Vec<String> =
        rows("unsubscribes", &global).iter().map(|r| r.entity.table().to_string()).collect();
    assert_eq!(tables, ["suppression", "consent", "person_record"]);
}

/// A block stops no further email.
#[test]
fn a_block_is_no_suppression() {
    let block = json!({"created": 1_771_761_143, "email": "jo@mail.example", "status": "4.0.0"});
    let tables: Vec<String> =
        rows("blocks", &block).iter().map(|row| row.entity.table().to_string()).collect();
    assert_eq!(tables, ["person_record"]);
}

#[test]
fn a_bounce_for_now_is_suppressed_but_not_for_want_of_a_mailbox() {
    for (status, cause) in [
        ("5.1.1", SuppressionCause::HardBounce),
        ("", SuppressionCause::HardBounce),
        ("4.2.2", SuppressionCause::Unknown),
    ] {
        let bounce =
            json!({"created": 1_771_761_143, "email": "jo@mail.example", "status": status});
        let rows = rows("bounces", &bounce);
        let Entity::Suppression(suppression) = &rows[0].entity else { panic!("a suppression") };
        assert_eq!(suppression.cause, cause, "{status}");
    }
}

/// The same address listed anew is a newer version of the same row; the same entry read again is the same row.
#[test]
fn entries_are_told_apart_by_address_and_time() {
    let at = |created: i64| {
        rows("bounces", &json!({"created": created, "email": "jo@mail.example"})).swap_remove(0)
    };
    assert_eq!(at(1_771_761_143), at(1_771_761_143));
    assert_eq!(at(1_771_761_143).id, at(1_771_761_144).id);
    assert!(at(1_771_761_144).version > at(1_771_761_143).version);
}

#[test]
fn what_is_off_a_list_is_buried_under_its_key() {
    for name in ["all_bounces", "all_blocks", "all_unsubscribes"] {
        let list: &'static str = name.strip_prefix("all_").expect("a pass");
        let rows = rows(list, &json!({"created": 1_771_761_143, "email": "jo@mail.example"}));
        let gone = gone(name, &rows[0].id);
        assert_eq!((gone[0].object, &gone[0].id), (rows[0].object, &rows[0].id), "{name}");
        for buried in &gone {
            let living = rows.iter().find(|row| row.object == buried.object).expect("a row");
            assert_eq!(buried.id, living.id, "{name}");
            assert!(buried.deleted && buried.version > living.version, "{name}");
            assert_eq!(buried.entity.table(), living.entity.table(), "{name}");
        }
        assert_eq!(gone.len(), if name == "all_unsubscribes" { 2 } else { 1 }, "{name}");
    }
}

fn gone(name: &'static str, id: &str) -> Vec<shared::rows::Draft> {
    let connection = crate::support::connect(crate::support::SETTINGS).expect("good settings");
    let streams = &connection.connector.streams;
    let stream = streams.iter().find(|stream| stream.facts().name == name).expect("the stream");
    let context = shared::testing::asked::context(&connection, stream.as_ref(), Origin::Lookup);
    let mut rows = shared::rows::Rows::new(context);
    stream.gone(id, &mut rows);
    rows.finish().drafts
}

#[test]
fn a_plan_to_send_is_not_when_it_was_sent() {
    let planned = json!({"id": "s1", "name": "Soon", "status": "scheduled",
        "send_at": "2026-06-20T09:00:00Z", "updated_at": "2026-02-21T09:00:05Z"});
    let rows = rows("single_sends", &planned);
    let Entity::Campaign(campaign) = &rows[0].entity else { panic!("a campaign") };
    assert_eq!(campaign.sent_at, None);
    assert_eq!(campaign.ext["send_at"], r#""2026-06-20T09:00:00Z""#);
}

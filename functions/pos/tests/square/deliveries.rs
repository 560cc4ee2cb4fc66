//! Webhook deliveries: how they are signed, what they name, what they become.

use std::collections::BTreeMap;

use pos::square::Square;
use serde_json::{Value, json};
use shared::connector::{DeliveryId, Headers};
use shared::receive::Delivery;
use shared::rows::Origin;
use shared::signature::{Check, verify};
use shared::testing::asked::{Delivered, UNTIL, second};

use crate::support::{WITH_TOKEN, asked, check};

fn seen(body: &str) -> Value {
    Delivered::new(&Square, WITH_TOKEN).seen(&Headers::new(), body.as_bytes())
}

macro_rules! deliveries {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let body = include_str!(concat!("../fixtures/square/webhook/", stringify!($case), ".json"));
            check(concat!("webhook__", stringify!($case)), &seen(body));
        })+
    };
}

deliveries! {
    customer_updated, customer_deleted, customers_merged, customer_deleted_by_a_merge, order_created, order_updated,
    payment_updated, refund_updated, loyalty_account_updated, loyalty_account_deleted, loyalty_event_created,
    authorization_revoked, location_updated, test_notification,
}

fn is_accepted(url: Option<&str>, key: &str, signature: &str, body: &str) -> bool {
    let delivered = Delivered::new(&Square, WITH_TOKEN);
    let delivery = Delivery {
        connection: "eu".to_owned(),
        method: "POST".to_owned(),
        query: String::new(),
        headers: BTreeMap::from([(
            "x-square-hmacsha256-signature".to_owned(),
            signature.to_owned(),
        )]),
        body: body.to_owned().into(),
        received_at: second(UNTIL),
    };
    let secrets = [key.into()];
    let check = Check { secrets: &secrets, tolerance: None, url, now: second(UNTIL) };
    verify(delivered.webhook().facts().signatures, &delivery, check).is_ok()
}

const BODY: &str = include_str!("../fixtures/square/webhook/test_notification.json");
const KEY: &str = "Ibxx_5AKakO-3qeNVR61Dw";
const URL: &str = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9";
const SIGNATURE: &str = "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=";

/// The vectors of square/square-nodejs-sdk, tests/integration/webhooks.test.ts.
#[test]
fn the_vendors_own_signatures_are_accepted() {
    assert!(is_accepted(Some(URL), KEY, SIGNATURE, BODY.trim_end()));
    let hook = Some("https://webhook.site/webhooks");
    for (body, signature) in [
        (
            r#"{"data":{"type":"webhooks","id":"fake_id"}}"#,
            "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=",
        ),
        (
            r#"{"data":{"type":"webhooks","id":">id<"}}"#,
            "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
        ),
    ] {
        assert!(is_accepted(hook, "signature-key", signature, body), "{body}");
    }
}

#[test]
fn another_address_key_signature_or_body_is_refused() {
    let body = BODY.trim_end();
    for url in ["https://webhook.site/79a4f3a-dcfa-49ee-bac5-9d0edad886b9", &format!("{URL}/"), ""]
    {
        assert!(!is_accepted(Some(url), KEY, SIGNATURE, body), "{url}");
    }
    assert!(!is_accepted(None, KEY, SIGNATURE, body));
    assert!(!is_accepted(Some(URL), "MCmhFRxGX82xMwg5FsaoQA", SIGNATURE, body));
    assert!(!is_accepted(Some(URL), "", SIGNATURE, body), "an empty key signs nothing");
    assert!(!is_accepted(Some(URL), KEY, "1z2n3DEJJiUPKcPzQo1ftvbxGdw=", body));
    assert!(!is_accepted(Some(URL), KEY, SIGNATURE, &body.replace("2022-07", "2022-06")));
    let formatted =
        serde_json::to_string_pretty(&serde_json::from_str::<Value>(body).unwrap()).unwrap();
    assert!(!is_accepted(Some(URL), KEY, SIGNATURE, &formatted));
}

/// The signature has no time, so only `event_id` tells a repetition.
#[test]
fn a_repeated_delivery_is_known_by_its_event_id() {
    let delivered = Delivered::new(&Square, WITH_TOKEN);
    let facts = delivered.webhook().facts();
    let [signature] = facts.signatures else { panic!("one scheme") };
    assert!(signature.timestamp.is_none());
    assert!(matches!(facts.delivery_id, DeliveryId::FieldOrHeader("event_id", _)));
    assert!(!facts.keep_headers.contains(&signature.header));
    assert_eq!(facts.retries_for.as_secs(), 72 * 3600);
}

/// The event tells too little of an order to land anything, so the delivery fails if it cannot be read again.
#[test]
fn orders_are_read_again() {
    for (kind, data) in [
        ("order.created", json!({ "id": "o", "object": { "order_created": { "order_id": "o" } } })),
        ("order.updated", json!({ "id": "o", "object": { "order_updated": { "order_id": "o" } } })),
        ("order.fulfillment.updated", json!({ "id": "o", "object": {} })),
    ] {
        let event = json!({ "type": kind, "event_id": "e", "created_at": "2026-02-14T00:00:00Z", "data": data });
        let seen = seen(&event.to_string());
        assert_eq!(
            seen[0]["refetch"],
            json!({ "stream": "orders", "id": "o", "required": true }),
            "{kind}"
        );
        assert_eq!(seen[0]["mapped"]["rows"], json!([]), "{kind}");
    }
    let nameless = json!({ "type": "order.updated", "data": { "object": {} } });
    assert!(seen(&nameless.to_string())["invalid"].is_string());
}

fn event(kind: &str, name: &str, record: &Value) -> String {
    let data = json!({ "type": name, "id": record["id"], "object": { name: record } });
    json!({ "type": kind, "event_id": "e", "created_at": "2026-02-14T19:34:37Z", "data": data })
        .to_string()
}

/// Whatever comes both ways becomes the same rows, but for the version: a settled page outranks an event.
#[test]
fn a_delivery_and_a_page_agree() {
    let page = |stream: &str, list: &str, case: &str| -> Value {
        let path =
            format!("{}/tests/fixtures/square/{stream}/{case}.json", env!("CARGO_MANIFEST_DIR"));
        #[expect(clippy::disallowed_methods, reason = "this is a test; it reads its fixtures")]
        let text = std::fs::read_to_string(path).expect("a fixture");
        serde_json::from_str::<Value>(&text).expect("JSON")[list][0].clone()
    };
    for (stream, kind, name, record) in [
        ("customers", "customer.updated", "customer", page("customers", "customers", "people")),
        (
            "payments",
            "payment.created",
            "payment",
            page("payments", "payments", "cards_cash_and_others"),
        ),
        (
            "refunds",
            "refund.created",
            "refund",
            page("refunds", "refunds", "completed_and_rejected"),
        ),
        (
            "loyalty_accounts",
            "loyalty.account.created",
            "loyalty_account",
            page("loyalty_accounts", "loyalty_accounts", "with_and_without_a_customer"),
        ),
        (
            "loyalty_events",
            "loyalty.event.created",
            "loyalty_event",
            page("loyalty_events", "events", "earned_spent_and_neither"),
        ),
    ] {
        let told = &seen(&event(kind, name, &record))[0]["mapped"]["rows"];
        let read = asked(stream).map(&record, Origin::Page).expect("a good record");
        let read = shared::testing::asked::mapped(Ok(read));
        let (told, read) = (told.as_array().expect("rows"), read["rows"].as_array().expect("rows"));
        assert_eq!(told.len(), read.len(), "{stream}");
        for (told, read) in told.iter().zip(read) {
            assert_eq!(told["entity"], read["entity"], "{stream}");
            assert_eq!((&told["id"], &told["object"]), (&read["id"], &read["object"]), "{stream}");
            assert!(told["version"].as_i64() < read["version"].as_i64(), "{stream}");
        }
    }
}

/// A deletion told in whole seconds comes after every change of that second.
#[test]
fn a_deletion_outranks_the_last_change_of_its_second() {
    let living = json!({ "id": "c", "updated_at": "2026-02-14T19:34:37.998Z" });
    let living = asked("customers").map(&living, Origin::Page).unwrap().drafts[0].version;
    let gone = json!({ "type": "customer.deleted", "created_at": "2026-02-14T19:34:37Z", "data": { "id": "c" } });
    let gone = seen(&gone.to_string());
    assert!(gone[0]["mapped"]["rows"][0]["version"].as_i64() > Some(living));
    let cut_short = json!({ "type": "customer.deleted", "created_at": "2026-02-14T19:34:36.5Z", "data": { "id": "c",
        "object": { "customer": { "updated_at": "2026-02-14T19:34:37.998Z" } } } });
    let cut_short = seen(&cut_short.to_string());
    assert!(cut_short[0]["mapped"]["rows"][0]["version"].as_i64() > Some(living));
}

/// A merge is evidence: the losers' tombstones say who they are now.
#[test]
fn a_merge_buries_the_losers_and_keeps_the_evidence() {
    let seen = seen(include_str!("../fixtures/square/webhook/customers_merged.json"));
    let rows = seen[0]["mapped"]["rows"].as_array().expect("rows");
    let people: Vec<(&Value, &Value)> = rows
        .iter()
        .filter(|row| row["object"] == "customer")
        .map(|row| (&row["deleted"], &row["entity"]["ext"]["merged_into"]))
        .collect();
    let winner = json!("\"WINNER0000000000000000000A\"");
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(people, [(&yes, &winner), (&yes, &winner), (&no, &Value::Null)]);
}

#[test]
fn a_delivery_without_its_record_is_invalid() {
    for body in ["", " ", "null", "[]", "{}", "\"customer.updated\""] {
        assert!(seen(body)["invalid"].is_string(), "{body}");
    }
    for kind in [
        "customer.updated",
        "payment.updated",
        "refund.created",
        "loyalty.event.created",
        "customer.deleted",
    ] {
        let event =
            json!({ "type": kind, "created_at": "2026-02-14T19:34:37Z", "data": { "object": {} } });
        assert!(seen(&event.to_string())[0]["mapped"]["invalid"].is_string(), "{kind}");
    }
}

//! Webhook deliveries: who signed them, what they name, what they become.

use crm::hubspot::HubSpot;
use serde_json::{Value, json};
use shared::connector::{DeliveryId, Headers};
use shared::receive::Delivery;
use shared::rows::Origin;
use shared::schema::Timestamp;
use shared::signature::{Check, verify};
use shared::testing::asked::Delivered;
use shared::testing::delivery;

use crate::support::{WITH_TOKEN, check, connect, stream};

fn seen(body: &str) -> Value {
    Delivered::new(&HubSpot, WITH_TOKEN).seen(&Headers::new(), body.as_bytes())
}

macro_rules! deliveries {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let body = include_str!(concat!("../fixtures/hubspot/webhook/", stringify!($case), ".json"));
            check(concat!("webhook__", stringify!($case)), &seen(body));
        })+
    };
}

deliveries! {
    changes, of_objects_with_links, deletions, erased_for_privacy, merged, of_generic_objects,
    of_no_interest, partly_broken,
}

const SECRET: &str = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy";
const URL: &str = "https://www.example.com/webhook_uri";
const BODY: &str = "{'example_field':'example_value'}";
const MILLIS: i64 = 1_693_657_560_000;
const V3: &str = "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y=";

fn signed(headers: &[(&str, &str)]) -> Delivery {
    let at = Timestamp::from_millis(MILLIS).expect("a time");
    let mut delivery = delivery(BODY, at);
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    delivery.headers.extend(headers);
    delivery
}

fn accepts(delivery: &Delivery, url: &str, now: i64) -> bool {
    let connector = connect(WITH_TOKEN).expect("good settings").connector;
    let webhook = connector.webhook.expect("HubSpot has webhooks");
    let check = Check {
        secrets: &[SECRET.into()],
        tolerance: None,
        url: Some(url),
        now: Timestamp::from_millis(now).expect("a time"),
    };
    verify(webhook.facts().signatures, delivery, check).is_ok()
}

/// HubSpot's own example.
#[test]
fn the_official_vector_of_version_3() {
    let time = MILLIS.to_string();
    let good = signed(&[("x-hubspot-signature-v3", V3), ("x-hubspot-request-timestamp", &time)]);
    assert!(accepts(&good, URL, MILLIS));
    // Five minutes exactly are not too old.
    assert!(accepts(&good, URL, MILLIS + 300_000));
    assert!(!accepts(&good, URL, MILLIS + 300_001));
    assert!(!accepts(&good, URL, MILLIS - 300_001));
    assert!(
        !accepts(&good, "http://10.0.0.7/webhook_uri", MILLIS),
        "the address that a proxy calls"
    );
    for time in ["NaN", "1693657560", ""] {
        let odd = signed(&[("x-hubspot-signature-v3", V3), ("x-hubspot-request-timestamp", time)]);
        assert!(!accepts(&odd, URL, MILLIS), "{time:?}");
    }
}

/// CRM subscriptions send versions 1 and 3: the one with a time counts, whatever the other says.
#[test]
fn version_3_goes_before_version_1() {
    // printf %s "$SECRET$BODY" | sha256sum
    let v1 = "69fc6631a867edd4f9e9e627fc5c1148e3fbdd8b21837b6d2b8901c1fa57f750";
    let old = [("x-hubspot-signature", v1), ("x-hubspot-signature-version", "v1")];
    let is_good = accepts(&signed(&old), URL, MILLIS);
    assert!(is_good, "a good signature of version 1");
    let mut both = old.to_vec();
    both.extend([
        ("x-hubspot-signature-v3", "AAAA"),
        ("x-hubspot-request-timestamp", "1693657560000"),
    ]);
    assert!(!accepts(&signed(&both), URL, MILLIS));
    // The same header has version 2 in it, if another header says so.
    let as_v2 = [("x-hubspot-signature", v1), ("x-hubspot-signature-version", "v2")];
    assert!(!accepts(&signed(&as_v2), URL, MILLIS));
}

/// An address with escapes is signed with a dozen of them undone.
#[test]
fn version_3_undoes_a_dozen_escapes() {
    let connector = connect(WITH_TOKEN).expect("good settings").connector;
    let webhook = connector.webhook.expect("HubSpot has webhooks");
    let sign = |url: &str| {
        let time = MILLIS.to_string();
        let delivery = signed(&[("x-hubspot-request-timestamp", &time)]);
        let scheme = &webhook.facts().signatures[0];
        scheme.header_value(&delivery, Some(url), &SECRET.into()).expect("it signs")
    };
    let escaped = "https://x.example/%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%20%25";
    assert_eq!(sign(escaped), sign("https://x.example/:/?@!$'()*,;%20%25"));
}

/// `eventId` is not unique, so a repeated delivery is known by its body.
#[test]
fn a_delivery_is_known_by_its_body() {
    let connector = connect(WITH_TOKEN).expect("good settings").connector;
    let webhook = connector.webhook.expect("HubSpot has webhooks");
    assert!(matches!(webhook.facts().delivery_id, DeliveryId::Body));
    for signature in webhook.facts().signatures {
        assert!(!webhook.facts().keep_headers.contains(&signature.header));
    }
}

/// Both arrive; either buries, and together they bury once.
#[test]
fn an_erased_contact_is_buried_once() {
    let body = include_str!("../fixtures/hubspot/webhook/erased_for_privacy.json");
    let events = seen(body);
    assert_eq!(events[0]["mapped"]["rows"], events[1]["mapped"]["rows"]);
    assert_eq!(events[0]["mapped"]["rows"][0]["deleted"], true);
    assert_eq!(events[0]["refetch"], Value::Null);
}

/// A deletion outranks the last change, even one of the same millisecond that was read by a search.
#[test]
fn a_deletion_outranks_the_living_of_the_same_millisecond() {
    let body = include_str!("../fixtures/hubspot/webhook/deletions.json");
    let buried = seen(body)[0]["mapped"]["rows"][0]["version"].as_i64().expect("a version");
    let at = Timestamp::from_millis(1_772_451_622_345).expect("a time").to_string();
    let contact = json!({ "id": "123", "properties": { "lastmodifieddate": at } });
    let living = stream("contacts").map(&contact, Origin::Page).expect("a contact");
    assert!(buried > living.drafts[0].version);
}

#[test]
fn what_is_no_list_of_events_is_invalid() {
    for body in ["", "null", "{}", "\"x\"", "7", "{\"subscriptionType\":\"contact.creation\"}"] {
        assert!(seen(body)["invalid"].is_string(), "{body}");
    }
    assert_eq!(seen("[]"), json!([]));
}

/// A refusal would have a hundred events sent again for one of them; the next search has the change anyway.
#[test]
fn no_delivery_fails_because_an_object_could_not_be_read_again() {
    let body = include_str!("../fixtures/hubspot/webhook/changes.json");
    for event in seen(body).as_array().expect("events") {
        assert_eq!(event["refetch"]["required"], false);
    }
}

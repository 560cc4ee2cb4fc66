//! Deliveries of system webhooks: which are believed, what their events become, and that polls say the same.

use std::collections::BTreeMap;

use email::klaviyo::Klaviyo;
use serde_json::{Value, json};
use shared::connector::{DeliveryId, Headers};
use shared::receive::Delivery;
use shared::schema::{Entity, Timestamp};
use shared::signature::{Check, verify};
use shared::testing::asked::Delivered;

use crate::support::{Asked, WITH_KEY, check, connect, event, horizon, response};

const WEBHOOK_ID: &str = "01HKWEBH00K00000000000001";
const LIFE: &str = include_str!("../fixtures/klaviyo/webhook/an_email_and_its_life.json");

fn headers(webhook_id: &str) -> Headers {
    BTreeMap::from([("klaviyo-webhook-id".to_owned(), webhook_id.to_owned())])
}

fn seen(body: &str) -> Value {
    Delivered::new(&Klaviyo, WITH_KEY).seen(&headers(WEBHOOK_ID), body.as_bytes())
}

macro_rules! deliveries {
    ($($case:ident),+ $(,)?) => {
        $(#[test]
        fn $case() {
            let body = include_str!(concat!("../fixtures/klaviyo/webhook/", stringify!($case), ".json"));
            check(concat!("webhook__", stringify!($case)), &seen(body));
        })+
    };
}

deliveries! { an_email_and_its_life, consents, of_no_concern_or_too_thin }

/// Made from the formula of the guide, HMAC-SHA256(secret, body followed by the time's text), with openssl: the guide
/// shows a signature without its key and body.
#[test]
fn the_signature_covers_the_body_and_then_the_time_as_it_is_written() {
    let body = "{\"data\":[],\"meta\":{\"klaviyo_webhook_id\":\"01HK\"}}";
    let delivery = |signature: &str| Delivery {
        headers: BTreeMap::from([
            ("klaviyo-signature".to_owned(), signature.to_owned()),
            ("klaviyo-timestamp".to_owned(), "Thu, 04 Jan 2024 18:05:25 GMT".to_owned()),
        ]),
        ..shared::testing::delivery(body, Timestamp::from_unix_seconds(1_704_391_525).unwrap())
    };
    let connection = connect(WITH_KEY).unwrap();
    let facts = connection.connector.webhook.as_deref().expect("a webhook").facts();
    let secrets = ["a-secret-of-the-operators-own".into()];
    let check = |seconds| Check {
        secrets: &secrets,
        tolerance: None,
        url: None,
        now: Timestamp::from_unix_seconds(seconds).unwrap(),
    };
    let good = delivery(VECTOR);
    assert!(verify(facts.signatures, &good, check(1_704_391_525)).is_ok());
    assert!(verify(facts.signatures, &good, check(1_704_391_525 + 301)).is_err());
    let upper = delivery(&VECTOR.to_uppercase());
    assert!(verify(facts.signatures, &upper, check(1_704_391_525)).is_ok());
    let wrong = delivery(&VECTOR.replace('a', "b"));
    assert!(verify(facts.signatures, &wrong, check(1_704_391_525)).is_err());
    assert!(matches!(facts.delivery_id, DeliveryId::Body));
    assert!(!facts.keep_headers.contains(&"klaviyo-signature"));
}

const VECTOR: &str = "879d35347f57214c89457e4c366bf74cb4dbc0152580a4c1df5a2a0268a8fda6";

/// The header is not signed; the guide says not to process a delivery whose two ids differ.
#[test]
fn a_delivery_under_another_webhooks_id_is_not_believed() {
    let webhook = Delivered::new(&Klaviyo, WITH_KEY);
    for headers in [headers("01HKANOTHER"), headers(""), Headers::new()] {
        let seen = webhook.seen(&headers, LIFE.as_bytes());
        let reason = seen["invalid"].as_str().expect("refused");
        assert!(reason.starts_with("meta.klaviyo_webhook_id: is not the one"), "{reason}");
    }
    let anonymous = LIFE.replace("klaviyo_webhook_id", "some_id");
    assert!(seen(&anonymous)["invalid"].is_string());
}

#[test]
fn a_body_of_another_shape_is_invalid() {
    for body in ["", "null", "[]", "{}", "{\"data\":{}}", "{\"data\":[],\"meta\":null}"] {
        assert!(seen(body)["invalid"].is_string(), "{body}");
    }
}

#[test]
fn a_delivery_may_have_a_thousand_events() {
    let item = |number: i32| {
        let event = event(&format!("E{number}"), "2026-02-03T09:00:05+00:00");
        json!({"external_id": number.to_string(), "topic": "event:klaviyo.received_email",
            "payload": {"data": event}})
    };
    let body = json!({"data": (0..1_000).map(item).collect::<Vec<_>>(),
        "meta": {"klaviyo_webhook_id": WEBHOOK_ID}});
    let seen = seen(&body.to_string());
    assert_eq!(seen.as_array().map(Vec::len), Some(1_000));
    assert_eq!(seen[999]["mapped"]["rows"][0]["id"], "E999");
}

/// Poll and webhook must agree: the same id, the same content; in the same second the poll's row counts.
#[test]
fn a_pushed_event_is_the_pulled_one() {
    let pages = [
        include_str!("../fixtures/klaviyo/events/what_people_do_with_a_campaign.json"),
        include_str!("../fixtures/klaviyo/events/consents_and_flows.json"),
    ];
    let stream = Asked::new("events");
    let mut pulled = BTreeMap::new();
    for page in pages {
        let answer = response(page.to_owned());
        let page = stream.stream().page(&stream.begin(), &horizon(), &answer).unwrap();
        for record in &page.records {
            let mapped = stream.map_text(record.get(), shared::rows::Origin::Page).unwrap();
            pulled.extend(mapped.drafts.into_iter().map(|draft| (draft.id.clone(), draft)));
        }
    }
    let mut compared = 0;
    for body in [LIFE, include_str!("../fixtures/klaviyo/webhook/consents.json")] {
        let connection = connect(WITH_KEY).unwrap();
        let webhook = connection.connector.webhook.as_deref().unwrap();
        let at = horizon().until;
        for event in webhook.events(&headers(WEBHOOK_ID), body.as_bytes()).unwrap() {
            let context = shared::rows::MapContext::of_events(&connection, webhook, at);
            let mut rows = shared::rows::Rows::new(context);
            let fields = shared::fields::Fields::parse(event.record).unwrap();
            webhook.map(fields, &mut rows).unwrap();
            for draft in rows.finish().drafts {
                let same = &pulled[&draft.id];
                assert_eq!((draft.object, &draft.entity), (same.object, &same.entity));
                assert!(matches!(draft.entity, Entity::Interaction(_)));
                assert!(same.version > draft.version && same.version - draft.version < 1_000_000);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 9);
}

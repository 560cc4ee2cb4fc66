//! What holds for every input: nothing panics, cursors come back as they went, the watermark never goes back.

use std::sync::LazyLock;

use helpdesk::zendesk::Zendesk;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared::connector::Headers;
use shared::rows::Origin;
use shared::testing::asked::{Asked, Delivered};

use crate::support::{START, UNTIL, WITH_TOKEN, connect, horizon, next, response};

const STREAMS: [&str; 7] = [
    "users",
    "organizations",
    "tickets",
    "ticket_events",
    "satisfaction_ratings",
    "deleted_users",
    "deleted_tickets",
];

/// Names that the mappings look for, and one that they do not.
const NAMES: &[&str] = &[
    "id",
    "ticket_id",
    "updated_at",
    "created_at",
    "deleted_at",
    "generated_timestamp",
    "timestamp",
    "status",
    "name",
    "active",
    "email",
    "phone",
    "shared_phone_number",
    "verified",
    "locale",
    "requester_id",
    "updater_id",
    "via",
    "satisfaction_rating",
    "score",
    "tags",
    "child_events",
    "event_type",
    "public",
    "domain_names",
    "external_id",
    "type",
    "subject",
    "time",
    "detail",
    "unheard_of",
];

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "open",
            "DELETED",
            "good",
            "splendid",
            "2026-03-02T11:40:22Z",
            "Create",
            "Comment",
            "Change",
            "-1",
            "0",
            "zen:event-type:ticket.created",
            "zen:event-type:user.deleted",
            "zen:ticket:7",
            "+49 30 901820",
        ])
        .prop_map(Value::from),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(NAMES), value), 0..12);
    fields.prop_map(|fields| {
        Value::Object(
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        )
    })
}

fn record() -> impl Strategy<Value = Value> {
    let nested = leaf().prop_recursive(3, 24, 6, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)]
    });
    object(nested)
}

fn page() -> impl Strategy<Value = Value> {
    let token = prop::option::of("[a-z]{0,2}");
    let second = prop::option::of(START - 5..UNTIL + 5);
    (prop::collection::vec(record(), 0..3), token, second, any::<bool>()).prop_map(
        |(records, token, second, end)| {
            let mut page = json!({"after_cursor": token, "end_time": second, "end_of_stream": end,
                "meta": {"has_more": !end, "after_cursor": token}});
            for name in STREAMS {
                page[name] = records.clone().into();
            }
            page
        },
    )
}

/// Every stream, opened once: settings take longer to read than pages.
static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| {
    let settings = format!("{WITH_TOKEN}csat_lookback_days = 0\n");
    STREAMS.iter().map(|name| Asked::new(&Zendesk, &settings, name)).collect()
});

/// The page with the records of one stream only.
fn page_of(name: &str, page: &Value) -> Value {
    let mut page = page.clone();
    let records = page[name].take();
    for other in STREAMS {
        page.as_object_mut().expect("an object").remove(other);
    }
    page[name] = records;
    page
}

proptest! {
    #[test]
    fn page_never_panics_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        for asked in ASKED.iter() {
            let response = response(body.clone());
            prop_assert!(asked.stream().page(&asked.begin(), &horizon(), &response).is_err());
            let _ = asked.stream().looked_up(&response);
        }
    }

    #[test]
    fn cursors_round_trip_and_the_watermark_never_goes_back(pages in prop::collection::vec(page(), 1..5)) {
        for asked in ASKED.iter() {
            let name = asked.stream().facts().name;
            let mut cursor = asked.begin();
            for page in &pages {
                let Ok(step) = asked.page(&cursor, &page_of(name, page)) else { continue };
                let again = asked.resume(step.cursor());
                prop_assert_eq!(again.get(), step.cursor().get(), "{}: {}", name, next(&step));
                prop_assert!(asked.watermark(&again) >= asked.watermark(&cursor), "{}", name);
                prop_assert!(asked.watermark(&again).is_none_or(|at| at <= horizon().until), "{}", name);
                cursor = again;
            }
        }
    }

    #[test]
    fn map_never_panics_on_arbitrary_objects(record in record()) {
        let text = record.to_string();
        for asked in ASKED.iter() {
            let _ = asked.map_text(&text, Origin::Page);
        }
        Delivered::new(&Zendesk, WITH_TOKEN).seen(&Headers::new(), text.as_bytes());
    }

    #[test]
    fn deliveries_never_panic_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let connector = connect(WITH_TOKEN).expect("good settings").connector;
        let webhook = connector.webhook.as_deref().expect("Zendesk has webhooks");
        prop_assert!(webhook.events(&Headers::new(), &body).is_err());
    }
}

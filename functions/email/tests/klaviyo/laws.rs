//! What holds for every input: nothing panics, cursors come back as they went, nothing is skipped.

use std::sync::LazyLock;

use email::klaviyo::Klaviyo;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared::connector::Headers;
use shared::page::Next;
use shared::rows::Origin;
use shared::testing::asked::{Asked, Delivered};

use crate::support::{START, UNTIL, WITH_KEY, connect, horizon, response, second};

const STREAMS: [&str; 8] = [
    "profiles",
    "profile_ids",
    "lists",
    "segments",
    "campaigns",
    "metrics",
    "events",
    "late_events",
];

/// Names that the mappings look for, and one that they do not.
const NAMES: &[&str] = &[
    "id",
    "type",
    "attributes",
    "relationships",
    "profile",
    "metric",
    "data",
    "datetime",
    "timestamp",
    "updated",
    "updated_at",
    "created",
    "event_properties",
    "$message",
    "$flow",
    "$metric",
    "$beside",
    "name",
    "status",
    "email",
    "phone_number",
    "subscriptions",
    "marketing",
    "consent",
    "suppression",
    "location",
    "country",
    "topic",
    "payload",
    "meta",
    "klaviyo_webhook_id",
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
            "Received Email",
            "Sent",
            "SUBSCRIBED",
            "HARD_BOUNCE",
            "2026-03-02T11:40:22+00:00",
            "ann@mail.example",
            "event:klaviyo.opened_email",
        ])
        .prop_map(Value::from),
    ]
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let fields = prop::collection::vec((prop::sample::select(NAMES), value), 0..10);
    fields.prop_map(|fields| {
        Value::Object(
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>(),
        )
    })
}

fn record() -> impl Strategy<Value = Value> {
    let nested = leaf().prop_recursive(4, 32, 6, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)]
    });
    object(nested)
}

/// A page whose records changed at these seconds, and whether there is another.
fn page() -> impl Strategy<Value = Value> {
    let seconds = prop::collection::vec(START - 100_000..UNTIL + 1_000_000, 0..4);
    (seconds, prop::collection::vec(record(), 0..2), prop::option::of("[a-z]{1,3}")).prop_map(
        |(mut seconds, mut records, token)| {
            seconds.sort_unstable();
            records.extend(seconds.iter().map(|at| {
                let at = second(*at).to_string();
                json!({"id": "R", "attributes": {"updated": at, "datetime": at}})
            }));
            crate::support::page(&records, token.as_deref())
        },
    )
}

/// Every stream, opened once: settings take longer to read than pages.
static ASKED: LazyLock<Vec<Asked>> =
    LazyLock::new(|| STREAMS.iter().map(|name| Asked::new(&Klaviyo, WITH_KEY, name)).collect());

/// The field of a cursor that holds seconds.
fn seconds(cursor: &str, name: &str) -> Option<i64> {
    serde_json::from_str::<Value>(cursor).ok()?[name].as_i64()
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
    fn no_cursor_goes_back_past_the_lookback(pages in prop::collection::vec(page(), 1..6)) {
        for asked in ASKED.iter() {
            let name = asked.stream().facts().name;
            let back = asked.stream().facts().lookback.value.as_secs();
            let back = i64::try_from(back).expect("a short lookback");
            let mut cursor = asked.begin();
            let first = seconds(cursor.get(), "since").unwrap_or(0);
            for page in &pages {
                let Ok(step) = asked.page(&cursor, page) else { continue };
                prop_assert!(asked.watermark(step.cursor()) >= asked.watermark(&cursor), "{}", name);
                prop_assert!(asked.watermark(step.cursor()).is_none_or(|at| at <= horizon().until), "{}", name);
                let again = asked.resume(step.cursor());
                if matches!(step, Next::More(_)) {
                    prop_assert_eq!(again.get(), step.cursor().get(), "{}: a paused read goes on", name);
                }
                if let (Some(since), Some(read_to)) =
                    (seconds(again.get(), "since"), seconds(step.cursor().get(), "read_to"))
                {
                    prop_assert!(since >= (read_to - back).min(START), "{}: reads too far back", name);
                    prop_assert!(since <= read_to.max(first), "{}: skips", name);
                    let restarted = asked.stream().restart(step.cursor(), &horizon()).expect("a cursor");
                    prop_assert!(seconds(restarted.get(), "since") <= Some(read_to.max(first)), "{}: skips", name);
                }
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
        Delivered::new(&Klaviyo, WITH_KEY).seen(&Headers::new(), text.as_bytes());
    }

    #[test]
    fn deliveries_never_panic_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        let connector = connect(WITH_KEY).expect("good settings").connector;
        let webhook = connector.webhook.as_deref().expect("Klaviyo has webhooks");
        prop_assert!(webhook.events(&Headers::new(), &body).is_err());
    }
}

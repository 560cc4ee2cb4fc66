//! What holds for every input: nothing panics, cursors come back as they went, nothing is skipped.

use std::sync::LazyLock;

use email::klaviyo::Klaviyo;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::page::Next;
use shared::testing::asked::{Asked, Delivered};

use crate::support::{START, UNTIL, WITH_KEY, horizon, second};

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

const WORDS: &[&str] = &[
    "Received Email",
    "Sent",
    "SUBSCRIBED",
    "HARD_BOUNCE",
    "2026-03-02T11:40:22+00:00",
    "ann@mail.example",
    "event:klaviyo.opened_email",
];

shared::arbitrary_records!(NAMES, WORDS);

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

static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| Asked::all(&Klaviyo, WITH_KEY));
static DELIVERED: LazyLock<Delivered> = LazyLock::new(|| Delivered::new(&Klaviyo, WITH_KEY));

/// The field of a cursor that holds seconds.
fn seconds(cursor: &str, name: &str) -> Option<i64> {
    serde_json::from_str::<Value>(cursor).ok()?[name].as_i64()
}

shared::nothing_panics!(ASKED, DELIVERED);

proptest! {
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
}

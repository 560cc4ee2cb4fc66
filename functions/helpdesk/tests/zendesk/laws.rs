//! What holds for every input: nothing panics, cursors come back as they went, the watermark never goes back.

use std::sync::LazyLock;

use helpdesk::zendesk::Zendesk;
use proptest::prelude::*;
use serde_json::{Value, json};
use shared::testing::asked::{Asked, Delivered};

use crate::support::{START, UNTIL, WITH_TOKEN, horizon, next};

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

const WORDS: &[&str] = &[
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
];

shared::arbitrary_records!(NAMES, WORDS);

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

static ASKED: LazyLock<Vec<Asked>> =
    LazyLock::new(|| Asked::all(&Zendesk, &format!("{WITH_TOKEN}csat_lookback_days = 0\n")));
static DELIVERED: LazyLock<Delivered> = LazyLock::new(|| Delivered::new(&Zendesk, WITH_TOKEN));

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

shared::nothing_panics!(ASKED, DELIVERED);

proptest! {
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
}

//! What holds for every input: nothing panics, cursors come back as they went, nothing goes backwards.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;
use shared::rows::Origin;
use shared::testing::asked::Asked;
use social::bluesky::Bluesky;

use crate::support::{START, UNTIL, commit, horizon, looking_for, response, view};

static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| {
    let settings = looking_for(&["\"Ember & Oak\"", "#emberoak", "pizza camden"]);
    Asked::all(&Bluesky, &settings)
});

const NAMES: &[&str] = &[
    "uri",
    "cid",
    "did",
    "author",
    "handle",
    "displayName",
    "record",
    "text",
    "createdAt",
    "indexedAt",
    "langs",
    "reply",
    "parent",
    "facets",
    "tags",
    "time_us",
    "kind",
    "commit",
    "operation",
    "collection",
    "rkey",
    "account",
    "active",
    "status",
    "identity",
    "unheard_of",
];

const WORDS: &[&str] = &[
    "at://did:plc:a/app.bsky.feed.post/1",
    "did:plc:a",
    "2026-03-02T11:40:22Z",
    "commit",
    "account",
    "identity",
    "create",
    "update",
    "delete",
    "app.bsky.feed.post",
    "deleted",
    "Ember & Oak",
    "en",
];

shared::arbitrary_records!(NAMES, WORDS);

/// A page of search, or of the feed.
fn page() -> impl Strategy<Value = (String, String)> {
    let search = (prop::collection::vec(record(), 0..3), prop::option::of("[a-z0-9]{0,3}"))
        .prop_map(|(posts, cursor)| json!({ "posts": posts, "cursor": cursor }).to_string());
    let times = prop::collection::vec((START - 500)..(UNTIL + 500), 0..4);
    let feed = times.prop_map(|times| {
        let events = times.iter().map(|at| commit("delete", at * 1_000_000, "").to_string());
        events.collect::<Vec<_>>().join("\n")
    });
    (search, feed)
}

proptest! {
    #[test]
    fn page_never_panics_on_arbitrary_bytes(body in prop::collection::vec(any::<u8>(), 0..512)) {
        for asked in ASKED.iter() {
            let _ = asked.is_page(&body);
            let _ = asked.stream().keeps(&body);
        }
    }

    #[test]
    fn cursors_round_trip_and_never_pass_over_anything(pages in prop::collection::vec(page(), 1..6)) {
        for asked in &ASKED[..2] {
            let name = asked.stream().facts().name;
            let lookback = asked.stream().facts().lookback.value;
            let mut cursor = asked.begin();
            for (search, feed) in &pages {
                let body = if name == "posts" { search } else { feed };
                let response = response(body.clone());
                let Ok(step) = asked.stream().page(&cursor, &horizon(), &response) else { continue };
                let next = step.next.cursor();
                prop_assert!(asked.watermark(next) >= asked.watermark(&cursor), "{}", name);
                let again = asked.resume(next);
                prop_assert_eq!(asked.resume(&again).get().len(), asked.resume(next).get().len());
                if let (Some(read), Some(from)) = (asked.watermark(next), asked.watermark(&again)) {
                    let back = read.as_micros() - from.as_micros();
                    prop_assert!(back >= 0 && back <= i64::try_from(lookback.as_micros()).unwrap(), "{}", name);
                }
                cursor = next.clone();
            }
        }
    }

    #[test]
    fn map_never_panics_on_arbitrary_objects(record in record()) {
        let text = record.to_string();
        for asked in ASKED.iter() {
            let _ = asked.map_text(&text, Origin::Page);
        }
    }

    #[test]
    fn any_text_is_a_post_and_scores_the_same_twice(text in "\\PC{0,300}") {
        let view = view(&text, &[]);
        let once = ASKED[0].map(&view, Origin::Page).unwrap();
        prop_assert_eq!(&once.drafts, &ASKED[0].map(&view, Origin::Page).unwrap().drafts);
        let told = serde_json::to_value(&once.drafts[1].entity).unwrap();
        if let Some(score) = told["sentiment"].as_f64() {
            prop_assert!((-1.0..=1.0).contains(&score));
        }
    }

    /// What the filter keeps is what the mapping lands.
    #[test]
    fn the_filter_and_the_mapping_agree(text in "(ember|Oak|&| |pizza|camden|#emberoak|remember){0,8}") {
        let event = commit("create", 1_772_453_000_000_000, &text);
        let feed = &ASKED[1];
        let lands = !feed.map(&event, Origin::Page).unwrap().drafts.is_empty();
        prop_assert_eq!(feed.stream().keeps(event.to_string().as_bytes()), lands);
    }
}

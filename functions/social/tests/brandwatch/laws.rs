//! What holds for every input: nothing panics, cursors come back as they went, marks never go back.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::rows::Origin;
use shared::testing::asked::{START, UNTIL, horizon, response};

use crate::support::{NAMED, WHOLE, asked, told};

const STREAMS: [&str; 4] = ["queries", "mentions", "mention_edits", "mention_days"];

/// Names that the mapping looks for, and one that it does not.
const NAMES: &[&str] = &[
    "resourceId",
    "queryId",
    "author",
    "fullname",
    "accountType",
    "pageType",
    "domain",
    "date",
    "added",
    "updated",
    "sentiment",
    "language",
    "snippet",
    "fullText",
    "url",
    "replyTo",
    "reachEstimate",
    "blueskyAuthorId",
    "twitterFollowers",
    "id",
    "unheardOf",
];

fn time() -> impl Strategy<Value = Value> {
    (START - 86_400..UNTIL + 86_400).prop_map(|second| {
        let at = shared::testing::asked::second(second).to_string();
        json!(format!("{}+0000", &at[..23]))
    })
}

const WORDS: &[&str] = &["twitter", "news", "forum", "positive", "@", "en", "+0000"];

shared::arbitrary_records!(NAMES, WORDS, time());

fn answer() -> impl Strategy<Value = Value> {
    let cursor = prop::option::of("[a-z]{0,2}");
    let mentions = prop::collection::vec(record(), 0..5);
    prop_oneof![
        (mentions, cursor, -1_i64..5).prop_map(|(results, cursor, size)| {
            json!({"results": results, "nextCursor": cursor, "resultsPageSize": size})
        }),
        prop::collection::vec(1_u64..50, 0..4).prop_map(|ids| {
            let results: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
            json!({ "results": results })
        }),
        (0_u64..4).prop_map(|count| json!({ "mentionsCount": count })),
    ]
}

proptest! {
    #[test]
    fn pages_and_mappings_never_panic(body in prop::collection::vec(any::<u8>(), 0..256), record in record()) {
        for name in STREAMS {
            let stream = asked(NAMED, name);
            let _ = stream.stream().page(&stream.begin(), &horizon(), &response(body.clone()));
            let _ = stream.map(&record, Origin::Page);
        }
    }

    /// Whatever the source answers: what is saved is read again, and no mark goes back.
    #[test]
    fn cursors_round_trip_and_marks_never_go_back(answers in prop::collection::vec(answer(), 1..12)) {
        for (settings, name) in [(NAMED, "mentions"), (WHOLE, "mentions"), (WHOLE, "mention_edits"), (WHOLE, "mention_days")] {
            let stream = asked(settings, name);
            let mut cursor = stream.begin();
            for answer in &answers {
                let Ok(next) = stream.page(&cursor, answer) else { continue };
                let (before, after) = (told(&cursor), told(next.cursor()));
                for (query, mark) in before["read_to"].as_object().into_iter().flatten() {
                    prop_assert!(after["read_to"][query].as_i64() >= mark.as_i64(), "{}: {}", name, query);
                }
                prop_assert!(stream.watermark(next.cursor()) >= stream.watermark(&cursor));
                prop_assert!(stream.watermark(next.cursor()).is_none_or(|at| at <= horizon().until));
                cursor = stream.resume(next.cursor());
                let again = stream.resume(&cursor);
                prop_assert_eq!(again.get(), cursor.get());
                let target = stream.request(&cursor).target;
                prop_assert!(target.starts_with("/projects/398748937/"));
            }
        }
    }
}

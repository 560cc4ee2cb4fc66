//! What must hold for every connector.

use std::collections::HashSet;

use serde_json::Value;
use shared::rows::Origin;
use shared::testing::Conformance;
use social::brandwatch::Brandwatch;

use crate::support::{NAMED, WHOLE, asked};

/// A project without queries: then the list of them is each stream's last page.
#[test]
fn the_suite() {
    const NONE: &str = r#"{"resultsTotal":0,"resultsPage":-1,"resultsPageSize":-1,"results":[]}"#;
    let last_pages =
        ["queries", "mentions", "mention_edits", "mention_days"].map(|name| (name, NONE));
    Conformance { source: &Brandwatch, settings: WHOLE, last_pages: &last_pages, deliveries: &[] }
        .check();
}

/// What the suite asks of the records of a first page, which here comes second.
#[test]
fn a_mention_maps_alike_twice_and_each_row_has_its_own_key() {
    let page = include_str!(
        "../fixtures/brandwatch/mentions/authors_with_ids_and_authors_with_names.json"
    );
    let page: Value = serde_json::from_str(page).unwrap();
    let mut keys = HashSet::new();
    for record in page["results"].as_array().unwrap() {
        let [one, two] =
            [(), ()].map(|()| asked(NAMED, "mentions").map(record, Origin::Page).unwrap().drafts);
        assert_eq!(one, two);
        for draft in one {
            assert!(!draft.id.is_empty());
            assert!(keys.insert((draft.object, draft.id)), "two rows have one key");
        }
    }
}

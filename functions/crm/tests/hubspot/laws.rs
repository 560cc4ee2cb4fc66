//! What holds for every input: nothing panics, cursors come back as they went, no window begins too late.

use crm::hubspot::HubSpot;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use shared::connector::Headers;
use shared::page::Next;
use shared::rows::Origin;
use shared::testing::asked::{Asked, Delivered, START, UNTIL};

use crate::support::{WITH_TOKEN, body, stream};

const STREAMS: [&str; 11] = [
    "contacts",
    "companies",
    "deals",
    "tickets",
    "calls",
    "emails",
    "all_deals",
    "all_tickets",
    "archived_deals",
    "owners",
    "pipelines",
];

/// Names that the mappings look for, and one that they do not.
const NAMES: &[&str] = &[
    "id",
    "properties",
    "links",
    "stages",
    "associations",
    "propertiesWithHistory",
    "dealstage",
    "hs_pipeline_stage",
    "value",
    "timestamp",
    "metadata",
    "ticketState",
    "isClosed",
    "contacts",
    "companies",
    "updatedAt",
    "createdAt",
    "archivedAt",
    "hs_lastmodifieddate",
    "lastmodifieddate",
    "createdate",
    "email",
    "phone",
    "amount",
    "deal_currency_code",
    "closedate",
    "hs_is_closed",
    "hs_is_closed_won",
    "hs_timestamp",
    "hs_call_duration",
    "hs_email_direction",
    "results",
    "paging",
    "next",
    "after",
    "from",
    "to",
    "toObjectId",
    "errors",
    "subscriptionType",
    "objectId",
    "occurredAt",
    "mergedObjectIds",
    "primaryObjectId",
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
            "7",
            "0",
            "true",
            "2026-03-02T11:40:22Z",
            "1719792000000",
            "EUR",
            "12.50",
            "EMAIL",
            "contact.merge",
            "deal.deletion",
        ])
        .prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 48, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(NAMES), inner), 0..8).prop_map(|pairs| {
                let pairs = pairs.into_iter().map(|(name, value)| (name.to_owned(), value));
                Value::Object(pairs.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Any step of a stream: after a search, after links.
fn steps(stream: &Asked) -> Vec<Box<RawValue>> {
    let mut cursors = vec![stream.begin()];
    for body in [json!({ "results": [{ "id": "7" }] }), json!({ "results": [] })] {
        let last = cursors.last().expect("one");
        if let Ok(Next::More(next)) = stream.page(last, &body) {
            cursors.push(next);
        }
    }
    cursors
}

proptest! {
    #[test]
    fn random_records_never_panic(record in tree(), name in prop::sample::select(&STREAMS[..])) {
        let text = record.to_string();
        if record.is_object() {
            let _ = stream(name).map_text(&text, Origin::Page);
        }
    }

    #[test]
    fn random_pages_never_panic_and_their_cursors_can_be_asked(
        page in tree(),
        name in prop::sample::select(&STREAMS[..]),
    ) {
        let stream = stream(name);
        for cursor in steps(&stream) {
            if let Ok(next) = stream.page(&cursor, &page) {
                let next = next.cursor();
                let resumed = stream.resume(next);
                let again = stream.resume(&resumed);
                prop_assert_eq!(again.get(), resumed.get());
                prop_assert_eq!(stream.request(&resumed), stream.request(&resumed));
                let noted = stream.stream().noted(next).expect("a note");
                prop_assert!(noted.get().len() < 1_420, "{}", noted.get().len());
            }
        }
    }

    #[test]
    fn random_deliveries_never_panic(events in prop::collection::vec(tree(), 0..4)) {
        let _ = Delivered::new(&HubSpot, WITH_TOKEN)
            .seen(&Headers::new(), Value::from(events).to_string().as_bytes());
    }

    /// Whatever was read: the next window begins at most an hour before the last one ended, and never after.
    #[test]
    fn no_window_begins_after_the_end_of_the_last(read_to in START * 1_000..UNTIL * 1_000) {
        let stream = stream("contacts");
        let saved = RawValue::from_string(json!({ "read_to": read_to }).to_string()).expect("JSON");
        let window = stream.resume(&saved);
        let since = &body(&stream, &window)["filterGroups"][0]["filters"][0]["value"];
        let since: i64 = since.as_str().and_then(|text| text.parse().ok()).expect("a number");
        prop_assert!(since <= read_to && since >= (read_to - 3_600_000).max(START * 1_000));
    }

    /// Pages of any ids in order: the next question begins right after the last of them.
    #[test]
    fn ids_only_go_up(ids in prop::collection::btree_set(1_u64..1_000_000, 1..100)) {
        let stream = stream("contacts");
        let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id.to_string() })).collect();
        let page = json!({ "results": rows, "paging": { "next": { "after": "100" } } });
        let Ok(Next::More(cursor)) = stream.page(&stream.begin(), &page) else { panic!("it goes on") };
        let Ok(Next::More(cursor)) = stream.page(&cursor, &json!({ "results": [] })) else {
            panic!("it goes on")
        };
        let from = &body(&stream, &cursor)["filterGroups"][0]["filters"][2]["value"];
        prop_assert_eq!(from, &json!((ids.last().expect("one") + 1).to_string()));
    }
}

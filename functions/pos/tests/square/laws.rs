//! What holds for every input: nothing panics, cursors come back as they went, no window is left out.

use std::sync::LazyLock;

use pos::square::Square;
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::testing::asked::{Asked, Delivered, START, UNTIL, horizon, second};

use crate::support::{WITH_TOKEN, asked};

/// Names that the mappings look for, and one that they do not.
const NAMES: &[&str] = &[
    "id",
    "updated_at",
    "created_at",
    "closed_at",
    "state",
    "status",
    "type",
    "customer_id",
    "line_items",
    "tenders",
    "refunds",
    "returns",
    "fulfillments",
    "pickup_details",
    "picked_up_at",
    "uid",
    "quantity",
    "total_money",
    "amount_money",
    "base_price_money",
    "net_amount_due_money",
    "amount",
    "currency",
    "card_details",
    "card",
    "last_4",
    "card_brand",
    "source_type",
    "destination_type",
    "given_name",
    "email_address",
    "phone_number",
    "birthday",
    "address",
    "country",
    "preferences",
    "email_unsubscribed",
    "mapping",
    "loyalty_account_id",
    "accumulate_points",
    "create_reward",
    "points",
    "source",
    "data",
    "object",
    "customer",
    "payment",
    "refund",
    "loyalty_account",
    "loyalty_event",
    "order_updated",
    "order_id",
    "event_context",
    "merge",
    "from_customer_ids",
    "to_customer_id",
    "unheard_of",
];

const WORDS: &[&str] = &[
    "COMPLETED",
    "OPEN",
    "CANCELED",
    "APPROVED",
    "CAPTURED",
    "CARD",
    "CASH",
    "USD",
    "JPY",
    "XXL",
    "1111",
    "0.375",
    "2026-03-02T11:40:22Z",
    "2026-03-02T11:40:22.123456789Z",
    "0000-02-29",
    "ACCUMULATE_POINTS",
    "CREATE_REWARD",
    "customer.deleted",
    "customer.created",
    "order.updated",
    "payment.updated",
    "loyalty.account.deleted",
    "DE",
];

shared::arbitrary_records!(NAMES, WORDS);

/// Pages in and out of order, with tokens and without.
fn page() -> impl Strategy<Value = Value> {
    let times = prop::collection::vec(START - 5..UNTIL + 5, 0..4);
    (times, prop::option::of("[a-z]{0,2}"), any::<bool>()).prop_map(|(mut times, token, sorted)| {
        if sorted {
            times.sort_unstable();
        }
        let records: Vec<Value> = times
            .iter()
            .map(|at| json!({ "id": at.to_string(), "updated_at": second(*at), "created_at": second(*at) }))
            .collect();
        json!({ "records": records, "cursor": token })
    })
}

static ASKED: LazyLock<Vec<Asked>> = LazyLock::new(|| Asked::all(&Square, WITH_TOKEN));
static DELIVERED: LazyLock<Delivered> = LazyLock::new(|| Delivered::new(&Square, WITH_TOKEN));

/// The page as an answer to what is asked at a cursor.
fn answer(asked: &Asked, cursor: &RawValue, page: &Value) -> Value {
    if asked.request(cursor).target == "/v2/locations" {
        return json!({ "locations": [{ "id": "L1" }, { "id": "L2" }] });
    }
    let list = match asked.stream().facts().name {
        "customer_directory" => "customers",
        "loyalty_events" => "events",
        name => name,
    };
    json!({ list: page["records"], "cursor": page["cursor"] })
}

/// Where the question at a cursor begins, by the time that the window goes by.
fn asks_from(cursor: &RawValue) -> Option<String> {
    let cursor: Value = serde_json::from_str(cursor.get()).ok()?;
    cursor["from"].as_str().map(str::to_owned)
}

shared::nothing_panics!(ASKED, DELIVERED);

proptest! {
    /// However a run is cut, the window that it began in is not shortened, and the watermark tells no more than was read.
    #[test]
    fn no_window_is_left_before_its_last_page(pages in prop::collection::vec((page(), any::<bool>()), 1..12)) {
        for asked in ASKED.iter() {
            let name = asked.stream().facts().name;
            let mut cursor = asked.begin();
            let begun = asks_from(&cursor);
            for (page, is_cut) in &pages {
                let here = if *is_cut { asked.resume(&cursor) } else { cursor.clone() };
                let Ok(step) = asked.page(&here, &answer(asked, &here, page)) else { continue };
                let is_done = matches!(step, shared::page::Next::Done(_));
                let again: Box<RawValue> = serde_json::from_str(step.cursor().get()).unwrap();
                prop_assert_eq!(again.get(), step.cursor().get());
                prop_assert!(asked.watermark(&again) >= asked.watermark(&cursor), "{}", name);
                prop_assert!(asked.watermark(&again).is_none_or(|at| at <= horizon().until), "{}", name);
                if is_done {
                    break;
                }
                prop_assert_eq!(asks_from(&again), begun.clone(), "{}", name);
                cursor = again;
            }
        }
    }

    /// A later run steps back by the lookback once, and not a tick further.
    #[test]
    fn no_run_goes_back_further_than_the_lookback(times in 1_usize..5) {
        for name in ["customers", "orders", "payments", "refunds", "loyalty_events"] {
            let stream = asked(name);
            let until = second(UNTIL);
            let cursor = json!({ "from": until, "read_to": until }).to_string();
            let mut cursor = RawValue::from_string(cursor).unwrap();
            for _ in 0..times {
                let resumed = stream.resume(&cursor);
                let from = asks_from(&resumed).and_then(|from| from.parse::<shared::schema::Timestamp>().ok());
                let lookback = stream.stream().facts().lookback.value.as_micros();
                let stepped = until.as_micros() - from.expect("a time").as_micros();
                prop_assert_eq!(u128::try_from(stepped).unwrap(), lookback, "{}", name);
                // A run that changes nothing saves the end of its window again.
                let step = {
                    let mut here = resumed;
                    loop {
                        match stream.page(&here, &answer(&stream, &here, &json!({ "records": [] }))).unwrap() {
                            shared::page::Next::Done(cursor) => break cursor,
                            next => next.cursor().clone_into(&mut here),
                        }
                    }
                };
                cursor = step;
            }
        }
    }
}

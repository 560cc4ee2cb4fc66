//! Windows of time: location by location, page by page, and from run to run.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;
use shared::request::{Method, Request};
use shared::testing::asked::{Asked, START, UNTIL, horizon, response, second};

use crate::support::{WITH_TOKEN, asked, connect, done, located, more};

const FROM: &str = "2026-01-01T00:00:00.000Z";
const TO: &str = "2026-03-02T13:00:00.000Z";

fn body(request: Request) -> Value {
    assert_eq!(request.method, Method::Post, "{}", request.target);
    request.body.expect("a question")
}

fn order(id: &str, updated_at: &str) -> Value {
    json!({ "id": id, "updated_at": updated_at, "created_at": updated_at })
}

fn changed(stream: &Asked, cursor: &RawValue) -> Value {
    body(stream.request(cursor))["query"]["filter"]["date_time_filter"]["updated_at"].clone()
}

fn locations(count: usize) -> Value {
    let locations: Vec<Value> = (0..count)
        .map(|number| json!({ "id": format!("L{number}"), "status": if number % 2 == 0 { "ACTIVE" } else { "INACTIVE" } }))
        .collect();
    json!({ "locations": locations })
}

#[test]
fn orders_read_the_locations_first_and_name_ten_of_them_at_most() {
    let orders = asked("orders");
    let begin = orders.begin();
    assert_eq!(orders.request(&begin).target, "/v2/locations");
    let mut cursor = more(orders.page(&begin, &locations(23)).unwrap());
    let mut asked_about = Vec::new();
    for expected in [10, 10, 3] {
        let question = body(orders.request(&cursor));
        let ids = question["location_ids"].as_array().expect("locations").clone();
        assert_eq!(ids.len(), expected);
        asked_about.extend(ids);
        let next = orders.page(&cursor, &json!({})).unwrap();
        cursor = if expected == 3 { done(next) } else { more(next) };
    }
    assert_eq!(asked_about.len(), 23, "inactive locations too");
    assert_eq!(orders.watermark(&cursor), Some(second(UNTIL)));
}

#[test]
fn an_order_search_is_one_closed_window_on_the_time_of_change_oldest_first() {
    let orders = asked("orders");
    let question = body(orders.request(&located(&orders)));
    let range = json!({ "start_at": FROM, "end_at": TO });
    assert_eq!(
        question,
        json!({
            "location_ids": ["L88917AVBK2S5"],
            "limit": 500,
            "return_entries": false,
            "query": {
                "filter": { "date_time_filter": { "updated_at": range } },
                "sort": { "sort_field": "UPDATED_AT", "sort_order": "ASC" },
            },
        })
    );
}

/// airbyte#77703: 500 orders of each location, and no more.
#[test]
fn the_cursor_is_chained_with_the_identical_question() {
    let orders = asked("orders");
    let first = located(&orders);
    let page = json!({ "orders": [order("a", "2026-02-01T00:00:00Z")], "cursor": "123" });
    let second_page = more(orders.page(&first, &page).unwrap());
    let mut expected = body(orders.request(&first));
    expected["cursor"] = "123".into();
    assert_eq!(body(orders.request(&second_page)), expected);
    done(orders.page(&second_page, &json!({ "orders": [] })).unwrap());
}

/// airbyte#30309: customers stopped at a hundred.
#[test]
fn customers_go_on_behind_the_first_hundred() {
    let customers = asked("customers");
    let begin = customers.begin();
    let page = json!({ "customers": [{ "id": "a" }], "cursor": "9dpS" });
    let next = more(customers.page(&begin, &page).unwrap());
    let mut expected = body(customers.request(&begin));
    assert_eq!(expected["limit"], 100);
    assert_eq!(
        expected["query"]["filter"],
        json!({ "updated_at": { "start_at": FROM, "end_at": TO } })
    );
    expected["cursor"] = "9dpS".into();
    assert_eq!(body(customers.request(&next)), expected);
}

/// Tokens are short-lived, so a later run goes on by time: from the last order that was read, not from the first.
#[test]
fn a_later_run_drops_the_token_and_keeps_its_place() {
    let orders = asked("orders");
    let page = json!({ "orders": [order("a", "2026-02-01T00:00:00Z"), order("b", "2026-02-03T00:00:00.120Z")], "cursor": "123" });
    let cursor = more(orders.page(&located(&orders), &page).unwrap());
    let resumed = orders.resume(&cursor);
    let question = body(orders.request(&resumed));
    assert_eq!(question.get("cursor"), None);
    assert_eq!(
        changed(&orders, &resumed),
        json!({ "start_at": "2026-02-03T00:00:00.120Z", "end_at": TO })
    );
    let again = orders.stream().restart(&cursor, &horizon()).unwrap();
    assert_eq!(again.get(), resumed.get(), "an expired token is dropped in the same way");
    assert_eq!(orders.stream().facts().expired_cursor, [400]);
}

/// Customers can be sorted by creation only, so that is how far they are told to be read.
#[test]
fn a_later_run_goes_on_among_customers_by_their_creation() {
    let customers = asked("customers");
    let page = json!({ "customers": [{ "id": "a", "created_at": "2020-04-20T10:02:43Z" }], "cursor": "x" });
    let cursor = more(customers.page(&customers.begin(), &page).unwrap());
    let filter = &body(customers.request(&customers.resume(&cursor)))["query"]["filter"];
    assert_eq!(filter["created_at"], json!({ "start_at": "2020-04-20T10:02:43.000Z" }));
    assert_eq!(filter["updated_at"], json!({ "start_at": FROM, "end_at": TO }));
}

/// An answer out of order says nothing about how far everything was read.
#[test]
fn a_page_out_of_order_moves_no_place() {
    let orders = asked("orders");
    for records in [
        json!([order("a", "2026-02-03T00:00:00Z"), order("b", "2026-02-01T00:00:00Z")]),
        json!([order("a", "2026-02-03T00:00:00Z"), { "id": "b" }]),
        json!([order("a", "2026-02-03T00:00:00Z"), "b"]),
    ] {
        let page = json!({ "orders": records, "cursor": "123" });
        let cursor = more(orders.page(&located(&orders), &page).unwrap());
        assert_eq!(changed(&orders, &orders.resume(&cursor))["start_at"], FROM);
    }
}

/// Offline orders come up to 72 hours late with an old `created_at`; what counts is `updated_at`.
#[test]
fn nothing_goes_by_creation_where_a_time_of_change_is_told() {
    let [orders, payments, refunds] = ["orders", "payments", "refunds"].map(asked);
    let question = body(orders.request(&located(&orders))).to_string();
    assert!(!question.contains("created_at") && !question.contains("CREATED_AT"));
    let place = located(&payments);
    for (stream, cursor) in [(&payments, place), (&refunds, refunds.begin())] {
        assert_eq!(stream.asks(&cursor, "sort_field").as_deref(), Some("UPDATED_AT"));
        assert_eq!(stream.asks(&cursor, "sort_order").as_deref(), Some("ASC"));
        assert_eq!(stream.asks(&cursor, "updated_at_begin_time").as_deref(), Some(FROM));
        assert_eq!(stream.asks(&cursor, "updated_at_end_time").as_deref(), Some(TO));
        assert_eq!(stream.asks(&cursor, "limit").as_deref(), Some("100"));
    }
}

/// `begin_time` goes by creation and is a year ago by default: older payments that changed since would be missing.
#[test]
fn begin_time_is_explicit_and_older_than_any_payment() {
    let [payments, refunds] = ["payments", "refunds"].map(asked);
    assert_eq!(
        payments.asks(&located(&payments), "begin_time").as_deref(),
        Some("2009-01-01T00:00:00.000Z")
    );
    assert_eq!(
        refunds.asks(&refunds.begin(), "begin_time").as_deref(),
        Some("2009-01-01T00:00:00.000Z")
    );
}

/// Without a location, payments are the main location's only; refunds are everyone's.
#[test]
fn payments_are_asked_for_location_by_location() {
    let payments = asked("payments");
    let mut cursor = more(payments.page(&payments.begin(), &locations(3)).unwrap());
    for (number, is_last) in [(0, false), (1, false), (2, true)] {
        assert_eq!(payments.asks(&cursor, "location_id"), Some(format!("L{number}")));
        let next = payments.page(&cursor, &json!({})).unwrap();
        cursor = if is_last { done(next) } else { more(next) };
    }
    let refunds = asked("refunds");
    assert_eq!(refunds.asks(&refunds.begin(), "location_id"), None);
}

/// A location's place is its own: the next one is read from the beginning of the window.
#[test]
fn a_place_does_not_leak_into_the_next_location() {
    let payments = asked("payments");
    let cursor = more(payments.page(&payments.begin(), &locations(2)).unwrap());
    let page = json!({ "payments": [order("a", "2026-02-03T00:00:00Z")], "cursor": "t" });
    let cursor = more(payments.page(&cursor, &page).unwrap());
    let resumed = payments.resume(&cursor);
    assert_eq!(
        payments.asks(&resumed, "updated_at_begin_time").as_deref(),
        Some("2026-02-03T00:00:00.000Z")
    );
    let next = more(payments.page(&resumed, &json!({})).unwrap());
    assert_eq!(payments.asks(&next, "location_id").as_deref(), Some("L1"));
    assert_eq!(payments.asks(&next, "updated_at_begin_time").as_deref(), Some(FROM));
}

#[test]
fn without_locations_nothing_is_read_and_nothing_is_skipped() {
    for name in ["orders", "payments"] {
        let stream = asked(name);
        let begin = stream.begin();
        for none in [json!({}), json!({ "locations": [] })] {
            let cursor = done(stream.page(&begin, &none).unwrap());
            assert_eq!(cursor.get(), begin.get());
            assert_eq!(stream.watermark(&cursor), None);
        }
        let nameless = json!({ "locations": [{ "name": "Camden" }] });
        assert!(matches!(stream.page(&begin, &nameless), Err(Error::Decode(_))));
    }
}

/// "Well under 30 seconds, occasionally a minute or longer": the window ends two minutes ago and the next overlaps it.
#[test]
fn windows_settle_and_overlap() {
    let connection = connect(WITH_TOKEN).unwrap();
    for name in ["customers", "orders", "payments", "refunds"] {
        let mut streams = connection.connector.streams.iter();
        let facts = streams.find(|stream| stream.facts().name == name).unwrap().facts();
        assert_eq!(
            (facts.lag.value.as_secs(), facts.lookback.value.as_secs()),
            (120, 600),
            "{name}"
        );
    }
    let customers = asked("customers");
    let cursor = done(customers.page(&customers.begin(), &json!({})).unwrap());
    assert_eq!(customers.watermark(&cursor), Some(second(UNTIL)));
    let start = body(customers.request(&customers.resume(&cursor)))["query"]["filter"]["updated_at"]["start_at"].clone();
    assert_eq!(start, "2026-03-02T12:50:00.000Z");
}

/// A window that a run left is read to its own end, and then the run catches up.
#[test]
fn an_old_window_is_finished_before_a_new_one_begins() {
    let refunds = asked("refunds");
    let old = json!({ "from": second(START), "window": { "until": second(UNTIL - 3600), "reached": second(START + 60), "token": "t" } });
    let old: Box<RawValue> = serde_json::value::to_raw_value(&old).unwrap();
    let resumed = refunds.resume(&old);
    assert_eq!(
        refunds.asks(&resumed, "updated_at_end_time").as_deref(),
        Some("2026-03-02T12:00:00.000Z")
    );
    assert_eq!(
        refunds.asks(&resumed, "updated_at_begin_time").as_deref(),
        Some("2026-01-01T00:01:00.000Z")
    );
    let next = more(refunds.page(&resumed, &json!({})).unwrap());
    assert_eq!(
        refunds.asks(&next, "updated_at_begin_time").as_deref(),
        Some("2026-03-02T12:00:00.000Z")
    );
    assert_eq!(refunds.asks(&next, "updated_at_end_time").as_deref(), Some(TO));
    done(refunds.page(&next, &json!({})).unwrap());
}

#[test]
fn the_directory_is_all_there_is_whatever_the_start_and_once_a_week() {
    let directory = asked("customer_directory");
    let range = json!({ "start_at": "2009-01-01T00:00:00.000Z", "end_at": TO });
    let filter = |cursor: &RawValue| body(directory.request(cursor))["query"]["filter"].clone();
    assert_eq!(filter(&directory.begin()), json!({ "created_at": range }));
    assert_eq!(directory.stream().facts().every.map(|every| every.as_secs()), Some(7 * 86_400));
    let page = json!({ "customers": [{ "id": "a", "created_at": "2020-04-20T10:02:43Z" }], "cursor": "x" });
    let cursor = more(directory.page(&directory.begin(), &page).unwrap());
    assert_eq!(
        filter(&directory.resume(&cursor))["created_at"]["start_at"],
        "2020-04-20T10:02:43.000Z"
    );
    let cursor = done(directory.page(&cursor, &json!({})).unwrap());
    assert_eq!(
        filter(&directory.resume(&cursor)),
        json!({ "created_at": range }),
        "the next pass begins anew"
    );
}

/// Who is missing from a pass is asked for by id; "not found" is an answer, any other error is none.
#[test]
fn absences_are_confirmed_by_id() {
    for name in ["customers", "customer_directory"] {
        let stream = asked(name);
        let lookup = stream.stream().lookup(&["A".to_owned(), "B".to_owned()]).expect("a lookup");
        assert_eq!(lookup.target, "/v2/customers/bulk-retrieve");
        assert_eq!(body(lookup), json!({ "customer_ids": ["A", "B"] }));
        let seen = |told: &Value| {
            let answer = response(json!({ "responses": told }).to_string());
            stream.stream().looked_up(&answer).map(|records| records.len())
        };
        let gone = json!({ "errors": [{ "code": "NOT_FOUND" }] });
        assert_eq!(seen(&json!({ "A": { "customer": { "id": "A" } }, "B": gone })).unwrap(), 1);
        for unclear in [
            json!({ "errors": [{ "code": "INTERNAL_SERVER_ERROR" }] }),
            json!({ "errors": [{ "code": "NOT_FOUND" }, { "code": "RATE_LIMITED" }] }),
            json!({ "errors": [{}] }),
            json!({ "errors": [] }),
        ] {
            let error = seen(&json!({ "A": unclear })).unwrap_err();
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
        }
        assert!(seen(&json!({ "A": {} })).is_err());
    }
}

#[test]
fn named_orders_are_read_in_one_batch() {
    let orders = asked("orders");
    let lookup = orders.stream().lookup(&["A".to_owned()]).expect("a lookup");
    assert_eq!(lookup.target, "/v2/orders/batch-retrieve");
    assert_eq!(body(lookup), json!({ "order_ids": ["A"] }));
    // An order that does not exist is left out, and a list of none is too.
    assert!(orders.stream().looked_up(&response("{}")).unwrap().is_empty());
}

#[test]
fn loyalty_accounts_are_listed_from_the_beginning_once_a_day() {
    let accounts = asked("loyalty_accounts");
    assert_eq!(body(accounts.request(&accounts.begin())), json!({ "limit": 200 }));
    let page = json!({ "loyalty_accounts": [{ "id": "a" }], "cursor": "x" });
    let cursor = more(accounts.page(&accounts.begin(), &page).unwrap());
    assert_eq!(body(accounts.request(&cursor)), json!({ "limit": 200, "cursor": "x" }));
    assert_eq!(accounts.resume(&cursor).get(), accounts.begin().get());
    assert!(matches!(accounts.page(&cursor, &page), Err(Error::Stuck(_))));
}

/// Newest first: what a run left unread is the older part, and the end of a range is not part of it.
#[test]
fn loyalty_events_go_on_towards_the_past() {
    let events = asked("loyalty_events");
    let created = |cursor: &RawValue| {
        body(events.request(cursor))["query"]["filter"]["date_time_filter"]["created_at"].clone()
    };
    assert_eq!(created(&events.begin()), json!({ "start_at": FROM, "end_at": TO }));
    let page = json!({ "events": [order("b", "2026-02-05T10:00:00Z"), order("a", "2026-02-04T10:00:00Z")], "cursor": "x" });
    let cursor = more(events.page(&events.begin(), &page).unwrap());
    assert_eq!(
        created(&cursor),
        json!({ "start_at": FROM, "end_at": TO }),
        "the token keeps its question"
    );
    assert_eq!(
        created(&events.resume(&cursor)),
        json!({ "start_at": FROM, "end_at": "2026-02-04T10:00:01.000Z" })
    );
    let cursor = done(events.page(&cursor, &json!({})).unwrap());
    assert_eq!(
        created(&events.resume(&cursor))["start_at"],
        "2026-02-27T13:00:00.000Z",
        "72 hours back"
    );
    let brief = Asked::new(
        &pos::square::Square,
        &format!("{WITH_TOKEN}loyalty_lookback_hours = 1\n"),
        "loyalty_events",
    );
    let start = body(brief.request(&brief.resume(&cursor)))["query"]["filter"]["date_time_filter"]
        ["created_at"]["start_at"]
        .clone();
    assert_eq!(start, "2026-03-02T12:00:00.000Z");
}

#[test]
fn the_same_cursor_again_is_stuck() {
    for (name, list) in
        [("customers", "customers"), ("refunds", "refunds"), ("loyalty_events", "events")]
    {
        let stream = asked(name);
        let page = json!({ list: [], "cursor": "same" });
        let cursor = more(stream.page(&stream.begin(), &page).unwrap());
        let error = stream.page(&cursor, &page).unwrap_err();
        assert!(matches!(error, Error::Stuck(_)), "{name}: {error}");
    }
}

/// Square leaves an empty list out, so `{}` is a page; an error with status 200 is none.
#[test]
fn an_empty_answer_is_a_page_and_an_error_envelope_is_not() {
    for name in ["customers", "customer_directory", "refunds", "loyalty_accounts", "loyalty_events"]
    {
        let stream = asked(name);
        for empty in [json!({}), json!({ "errors": [] }), json!({ "cursor": null })] {
            assert!(
                matches!(stream.page(&stream.begin(), &empty), Ok(Next::Done(_))),
                "{name}: {empty}"
            );
        }
        for error in [
            json!({ "error": "InternalError", "description": "Try again" }),
            json!({ "errors": [{ "category": "API_ERROR", "code": "SERVICE_UNAVAILABLE" }] }),
            json!({ "message": "Down" }),
            json!([]),
        ] {
            let refused = stream.page(&stream.begin(), &error).unwrap_err();
            assert!(matches!(refused, Error::Decode(_)), "{name}: {refused}");
        }
    }
}

#[test]
fn an_accounts_loyalty_programme_is_optional() {
    for name in ["loyalty_accounts", "loyalty_events"] {
        assert!(asked(name).stream().facts().optional.is_some(), "{name}");
    }
    assert!(asked("orders").stream().facts().optional.is_none());
}

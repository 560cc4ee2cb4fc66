//! Lists with cursor pagination, the satisfaction ratings among them, and single records read again.

use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;

use crate::support::{Asked, START, UNTIL, WITH_TOKEN, asked, asked_of, response, second};

fn ratings(after: Option<&str>, updated: &[&str]) -> Value {
    let records: Vec<Value> = updated.iter().map(|at| json!({"id": 1, "updated_at": at})).collect();
    json!({"satisfaction_ratings": records, "meta": {"has_more": after.is_some(), "after_cursor": after}})
}

fn without_lookback() -> Asked {
    asked_of(&format!("{WITH_TOKEN}csat_lookback_days = 0\n"), "satisfaction_ratings")
}

/// tap-zendesk: ratings come out of order, so a state saved in the middle skips some.
#[test]
fn the_window_of_ratings_moves_after_its_last_page_only() {
    let stream = without_lookback();
    let first =
        stream.page(&stream.begin(), &ratings(Some("x"), &["2026-02-27T18:30:00Z"])).unwrap();
    assert!(matches!(first, Next::More(_)));
    assert_eq!(stream.asks(first.cursor(), "start_time"), Some(START.to_string()));
    assert_eq!(stream.asks(first.cursor(), "page[after]").as_deref(), Some("x"));
    assert_eq!(
        stream.resume(first.cursor()).get(),
        first.cursor().get(),
        "a paused window goes on"
    );
    let last = stream.page(first.cursor(), &ratings(None, &["2026-01-20T00:00:00Z"])).unwrap();
    assert!(matches!(last, Next::Done(_)));
    let newest = 1_772_217_000;
    assert_eq!(stream.asks(&stream.resume(last.cursor()), "start_time"), Some(newest.to_string()));
    assert_eq!(stream.asks(last.cursor(), "page[after]"), None);
}

#[test]
fn an_empty_window_of_ratings_stays_where_it_is() {
    let stream = without_lookback();
    let next = stream.page(&stream.begin(), &ratings(None, &[])).unwrap();
    assert_eq!(stream.asks(next.cursor(), "start_time"), Some(START.to_string()));
}

#[test]
fn ratings_from_the_future_do_not_pass_the_horizon() {
    let stream = without_lookback();
    let next = stream.page(&stream.begin(), &ratings(None, &["2031-01-01T00:00:00Z"])).unwrap();
    assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL)));
}

/// Offered on Monday, given on Thursday: whichever of them `start_time` means, the rating is read.
#[test]
fn ratings_are_read_back_a_week() {
    let stream = asked("satisfaction_ratings");
    let next = stream.page(&stream.begin(), &ratings(None, &["2026-02-27T18:30:00Z"])).unwrap();
    let week = 7 * 86_400;
    let resumed = stream.resume(next.cursor());
    assert_eq!(stream.asks(&resumed, "start_time"), Some((1_772_217_000 - week).to_string()));
    let resumed = stream.resume(&stream.begin());
    assert_eq!(
        stream.asks(&resumed, "start_time"),
        Some(START.to_string()),
        "never before `start`"
    );
}

#[test]
fn ratings_may_be_switched_off() {
    assert!(asked("satisfaction_ratings").stream().facts().optional.is_some());
}

#[test]
fn the_deleted_are_listed_anew_by_every_run() {
    for name in ["deleted_users", "deleted_tickets"] {
        let stream = asked(name);
        let begin = stream.begin();
        assert_eq!(stream.asks(&begin, "page[size]").as_deref(), Some("100"));
        let page = json!({name: [], "meta": {"has_more": true, "after_cursor": "x"}});
        let next = stream.page(&begin, &page).unwrap();
        assert_eq!(stream.asks(next.cursor(), "page[after]").as_deref(), Some("x"));
        let page = json!({name: [], "meta": {"has_more": false, "after_cursor": "y"}});
        let next = stream.page(next.cursor(), &page).unwrap();
        assert!(matches!(next, Next::Done(_)));
        assert_eq!(stream.resume(next.cursor()).get(), begin.get());
    }
}

/// Pagination by number ends at page 100 with status 400.
#[test]
fn a_list_without_a_token_for_more_is_not_understood() {
    let stream = asked("deleted_users");
    for meta in [json!({"has_more": true, "after_cursor": null}), Value::Null] {
        let page = json!({"deleted_users": [], "meta": meta});
        let error = stream.page(&stream.begin(), &page).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
    }
}

#[test]
fn the_list_of_deleted_tickets_has_a_pace_of_its_own() {
    let quota = asked("deleted_tickets").stream().facts().quota.expect("a quota").value;
    assert_eq!((quota.name, quota.pace.requests), ("deleted-tickets", 10));
}

#[test]
fn tickets_and_users_can_be_read_again_by_id() {
    for (name, path) in
        [("tickets", "/api/v2/tickets/show_many.json"), ("users", "/api/v2/users/show_many.json")]
    {
        let stream = asked(name);
        let request = stream.stream().lookup(&["7".to_owned(), "8".to_owned()]).expect("a lookup");
        assert_eq!(
            (request.target.as_str(), &request.query[..]),
            (path, &[("ids", "7,8".to_owned())][..])
        );
        let response = response(json!({name: [{"id": 7}, {"id": 8}], "count": 2}).to_string());
        assert_eq!(stream.stream().looked_up(&response).unwrap().len(), 2);
    }
}

//! How search is walked: query by query, window by window.

use serde_json::{Value, json};
use shared::page::Next;
use shared::testing::asked::{self, Asked};

use crate::support::{START, UNTIL, asked_of, looking_for, response, second, view};

fn empty() -> Value {
    json!({ "posts": [] })
}

fn two() -> Asked {
    asked_of(&looking_for(&["\"Ember & Oak\"", "#emberoak"]), "posts")
}

#[test]
fn the_first_window_begins_at_the_start_and_ends_now() {
    let posts = two();
    let begin = posts.begin();
    assert_eq!(posts.asks(&begin, "q").as_deref(), Some("\"Ember & Oak\""));
    assert_eq!(posts.asks(&begin, "sort").as_deref(), Some("latest"));
    assert_eq!(posts.asks(&begin, "limit").as_deref(), Some("100"));
    assert_eq!(posts.asks(&begin, "since"), Some(second(START).to_string()));
    assert_eq!(posts.asks(&begin, "until"), Some(second(UNTIL).to_string()));
    assert_eq!(posts.asks(&begin, "cursor"), None);
    assert_eq!(posts.watermark(&begin), None);
}

/// Posts are hidden after paging, so a page can be short or empty and have a next one all the same.
#[test]
fn an_empty_page_with_a_cursor_is_not_the_end() {
    let posts = two();
    let next = posts.page(&posts.begin(), &json!({ "posts": [], "cursor": "100" })).unwrap();
    let Next::More(next) = next else { panic!("more") };
    assert_eq!(posts.asks(&next, "cursor").as_deref(), Some("100"));
    assert_eq!(posts.asks(&next, "q").as_deref(), Some("\"Ember & Oak\""));
}

#[test]
fn each_query_is_read_to_its_end_before_the_next() {
    let posts = two();
    let Next::More(second_query) = posts.page(&posts.begin(), &empty()).unwrap() else {
        panic!("more")
    };
    assert_eq!(posts.asks(&second_query, "q").as_deref(), Some("#emberoak"));
    assert_eq!(posts.asks(&second_query, "cursor"), None);
    assert_eq!(posts.watermark(&second_query), None, "one of two is read");
    let Next::Done(done) = posts.page(&second_query, &empty()).unwrap() else { panic!("done") };
    assert_eq!(posts.watermark(&done), Some(second(UNTIL)));
}

#[test]
fn the_next_window_overlaps_by_a_quarter_of_an_hour() {
    let posts = two();
    let half = posts.page(&posts.begin(), &empty()).unwrap();
    let done = posts.page(half.cursor(), &empty()).unwrap();
    let again = posts.resume(done.cursor());
    assert_eq!(posts.asks(&again, "since"), Some(second(UNTIL - 15 * 60).to_string()));
    assert_eq!(posts.asks(&again, "until"), Some(second(UNTIL).to_string()));
}

/// The pages of a window belong to its end.
#[test]
fn a_run_that_stopped_in_the_middle_goes_on_in_the_same_window() {
    let posts = two();
    let stopped = posts.page(&posts.begin(), &json!({ "posts": [], "cursor": "100" })).unwrap();
    assert_eq!(posts.resume(stopped.cursor()).get(), stopped.cursor().get());
}

/// A query that was added later has a past of its own.
#[test]
fn a_new_query_is_read_from_the_start() {
    let one = asked_of(&looking_for(&["#emberoak"]), "posts");
    let done = one.page(&one.begin(), &empty()).unwrap();
    let posts = two();
    let resumed = posts.resume(done.cursor());
    assert_eq!(posts.asks(&resumed, "q").as_deref(), Some("#emberoak"), "where it stood");
    assert_eq!(posts.watermark(&resumed), None);
    let Next::Done(end) = posts.page(&resumed, &empty()).unwrap() else { panic!("done") };
    assert_eq!(posts.asks(&end, "q").as_deref(), Some("\"Ember & Oak\""));
    assert_eq!(posts.asks(&end, "since"), Some(second(START).to_string()), "from the start");
}

#[test]
fn a_query_that_is_gone_is_forgotten() {
    let posts = two();
    let half = posts.page(&posts.begin(), &json!({ "posts": [], "cursor": "100" })).unwrap();
    let other = asked_of(&looking_for(&["sourdough"]), "posts");
    let resumed = other.resume(half.cursor());
    assert_eq!(other.asks(&resumed, "q").as_deref(), Some("sourdough"));
    assert_eq!(other.asks(&resumed, "cursor"), None);
}

/// The driver takes the same page twice for a stream that is stuck.
#[test]
fn two_queries_may_find_the_very_same() {
    let posts = two();
    let page = response(json!({ "posts": [view("Ember & Oak #emberoak", &[])] }).to_string());
    let horizon = asked::horizon();
    let first = posts.stream().page(&posts.begin(), &horizon, &page).unwrap();
    assert_eq!(first.records.len(), 1);
    let second = posts.stream().page(first.next.cursor(), &horizon, &page).unwrap();
    assert!(second.records.is_empty(), "they have landed");
    assert!(matches!(second.next, Next::Done(_)));
}

/// The index forgets its cursors; the window is read again from its first page.
#[test]
fn a_refused_cursor_costs_one_window() {
    let posts = two();
    let stopped = posts.page(&posts.begin(), &json!({ "posts": [], "cursor": "100" })).unwrap();
    let again = posts.stream().restart(stopped.cursor(), &asked::horizon()).unwrap();
    assert_eq!(posts.asks(&again, "cursor"), None);
    assert_eq!(posts.asks(&again, "since"), Some(second(START).to_string()));
    assert_eq!(posts.stream().facts().expired_cursor, [400]);
}

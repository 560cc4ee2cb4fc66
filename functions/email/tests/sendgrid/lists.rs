//! How the lists are read: closed windows, a look back, complete passes.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::facts::Deletes;
use shared::page::Next;
use shared::testing::asked::Asked;

use crate::support::{START, UNTIL, second, stream};

const LISTS: [&str; 5] = ["bounces", "blocks", "spam_reports", "invalid_emails", "unsubscribes"];

fn asks(asked: &Asked, cursor: &RawValue) -> [i64; 4] {
    ["start_time", "end_time", "limit", "offset"]
        .map(|name| asked.asks(cursor, name).expect("always asked").parse().expect("a number"))
}

fn entries(count: usize) -> Value {
    let entry =
        |number: usize| json!({"created": START, "email": format!("p{number}@mail.example")});
    (0..count).map(entry).collect()
}

fn cursor(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("JSON")
}

#[test]
fn each_list_has_its_path_and_a_window_with_two_ends() {
    for name in LISTS {
        let asked = stream(name);
        assert_eq!(asked.request(&asked.begin()).target, format!("/v3/suppression/{name}"));
        assert_eq!(asks(&asked, &asked.begin()), [START, UNTIL, 500, 0]);
    }
}

/// Offsets count from the window's ends, so the ends stay where they are until the last page.
#[test]
fn a_window_that_is_paged_does_not_fill() {
    let asked = stream("bounces");
    let Next::More(second_page) = asked.page(&asked.begin(), &entries(500)).expect("a page") else {
        panic!("a full page is not the last")
    };
    assert_eq!(asks(&asked, &second_page), [START, UNTIL, 500, 500]);
    let later = cursor(&json!({"since": START, "reading": {"until": START + 60, "offset": 500}}));
    assert_eq!(asks(&asked, &asked.resume(&later)), [START, START + 60, 500, 500]);
    let Next::Done(done) = asked.page(&later, &entries(499)).expect("a page") else {
        panic!("a page that is not full is the last")
    };
    assert_eq!(asked.watermark(&done), Some(second(START + 60)));
}

/// Entries are shown late and in no order.
#[test]
fn a_run_looks_ten_minutes_back_and_never_before_the_start() {
    let asked = stream("bounces");
    let next = |since: i64| asks(&asked, &asked.resume(&cursor(&json!({"since": since}))))[0];
    assert_eq!(next(UNTIL - 3600), UNTIL - 4200);
    assert_eq!(next(START + 100), START);
}

/// A start that the operator moved forward must not skip what was not read yet.
#[test]
fn a_later_start_skips_nothing_that_was_not_read() {
    let asked = stream("bounces");
    let behind = cursor(&json!({"since": START - 5000}));
    assert_eq!(asks(&asked, &asked.resume(&behind))[0], START - 5000);
}

/// Which entry of two with one second comes first, nobody says: both are read again.
#[test]
fn the_next_window_opens_inside_the_last_second() {
    let asked = stream("bounces");
    let Next::Done(done) = asked.page(&asked.begin(), &json!([])).expect("a page") else {
        panic!("an empty page is the last")
    };
    assert_eq!(asks(&asked, &asked.resume(&done))[0], UNTIL - 600);
}

/// An old entry is as much in force as a new one, and what a pass does not list is buried.
#[test]
fn a_pass_lists_everything_whatever_the_start() {
    for name in ["all_bounces", "all_blocks", "all_spam_reports", "all_unsubscribes"] {
        let asked = stream(name);
        assert_eq!(asks(&asked, &asked.begin()), [0, UNTIL, 500, 0]);
        let Next::Done(done) = asked.page(&asked.begin(), &entries(3)).expect("a page") else {
            panic!("the last page")
        };
        assert_eq!(asks(&asked, &asked.resume(&done)), [0, UNTIL, 500, 0]);
        assert_eq!(asked.watermark(&done), None);
        let facts = asked.stream().facts();
        assert_eq!(facts.deletes.value, Deletes::FullPass);
        assert!(facts.every.is_some());
    }
}

#[test]
fn removals_are_seen_by_the_pass_over_the_same_object() {
    for name in LISTS {
        let additions = stream(name);
        let facts = additions.stream().facts();
        let Deletes::FullPassOf(pass) = facts.deletes.value else { panic!("{name}") };
        assert_eq!(stream(pass).stream().facts().object, facts.object);
    }
}

/// There are neither filters nor pages.
#[test]
fn group_suppressions_come_in_one_answer() {
    let asked = stream("group_suppressions");
    let request = asked.request(&asked.begin());
    assert_eq!((request.target.as_str(), request.query.len()), ("/v3/asm/suppressions", 0));
    let many: Value = (0..2000)
        .map(|n| json!({"email": format!("p{n}@mail.example"), "group_id": 1, "created_at": START}))
        .collect();
    assert!(matches!(asked.page(&asked.begin(), &many), Ok(Next::Done(_))));
}

/// `_metadata.next` is a whole address; it may lead anywhere, so only its token is used.
#[test]
fn of_the_next_link_only_the_token_is_taken() {
    let asked = stream("lists");
    let page = include_str!("../fixtures/sendgrid/lists/first_page.json");
    let page = serde_json::from_str(page).expect("JSON");
    let Next::More(next) = asked.page(&asked.begin(), &page).expect("a page") else {
        panic!("there is more")
    };
    assert_eq!(asked.request(&next).target, "/v3/marketing/lists");
    assert_eq!(asked.asks(&next, "page_token").as_deref(), Some("MTAw="));
    let lost = json!({"result": [], "_metadata": {"next": "https://api.sendgrid.com/v3/x"}});
    assert!(asked.page(&asked.begin(), &lost).is_err());
}

/// The envelope is `result`, `results` or a bare array.
#[test]
fn segments_have_results_and_one_page() {
    let asked = stream("segments");
    let request = asked.request(&asked.begin());
    assert_eq!((request.target.as_str(), request.query.len()), ("/v3/marketing/segments/2.0", 0));
    assert!(matches!(asked.page(&asked.begin(), &json!({"results": []})), Ok(Next::Done(_))));
    let more = json!({"results": [], "_metadata": {"next": "https://x.example/?page_token=a"}});
    assert!(asked.page(&asked.begin(), &more).is_err());
    assert!(asked.page(&asked.begin(), &json!([])).is_err());
}

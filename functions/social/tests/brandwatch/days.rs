//! The daily pass that counts the last days again.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::page::Next;
use shared::testing::asked::Asked;

use crate::support::{NAMED, WHOLE, all, asked, page, told};

/// Days from 31 January to 2 March, both begun.
const DAYS: usize = 31;

fn count(of: u64) -> Value {
    json!({"mentionsCount": of})
}

/// Answers a whole pass with these counts a day; returns what was asked, and the last cursor.
fn pass(
    stream: &Asked,
    begin: &RawValue,
    counts: impl Fn(&str) -> u64,
) -> (Vec<String>, Box<RawValue>) {
    let (mut asked, mut cursor) = (Vec::new(), begin.to_owned());
    for _ in 0..500 {
        let request = stream.request(&cursor);
        let day = stream.asks(&cursor, "startDate").unwrap_or_default();
        let day = day.get(..10).unwrap_or_default().to_owned();
        let answer = if request.target.ends_with("/count") {
            count(counts(&day))
        } else {
            asked.push(day);
            page(&["2026-02-20T00:00:00.000+0000"], Some("unused"))
        };
        let next = stream.page(&cursor, &answer).expect("a page");
        cursor = next.cursor().clone();
        if matches!(next, Next::Done(_)) {
            return (asked, cursor);
        }
    }
    panic!("the pass does not end");
}

#[test]
fn each_day_is_counted_and_listed_where_something_is() {
    let stream = asked(NAMED, "mention_days");
    let begin = stream.begin();
    assert_eq!(stream.request(&begin).target, "/projects/398748937/data/mentions/count");
    assert_eq!(stream.asks(&begin, "startDate").as_deref(), Some("2026-01-31T00:00:00.000+0000"));
    assert_eq!(stream.asks(&begin, "endDate").as_deref(), Some("2026-02-01T00:00:00.000+0000"));
    assert_eq!(all(&stream, &begin, "queryId"), ["1999933037", "1999934807"]);
    let (listed, cursor) = pass(&stream, &begin, |day| u64::from(day.ends_with('7')));
    assert_eq!(listed, ["2026-02-07", "2026-02-17", "2026-02-27"]);
    assert_eq!(told(&cursor)["days"].as_object().unwrap().len(), DAYS);
}

#[test]
fn only_days_whose_count_moved_are_listed_again() {
    let stream = asked(NAMED, "mention_days");
    let (_, cursor) = pass(&stream, &stream.begin(), |_| 5);
    let (listed, cursor) = pass(&stream, &stream.resume(&cursor), |_| 5);
    assert!(listed.is_empty());
    let moved = |day: &str| if day == "2026-02-11" { 4 } else { 5 };
    let (listed, _) = pass(&stream, &stream.resume(&cursor), moved);
    assert_eq!(listed, ["2026-02-11"]);
}

#[test]
fn the_last_day_ends_with_the_pass() {
    let stream = asked(NAMED, "mention_days");
    let mut cursor = stream.begin();
    for _ in 1..DAYS {
        cursor = stream.page(&cursor, &count(0)).unwrap().cursor().clone();
    }
    assert_eq!(stream.asks(&cursor, "startDate").as_deref(), Some("2026-03-02T00:00:00.000+0000"));
    assert_eq!(stream.asks(&cursor, "endDate").as_deref(), Some("2026-03-02T13:00:00.000+0000"));
    assert!(matches!(stream.page(&cursor, &count(0)).unwrap(), Next::Done(_)));
}

#[test]
fn a_day_is_listed_page_by_page_and_a_refused_cursor_starts_the_day_again() {
    let stream = asked(NAMED, "mention_days");
    let next = stream.page(&stream.begin(), &count(7)).unwrap();
    let cursor = next.cursor();
    assert_eq!(stream.asks(cursor, "orderBy").as_deref(), Some("date"));
    let full = page(&["2026-01-31T10:00:00.000+0000"; 3], Some("one"));
    let next = stream.page(cursor, &full).unwrap();
    assert_eq!(stream.asks(next.cursor(), "cursor").as_deref(), Some("one"));
    let horizon = shared::testing::asked::horizon();
    let again = stream.stream().restart(next.cursor(), &horizon).unwrap();
    assert_eq!(stream.asks(&again, "cursor"), None);
    assert_eq!(stream.asks(&again, "startDate"), stream.asks(cursor, "startDate"));
    let next = stream.page(&again, &page(&["2026-01-31T10:00:00.000+0000"], None)).unwrap();
    assert!(stream.request(next.cursor()).target.ends_with("/count"), "the next day");
}

#[test]
fn the_queries_of_a_project_are_listed_first_and_counted_in_portions() {
    let stream = asked(&format!("{WHOLE}queries_per_request = 1\n"), "mention_days");
    let begin = stream.begin();
    assert_eq!(stream.request(&begin).target, "/projects/398748937/queries");
    let list: Value =
        serde_json::from_str(include_str!("../fixtures/brandwatch/queries/active.json")).unwrap();
    let cursor = stream.page(&begin, &list).unwrap().cursor().clone();
    assert_eq!(all(&stream, &cursor, "queryId"), ["1999933037"]);
    let cursor = stream.page(&cursor, &count(0)).unwrap().cursor().clone();
    assert_eq!(all(&stream, &cursor, "queryId"), ["1999934807"]);
    assert_eq!(stream.asks(&cursor, "startDate").as_deref(), Some("2026-01-31T00:00:00.000+0000"));
}

/// Days that left the window are forgotten; the cursor does not grow.
#[test]
fn counts_of_days_out_of_reach_are_forgotten() {
    let stream = asked(NAMED, "mention_days");
    let (_, cursor) = pass(&stream, &stream.begin(), |_| 1);
    let shorter = asked(&format!("{NAMED}lookback_days = 5\n"), "mention_days");
    let (listed, cursor) = pass(&shorter, &shorter.resume(&cursor), |_| 1);
    assert!(listed.is_empty());
    assert_eq!(told(&cursor)["days"].as_object().unwrap().len(), 6);
}

/// A month's list does not show what is older: nobody is buried for not being on it.
#[test]
fn nothing_is_deleted_by_absence() {
    let stream = asked(NAMED, "mention_days");
    let facts = stream.stream().facts();
    assert_eq!(facts.deletes.value, shared::facts::Deletes::None);
    assert_eq!(facts.every, Some(std::time::Duration::from_hours(24)));
}

//! The passes from the newest back to the mark: what they ask, where they end, when the mark moves.

use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;
use shared::testing::asked::{Asked, START, UNTIL, response, second};

use crate::support::{NAMED, WHOLE, all, asked, page, told};

const QUERY: &str = "1999933037";

/// A connection that has read to 12:00 of the last day.
fn caught_up(stream: &Asked) -> Box<serde_json::value::RawValue> {
    let first = page(&["2026-03-02T12:00:00.000+0000"], None);
    let next = stream.page(&stream.begin(), &first).expect("a page");
    assert!(matches!(next, Next::Done(_)));
    next.cursor().clone()
}

#[test]
fn a_first_pass_asks_for_all_since_the_start_newest_first() {
    let stream = asked(NAMED, "mentions");
    let begin = stream.begin();
    assert_eq!(stream.request(&begin).target, "/projects/398748937/data/mentions");
    let value = |name| stream.asks(&begin, name);
    assert_eq!(value("startDate").as_deref(), Some("2026-01-01T00:00:00.000+0000"));
    assert_eq!(value("endDate").as_deref(), Some("2026-03-02T13:00:00.000+0000"));
    assert_eq!(value("orderBy").as_deref(), Some("added"));
    assert_eq!(value("orderDirection").as_deref(), Some("desc"));
    assert_eq!(value("pageSize").as_deref(), Some("3"));
    assert_eq!(value("cursor"), None);
    assert_eq!(all(&stream, &begin, "queryId"), ["1999933037", "1999934807"]);
}

#[test]
fn edits_are_asked_for_by_their_own_clock_and_not_from_the_start() {
    let stream = asked(NAMED, "mention_edits");
    let begin = stream.begin();
    assert_eq!(stream.asks(&begin, "orderBy").as_deref(), Some("updated"));
    assert_eq!(
        stream.asks(&begin, "startDate").as_deref(),
        Some("2026-01-31T13:00:00.000+0000"),
        "thirty days"
    );
}

/// Requests with them fail since they were removed.
#[test]
fn nothing_is_asked_by_id_or_by_page_number() {
    for name in ["mentions", "mention_edits", "mention_days"] {
        let stream = asked(NAMED, name);
        for (parameter, value) in stream.request(&stream.begin()).query {
            assert!(!["sinceId", "untilId", "page", "access_token"].contains(&parameter));
            assert_ne!((parameter, value.as_str()), ("orderBy", "id"));
        }
    }
}

/// A mention can be written weeks ago and be added now: no filter on the date of the newest one.
#[test]
fn a_later_pass_looks_thirty_days_back_by_date_and_ends_by_arrival() {
    let stream = asked(NAMED, "mentions");
    let resumed = stream.resume(&caught_up(&stream));
    assert_eq!(stream.asks(&resumed, "startDate").as_deref(), Some("2026-01-31T13:00:00.000+0000"));
    let news = page(
        &[
            "2026-03-02T12:50:00.000+0000",
            "2026-03-02T09:59:00.000+0000",
            "2026-03-02T09:58:00.000+0000",
        ],
        Some("one"),
    );
    let next = stream.page(&resumed, &news).unwrap();
    assert!(matches!(next, Next::More(_)), "one of three is new");
    let overlap = page(
        &[
            "2026-03-02T10:00:00.000+0000",
            "2026-03-02T09:57:00.000+0000",
            "2026-03-02T09:56:00.000+0000",
        ],
        Some("two"),
    );
    let next = stream.page(next.cursor(), &overlap).unwrap();
    assert!(matches!(next, Next::More(_)), "one of three is within the overlap of two hours");
    let old = page(
        &[
            "2026-03-02T09:59:59.999+0000",
            "2026-03-02T09:57:00.000+0000",
            "2026-03-02T09:56:00.000+0000",
        ],
        Some("three"),
    );
    let next = stream.page(next.cursor(), &old).unwrap();
    let Next::Done(cursor) = next else { panic!("a page that is older throughout ends the pass") };
    assert_eq!(told(&cursor)["read_to"][QUERY], 1_772_455_800_000_i64, "12:50");
}

/// A pass goes downwards: what it saw first is not read through before it is at its end.
#[test]
fn the_mark_moves_after_a_whole_pass_only() {
    let stream = asked(NAMED, "mentions");
    let resumed = stream.resume(&caught_up(&stream));
    let before = told(&resumed)["read_to"].clone();
    let watermark = stream.watermark(&resumed);
    let news = page(&["2026-03-02T12:50:00.000+0000"; 3], Some("one"));
    let next = stream.page(&resumed, &news).unwrap();
    assert_eq!(told(next.cursor())["read_to"], before);
    assert_eq!(stream.watermark(next.cursor()), watermark);
    let paused = stream.resume(next.cursor());
    assert_eq!(paused.get(), next.cursor().get(), "a paused pass goes on where it was");
    assert_eq!(stream.asks(&paused, "cursor").as_deref(), Some("one"));
    let next = stream.page(&paused, &page(&[], None)).unwrap();
    let Next::Done(cursor) = next else { panic!("an empty page ends the pass") };
    assert_eq!(told(&cursor)["read_to"][QUERY], 1_772_455_800_000_i64);
    assert_eq!(stream.watermark(&cursor), Some(second(UNTIL)));
}

/// The mark follows what was seen: a source that stood still for hours shows late what it dates back.
#[test]
fn the_mark_is_the_newest_seen_and_not_our_clock() {
    let stream = asked(NAMED, "mentions");
    let resumed = stream.resume(&caught_up(&stream));
    let next = stream.page(&resumed, &page(&["2026-03-02T12:00:00.000+0000"], None)).unwrap();
    assert_eq!(told(next.cursor())["read_to"][QUERY], 1_772_452_800_000_i64, "12:00");
    let from_the_future = page(&["2027-01-01T00:00:00.000+0000"], None);
    let next = stream.page(&resumed, &from_the_future).unwrap();
    assert_eq!(told(next.cursor())["read_to"][QUERY], UNTIL * 1_000);
}

/// The vendor's library: fewer rows than a page holds, or no cursor. `resultsTotal` is no test.
#[test]
fn a_pass_ends_with_a_short_page_or_without_a_cursor() {
    let stream = asked(NAMED, "mentions");
    let at = "2026-03-01T12:00:00.000+0000";
    let ends = |page: &Value| matches!(stream.page(&stream.begin(), page).unwrap(), Next::Done(_));
    assert!(ends(&page(&[at; 2], Some("more"))), "short");
    assert!(ends(&page(&[at; 3], None)), "no cursor");
    assert!(ends(&page(&[at; 3], Some(""))), "no cursor");
    assert!(ends(&page(&[], Some("more"))), "empty");
    assert!(!ends(&page(&[at; 3], Some("more"))));
    let mut total = page(&[at; 3], Some("more"));
    total["resultsTotal"] = 3.into();
    assert!(!ends(&total), "the total counts for nothing");
}

/// A source that gives fewer rows than were asked for must not look like its end.
#[test]
fn a_page_that_the_source_made_smaller_is_not_the_last() {
    let stream = asked(NAMED, "mentions");
    let mut small = page(&["2026-03-01T12:00:00.000+0000"; 2], Some("more"));
    small["resultsPageSize"] = 2.into();
    assert!(matches!(stream.page(&stream.begin(), &small).unwrap(), Next::More(_)));
    small["resultsPageSize"] = (-1).into();
    assert!(
        matches!(stream.page(&stream.begin(), &small).unwrap(), Next::Done(_)),
        "-1 is no size"
    );
}

#[test]
fn the_same_cursor_again_is_stuck() {
    let stream = asked(NAMED, "mentions");
    let full = page(&["2026-03-01T12:00:00.000+0000"; 3], Some("same"));
    let next = stream.page(&stream.begin(), &full).unwrap();
    let error = stream.page(next.cursor(), &full).unwrap_err();
    assert!(matches!(error, Error::Stuck(_)), "{error}");
}

/// How long a cursor lives is not documented: one that is refused costs its pass, not its mark.
#[test]
fn a_refused_cursor_starts_its_pass_again() {
    let stream = asked(NAMED, "mentions");
    assert_eq!(stream.stream().facts().expired_cursor, [400]);
    let resumed = stream.resume(&caught_up(&stream));
    let news = page(&["2026-03-02T12:50:00.000+0000"; 3], Some("one"));
    let next = stream.page(&resumed, &news).unwrap();
    let again = stream.stream().restart(next.cursor(), &shared::testing::asked::horizon()).unwrap();
    assert_eq!(stream.asks(&again, "cursor"), None);
    assert_eq!(told(&again)["read_to"], told(&resumed)["read_to"]);
    assert_ne!(again.get(), resumed.get(), "the second try is told from the first");
}

#[test]
fn the_queries_of_a_project_are_listed_first_and_read_in_portions() {
    let settings = format!("{WHOLE}queries_per_request = 1\n");
    let stream = asked(&settings, "mentions");
    let begin = stream.begin();
    assert_eq!(stream.request(&begin).target, "/projects/398748937/queries");
    let list: Value =
        serde_json::from_str(include_str!("../fixtures/brandwatch/queries/active.json")).unwrap();
    let next = stream.page(&begin, &list).unwrap();
    let Next::More(cursor) = next else { panic!("their mentions come next") };
    assert_eq!(all(&stream, &cursor, "queryId"), ["1999933037"]);
    let next = stream.page(&cursor, &page(&["2026-03-01T12:00:00.000+0000"], None)).unwrap();
    let Next::More(cursor) = next else { panic!("the second portion comes next") };
    assert_eq!(all(&stream, &cursor, "queryId"), ["1999934807"]);
    let next = stream.page(&cursor, &page(&[], None)).unwrap();
    let Next::Done(cursor) = next else { panic!("that was all") };
    let marks = &told(&cursor)["read_to"];
    assert_eq!(marks[QUERY], 1_772_366_400_000_i64);
    assert_eq!(marks["1999934807"], UNTIL * 1_000, "nothing was there to see");
}

/// Somebody adds a query: its past is read from the start, that of the others is not.
#[test]
fn a_query_that_is_new_is_read_from_the_start() {
    let one = NAMED.replace(", 1999934807", "");
    let cursor = caught_up(&asked(&one, "mentions"));
    let stream = asked(NAMED, "mentions");
    let resumed = stream.resume(&cursor);
    assert_eq!(all(&stream, &resumed, "queryId"), [QUERY]);
    let next = stream.page(&resumed, &page(&[], None)).unwrap();
    let Next::More(cursor) = next else { panic!("the new query comes next") };
    assert_eq!(all(&stream, &cursor, "queryId"), ["1999934807"]);
    assert_eq!(stream.asks(&cursor, "startDate").as_deref(), Some("2026-01-01T00:00:00.000+0000"));
    let old = page(&["2026-01-05T00:00:00.000+0000"; 3], Some("one"));
    assert!(matches!(stream.page(&cursor, &old).unwrap(), Next::More(_)), "nothing of it is known");
}

/// The operator points the connection to another project in the middle of a pass.
#[test]
fn a_pass_of_another_project_is_not_continued() {
    let stream = asked(NAMED, "mentions");
    let full = page(&["2026-03-01T12:00:00.000+0000"; 3], Some("one"));
    let next = stream.page(&stream.begin(), &full).unwrap();
    let other = asked(&NAMED.replace("398748937", "32092327"), "mentions");
    let resumed = other.resume(next.cursor());
    assert_eq!(other.asks(&resumed, "cursor"), None);
    assert_eq!(other.request(&resumed).target, "/projects/32092327/data/mentions");
}

#[test]
fn an_operator_s_start_bounds_the_lookback() {
    let stream = asked(&format!("{NAMED}lookback_days = 90\n"), "mention_edits");
    assert_eq!(
        stream.asks(&stream.begin(), "startDate").as_deref(),
        Some("2026-01-01T00:00:00.000+0000"),
        "ninety days would be {}",
        UNTIL - 90 * 86_400 < START
    );
}

/// A mention without the time might be news: it does not end a pass.
#[test]
fn a_mention_without_the_clock_is_not_taken_for_old() {
    let stream = asked(NAMED, "mentions");
    let resumed = stream.resume(&caught_up(&stream));
    let mut old = page(&["2026-02-20T00:00:00.000+0000"; 3], Some("one"));
    old["results"][1]["added"] = Value::Null;
    assert!(matches!(stream.page(&resumed, &old).unwrap(), Next::More(_)));
}

/// Errors come with status 200 too; and a project of nobody is no empty one.
#[test]
fn an_error_in_an_answer_is_no_page() {
    for settings in [NAMED, WHOLE] {
        for name in ["queries", "mentions", "mention_edits", "mention_days"] {
            let stream = asked(settings, name);
            for body in [
                json!({"errors": [{"code": 6}]}),
                json!({"errors": [{"code": 6}], "results": []}),
                json!({"error": "unauthorized"}),
                json!({}),
                json!([]),
            ] {
                let error = stream.page(&stream.begin(), &body).unwrap_err();
                assert!(matches!(error, Error::Decode(_)), "{name}: {error}");
            }
            let page = response("<html>502</html>");
            let horizon = shared::testing::asked::horizon();
            assert!(stream.stream().page(&stream.begin(), &horizon, &page).is_err());
        }
    }
}

//! The incremental exports: from token to token, and from second to second.

use serde_json::{Value, json};
use shared::error::Error;
use shared::page::Next;

use crate::support::{START, UNTIL, WITH_TOKEN, asked, asked_of, connect, horizon, second};

fn tickets(after: Option<&str>, end: bool, records: &Value) -> Value {
    json!({"tickets": records, "after_cursor": after, "after_url": null, "end_of_stream": end})
}

fn organizations(end_time: impl Into<Value>, end: bool) -> Value {
    let end_time: Value = end_time.into();
    json!({"organizations": [{"id": 1}], "count": 1, "end_time": end_time, "end_of_stream": end})
}

#[test]
fn start_time_is_an_integer_of_seconds_and_asked_for_once() {
    let users = asked("users");
    let begin = users.begin();
    let request = users.request(&begin);
    assert_eq!(request.target, "/api/v2/incremental/users/cursor.json");
    assert_eq!(users.asks(&begin, "start_time"), Some(START.to_string()));
    assert_eq!(users.asks(&begin, "per_page").as_deref(), Some("1000"));
    assert_eq!(users.asks(&begin, "cursor"), None);
}

/// airbyte#28173: a `start_time` of now beside the cursor lost records.
#[test]
fn a_new_start_time_is_never_mixed_in() {
    let stream = asked("tickets");
    let next = stream.page(&stream.begin(), &tickets(Some("MTU3"), false, &json!([]))).unwrap();
    assert!(matches!(next, Next::More(_)));
    assert_eq!(stream.asks(next.cursor(), "cursor").as_deref(), Some("MTU3"));
    assert_eq!(stream.asks(next.cursor(), "start_time"), None);
}

#[test]
fn the_last_after_cursor_is_stored_at_the_end_of_the_stream() {
    let stream = asked("tickets");
    let next = stream.page(&stream.begin(), &tickets(Some("last"), true, &json!([]))).unwrap();
    let Next::Done(cursor) = next else { panic!("the end of the stream ends the sync") };
    assert_eq!(stream.asks(&stream.resume(&cursor), "cursor").as_deref(), Some("last"));
}

#[test]
fn without_an_after_cursor_at_the_end_the_old_one_is_kept() {
    let stream = asked("tickets");
    let first = stream.page(&stream.begin(), &tickets(Some("kept"), false, &json!([]))).unwrap();
    let next = stream.page(first.cursor(), &tickets(None, true, &json!([]))).unwrap();
    assert!(matches!(next, Next::Done(_)));
    assert_eq!(stream.asks(next.cursor(), "cursor").as_deref(), Some("kept"));
}

#[test]
fn a_missing_after_cursor_in_the_middle_is_not_understood() {
    let stream = asked("tickets");
    for none in [None, Some("")] {
        let error = stream.page(&stream.begin(), &tickets(none, false, &json!([]))).unwrap_err();
        assert!(matches!(error, Error::Decode(_)), "{error}");
    }
}

#[test]
fn the_same_after_cursor_again_is_stuck() {
    let stream = asked("tickets");
    let next = stream.page(&stream.begin(), &tickets(Some("same"), false, &json!([]))).unwrap();
    let error = stream.page(next.cursor(), &tickets(Some("same"), false, &json!([]))).unwrap_err();
    assert!(matches!(error, Error::Stuck(_)), "{error}");
}

/// The newest change read on the way; everything until a minute ago at the end.
#[test]
fn the_watermark_follows_generated_timestamp_and_never_passes_the_horizon() {
    let stream = asked("tickets");
    let at = |generated: i64| json!([{"id": 1, "generated_timestamp": generated, "updated_at": "2009-05-05T10:38:52Z"}]);
    let begin = stream.begin();
    assert_eq!(stream.watermark(&begin), None);
    let next = stream.page(&begin, &tickets(Some("a"), false, &at(UNTIL - 500))).unwrap();
    assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL - 500)));
    let next = stream.page(next.cursor(), &tickets(Some("b"), false, &at(UNTIL + 500))).unwrap();
    assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL)));
    let next = stream.page(next.cursor(), &tickets(Some("c"), true, &json!([]))).unwrap();
    assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL)));
}

#[test]
fn an_expired_cursor_starts_again_a_little_before_the_watermark() {
    let stream = asked("users");
    assert_eq!(stream.stream().facts().expired_cursor, [400]);
    let page = json!({"users": [{"id": 1, "updated_at": "2026-03-01T10:38:52Z"}],
        "after_cursor": "a", "end_of_stream": false});
    let next = stream.page(&stream.begin(), &page).unwrap();
    let again = stream.stream().restart(next.cursor(), &horizon()).unwrap();
    assert_eq!(stream.asks(&again, "start_time"), Some((1_772_361_532 - 900).to_string()));
    assert_eq!(stream.asks(&again, "cursor"), None);
}

/// Items of the last minute are excluded; an end of the stream means "complete up to a minute ago".
#[test]
fn the_exports_lag_a_minute_and_share_ten_requests_a_minute() {
    let connection = connect(WITH_TOKEN).unwrap();
    for name in ["users", "organizations", "tickets", "ticket_events"] {
        let mut streams = connection.connector.streams.iter();
        let facts = streams.find(|stream| stream.facts().name == name).unwrap().facts();
        assert_eq!(facts.lag.value.as_secs(), 60, "{name}");
        let quota = facts.quota.expect("a quota").value;
        assert_eq!((quota.name, quota.pace.requests), ("incremental-exports", 10), "{name}");
    }
}

/// airbyte#10613: list endpoints lose archived tickets after 120 days; the export has them.
#[test]
fn archived_tickets_come_from_the_export_not_from_the_list() {
    let tickets = asked("tickets");
    let request = tickets.request(&tickets.begin());
    assert_eq!(request.target, "/api/v2/incremental/tickets/cursor.json");
}

#[test]
fn per_page_is_a_setting_because_its_limit_is_unverified() {
    let settings = format!("{WITH_TOKEN}export_page_size = 250\n");
    let tickets = asked_of(&settings, "tickets");
    assert_eq!(tickets.asks(&tickets.begin(), "per_page").as_deref(), Some("250"));
}

/// tap-zendesk#149: a deleted ticket's comments answer 404, so nothing is asked ticket by ticket.
#[test]
fn comments_come_with_the_events_and_never_ticket_by_ticket() {
    let events = asked("ticket_events");
    let begin = events.begin();
    assert_eq!(events.request(&begin).target, "/api/v2/incremental/ticket_events.json");
    assert_eq!(events.asks(&begin, "include").as_deref(), Some("comment_events"));
}

/// estuary/connectors#5205: asking for later than `end_time` loses the records that share its second.
#[test]
fn the_next_start_time_is_end_time_itself() {
    let stream = asked("organizations");
    let next = stream.page(&stream.begin(), &organizations(START + 77, false)).unwrap();
    assert!(matches!(next, Next::More(_)));
    assert_eq!(stream.asks(next.cursor(), "start_time"), Some((START + 77).to_string()));
    let next = stream.page(next.cursor(), &organizations(START + 99, true)).unwrap();
    assert!(matches!(next, Next::Done(_)));
    let resumed = stream.resume(next.cursor());
    assert_eq!(stream.asks(&resumed, "start_time"), Some((START + 99).to_string()));
}

/// estuary PR#1789: a thousand records of one second would be answered again and again.
#[test]
fn a_crowded_second_is_noted_and_left() {
    let stream = asked("organizations");
    let first = stream.page(&stream.begin(), &organizations(START + 5, false)).unwrap();
    let next = stream.page(first.cursor(), &organizations(START + 5, false)).unwrap();
    let Next::More(cursor) = next else { panic!("there is more behind the second") };
    assert_eq!(stream.asks(&cursor, "start_time"), Some((START + 6).to_string()));
    let told: Value = serde_json::from_str(cursor.get()).unwrap();
    assert_eq!(told["crowded"], json!([START + 5]));
    let next = stream.page(&cursor, &organizations(START + 50, true)).unwrap();
    let told: Value = serde_json::from_str(next.cursor().get()).unwrap();
    assert_eq!(told["crowded"], json!([START + 5]), "the note outlives the run");
}

#[test]
fn a_crowd_at_the_end_of_the_stream_is_none() {
    let stream = asked("organizations");
    let next = stream.page(&stream.begin(), &organizations(START, true)).unwrap();
    let told: Value = serde_json::from_str(next.cursor().get()).unwrap();
    assert_eq!(told, json!({"since": START, "read_to": UNTIL}));
}

#[test]
fn what_has_not_settled_ends_the_run_at_the_horizon() {
    let stream = asked("organizations");
    let next = stream.page(&stream.begin(), &organizations(UNTIL + 30, false)).unwrap();
    assert!(matches!(next, Next::Done(_)));
    assert_eq!(stream.asks(next.cursor(), "start_time"), Some(UNTIL.to_string()));
    assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL)));
}

#[test]
fn an_export_without_end_time_ends_or_is_not_understood() {
    let stream = asked("organizations");
    let next = stream.page(&stream.begin(), &organizations(Value::Null, true)).unwrap();
    assert_eq!(stream.asks(next.cursor(), "start_time"), Some(START.to_string()));
    let error = stream.page(&stream.begin(), &organizations(Value::Null, false)).unwrap_err();
    assert!(matches!(error, Error::Decode(_)), "{error}");
    let error = stream.page(&stream.begin(), &organizations(START - 1, false)).unwrap_err();
    assert!(matches!(error, Error::Stuck(_)), "{error}");
}

/// Maintenance pages and error envelopes come with status 200 too.
#[test]
fn an_error_envelope_with_status_200_is_no_empty_page() {
    for name in [
        "users",
        "organizations",
        "tickets",
        "ticket_events",
        "satisfaction_ratings",
        "deleted_users",
    ] {
        let stream = asked(name);
        for body in
            [json!({"error": "InternalError", "description": "Try again"}), json!({}), json!([])]
        {
            let error = stream.page(&stream.begin(), &body).unwrap_err();
            assert!(matches!(error, Error::Decode(_)), "{name}: {error}");
        }
    }
}

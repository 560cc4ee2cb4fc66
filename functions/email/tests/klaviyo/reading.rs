//! How streams are walked: questions, tokens, windows, and what happens when a token is no longer good.

use serde_json::{Value, json};
use shared::connector::Horizon;
use shared::error::Error;
use shared::facts::Deletes;
use shared::page::Next;

use crate::support::{
    Asked, START, UNTIL, WITH_KEY, connect, event, horizon, page, profile, response, second,
};

const DAY: i64 = 86_400;

fn at(seconds: i64) -> String {
    second(seconds).to_string()[..19].to_owned() + "Z"
}

#[test]
fn profiles_are_asked_for_with_their_subscriptions_oldest_change_first() {
    let stream = Asked::new("profiles");
    let begin = stream.begin();
    assert_eq!(stream.request(&begin).target, "/api/profiles");
    for (name, value) in [
        ("additional-fields[profile]", "subscriptions"),
        ("page[size]", "100"),
        ("sort", "updated"),
    ] {
        assert_eq!(stream.asks(&begin, name).as_deref(), Some(value));
    }
}

/// Profiles can be asked for as strictly greater only: the second itself would be lost.
#[test]
fn the_first_second_is_asked_for_too() {
    let stream = Asked::new("profiles");
    let filter = format!("greater-than(updated,{})", at(START - 1));
    assert_eq!(stream.asks(&stream.begin(), "filter"), Some(filter));
}

#[test]
fn without_a_start_everything_is_asked_for() {
    let everything = Horizon { start: shared::schema::Timestamp::UNIX_EPOCH, ..horizon() };
    let asked = Asked::new("profiles");
    let cursor = asked.stream().start(None, &everything).unwrap();
    assert_eq!(asked.asks(&cursor, "filter"), None);
    let asked = Asked::new("events");
    let cursor = asked.stream().start(None, &everything).unwrap();
    assert_eq!(asked.asks(&cursor, "filter"), Some(format!("less-than(datetime,{})", at(UNTIL))));
}

/// Only the token of `links.next` is used, so credentials never follow a link to another host.
#[test]
fn a_link_to_another_host_gives_its_token_only() {
    let stream = Asked::new("profiles");
    let mut body = page(&[], Some("abc"));
    body["links"]["next"] = json!("https://elsewhere.example/api/profiles?page%5Bcursor%5D=abc");
    let next = stream.page(&stream.begin(), &body).unwrap();
    let request = stream.request(next.cursor());
    assert_eq!(request.target, "/api/profiles");
    assert_eq!(stream.asks(next.cursor(), "page[cursor]").as_deref(), Some("abc"));
}

#[test]
fn a_link_without_a_token_is_not_understood() {
    let stream = Asked::new("events");
    for link in [json!("https://a.klaviyo.com/api/events"), json!("?page[cursor]=x"), json!("")] {
        let mut body = page(&[], Some("abc"));
        body["links"]["next"] = link;
        assert!(matches!(stream.page(&stream.begin(), &body), Err(Error::Decode(_))));
    }
}

#[test]
fn a_token_that_leads_to_itself_is_stuck() {
    for name in ["profiles", "profile_ids", "lists", "campaigns", "events"] {
        let stream = Asked::new(name);
        let next = stream.page(&stream.begin(), &page(&[], Some("abc"))).unwrap();
        let again = stream.page(next.cursor(), &page(&[], Some("abc")));
        assert!(matches!(again, Err(Error::Stuck(_))), "{name}");
    }
}

/// airbyte #70343: a cursor at the newest time skips everything once an event is of the future.
#[test]
fn future_dated_events_do_not_drive_the_cursor() {
    let stream = Asked::new("events");
    let future = event("E1", "2031-01-01T00:00:00+00:00");
    for token in [None, Some("abc")] {
        let next =
            stream.page(&stream.begin(), &page(std::slice::from_ref(&future), token)).unwrap();
        assert_eq!(stream.watermark(next.cursor()), Some(second(UNTIL)));
    }
    let next = stream.page(&stream.begin(), &page(&[future], None)).unwrap();
    let resumed = stream.resume(next.cursor());
    let filter = stream.asks(&resumed, "filter").unwrap();
    assert!(filter.contains(&at(UNTIL - DAY)), "{filter}");
}

/// A token belongs to the question that it was given for, also when the run that goes on is a later one.
#[test]
fn a_paused_window_keeps_its_end() {
    let stream = Asked::new("events");
    let next = stream.page(&stream.begin(), &page(&[], Some("abc"))).unwrap();
    let later = Horizon { until: second(UNTIL + DAY), ..horizon() };
    let resumed = stream.stream().start(Some(next.cursor()), &later).unwrap();
    assert_eq!(stream.asks(&resumed, "filter"), stream.asks(&stream.begin(), "filter"));
    assert_eq!(stream.asks(&resumed, "page[cursor]").as_deref(), Some("abc"));
}

#[test]
fn every_run_reads_back_over_what_it_has_read() {
    for (name, back) in [("profiles", 600 + 1), ("events", DAY), ("late_events", 4 * DAY)] {
        let stream = Asked::new(name);
        let done = stream.page(&stream.begin(), &page(&[], None)).unwrap();
        let filter = stream.asks(&stream.resume(done.cursor()), "filter").unwrap();
        assert!(filter.contains(&at(UNTIL - back)), "{name}: {filter}");
    }
}

/// What was back-dated further than four days ago is found within the week.
#[test]
fn late_events_reads_far_back_once_a_week() {
    let stream = Asked::new("late_events");
    let done = stream.page(&stream.begin(), &page(&[], None)).unwrap();
    let since = |cursor: &serde_json::value::RawValue, days: i64| {
        let later = Horizon { until: second(UNTIL + days * DAY), ..horizon() };
        let resumed = stream.stream().start(Some(cursor), &later).unwrap();
        let value: Value = serde_json::from_str(resumed.get()).unwrap();
        (value["since"].as_i64().unwrap() - UNTIL, resumed)
    };
    assert_eq!(since(done.cursor(), 1).0, -4 * DAY);
    assert_eq!(since(done.cursor(), 6).0, -4 * DAY);
    let (wide, cursor) = since(done.cursor(), 7);
    assert_eq!(wide, (7 - 30) * DAY);
    let after = stream.page(&cursor, &page(&[], None)).unwrap();
    assert!(since(after.cursor(), 8).0 > -5 * DAY, "not again the day after");
    let never = Asked::of(&format!("{WITH_KEY}reread_days = 0\n"), "late_events");
    let later = Horizon { until: second(UNTIL + 70 * DAY), ..horizon() };
    let resumed = never.stream().start(Some(done.cursor()), &later).unwrap();
    let value: Value = serde_json::from_str(resumed.get()).unwrap();
    assert_eq!(value["since"].as_i64(), Some(UNTIL - 4 * DAY));
}

#[test]
fn late_events_does_not_read_the_history_a_second_time() {
    let stream = Asked::new("late_events");
    let filter = stream.asks(&stream.begin(), "filter").unwrap();
    assert!(filter.contains(&at(UNTIL - 4 * DAY)), "{filter}");
    let resumed = stream.resume(&stream.begin());
    assert_eq!(resumed.get(), stream.begin().get(), "not even after a first page that failed");
    assert_eq!(stream.stream().facts().every.map(|every| every.as_secs()), Some(86_400));
}

/// klaviyo-api-python #9: cursors expire with 400.
#[test]
fn an_expired_token_is_asked_again_from_the_newest_record() {
    let stream = Asked::new("profiles");
    let record = profile("P1", "2026-02-20T10:00:00+00:00", &Value::Null);
    let next = stream.page(&stream.begin(), &page(&[record], Some("abc"))).unwrap();
    let restarted = stream.stream().restart(next.cursor(), &horizon()).unwrap();
    assert_eq!(stream.asks(&restarted, "page[cursor]"), None);
    let newest = shared::schema::Timestamp::parse_rfc3339("2026-02-20T10:00:00Z").unwrap();
    let since = at(newest.as_micros() / 1_000_000 - 601);
    assert_eq!(stream.asks(&restarted, "filter"), Some(format!("greater-than(updated,{since})")));
    for stream in &connect(WITH_KEY).unwrap().connector.streams {
        assert_eq!(stream.facts().expired_cursor, [400]);
    }
}

/// coral PR 598: without a channel the answer is 400; archived ones are hidden unless asked for.
#[test]
fn campaigns_are_asked_for_by_channel_archived_and_not() {
    let stream = Asked::new("campaigns");
    let mut cursor = stream.begin();
    let mut filters = Vec::new();
    loop {
        filters.push(stream.asks(&cursor, "filter").unwrap());
        match stream.page(&cursor, &page(&[], None)).unwrap() {
            Next::Done(done) => {
                assert_eq!(done.get(), stream.begin().get());
                break;
            }
            next => next.cursor().clone_into(&mut cursor),
        }
    }
    let expected = ["email", "sms", "mobile_push"].into_iter().flat_map(|channel| {
        [false, true].map(|archived| {
            format!("and(equals(messages.channel,'{channel}'),equals(archived,{archived}))")
        })
    });
    assert_eq!(filters, expected.collect::<Vec<_>>());
    assert_eq!(
        stream.asks(&cursor, "fields[campaign-message]").as_deref(),
        Some("definition.content.subject"),
        "no text of a message is asked for"
    );
}

#[test]
fn an_expired_token_does_not_skip_the_rest_of_a_question() {
    let stream = Asked::new("campaigns");
    let second = stream.page(&stream.begin(), &page(&[], None)).unwrap();
    let within = stream.page(second.cursor(), &page(&[], Some("abc"))).unwrap();
    let restarted = stream.stream().restart(within.cursor(), &horizon()).unwrap();
    assert_eq!(restarted.get(), second.cursor().get());
}

#[test]
fn absences_are_confirmed_by_id() {
    let stream = Asked::new("profile_ids");
    let ids = ["01HMIRA".to_owned(), "01H\"T0M".to_owned()];
    let request = stream.stream().lookup(&ids).expect("a lookup");
    let filter =
        request.query.iter().find(|(name, _)| *name == "filter").map(|(_, value)| value.as_str());
    assert_eq!(filter, Some("any(id,[\"01HMIRA\",\"01HT0M\"])"));
    let answer = response(page(&[json!({"type": "profile", "id": "01HMIRA"})], None).to_string());
    assert_eq!(stream.stream().looked_up(&answer).unwrap().len(), 1);
    assert!(stream.stream().lookup(&[]).is_some());
    let deletes = |name| Asked::new(name).stream().facts().deletes.value;
    assert_eq!(deletes("profile_ids"), Deletes::FullPass);
    assert_eq!(deletes("profiles"), Deletes::FullPassOf("profile_ids"));
}

#[test]
fn endpoints_share_their_steady_windows() {
    let quota = |name| Asked::new(name).stream().facts().quota.expect("a quota").value;
    assert_eq!((quota("profiles").name, quota("profiles").pace.requests), ("profiles", 750));
    assert_eq!(quota("profiles"), quota("profile_ids"));
    assert_eq!((quota("events").pace.requests, quota("late_events").name), (3500, "events"));
    assert_eq!((quota("campaigns").pace.requests, quota("metrics").pace.requests), (150, 150));
}

/// The spliced name stands beside the event's own fields, whatever they are.
#[test]
fn events_are_joined_with_the_names_of_their_metrics() {
    let stream = Asked::new("events");
    let mut body = page(&[event("E1", "2026-02-03T09:00:05+00:00"), json!({})], None);
    body["included"] = json!([
        {"type": "profile", "id": "P1"},
        {"type": "metric", "id": "RecEm1", "attributes": {"name": "Received \"Email\"", "integration": null}},
    ]);
    let answer = response(body.to_string());
    let page = stream.stream().page(&stream.begin(), &horizon(), &answer).unwrap();
    let first: Value = serde_json::from_str(page.records[0].get()).unwrap();
    assert_eq!(first["$metric"]["name"], "Received \"Email\"");
    assert_eq!(first["id"], "E1");
    assert_eq!(page.records[1].get(), "{}");
}

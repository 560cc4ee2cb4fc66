//! Records of every kind of run, and of deliveries.

use serde_json::Value;

use super::*;
use crate::facts::fact;

const SOURCE: SourceFacts = SourceFacts {
    name: "zendesk",
    system: "helpdesk",
    title: "Zendesk",
    api_version: fact("v2", "the address"),
    sunset: None,
    setup: "",
};

const ENDING: SourceFacts =
    SourceFacts { sunset: Some(fact("2026-07-15", "the vendor's changelog")), ..SOURCE };

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}

fn now() -> Timestamp {
    at("2026-06-01T23:30:00.250Z")
}

fn metrics(detail: Detail) -> Metrics {
    Metrics { deployment: "tributary".to_owned(), system: "helpdesk".to_owned(), detail }
}

fn caught_up() -> Run {
    Run {
        outcome: Outcome::CaughtUp,
        ledger: Ledger {
            pages: 3,
            fetched: 250,
            landed: 200,
            unchanged: 40,
            quarantined: 7,
            filtered: 3,
            ..Ledger::default()
        },
        calls: Calls { api_calls: 5, throttles: 2 },
        seconds: 12.3456,
        watermark: Some(at("2026-06-01T23:28:00.9Z")),
        ..Run::begun("helpdesk-eu", "tickets", at("2026-06-01T23:29:47Z"))
    }
}

/// A run that asked for nothing.
fn idle(outcome: Outcome) -> Run {
    let (ledger, calls) = (Ledger::default(), Calls::default());
    Run { outcome, ledger, calls, seconds: 0.02, ..caught_up() }
}

fn told(run: &Run) -> Value {
    let metrics = metrics(Detail::Systems);
    let record = metrics.record(&Work::of_run(run, &SOURCE), now());
    serde_json::to_value(record).expect("a record is JSON")
}

#[test]
fn a_run_that_caught_up() {
    insta::assert_json_snapshot!(told(&caught_up()));
}

#[test]
fn a_run_that_paused_after_reading() {
    let not_before = Some(at("2026-06-01T23:45:00Z"));
    insta::assert_json_snapshot!(told(&Run {
        outcome: Outcome::Paused,
        not_before,
        ..caught_up()
    }));
}

#[test]
fn a_run_that_failed() {
    let error = Some("the source rejected GET /api/v2/tickets with status 400".to_owned());
    insta::assert_json_snapshot!(told(&Run { error, ..idle(Outcome::Failed) }));
}

#[test]
fn a_run_that_found_the_stream_in_anothers_hands() {
    let note = Some("another run is reading this stream".to_owned());
    let run = Run { watermark: None, in_other_hands: true, note, ..idle(Outcome::Paused) };
    insta::assert_json_snapshot!(told(&run));
}

#[test]
fn a_run_that_cannot_account_for_every_record() {
    let ledger = Ledger { fetched: 251, ..caught_up().ledger };
    insta::assert_json_snapshot!(told(&Run { ledger, outcome: Outcome::Failed, ..caught_up() }));
}

#[test]
fn a_run_of_a_version_that_its_vendor_ends_by_stream() {
    let (metrics, run) = (metrics(Detail::Streams), caught_up());
    insta::assert_json_snapshot!(metrics.record(&Work::of_run(&run, &ENDING), now()));
}

#[test]
fn a_batch_of_deliveries() {
    let metrics = metrics(Detail::Systems);
    let ledger =
        Ledger { fetched: 12, landed: 10, unchanged: 1, quarantined: 1, ..Ledger::default() };
    let calls = Calls { api_calls: 1, throttles: 1 };
    let time = Duration::from_millis(834);
    let work = Work::of_deliveries("helpdesk-eu", &SOURCE, ledger, calls, time);
    insta::assert_json_snapshot!(metrics.record(&work, now()));
}

#[test]
fn success_is_told_by_runs_that_show_whether_polling_works() {
    let success = |run: &Run| told(run)["success"].clone();
    let due_at = Some(at("2026-06-02T00:00:00Z"));
    let not_due = Run { due_at, ..idle(Outcome::CaughtUp) };
    assert_eq!(success(&not_due), 1);
    assert_eq!(told(&not_due)["lag_seconds"], Value::Null, "what is not due is not behind");
    let asked_to_wait = idle(Outcome::Paused);
    assert_eq!(success(&asked_to_wait), Value::Null);
    assert_eq!(told(&asked_to_wait)["lag_seconds"], 120, "it falls behind meanwhile");
    let taken_over = Run { in_other_hands: true, outcome: Outcome::Paused, ..caught_up() };
    assert_eq!(success(&taken_over), Value::Null);
    assert_eq!(success(&Run { outcome: Outcome::Failed, ..taken_over }), 0);
}

#[test]
fn days_are_counted_from_today_in_utc() {
    let days = |day| days_until(day, now());
    assert_eq!(days("2026-06-01"), Some(0));
    assert_eq!(days("2027-06-01"), Some(365));
    assert_eq!(days("2026-05-31"), Some(-1));
    assert_eq!(days("next summer"), None);
}

#[test]
fn a_clock_that_runs_behind_the_source_is_no_negative_lag() {
    let watermark = Some(at("2026-06-02T00:00:00Z"));
    assert_eq!(told(&Run { watermark, ..caught_up() })["lag_seconds"], 0);
}

#[test]
fn what_the_environment_may_ask_for() {
    assert_eq!(Detail::parse("").unwrap(), None);
    assert_eq!(Detail::parse("none").unwrap(), None);
    assert_eq!(Detail::parse("systems").unwrap(), Some(Detail::Systems));
    assert_eq!(Detail::parse("streams").unwrap(), Some(Detail::Streams));
    let error = Detail::parse("all").unwrap_err();
    insta::assert_snapshot!(error, @r#"settings: TRIBUTARY_METRICS is "all"; write none, systems or streams"#);
}

/// Names of connections and streams, and numbers: what people wrote and sources said stays out.
#[test]
fn a_record_has_no_words_but_names() {
    let canary = || Some("Canary Featherstone, canary@feather.example".to_owned());
    let run = Run { error: canary(), note: canary(), ..caught_up() };
    let line = told(&run).to_string();
    assert!(!line.contains("Canary") && !line.contains("canary"), "{line}");
    assert!(!line.contains('\n'), "a record is one line");
}

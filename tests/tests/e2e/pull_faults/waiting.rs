//! Rate limits and time limits: how long we wait, when we stop, and where the next run goes on.

use std::time::Duration;

use e2e::stand::{Stand, assert_others_caught_up, run_of};
use jiff::{SignedDuration, Timestamp};
use shared::budget::Budget;
use shared::ledger::{Calls, Outcome, Run};
use simulator::{Fault, RetryAfter};

use super::TICKETS;

/// The times between the requests to a path.
fn gaps(stand: &Stand, path: &str) -> Vec<SignedDuration> {
    let seen = stand.requests(path);
    seen.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at)).collect()
}

/// RELIABILITY 14: a storm of 429 with `Retry-After`, in seconds and as a date.
#[tokio::test(flavor = "multi_thread")]
async fn a_storm_of_429_is_waited_out_as_long_as_the_source_asks() {
    let stand = Stand::small().await;
    let faults = stand.simulator.zendesk().faults();
    let second = Some(RetryAfter::Seconds(1));
    let seconds = faults.inject_on(TICKETS, Fault::Storm429 { retry_after: second }, 2);
    let date = Timestamp::now() + SignedDuration::from_secs(3);
    let after = Some(RetryAfter::Date(date));
    let dated = faults.inject_on("incremental/users", Fault::Storm429 { retry_after: after }, 1);
    let runs = stand.sync().await;
    assert_eq!((seconds.fired(), dated.fired()), (2, 1));
    assert_others_caught_up(&runs, "");
    let gaps = gaps(&stand, TICKETS);
    assert_eq!(gaps.len(), 2, "no request beyond those that were asked for");
    assert_eq!(run_of(&runs, "tickets").calls, Calls { api_calls: 3, throttles: 2 });
    assert_eq!(run_of(&runs, "users").calls, Calls { api_calls: 2, throttles: 1 });
    assert!(gaps.iter().all(|gap| *gap >= SignedDuration::from_millis(990)), "{gaps:?}");
    let users = stand.requests("incremental/users");
    assert_eq!(users.len(), 2);
    assert!(users[1].at.as_second() >= date.as_second(), "{users:?}");
    stand.recover().await;
}

/// RELIABILITY 15: a 429 that does not say when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_429_without_a_time_is_asked_again_ever_more_slowly_and_not_for_ever() {
    let stand = Stand::small().await;
    let faults = stand.simulator.zendesk().faults();
    let storm = || Fault::Storm429 { retry_after: None };
    let injected = faults.inject_on(TICKETS, storm(), 7);
    let runs = stand.sync().await;
    assert_eq!(injected.fired(), 7);
    let run = run_of(&runs, "tickets");
    assert_eq!(run.outcome, Outcome::Failed, "{run:?}");
    assert!(run.error.as_deref().unwrap().contains("rate limited"), "{run:?}");
    assert_eq!(run.calls, Calls { api_calls: 7, throttles: 7 });
    assert_eq!(stand.cursor("tickets").await, None);
    assert_others_caught_up(&runs, "tickets");
    let gaps = gaps(&stand, TICKETS);
    assert_eq!(gaps.len(), 6, "one try and six repetitions");
    assert!(gaps[3..].iter().all(|gap| *gap >= SignedDuration::from_millis(40)), "{gaps:?}");
    let injected = faults.inject_on(TICKETS, storm(), 4);
    stand.recover_with_faults().await;
    assert_eq!(injected.fired(), 4);
}

/// RELIABILITY 16: the source asks for more time than the run has.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_longer_than_the_run_pauses_it_and_is_kept_by_the_next() {
    let stand = super::with_news().await;
    let before = stand.cursor("tickets").await;
    let wait = Some(RetryAfter::Seconds(5));
    let faults = stand.simulator.zendesk().faults();
    let injected = faults.inject_on(TICKETS, Fault::Storm429 { retry_after: wait }, 1);
    let start = Timestamp::now();
    let runs = stand.sync_some("helpdesk-eu/tickets", Budget::of(Duration::from_secs(4))).await;
    assert_eq!(injected.fired(), 1);
    assert_eq!(run_of(&runs, "tickets").outcome, Outcome::Paused, "{runs:?}");
    let not_before = stand.standing("tickets").await.not_before.expect("it was asked to wait");
    assert!(not_before.to_jiff() >= start + SignedDuration::from_secs(5));
    let asked = stand.asked(TICKETS);
    assert_eq!(run_of(&runs, "tickets").not_before, Some(not_before));
    let runs = stand.sync_some("helpdesk-eu/tickets", Budget::of(Duration::from_millis(500))).await;
    let waiting = run_of(&runs, "tickets");
    assert_eq!(waiting.outcome, Outcome::Paused, "{runs:?}");
    assert_eq!((waiting.calls, waiting.not_before), (Calls::default(), Some(not_before)));
    assert!(waiting.watermark.is_some(), "what earlier runs have read is known");
    assert_eq!(stand.asked(TICKETS), asked, "the early run must not ask");
    let standing = stand.standing("tickets").await;
    assert_eq!((standing.not_before, standing.cursor), (Some(not_before), before));
    stand.recover().await;
    let next = &stand.requests(TICKETS)[asked];
    let real = next.at - SignedDuration::from_secs(62);
    assert!(real >= not_before.to_jiff() - SignedDuration::from_millis(5), "asked at {real}");
    assert_eq!(stand.standing("tickets").await.not_before, None);
}

/// RELIABILITY 16: even a run without an end does not sit through an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_of_an_hour_pauses_even_a_run_without_an_end() {
    let stand = Stand::small().await;
    let wait = Some(RetryAfter::Seconds(3600));
    let faults = stand.simulator.zendesk().faults();
    let injected = faults.inject_on(TICKETS, Fault::Storm429 { retry_after: wait }, 1);
    for _ in 0..2 {
        let runs = stand.sync().await;
        assert_eq!(run_of(&runs, "tickets").outcome, Outcome::Paused, "{runs:?}");
        assert_others_caught_up(&runs, "tickets");
    }
    assert_eq!((injected.fired(), stand.asked(TICKETS)), (1, 1));
    assert_eq!(stand.cursor("tickets").await, None);
}

/// One page per run, because there is no time for a second, until the stream is caught up.
async fn page_by_page(stand: &Stand, stream: &str, sizes: &[usize]) -> Vec<Run> {
    let mut all = Vec::new();
    for size in sizes.iter().cycle().take(60) {
        stand.simulator.zendesk().set_page_size(*size);
        let selection = format!("helpdesk-eu/{stream}");
        let run = stand.sync_some(&selection, Budget::of(Duration::from_millis(1))).await.remove(0);
        run.ledger.check().expect("the count adds up");
        assert_eq!(run.ledger.pages, 1, "{run:?}");
        assert_ne!(run.outcome, Outcome::Failed, "{run:?}");
        all.push(run);
        if all[all.len() - 1].outcome == Outcome::CaughtUp {
            return all;
        }
    }
    panic!("{stream} is not caught up in {} runs", all.len());
}

/// A run that has no time left stops after its page, and the next goes on from there.
#[tokio::test(flavor = "multi_thread")]
async fn runs_without_time_add_up_page_by_page() {
    let stand = Stand::small().await;
    let runs = page_by_page(&stand, "tickets", &[6]).await;
    assert_eq!(runs.len(), 4);
    let fetched: u64 = runs.iter().map(|run| run.ledger.fetched).sum();
    let landed: u64 = runs.iter().map(|run| run.ledger.landed).sum();
    let tickets = stand.simulator.zendesk().truth().tickets.len();
    assert_eq!((fetched, landed), (tickets as u64, tickets as u64));
    assert_eq!(stand.landed().await.repeated(), 0);
    stand.recover().await;
}

/// Pages of other sizes from run to run leave no hole and land nothing twice.
#[tokio::test(flavor = "multi_thread")]
async fn page_sizes_that_change_between_runs_leave_no_hole() {
    let stand = Stand::small().await;
    for stream in ["tickets", "users", "ticket_events"] {
        let runs = page_by_page(&stand, stream, &[15, 60, 14, 33]).await;
        let most = if stream == "ticket_events" { 15 } else { 3 };
        assert!(runs.len() <= most, "{stream}: {} runs", runs.len());
    }
    stand.simulator.zendesk().set_page_size(1000);
    assert_eq!(stand.recover().await.repeated(), 0);
}

//! The source fails while we read it: what can wait is waited for, what cannot fails one stream and moves no cursor.

mod cursors;
mod waiting;
mod writers;

use e2e::stand::{Stand, assert_others_caught_up, run_of};
use shared::ledger::{Outcome, Run};
use simulator::Fault;

/// A part of the address that only the ticket export has.
const TICKETS: &str = "incremental/tickets";

/// Runs all streams with a fault that strikes the tickets too often; returns their run.
async fn fails_alone(stand: &Stand, fault: Fault, times: usize) -> Run {
    let before = stand.cursor("tickets").await;
    let faults = stand.simulator.zendesk().faults();
    let injected = faults.inject_on(TICKETS, fault.clone(), times);
    let runs = stand.sync().await;
    assert_eq!(injected.fired(), times, "{fault:?}");
    let run = run_of(&runs, "tickets");
    assert_eq!(run.outcome, Outcome::Failed, "{fault:?}: {run:?}");
    assert_eq!(stand.cursor("tickets").await, before, "{fault:?} moved the cursor");
    assert_others_caught_up(&runs, "tickets");
    run.clone()
}

/// A stand that is caught up, and changes that are not read yet.
async fn with_news() -> Stand {
    let stand = Stand::small().await;
    stand.drain().await;
    stand.simulator.zendesk().live(20);
    stand.settle();
    stand
}

/// RELIABILITY 17, 18, 20: 503, resets, broken-off and unreadable answers, fewer than our patience bears.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_failures_within_the_patience_costs_nothing_but_time() {
    let stand = Stand::small().await;
    let faults = stand.simulator.zendesk().faults();
    let burst = [
        (Fault::Status(503), 2),
        (Fault::ConnectionReset, 2),
        (Fault::Html200, 1),
        (Fault::WrongContentLength, 1),
        (Fault::TruncatedPage, 1),
    ];
    let injected = burst.map(|(fault, times)| (faults.inject_on(TICKETS, fault, times), times));
    let runs = stand.sync().await;
    for (injected, times) in injected {
        assert_eq!(injected.fired(), times);
    }
    assert_eq!(run_of(&runs, "tickets").outcome, Outcome::CaughtUp, "{runs:#?}");
    stand.recover().await;
}

/// RELIABILITY 17: more 503 or resets than the retry budget of one request.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_beyond_the_retries_fails_one_stream_and_moves_no_cursor() {
    let stand = with_news().await;
    for fault in [Fault::Status(503), Fault::ConnectionReset, Fault::WrongContentLength] {
        let run = fails_alone(&stand, fault, 7).await;
        assert!(run.error.as_deref().unwrap().contains("unavailable"), "{run:?}");
    }
    stand.recover().await;
}

/// RELIABILITY 18, 20: half a page, a web page and an error in a 200 answer are no pages.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_page_is_rejected_whole_and_moves_no_cursor() {
    let stand = with_news().await;
    for fault in [Fault::TruncatedPage, Fault::Html200, Fault::ErrorEnvelope200] {
        let landed = stand.landed().await.row_count("ticket");
        let run = fails_alone(&stand, fault, 3).await;
        assert!(run.error.as_deref().unwrap().contains("not understood"), "{run:?}");
        assert_eq!(run.ledger.fetched, 0);
        assert_eq!(stand.landed().await.row_count("ticket"), landed);
    }
    stand.recover().await;
}

/// Security checklist 10: a redirect to another host is refused, and that host sees nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_is_not_followed() {
    let stand = with_news().await;
    let run = fails_alone(&stand, Fault::RedirectElsewhere, 1).await;
    assert!(run.error.as_deref().unwrap().contains("302"), "{run:?}");
    assert!(stand.simulator.elsewhere().is_empty());
    stand.recover().await;
}

/// A stream that the account does not offer is passed over with a note.
#[tokio::test(flavor = "multi_thread")]
async fn ratings_switched_off_are_noted_and_disturb_nobody() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    desk.set_csat(false);
    let runs = stand.sync().await;
    assert!(stand.requests("satisfaction_ratings").iter().all(|seen| seen.status == Some(403)));
    assert_eq!(stand.asked("satisfaction_ratings"), 1);
    let run = run_of(&runs, "satisfaction_ratings");
    assert_eq!(run.outcome, Outcome::CaughtUp);
    assert!(run.note.as_deref().unwrap().contains("not offered by this account"), "{run:?}");
    assert_eq!(stand.cursor("satisfaction_ratings").await, None);
    assert_others_caught_up(&runs, "satisfaction_ratings");
    desk.set_csat(true);
    stand.recover().await;
}

/// A wrong token fails every stream with a word on what to do, and moves no cursor.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_fails_clearly_and_moves_no_cursor() {
    let stand = with_news().await;
    let token = stand.folder.path().join("token");
    let right = std::fs::read(&token).unwrap();
    std::fs::write(&token, "revoked").unwrap();
    let before = stand.landed().await.cursors();
    let asked = stand.asked("");
    for run in stand.sync().await {
        assert_eq!(run.outcome, Outcome::Failed, "{run:?}");
        let error = run.error.unwrap();
        assert!(error.contains("401") && error.contains("renew the credentials"), "{error}");
    }
    assert_eq!(stand.asked("") - asked, 7, "one refusal per stream is enough");
    assert_eq!(stand.landed().await.cursors(), before);
    std::fs::write(&token, right).unwrap();
    stand.recover().await;
}

/// Credentials of an agent reach some streams: the exports fail, the lists go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_fails_the_streams_that_need_it() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    desk.set_admin(false);
    let runs = stand.sync().await;
    let error = run_of(&runs, "tickets").error.as_deref().unwrap();
    assert!(error.contains("403") && error.contains("grant what it lacks"), "{error}");
    assert_eq!(run_of(&runs, "deleted_tickets").outcome, Outcome::CaughtUp);
    assert_eq!(stand.cursor("tickets").await, None);
    desk.set_admin(true);
    stand.recover().await;
}

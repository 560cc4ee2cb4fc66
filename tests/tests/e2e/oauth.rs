//! OAuth with refresh tokens that are good for one use: any number of workers make one refresh.

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::fault_proxy::{Injection, Operation, StoreFault};
use e2e::stand::{CONNECTION, Stand, assert_others_caught_up, run_of};
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::Outcome;
use simulator::{Fault, RetryAfter};
use tokio::task::JoinSet;

const TICKETS: &str = "helpdesk-eu/tickets";

/// Refreshes that succeeded, and refresh tokens that somebody used a second time.
fn refreshes(stand: &Stand) -> (usize, usize) {
    let desk = stand.simulator.zendesk();
    (desk.refreshes(), desk.spent_refreshes())
}

/// RELIABILITY 39: the access token ends between two pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_within_a_sync_costs_one_refresh_and_no_page() {
    let stand = Stand::with_oauth().await;
    let desk = stand.simulator.zendesk();
    stand.sync_some("helpdesk-eu/users", Budget::unlimited()).await;
    assert_eq!(refreshes(&stand), (1, 0), "the first access token");
    desk.limit_access_tokens(None, Some(3));
    desk.set_page_size(5);
    let runs = stand.sync_some(TICKETS, Budget::unlimited()).await;
    assert_eq!(run_of(&runs, "tickets").outcome, Outcome::CaughtUp);
    let statuses: Vec<_> =
        stand.requests("incremental/tickets").iter().map(|it| it.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == Some(401)).count(), 1, "{statuses:?}");
    assert_eq!(refreshes(&stand), (2, 0));
    desk.limit_access_tokens(None, None);
    desk.set_page_size(1000);
    stand.recover().await;
}

/// RELIABILITY 39: seven streams at once meet the end of one token.
#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_a_run_share_one_refresh() {
    let stand = Stand::with_oauth().await;
    stand.drain().await;
    assert_eq!(refreshes(&stand), (1, 0));
    stand.simulator.zendesk().expire_access_token();
    stand.recover().await;
    assert_eq!(refreshes(&stand), (2, 0));
}

/// A rotated pair is the next process's too: the operator's refresh token is spent by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_pair_survives_a_new_process() {
    let stand = Stand::with_oauth().await;
    for _ in 0..3 {
        assert_others_caught_up(&stand.sync().await, "");
    }
    assert_eq!(refreshes(&stand), (1, 0));
    stand.simulator.zendesk().expire_access_token();
    stand.recover().await;
    assert_eq!(refreshes(&stand), (2, 0));
}

/// An access token that says when it ends is renewed before, not after a refusal.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_about_to_end_is_renewed_beforehand() {
    let stand = Stand::with_oauth().await;
    stand.simulator.zendesk().limit_access_tokens(Some(Duration::from_secs(59)), None);
    stand.sync_some(TICKETS, Budget::unlimited()).await;
    let before = refreshes(&stand).0;
    stand.simulator.zendesk().limit_access_tokens(Some(Duration::from_hours(1)), None);
    stand.sync_some(TICKETS, Budget::unlimited()).await;
    stand.sync_some(TICKETS, Budget::unlimited()).await;
    assert_eq!(refreshes(&stand), (before + 1, 0));
    assert!(stand.requests("/api/v2/").iter().all(|seen| seen.status != Some(401)));
}

/// RELIABILITY 40: twenty workers find the same access token spent.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_workers_with_a_spent_token_make_one_refresh() {
    let stand = Arc::new(Stand::with_oauth().await);
    stand.drain().await;
    stand.simulator.zendesk().expire_access_token();
    let mut workers = JoinSet::new();
    for _ in 0..20 {
        let hub = stand.hub();
        workers.spawn(async move { hub.check(&Selection::parse(TICKETS)).await });
    }
    for checked in workers.join_all().await {
        let checked = checked.expect("the selection exists").remove(0);
        checked.result.expect("the stream is readable");
    }
    assert_eq!(refreshes(&stand), (2, 0));
    stand.recover().await;
}

/// RELIABILITY 41: the refresh token is refused; the operator is told, and a new one heals it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_refresh_token_is_flagged_until_a_new_one_is_given() {
    let stand = Stand::with_oauth().await;
    let file = stand.folder.path().join("refresh-token");
    let right = std::fs::read(&file).unwrap();
    std::fs::write(&file, "revoked-by-an-admin").unwrap();
    let runs = stand.sync().await;
    for run in &runs {
        assert_eq!(run.outcome, Outcome::Failed, "{run:?}");
        let error = run.error.as_deref().unwrap();
        assert!(error.contains("the token endpoint answered 400"), "{error}");
    }
    assert!(stand.asked("/oauth/tokens") <= runs.len(), "{}", stand.asked("/oauth/tokens"));
    assert_eq!(stand.asked("/api/v2/"), 0);
    let flagged = || async { stand.hub().state().needs_reauthorisation(CONNECTION).await.unwrap() };
    assert!(flagged().await);
    std::fs::write(&file, right).unwrap();
    stand.recover().await;
    assert!(!flagged().await);
    assert_eq!(refreshes(&stand), (1, 0));
}

/// RELIABILITY 15: 401 after 401 is refreshed once, not in a loop; 429 is no reason to refresh at all.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_do_not_become_a_loop_of_refreshes() {
    let stand = Stand::with_oauth().await;
    stand.drain().await;
    let faults = stand.simulator.zendesk().faults();
    let refused = faults.inject_on("incremental/tickets", Fault::Unauthorized, 50);
    let wait = Some(RetryAfter::Seconds(0));
    let busy = faults.inject_on("incremental/users", Fault::Storm429 { retry_after: wait }, 3);
    let runs = stand.sync().await;
    assert_eq!((refused.fired(), busy.fired()), (2, 3));
    assert_eq!(run_of(&runs, "tickets").outcome, Outcome::Failed);
    assert_others_caught_up(&runs, "tickets");
    assert_eq!(refreshes(&stand), (2, 0));
    stand.recover().await;
}

/// RELIABILITY 33: a claim on the refresh that was applied and timed out is our own; nobody waits for it to end.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_was_applied_and_timed_out_is_not_waited_for() {
    let stand = Stand::with_oauth().await;
    let claim = Operation::dynamodb("UpdateItem").containing("claimed_until = :until");
    stand.dynamodb.inject(Injection::new(claim, StoreFault::ApplyThenTimeout));
    let started = Instant::now();
    stand.sync_some(TICKETS, Budget::unlimited()).await;
    stand.dynamodb.assert_all_fired();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_eq!(refreshes(&stand), (1, 0));
    stand.recover().await;
}

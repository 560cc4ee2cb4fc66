//! Two runs of one stream: one writes, and a zombie's cursor is refused.

use std::time::Duration;

use e2e::stand::{CONNECTION, Stand, eventually, run_of};
use shared::budget::Budget;
use shared::ledger::{Outcome, Run};
use simulator::{Fault, Injected};

use super::TICKETS;

const SELECTION: &str = "helpdesk-eu/tickets";

fn slow(stand: &Stand, milliseconds: u64) -> Injected {
    let fault = Fault::SlowBody(Duration::from_millis(milliseconds));
    stand.simulator.zendesk().faults().inject_on(TICKETS, fault, 1)
}

/// How many runs of the tickets wrote their ledger: each under a lease epoch of its own.
async fn epochs(stand: &Stand) -> usize {
    let state = stand.landed().await.state;
    state.keys().filter(|(pk, _)| pk == "RUN#helpdesk-eu#tickets").count()
}

/// RELIABILITY 6: of two syncs of one stream at once, one reads.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_of_a_stream_one_reads_and_the_other_leaves() {
    let stand = Stand::small().await;
    let busy = slow(&stand, 1500);
    let first = stand.sync_some(SELECTION, Budget::unlimited());
    let second = async {
        eventually("the first run is in its page", || busy.fired() > 0).await;
        stand.sync_some(SELECTION, Budget::unlimited()).await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(run_of(&first, "tickets").outcome, Outcome::CaughtUp);
    let second = run_of(&second, "tickets");
    assert_eq!((second.outcome, second.ledger.pages), (Outcome::Paused, 0));
    assert_eq!(second.note.as_deref(), Some("another run is reading this stream"));
    assert!(second.in_other_hands && !run_of(&first, "tickets").in_other_hands);
    assert_eq!(stand.asked(TICKETS), 1);
    assert_eq!(epochs(&stand).await, 1);
    assert_eq!(stand.recover().await.repeated(), 0);
}

/// A run pauses in its page, a second one takes its lease over; both to their ends.
async fn taken_over(stand: &Stand, zombie_ms: u64, successor_ms: u64) -> (Run, Run) {
    let sleeping = slow(stand, zombie_ms);
    let zombie = stand.sync_some(SELECTION, Budget::unlimited());
    let successor = async {
        eventually("the zombie is in its page", || sleeping.fired() > 0).await;
        let state = stand.hub().state().clone();
        state.break_lease(CONNECTION, "tickets").await.expect("the lease ends");
        let busy = slow(stand, successor_ms);
        let runs = stand.sync_some(SELECTION, Budget::unlimited()).await;
        assert_eq!(busy.fired(), 1);
        runs
    };
    let (mut zombie, mut successor) = tokio::join!(zombie, successor);
    (zombie.remove(0), successor.remove(0))
}

fn assert_refused(zombie: &Run) {
    assert_eq!(zombie.outcome, Outcome::Paused, "{zombie:?}");
    assert_eq!(zombie.note.as_deref(), Some("another run took this stream over"));
    assert!(zombie.in_other_hands, "{zombie:?}");
}

/// RELIABILITY 7: the zombie wakes while its successor reads, when no cursor has been saved that would betray it.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_wakes_while_its_successor_reads_writes_no_cursor() {
    let stand = Stand::small().await;
    let (zombie, successor) = taken_over(&stand, 1000, 3000).await;
    assert_refused(&zombie);
    assert_eq!(successor.outcome, Outcome::CaughtUp, "the zombie wrote: {successor:?}");
    stand.recover().await;
}

/// RELIABILITY 7: the zombie wakes when its successor is done; its records are harmless, its cursor is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_that_wakes_after_its_successor_changes_nothing() {
    let stand = super::with_news().await;
    let (zombie, successor) = taken_over(&stand, 3000, 100).await;
    assert_refused(&zombie);
    assert_eq!(successor.outcome, Outcome::CaughtUp);
    let standing = stand.standing("tickets").await;
    assert_eq!(standing.last_run.map(|run| run.started_at), Some(successor.started_at));
    assert!(standing.lease_until.is_none());
    stand.recover().await;
}

/// RELIABILITY 47: the scheduler fires twice.
#[tokio::test(flavor = "multi_thread")]
async fn two_schedules_at_once_land_everything_once() {
    let stand = Stand::small().await;
    let (one, other) = tokio::join!(stand.sync(), stand.sync());
    for run in one.iter().chain(&other) {
        assert_ne!(run.outcome, Outcome::Failed, "{run:?}");
    }
    assert_eq!(stand.recover().await.repeated(), 0);
}

/// RELIABILITY 47: the scheduler misses a day.
#[tokio::test(flavor = "multi_thread")]
async fn a_missed_day_is_caught_up_in_one_run() {
    let stand = Stand::small().await;
    stand.drain().await;
    for _ in 0..4 {
        stand.simulator.clock().advance(Duration::from_hours(6));
        stand.simulator.zendesk().live(10);
    }
    stand.settle();
    stand.sync().await;
    let landed = stand.landed().await;
    landed.assert_is(&stand.simulator.zendesk().truth());
    assert_eq!(landed.repeated(), 0);
}

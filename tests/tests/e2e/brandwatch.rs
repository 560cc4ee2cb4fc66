//! Brandwatch, end to end.

use std::time::Duration;

use e2e::landed::Landed;
use e2e::stand::{Stand, run_of, settled};
use e2e::truth::brandwatch::assert_is;
use shared::budget::Budget;
use shared::ledger::Outcome;
use simulator::{Brandwatch, Fault};

async fn stand() -> Stand {
    let company = simulator::Settings { people: 24, days: 90, ..settled() };
    Stand::of(company, |simulator| vec![simulator.brandwatch().connection()]).await
}

fn face(stand: &Stand) -> &Brandwatch {
    stand.simulator.brandwatch()
}

async fn assert_true(stand: &Stand) -> Landed {
    let landed = stand.landed().await;
    assert_is(&landed, "brandwatch", &face(stand).truth());
    landed.assert_consistent();
    landed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_lands_the_truth_and_a_second_lands_nothing() {
    let stand = stand().await;
    for run in stand.sync_all(false).await {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        run.ledger.check().expect("the count adds up");
    }
    assert_true(&stand).await;
    for run in stand.sync_all(true).await {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        assert_eq!(run.ledger.landed, 0, "{run:?}");
    }
    assert_eq!(face(&stand).sign_ins(), 1, "a token is good for a year");
}

/// New posts, old ones that turn up now, edits of analysts; on many pages, while more is added.
#[tokio::test(flavor = "multi_thread")]
async fn changes_are_read_back_to_the_mark() {
    let stand = stand().await;
    stand.drain_all(false).await;
    for _ in 0..3 {
        face(&stand).live(25);
        face(&stand).set_page_size(4);
        face(&stand).faults().inject_on("data/mentions?", Fault::InsertWhilePaging, 2);
        stand.drain_all(false).await;
        face(&stand).faults().clear();
        stand.drain_all(false).await;
        assert_true(&stand).await;
    }
}

/// A pass ends where the one before it began: the archive is not read through for a few new posts.
#[tokio::test(flavor = "multi_thread")]
async fn a_later_pass_asks_for_the_news_only() {
    let stand = stand().await;
    stand.drain_all(false).await;
    face(&stand).set_page_size(4);
    let (_, late) = face(&stand).add_late(20);
    let before = face(&stand).requests().len();
    stand.sync_some("brandwatch/mentions", Budget::unlimited()).await;
    let asked = face(&stand).requests().len() - before;
    assert!(asked <= 6, "{asked} requests for one post");
    let landed = assert_true(&stand).await;
    assert!(landed.newest.keys().any(|(_, key)| key.ends_with(&late)));
}

/// What is there without a word on when it came is found by counting the days.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_clocks_do_not_tell_is_found_by_counting() {
    let stand = stand().await;
    stand.drain_all(false).await;
    face(&stand).set_page_size(4);
    let (_, unseen) = face(&stand).add_unseen(12);
    stand.sync_some("brandwatch/mentions", Budget::unlimited()).await;
    let is_there = |landed: &Landed| landed.newest.keys().any(|(_, key)| key.ends_with(&unseen));
    assert!(!is_there(&stand.landed().await), "no pass by clock sees it");
    let runs = stand.sync_all(true).await;
    assert_eq!(run_of(&runs, "mention_days").outcome, Outcome::CaughtUp);
    assert!(is_there(&assert_true(&stand).await));
}

/// Nobody tells of deletions, and a month's list is not all there is: nothing is buried.
#[tokio::test(flavor = "multi_thread")]
async fn what_vanished_or_grew_old_stays() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let before = stand.landed().await.newest.len();
    face(&stand).vanish(5);
    stand.drain_all(true).await;
    let landed = assert_true(&stand).await;
    assert_eq!(landed.newest.len(), before);
}

/// How long cursors live is not documented: a refused one costs its pass, once.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_cursor_costs_its_pass_and_no_mention() {
    let stand = stand().await;
    face(&stand).set_page_size(7);
    let fault = face(&stand).faults().inject_on("orderBy=added", Fault::ExpiredCursor, 1);
    stand.drain_all(false).await;
    assert_eq!(fault.fired(), 1);
    assert_true(&stand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_is_asked_for_again_once() {
    let stand = stand().await;
    stand.drain_all(false).await;
    face(&stand).expire_token();
    face(&stand).live(10);
    stand.drain_all(false).await;
    assert_eq!(face(&stand).sign_ins(), 2);
    assert_true(&stand).await;
}

/// Thirty calls in ten minutes, five of them for others; a refusal does not say when to come back.
#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_is_left_to_others() {
    let stand = stand().await;
    face(&stand).set_page_size(1);
    face(&stand).set_rate_limit(Some(30), Duration::from_mins(10));
    let runs = stand.sync_all(false).await;
    let paused = runs.iter().filter(|run| run.outcome == Outcome::Paused).count();
    assert!(paused > 0, "{runs:#?}");
    assert!(runs.iter().all(|run| run.outcome != Outcome::Failed), "{runs:#?}");
    let requests = face(&stand).requests();
    let refused = requests.iter().filter(|seen| seen.status == Some(429)).count();
    assert_eq!(refused, 0, "we stop before we are stopped");
    let calls = requests.iter().filter(|seen| seen.path_and_query.starts_with("/projects/"));
    let calls = calls.count();
    assert!((25..=30).contains(&calls), "{calls}");
}

/// A spoilt record is quarantined, unknown fields are kept, and neither disturbs the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_quarantined_alone() {
    let stand = stand().await;
    face(&stand).faults().inject_on("orderBy=added", Fault::BadRecord, 1);
    face(&stand).faults().inject_on("orderBy=added", Fault::ExtraField, 1);
    stand.drain_all(false).await;
    let landed = assert_true(&stand).await;
    assert_eq!(landed.quarantined.len(), 1);
    assert_eq!(landed.quarantined[0].field, "resourceId");
}

//! Bluesky, end to end: search, the live feed and lookups agree with what happened.

use std::time::Duration;

use e2e::landed::Landed;
use e2e::stand::{Stand, run_of, settled};
use e2e::truth::bluesky::assert_is;
use shared::budget::Budget;
use shared::landing::{Objects, decompress};
use shared::ledger::Outcome;
use shared::schema::Table;
use simulator::{Bluesky, Fault, Injection};

async fn stand_with(people: usize, further: &str) -> Stand {
    let company = simulator::Settings { people, ..settled() };
    Stand::of(company, |simulator| {
        let mut keys = simulator.bluesky().connection();
        keys.keys.push('\n');
        keys.keys.push_str(further);
        vec![keys]
    })
    .await
}

async fn stand() -> Stand {
    stand_with(40, "").await
}

fn network(stand: &Stand) -> &Bluesky {
    stand.simulator.bluesky()
}

async fn assert_true(stand: &Stand) -> Landed {
    let landed = stand.landed().await;
    assert_is(&landed, "bluesky", &network(stand).truth());
    landed
}

fn is_gone(landed: &Landed, uri: &str) -> bool {
    landed
        .newest_of("bluesky", "bluesky", "post")
        .get(uri)
        .is_some_and(|row| row.provenance.deleted)
}

#[tokio::test]
async fn the_first_sync_is_the_truth_and_later_ones_land_nothing() {
    let stand = stand_with(150, "").await;
    stand.drain_all(false).await;
    let landed = assert_true(&stand).await;
    assert!(landed.count("social.mentioned") > 100 && landed.count("social.replied") > 5);
    assert!(landed.quarantined.is_empty(), "{:#?}", landed.quarantined);
    for now in [false, true] {
        stand.drain_all(now).await;
        let again = stand.landed().await;
        // A profile lands once a day: all but those, in case that midnight has passed.
        let count = |landed: &Landed| {
            landed.rows.iter().filter(|row| row.table() != Table::PersonRecord).count()
        };
        assert_eq!(count(&again), count(&landed), "full passes: {now}");
    }
    assert_eq!(network(&stand).sessions_opened(), 1);
    let foreign = network(&stand).requests().iter().filter(|call| call.status != Some(200)).count();
    assert_eq!(foreign, 0);
}

#[tokio::test]
async fn what_happens_next_is_the_truth_in_the_end() {
    let stand = stand().await;
    stand.drain_all(false).await;
    for _ in 0..3 {
        network(&stand).live(25);
        stand.drain_all(true).await;
        // Whom the feed brought in while known posts were looked up is looked up next.
        stand.drain_all(true).await;
        assert_true(&stand).await;
    }
}

/// Backdated posts stay behind every window; answers may not name us; a deletion is a matter of minutes.
#[tokio::test]
async fn the_feed_has_what_search_passes_over() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let long_ago = "2023-05-05T05:05:05Z".parse().expect("a time");
    let backdated = network(&stand).post("I always liked Ember & Oak", Some(long_ago));
    let answer = network(&stand).answer_us("Where do I get one of these?");
    let landed = network(&stand)
        .truth()
        .posts
        .keys()
        .find(|uri| **uri != backdated && **uri != answer)
        .cloned();
    let (deleted, stranger) = (landed.expect("a post"), "good morning from the other side");
    network(&stand).delete_post(&deleted);
    stand.sync_some("bluesky/jetstream", Budget::unlimited()).await;
    let landed = assert_true(&stand).await;
    assert!(is_gone(&landed, &deleted));
    let posts = landed.newest_of("bluesky", "bluesky", "post");
    assert!(posts.contains_key(&backdated) && posts.contains_key(&answer));
    // Of the network's talk the raw zone has the first and the last word of each answer at most.
    let objects = Objects::new(&stand.own_stores());
    let mut answers = 0;
    for key in landed.keys.iter().filter(|key| key.contains("jetstream") && key.starts_with("raw/"))
    {
        let (bytes, _) = objects.read(key).await.expect("an object");
        let text = String::from_utf8(decompress(&bytes).expect("zstd")).expect("UTF-8");
        assert!(text.matches(stranger).count() <= 2, "{key} has the whole network");
        answers += 1;
    }
    assert!(answers > 0, "{:?}", landed.keys);
}

/// The handle and the name come with the next lookup.
#[tokio::test]
async fn an_author_of_the_feed_gets_a_face_by_lookup() {
    let stand = stand().await;
    stand.sync_some("bluesky/jetstream", Budget::unlimited()).await;
    let answer = network(&stand).answer_us("Do you deliver?");
    stand.sync_some("bluesky/jetstream", Budget::unlimited()).await;
    let landed = stand.landed().await;
    assert!(landed.newest_of("bluesky", "bluesky", "post").contains_key(&answer));
    let did = network(&stand).truth().posts[&answer].did.clone();
    assert!(!landed.newest_of("bluesky", "bluesky", "author").contains_key(&did));
    stand.sync_some("bluesky/known_posts", Budget::unlimited()).await;
    let landed = stand.landed().await;
    assert!(landed.newest_of("bluesky", "bluesky", "author").contains_key(&did));
}

#[tokio::test]
async fn deletions_are_honoured_without_the_feed() {
    let stand = stand_with(40, "jetstream = false").await;
    stand.drain_all(false).await;
    let truth = network(&stand).truth();
    let (deleted, post) = truth.posts.first_key_value().expect("a post");
    let other =
        truth.posts.iter().find(|(_, other)| other.did != post.did).expect("another author");
    network(&stand).delete_post(deleted);
    network(&stand).set_account(&other.1.did, simulator::bluesky::Status::Takendown);
    stand.drain_all(false).await;
    assert!(!is_gone(&stand.landed().await, deleted), "the next lookup is not due");
    stand.drain_all(true).await;
    let landed = assert_true(&stand).await;
    assert!(is_gone(&landed, deleted) && is_gone(&landed, other.0));
    assert_eq!(network(&stand).subscriptions(), [""; 0]);
}

#[tokio::test]
async fn sessions_are_renewed_and_the_password_is_used_once() {
    let stand = stand_with(12, "jetstream = false").await;
    stand.drain_all(false).await;
    let calls =
        |stand: &Stand| (network(stand).sessions_opened(), network(stand).sessions_renewed());
    assert_eq!(calls(&stand), (1, 0));
    network(&stand).expire_access_tokens();
    stand.drain_all(false).await;
    assert_eq!(calls(&stand), (1, 1));
    network(&stand).end_sessions();
    stand.drain_all(true).await;
    assert_eq!(calls(&stand), (2, 1));
    assert_true(&stand).await;
}

/// A cursor that is too old is moved forward without a word.
#[tokio::test]
async fn a_gap_in_the_feed_is_told() {
    let stand = stand_with(12, "").await;
    let runs = stand.drain_all(false).await;
    assert_eq!(run_of(&runs, "jetstream").note, None);
    network(&stand).set_feed_keeps(Duration::from_mins(30));
    stand.simulator.clock().advance(Duration::from_hours(2));
    let runs = stand.sync_some("bluesky/jetstream", Budget::unlimited()).await;
    let run = run_of(&runs, "jetstream");
    assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
    assert!(run.note.as_ref().is_some_and(|note| note.contains("no longer had")), "{run:?}");
}

#[tokio::test]
async fn a_feed_that_fails_touches_nothing_else_and_is_caught_up_with() {
    let stand = stand().await;
    stand.drain_all(false).await;
    network(&stand).live(10);
    let storm = network(&stand).faults().inject_on("/subscribe", Fault::Status(503), 50);
    let runs = stand.sync_all(false).await;
    assert!(storm.fired() > 1, "asked again");
    assert_eq!(run_of(&runs, "jetstream").outcome, Outcome::Failed);
    assert_eq!(run_of(&runs, "posts").outcome, Outcome::CaughtUp);
    network(&stand).faults().clear();
    for fault in [Fault::ConnectionReset, Fault::TruncatedPage, Fault::Status(429)] {
        network(&stand).live(5);
        let fault = network(&stand).faults().inject_on("/subscribe", fault, 1);
        stand.drain_all(true).await;
        assert_eq!(fault.fired(), 1);
    }
    stand.drain_all(true).await;
    stand.drain_all(true).await;
    assert_true(&stand).await;
}

#[tokio::test]
async fn search_has_its_moods() {
    let stand = stand_with(150, "").await;
    let faults = network(&stand).faults();
    let search = "searchPosts";
    let moods = [
        Injection::new(Fault::EmptyPageWithNext).on(search).after(1),
        Injection::new(Fault::ExtraField).on(search),
        Injection::new(Fault::TruncatedPage).on(search),
        Injection::new(Fault::Status(502)).on(search).times(3),
        Injection::new(Fault::Html200).on(search),
        Injection::new(Fault::Storm429 { retry_after: None }).on(search),
        Injection::new(Fault::ConnectionReset).on(search),
    ];
    let fired: Vec<_> = moods.into_iter().map(|mood| faults.schedule(mood)).collect();
    stand.drain_all(false).await;
    assert!(fired.iter().all(|mood| mood.fired() > 0), "{:?}", faults.history());
    let landed = assert_true(&stand).await;
    assert!(landed.quarantined.is_empty());
    // One record that is none does not cost the page.
    network(&stand).post("Ember & Oak, once more", None);
    let bad = faults.inject_on(search, Fault::BadRecord, 1);
    stand.drain_all(false).await;
    assert_eq!(bad.fired(), 1);
    let landed = assert_true(&stand).await;
    assert_eq!(landed.quarantined.len(), 1);
}

/// A run that stops between two pages finds its cursor refused later: the window is read again.
#[tokio::test]
async fn an_expired_search_cursor_costs_a_window_and_nothing_else() {
    let stand = stand_with(150, "").await;
    let faults = network(&stand).faults();
    faults.schedule(Injection::new(Fault::Status(400)).on("cursor=").times(1));
    let runs = stand.sync_some("bluesky/posts", Budget::unlimited()).await;
    assert_ne!(run_of(&runs, "posts").outcome, Outcome::Paused);
    network(&stand).expire_cursors();
    stand.drain_all(false).await;
    assert_true(&stand).await;
}

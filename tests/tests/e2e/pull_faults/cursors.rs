//! Cursors that expire, repeat or lead nowhere, and records that move while we page through them.

use std::time::Duration;

use e2e::stand::{Stand, assert_others_caught_up, run_of};
use jiff::{SignedDuration, Timestamp};
use shared::ledger::Outcome;
use simulator::zendesk::{Deletion, Score};
use simulator::{Fault, Injection};

use super::{TICKETS, with_news};

const EXPORTS: [&str; 4] =
    [TICKETS, "incremental/users", "incremental/ticket_events", "incremental/organizations"];
const LISTS: [&str; 3] = ["satisfaction_ratings", "deleted_users", "deleted_tickets"];

/// A stand in which every list has a record.
async fn with_deletions() -> Stand {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    let (users, tickets) = (desk.truth().users, desk.truth().tickets);
    desk.delete_user(*users.keys().next_back().expect("a user"));
    desk.delete_ticket(*tickets.keys().next_back().expect("a ticket"));
    stand.settle();
    stand
}

/// RELIABILITY 21: an empty page is no end if it says how to go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_page_with_a_next_cursor_is_not_the_end() {
    let stand = with_deletions().await;
    let faults = stand.simulator.zendesk().faults();
    let paths = EXPORTS.iter().chain(&LISTS);
    let injected: Vec<_> =
        paths.map(|path| (path, faults.inject_on(path, Fault::EmptyPageWithNext, 1))).collect();
    assert_others_caught_up(&stand.sync().await, "");
    for (path, injected) in injected {
        assert_eq!(injected.fired(), 1, "{path}");
    }
    stand.landed().await.assert_is(&stand.simulator.zendesk().truth());
}

/// RELIABILITY 22: a next cursor that is the one we asked with.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_does_not_move_stops_its_stream_as_stuck() {
    let stand = with_news().await;
    let faults = stand.simulator.zendesk().faults();
    // The events first: once they are read up to now, the horizon ends their window before the fault shows.
    for stream in ["ticket_events", "tickets", "users"] {
        let path = &format!("incremental/{stream}");
        let (before, asked) = (stand.cursor(stream).await, stand.asked(path));
        let injected = faults.inject_on(path, Fault::StuckCursor, 50);
        let runs = stand.sync().await;
        assert!(injected.fired() > 0);
        let run = run_of(&runs, stream);
        assert_eq!(run.outcome, Outcome::Failed, "{run:?}");
        assert!(run.error.as_deref().unwrap().contains("stuck"), "{run:?}");
        assert!(stand.asked(path) - asked <= 2, "{stream}: {}", stand.asked(path) - asked);
        assert_eq!(stand.cursor(stream).await, before);
        assert_others_caught_up(&runs, stream);
        faults.clear();
    }
    stand.recover().await;
}

/// RELIABILITY 22: a list whose second page leads back to itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_leads_back_to_itself_is_stuck() {
    let stand = Stand::small().await;
    let faults = stand.simulator.zendesk().faults();
    faults.inject_on("satisfaction_ratings", Fault::EmptyPageWithNext, 1);
    let injected = faults.inject_on("satisfaction_ratings", Fault::StuckCursor, 50);
    let runs = stand.sync().await;
    let run = run_of(&runs, "satisfaction_ratings");
    assert!(injected.fired() > 0);
    assert!(run.error.as_deref().is_some_and(|error| error.contains("stuck")), "{run:?}");
    assert!(stand.asked("satisfaction_ratings") <= 3);
    stand.recover().await;
}

/// RELIABILITY 23: the saved cursor is refused; its window is read again with an overlap.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_cursor_starts_its_window_again_with_an_overlap() {
    let stand = with_news().await;
    let watermark = stand.standing("tickets").await.watermark.unwrap();
    stand.simulator.zendesk().expire_cursors();
    let asked = stand.asked(TICKETS);
    assert_others_caught_up(&stand.sync().await, "");
    let seen = &stand.requests(TICKETS)[asked..];
    assert_eq!(seen[0].status, Some(400));
    let overlap = watermark.as_micros() / 1_000_000 - 900;
    let restart = format!("start_time={overlap}");
    assert!(seen[1].path_and_query.contains(&restart), "{seen:?}");
    stand.recover().await;
}

/// RELIABILITY 23: a token that expires between two pages, in every export and list that has tokens.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_between_two_pages_starts_the_window_again() {
    let stand = with_deletions().await;
    let faults = stand.simulator.zendesk().faults();
    let paths = || EXPORTS[..2].iter().chain(&LISTS);
    let injected: Vec<_> = paths()
        .map(|path| {
            faults.inject_on(path, Fault::EmptyPageWithNext, 1);
            (path, faults.inject_on(path, Fault::ExpiredCursor, 1))
        })
        .collect();
    let runs = stand.sync().await;
    for (path, injected) in injected {
        assert_eq!(injected.fired(), 1, "{path}");
    }
    assert_others_caught_up(&runs, "");
    stand.landed().await.assert_is(&stand.simulator.zendesk().truth());
}

/// RELIABILITY 24: records change while we page through them.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_change_between_two_pages_are_not_lost() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    // No second of the history has as many events as a page.
    desk.set_page_size(15);
    // Thirteen users are one page; so there is a second.
    desk.faults().inject_on(EXPORTS[1], Fault::EmptyPageWithNext, 1);
    let injected: Vec<_> = EXPORTS[..3]
        .iter()
        .map(|path| desk.faults().inject_on(path, Fault::InsertWhilePaging, 3))
        .collect();
    stand.sync().await;
    assert!(injected.iter().all(|injected| injected.fired() > 0));
    desk.set_page_size(1000);
    stand.settle();
    stand.recover().await;
}

/// RELIABILITY 25: more records of one second than fit on a page, told apart by their ids.
#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_second_over_a_page_edge_all_land() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    stand.drain().await;
    let tickets: Vec<u64> = desk.truth().tickets.keys().copied().collect();
    desk.bulk_tag(&tickets, "recall");
    stand.settle();
    desk.set_page_size(7);
    let asked = stand.asked(TICKETS);
    stand.sync_some("helpdesk-eu/tickets", shared::budget::Budget::unlimited()).await;
    assert!(stand.asked(TICKETS) - asked >= 3);
    desk.set_page_size(1000);
    let landed = stand.recover().await;
    let tagged = tickets.iter().filter_map(|id| landed.ticket(*id));
    assert!(tagged.clone().count() > 7);
    assert!(tagged.clone().all(|ticket| ticket.tags.contains(&"recall".to_owned())));
}

/// RELIABILITY 25: in a time-based export a page may end within a second; the rest of it is not skipped.
#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_second_over_a_page_edge_all_land() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    for size in [14, 17] {
        desk.set_page_size(size);
        assert_others_caught_up(&stand.sync().await, "");
    }
    desk.set_page_size(1000);
    stand.landed().await.assert_is(&desk.truth());
    stand.recover().await;
}

/// RELIABILITY 22, 25: a second with more events than a page holds repeats for ever; we note it and go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_that_fills_a_page_is_noted_and_passed() {
    let stand = Stand::small().await;
    stand.simulator.zendesk().set_page_size(5);
    let runs = stand.sync_some("helpdesk-eu/ticket_events", shared::budget::Budget::unlimited());
    assert_others_caught_up(&runs.await, "");
    let cursor = stand.cursor("ticket_events").await.unwrap();
    assert!(cursor.contains("crowded"), "{cursor}");
}

/// RELIABILITY 26: an old record that moves late, without a new `updated_at`, and a rating given long after the offer.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_record_that_arrives_late_is_caught_by_the_clock_of_arrival() {
    let stand = Stand::small().await;
    stand.drain().await;
    let desk = stand.simulator.zendesk();
    let truth = desk.truth();
    let ticket = truth.tickets.values().find(|ticket| ticket.deletion == Deletion::No).unwrap().id;
    let offered = truth.ratings.values().find(|rating| rating.score == Score::Offered).unwrap();
    desk.silent_update(ticket);
    desk.rate(offered.ticket_id, Score::Good, None);
    stand.settle();
    let before = stand.landed().await.row(shared::schema::Table::Ticket, "ticket", ticket).cloned();
    let landed = stand.recover().await;
    let after = landed.row(shared::schema::Table::Ticket, "ticket", ticket).unwrap();
    assert!(after.version() > before.unwrap().version(), "the silent update did not land");
}

/// RELIABILITY 27: the source's clock is ten minutes ahead of ours.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_ahead_of_our_clock_moves_no_watermark_beyond_the_settled_time() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    stand.simulator.clock().advance(Duration::from_mins(10));
    for _ in 0..3 {
        desk.live(10);
        stand.settle();
        assert_others_caught_up(&stand.sync().await, "");
        let settled = Timestamp::now() - SignedDuration::from_secs(60);
        for stream in ["tickets", "users", "ticket_events", "organizations"] {
            let watermark = stand.standing(stream).await.watermark.unwrap();
            assert!(watermark.to_jiff() <= settled, "{stream}: {watermark}");
        }
    }
    stand.recover().await;
}

/// Fivetran's case of 24: each page begins with the record that ended the one before.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_two_pages_share_land_once() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    desk.set_duplicate_rows(true);
    desk.set_page_size(15);
    let slow = desk.faults().schedule(Injection::new(Fault::Status(502)).on(TICKETS).after(1));
    let runs = stand.sync().await;
    assert_eq!(slow.fired(), 1);
    assert!(run_of(&runs, "tickets").ledger.unchanged > 0, "no page shared a record");
    desk.set_page_size(1000);
    assert_eq!(stand.recover().await.repeated(), 0);
}

//! Deliveries twice, at once, out of order, beside the poll, or not at all.

use std::sync::Arc;
use std::time::Duration;

use e2e::fault_proxy::{Injection, Operation, StoreFault};
use e2e::landed::Landed;
use e2e::stand::{eventually, run_of};
use shared::schema::Table;
use simulator::DeliveryPlan;
use simulator::Fault;
use simulator::zendesk::{Delivery, NewTicket, Status};
use tokio::task::JoinSet;

use super::Door;

/// How many delivery ids are remembered.
fn remembered(landed: &Landed) -> usize {
    landed.state.keys().filter(|(pk, _)| pk.starts_with("DELIVERY#")).count()
}

fn has_email(landed: &Landed, user: u64, email: &str) -> bool {
    let person = landed.person(user).expect("the user landed");
    person.contact_points.iter().any(|point| point.exact.value().is_some_and(|it| it == email))
}

fn ticket_of(door: &Door) -> u64 {
    let requester_id = *door.desk().truth().users.keys().next_back().expect("a user");
    door.desk().create_ticket(NewTicket {
        requester_id,
        subject: "The oven is cold".to_owned(),
        description: "It was warm yesterday.".to_owned(),
        channel: "email",
        priority: None,
    })
}

/// RELIABILITY 8, 43: the same delivery again, within the window.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_again_is_acknowledged_and_changes_nothing() {
    let door = Door::open().await;
    let (user, delivery) = door.news("again@example.org");
    assert_eq!(door.deliver(&delivery).await.status, 202);
    let once = door.stand.landed().await;
    assert!(has_email(&once, user, "again@example.org"));
    let asked = door.stand.asked("show_many");
    for _ in 0..3 {
        assert_eq!(door.deliver(&delivery).await.status, 202);
    }
    let landed = door.stand.landed().await;
    assert_eq!((landed.keys, landed.items), (once.keys.clone(), once.items.clone()));
    assert_eq!(door.stand.asked("show_many"), asked, "a duplicate asks the source nothing");
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 9: the same delivery fifty times at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_comes_fifty_times_at_once_lands_once() {
    let door = Arc::new(Door::open().await);
    let (user, delivery) = door.news("fifty@example.org");
    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (door, delivery) = (Arc::clone(&door), delivery.clone());
        calls.spawn(async move { door.deliver(&delivery).await.status });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    let landed = door.stand.landed().await;
    assert!(has_email(&landed, user, "fifty@example.org"));
    assert_eq!((remembered(&landed), landed.repeated()), (1, 0));
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 10: an id that was used before, now with another body.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_id_with_another_body_is_quarantined_and_the_first_is_kept() {
    let door = Door::open().await;
    let (user, delivery) = door.news("first@example.org");
    assert_eq!(door.deliver(&delivery).await.status, 202);
    let other = String::from_utf8(delivery.body.to_vec()).unwrap();
    let other = other.replace("first@example.org", "other@example.org").into_bytes();
    assert_eq!(door.post_signed(other, &delivery, None).await.status, 202);
    let landed = door.stand.landed().await;
    assert!(has_email(&landed, user, "first@example.org"));
    assert_eq!(landed.quarantined.len(), 1);
    assert_eq!(landed.quarantined[0].reason, "was used before with another body");
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 11: the newer change is told first.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_change_that_comes_late_lands_beside_the_newer_and_not_over_it() {
    let door = Door::open().await;
    let lookups = door.desk().faults().inject_on("show_many", Fault::Status(500), 2);
    let (user, first) = door.news("first@example.org");
    door.stand.simulator.clock().advance(Duration::from_secs(2));
    let (_, second) = door.news("second@example.org");
    for delivery in [&second, &first] {
        assert_eq!(door.deliver(delivery).await.status, 202);
    }
    assert_eq!(lookups.fired(), 2, "only the events themselves may have landed");
    let landed = door.stand.landed().await;
    assert!(has_email(&landed, user, "second@example.org"));
    assert_eq!(landed.row_count("user"), 2, "the history has both");
    door.stand.settle();
    door.stand.recover().await;
}

/// Delivers `first`, whose write is held up on its way, and `second` meanwhile.
async fn overtaken(door: &Door, write: Operation, first: &Delivery, second: &Delivery) {
    let held_up = StoreFault::Delay(Duration::from_millis(1500));
    let before = door.stand.dynamodb.fired("Delay");
    door.stand.dynamodb.inject(Injection::new(write, held_up));
    let newer = async {
        eventually("the older write is under way", || door.stand.dynamodb.fired("Delay") > before)
            .await;
        door.deliver(second).await
    };
    let (older, newer) = tokio::join!(door.deliver(first), newer);
    assert!(older.status == 202 && newer.status == 202, "{older:?} {newer:?}");
}

/// RELIABILITY 11, 13: the older change is read first and written last.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_overtaken_on_its_way_is_refused_by_its_version() {
    let door = Door::open().await;
    door.desk().faults().inject_on("show_many", Fault::Status(500), 4);
    let later = || door.stand.simulator.clock().advance(Duration::from_secs(2));
    let (user, first) = door.news("first@example.org");
    later();
    let (_, second) = door.news("second@example.org");
    let write = Operation::dynamodb("TransactWriteItems").containing(&format!("user/{user}"));
    overtaken(&door, write, &first, &second).await;
    let ticket = ticket_of(&door);
    let created = door.last();
    later();
    door.desk().set_status(ticket, Status::Pending);
    let moved = door.last();
    let write = Operation::dynamodb("TransactWriteItems").containing(&format!("ticket/{ticket}"));
    overtaken(&door, write, &created, &moved).await;
    let landed = door.stand.landed().await;
    for (object, id) in [("user", user), ("ticket", ticket)] {
        let item = &landed.item(object, id).expect("an item")["row"];
        let newest = if object == "user" { "second@example.org" } else { "pending" };
        assert!(item.as_s().unwrap().contains(newest), "{item:?}");
    }
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 12: a ticket's deletion is told before its creation.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_comes_before_the_creation_wins() {
    let door = Door::open().await;
    let ticket = ticket_of(&door);
    let created = door.last();
    door.stand.simulator.clock().advance(Duration::from_secs(2));
    door.desk().delete_ticket(ticket);
    let deleted = door.last();
    for delivery in [&deleted, &created] {
        assert_eq!(door.deliver(delivery).await.status, 202);
    }
    let landed = door.stand.landed().await;
    let item = landed.item("ticket", ticket).expect("a tombstone");
    assert!(item.contains_key("deleted") && !item.contains_key("row"), "{item:?}");
    assert!(landed.ticket(ticket).is_none());
    assert_eq!(landed.row_count("ticket"), 2, "the history has both");
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 13: webhook and poll bring the same changes at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_a_poll_at_once_agree_on_the_newest() {
    let door = Door::open().await;
    door.stand.drain().await;
    door.desk().live(30);
    door.stand.settle();
    let plan = DeliveryPlan { concurrency: 8, shuffle: true, ..DeliveryPlan::default() };
    let (report, _) = tokio::join!(door.desk().send_webhooks(&door.url, &plan), door.stand.sync());
    assert_eq!(report.acknowledged.len(), report.sent.len(), "{report:?}");
    door.stand.recover().await;
}

/// RELIABILITY A, L, D: one in ten is lost, one in ten comes twice, and none in order.
#[tokio::test(flavor = "multi_thread")]
async fn lost_doubled_and_shuffled_webhooks_end_in_the_truth() {
    let door = Door::open().await;
    door.stand.drain().await;
    door.desk().live(80);
    let plan = DeliveryPlan {
        drop: 10,
        duplicate: 10,
        shuffle: true,
        concurrency: 8,
        ..DeliveryPlan::default()
    };
    let report = door.desk().send_webhooks(&door.url, &plan).await;
    assert!(!report.dropped.is_empty() && !report.duplicated.is_empty(), "{report:?}");
    assert_eq!(report.acknowledged, report.sent);
    let landed = door.stand.landed().await;
    assert_eq!(remembered(&landed), report.sent.len(), "what is acknowledged is remembered");
    door.stand.settle();
    let missed: u64 = door.stand.sync().await.iter().map(|run| run.ledger.missed_by_webhook).sum();
    assert!(missed > 0);
    door.stand.recover().await;
}

/// A poll counts what a webhook should have told, and only that.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_webhook_told_is_counted_by_the_poll() {
    let door = Door::open().await;
    door.stand.drain().await;
    let users: Vec<u64> = door.desk().truth().users.keys().copied().take(3).collect();
    door.desk().rename_user(users[0], "Told Inanevent");
    door.deliver(&door.last()).await;
    door.desk().rename_user(users[1], "Told Bynobody");
    door.stand.settle();
    let runs = door.stand.sync().await;
    let ledger = run_of(&runs, "users").ledger;
    assert_eq!((ledger.landed, ledger.missed_by_webhook), (2, 1));
    door.stand.recover().await;
}

/// The source cannot be asked back: what the event itself says lands, and the poll completes it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_lands_though_its_record_cannot_be_read_again() {
    let door = Door::open().await;
    let faults = door.desk().faults();
    for fault in [Fault::Status(500), Fault::Html200, Fault::SlowBody(Duration::from_secs(5))] {
        let injected = faults.inject_on("show_many", fault.clone(), 1);
        let ticket = ticket_of(&door);
        let started = std::time::Instant::now();
        assert_eq!(door.deliver(&door.last()).await.status, 202, "{fault:?}");
        assert_eq!(injected.fired(), 1);
        assert!(started.elapsed() < Duration::from_secs(5), "the sender would not wait");
        let landed = door.stand.landed().await;
        let subject = landed.ticket(ticket).expect("the event's content").subject.clone();
        assert_eq!(subject.into_value().as_deref(), Some("The oven is cold"));
        assert_eq!(
            landed.row(Table::Ticket, "ticket", ticket).unwrap().version().source_version % 10,
            0
        );
    }
    door.stand.settle();
    door.stand.recover().await;
}

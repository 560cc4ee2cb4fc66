//! S3 and DynamoDB refuse, hesitate, or apply and do not say so.

use e2e::fault_proxy::{Injection, Operation, StoreFault};
use e2e::stand::{CONNECTION, Stand, assert_others_caught_up, run_of};
use http::Method;
use shared::hub::Selection;
use shared::landing::{Objects, decompress};
use shared::ledger::Outcome;
use shared::schema::{Entity, Table};
use simulator::zendesk::{BadRecord, NewTicket};

fn dynamodb(operation: &str, fault: StoreFault) -> Injection {
    Injection::new(Operation::dynamodb(operation), fault)
}

fn put(key: &str, fault: StoreFault) -> Injection {
    Injection::new(Operation::s3(Method::PUT, key), fault)
}

/// The updates of a stream's state: one takes the lease, one per page saves the cursor, one gives the lease back.
fn state_of(stream: &str) -> Operation {
    Operation::dynamodb("UpdateItem").containing(&format!("STREAM#{CONNECTION}#{stream}"))
}

/// One sync through these faults: every stream is caught up, nothing is there twice, and all of it is true.
async fn sync_through(dynamodb: Vec<Injection>, s3: Vec<Injection>) -> Stand {
    let stand = Stand::small().await;
    for injection in dynamodb {
        stand.dynamodb.inject(injection);
    }
    for injection in s3 {
        stand.s3.inject(injection);
    }
    assert_others_caught_up(&stand.sync().await, "");
    stand.dynamodb.assert_all_fired();
    stand.s3.assert_all_fired();
    let landed = stand.landed().await;
    landed.assert_is(&stand.simulator.zendesk().truth());
    assert_eq!(landed.repeated(), 0);
    stand.recover().await;
    stand
}

/// RELIABILITY 31: throttled tables and half-read batches.
#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_unprocessed_keys_are_waited_out() {
    let faults = vec![
        dynamodb("PutItem", StoreFault::ProvisionedThroughputExceeded).times(4),
        dynamodb("PutItem", StoreFault::Throttling).times(2),
        dynamodb("UpdateItem", StoreFault::Throttling).times(3),
        dynamodb("TransactWriteItems", StoreFault::ProvisionedThroughputExceeded).times(3),
        dynamodb("BatchGetItem", StoreFault::InternalServerError).times(2),
        dynamodb("BatchGetItem", StoreFault::UnprocessedKeys { keep: 3 }).times(3),
        dynamodb("BatchGetItem", StoreFault::UnprocessedKeys { keep: 0 }).times(2),
    ];
    sync_through(faults, Vec::new()).await;
}

/// RELIABILITY 31: keys that were left unread are read before anything is called new.
#[tokio::test(flavor = "multi_thread")]
async fn a_half_read_batch_makes_no_known_record_new() {
    let stand = Stand::small().await;
    stand.drain().await;
    let before = stand.landed().await;
    let half = dynamodb("BatchGetItem", StoreFault::UnprocessedKeys { keep: 1 }).times(6);
    stand.dynamodb.inject(half);
    let replayed = stand.hub().replay(&Selection::default(), |_, _| {}).await.unwrap();
    assert_eq!(replayed.landed, 0, "{replayed:?}");
    stand.dynamodb.assert_all_fired();
    let landed = stand.landed().await;
    assert_eq!((landed.keys, landed.items), (before.keys, before.items));
}

/// RELIABILITY 32: a conflict is repeated; a failed condition is looked into, with the version read again.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_transaction_is_repeated_or_read_again_by_its_reason() {
    let conflict = StoreFault::TransactionCanceled(vec!["TransactionConflict"]);
    let condition = StoreFault::TransactionCanceled(vec!["ConditionalCheckFailed"]);
    let faults = vec![
        dynamodb("TransactWriteItems", conflict).times(3).labelled("conflict"),
        dynamodb("TransactWriteItems", condition).times(3).labelled("condition"),
    ];
    let stand = sync_through(faults, Vec::new()).await;
    assert_eq!((stand.dynamodb.fired("conflict"), stand.dynamodb.fired("condition")), (3, 3));
    let tickets = stand.simulator.zendesk().truth().tickets.len();
    let written = stand.dynamodb.calls(&Operation::dynamodb("TransactWriteItems"));
    assert!(written <= 2 * tickets + 6, "{written} transactions for {tickets} tickets");
}

/// RELIABILITY 33: every kind of write is applied, and the answer is lost on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_applied_and_timed_out_counts_once() {
    let lost = || StoreFault::ApplyThenTimeout;
    let faults = vec![
        dynamodb("TransactWriteItems", lost()).times(4),
        dynamodb("TransactWriteItems", StoreFault::ApplyThen500).times(2),
        dynamodb("PutItem", lost()).times(4),
        dynamodb("UpdateItem", lost()).times(6),
        dynamodb("UpdateItem", StoreFault::ApplyThen500).skip(8).times(4),
    ];
    let objects = vec![
        put("raw/", lost()).times(3),
        put("landing/", lost()).times(2),
        put("landing/", StoreFault::ApplyThen500).times(2),
    ];
    let stand = sync_through(faults, objects).await;
    for run in stand.sync().await {
        assert_eq!((run.ledger.landed, run.outcome), (0, Outcome::CaughtUp), "{run:?}");
    }
}

/// RELIABILITY 33: a cursor that was saved though nobody heard is no lost lease.
#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_saved_without_an_answer_is_not_taken_for_a_lost_lease() {
    let stand = Stand::small().await;
    stand.drain().await;
    stand.simulator.zendesk().live(20);
    stand.settle();
    let lost = Injection::new(state_of("tickets"), StoreFault::ApplyThenTimeout);
    stand.dynamodb.inject(lost.skip(1).times(2));
    let runs = stand.sync().await;
    let run = run_of(&runs, "tickets");
    assert_eq!((run.outcome, run.note.as_deref()), (Outcome::CaughtUp, None), "{run:?}");
    stand.dynamodb.assert_all_fired();
    stand.recover().await;
}

/// RELIABILITY 34: S3 is slow, broken or busy with the same key.
#[tokio::test(flavor = "multi_thread")]
async fn s3_that_is_slow_broken_or_busy_is_asked_again() {
    let objects = vec![
        put("raw/", StoreFault::SlowDown).times(3),
        put("raw/", StoreFault::ConnectionReset).times(2),
        put("landing/", StoreFault::InternalError).times(2),
        put("landing/", StoreFault::ConditionalRequestConflict).times(2),
    ];
    sync_through(Vec::new(), objects).await;
}

/// A bucket that refuses: its stream fails with the reason, and its cursor waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_s3_refuses_fails_its_stream_and_moves_no_cursor() {
    for folder in ["raw/source=zendesk/connection=helpdesk-eu/stream=tickets", "stream=users"] {
        refused(folder).await;
    }
    refused("landing/helpdesk-eu/tickets/").await;
}

async fn refused(folder: &str) {
    let stream = if folder.contains("users") { "users" } else { "tickets" };
    let stand = Stand::small().await;
    stand.drain().await;
    let before = stand.cursor(stream).await;
    let desk = stand.simulator.zendesk();
    let tickets: Vec<u64> = desk.truth().tickets.keys().copied().collect();
    desk.bulk_tag(&tickets, "seen");
    desk.create_user("Nora Neu", None, None);
    stand.settle();
    stand.s3.inject(put(folder, StoreFault::AccessDenied).always());
    let runs = stand.sync().await;
    stand.s3.assert_all_fired();
    let run = run_of(&runs, stream);
    assert_eq!(run.outcome, Outcome::Failed, "{folder}: {run:?}");
    let error = run.error.as_deref().unwrap_or_default();
    assert!(error.contains("AccessDenied"), "{run:?}");
    assert_eq!(stand.cursor(stream).await, before, "{folder}");
    assert_others_caught_up(&runs, stream);
    stand.recover().await;
}

/// RELIABILITY 4: some records of a page are written, then the table refuses; the rest follows on replay.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_written_by_half_is_completed_by_the_next_run() {
    let stand = Stand::small().await;
    let refusal = StoreFault::TransactionCanceled(vec!["ConditionalCheckFailed"]);
    let tickets = Operation::dynamodb("TransactWriteItems").containing("/ticket/");
    stand.dynamodb.inject(Injection::new(tickets, refusal).skip(6).always());
    let runs = stand.sync().await;
    let run = run_of(&runs, "tickets");
    assert_eq!(run.outcome, Outcome::Failed, "{run:?}");
    stand.dynamodb.assert_all_fired();
    assert_eq!(stand.cursor("tickets").await, None);
    assert_others_caught_up(&runs, "tickets");
    let tickets = stand.simulator.zendesk().truth().tickets;
    let landed = stand.landed().await;
    let there = tickets.keys().filter(|id| landed.item("ticket", id).is_some()).count();
    assert!((1..tickets.len()).contains(&there), "{there} of {} are there", tickets.len());
    stand.recover().await;
}

/// The cursor is saved last: while records cannot be written, it must not move.
#[tokio::test(flavor = "multi_thread")]
async fn no_cursor_covers_a_record_that_was_not_written() {
    let stand = Stand::small().await;
    stand.drain().await;
    let before = stand.cursor("tickets").await;
    let desk = stand.simulator.zendesk();
    let ticket = *desk.truth().tickets.keys().next().unwrap();
    desk.bulk_tag(&[ticket], "unwritten");
    stand.settle();
    let refusal = StoreFault::TransactionCanceled(vec!["ConditionalCheckFailed"]);
    stand.dynamodb.inject(dynamodb("TransactWriteItems", refusal).always());
    let runs = stand.sync().await;
    stand.dynamodb.assert_all_fired();
    assert_eq!(run_of(&runs, "tickets").outcome, Outcome::Failed);
    assert_eq!(stand.cursor("tickets").await, before);
    stand.recover().await;
}

/// RELIABILITY 30: a row too large for an item is a pointer there, and whole in S3. It once pointed at the landing object,
/// which the committer removes.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_too_large_for_an_item_is_a_pointer_to_s3() {
    let stand = Stand::small().await;
    let desk = stand.simulator.zendesk();
    let subject = "Långt ".repeat(80_000);
    let ticket = desk.create_ticket(NewTicket {
        requester_id: *desk.truth().users.keys().next_back().unwrap(),
        subject: subject.clone(),
        description: "Short.".to_owned(),
        channel: "web",
        priority: None,
    });
    // A long description is no part of the row.
    desk.add_bad_record(BadRecord::HugeDescription);
    stand.settle();
    let landed = stand.recover().await;
    let item = landed.item("ticket", ticket).expect("an item");
    assert!(!item.contains_key("row"));
    let pointer = item["row_in"].as_s().unwrap();
    assert!(pointer.starts_with("rows/"), "{pointer}");
    let (object, _) = Objects::new(&stand.stores()).read(pointer).await.unwrap();
    let content = String::from_utf8(decompress(&object).unwrap()).unwrap();
    assert!(Entity::from_content(Table::Ticket, &content).is_ok() && content.contains(&subject));
    assert_eq!(landed.ticket(ticket).unwrap().subject.value(), Some(&subject));
    let verbose = desk.truth().bad_records[0].id;
    assert!(landed.item("ticket", verbose).expect("an item").contains_key("row"));
}

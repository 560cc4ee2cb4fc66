//! Twilio SendGrid, end to end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::landed::Landed;
use e2e::stand::{Stand, run_of, settled};
use e2e::truth::sendgrid::{assert_is, pseudonym};
use shared::budget::Budget;
use shared::hub::Selection;
use shared::landing::Objects;
use shared::ledger::{Outcome, Run};
use shared::schema::{Entity, InteractionKind};
use shared::sync::Unobserved;
use simulator::sendgrid::ListName;
use simulator::{AuthKind, DeliveryPlan, Fault, SendGrid, Settings};

const CONNECTION: &str = "sendgrid";

/// A company with small pages, so that there are many.
async fn stand(people: usize) -> Stand {
    Stand::of(Settings { people, ..settled() }, |simulator| {
        let mut connection = simulator.sendgrid().connection();
        connection.keys.push_str("page_size = 4\n");
        vec![connection]
    })
    .await
}

fn vendor(stand: &Stand) -> &SendGrid {
    stand.simulator.sendgrid()
}

/// One run of a stream, due or not.
async fn one(stand: &Stand, stream: &str) -> Run {
    let selection = Selection { now: true, ..Selection::parse(&format!("{CONNECTION}/{stream}")) };
    let runs = stand.hub().sync(&selection, Budget::unlimited(), &Unobserved).await;
    runs.expect("the stream exists").pop().expect("a run")
}

/// Passes until what is gone has been missing twice.
async fn settle(stand: &Stand) -> Landed {
    for _ in 0..3 {
        stand.drain_all(true).await;
    }
    let landed = stand.landed().await;
    landed.assert_consistent();
    landed
}

fn landed_in(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.ledger.landed).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_is_the_truth_and_a_second_one_lands_nothing() {
    let stand = stand(90).await;
    stand.drain_all(true).await;
    let first = stand.landed().await;
    assert_is(&first, CONNECTION, &vendor(&stand).truth());
    first.assert_consistent();
    assert!(first.quarantined.is_empty());
    let again = stand.drain_all(true).await;
    assert_eq!(landed_in(&again), 0, "{again:#?}");
    assert_eq!(stand.landed().await.rows.len(), first.rows.len());
    let downloads = stand.simulator.sendgrid().requests();
    let downloads = downloads.iter().filter(|r| r.path_and_query.starts_with("/exports-bucket/"));
    let auth: Vec<AuthKind> = downloads.map(|request| request.auth).collect();
    assert!(!auth.is_empty() && auth.iter().all(|auth| *auth == AuthKind::None));
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_become_true_whatever_befalls_the_deliveries() {
    let stand = stand(40).await;
    stand.drain_all(true).await;
    let vendor = vendor(&stand);
    vendor.live(100);
    let url = stand.serve_for(CONNECTION).await;
    let plan = DeliveryPlan {
        drop: 10,
        duplicate: 10,
        shuffle: true,
        concurrency: 4,
        ..DeliveryPlan::default()
    };
    let report = vendor.send_webhooks(&url, &plan).await;
    assert!(report.refused.is_empty(), "{:?}", report.refused);
    assert!(!report.dropped.is_empty() && !report.duplicated.is_empty());
    let landed = settle(&stand).await;
    let mut truth = vendor.truth();
    truth.lose(&report.dropped);
    assert_is(&landed, CONNECTION, &truth);
    assert!(landed.quarantined.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_without_a_trace_is_buried_by_the_passes() {
    let stand = stand(90).await;
    stand.drain_all(true).await;
    let vendor = vendor(&stand);
    let truth = vendor.truth();
    for list in ListName::ALL {
        let email = truth.lists[&list].keys().next().expect("an entry").clone();
        assert!(vendor.remove(list, &email));
    }
    vendor.delete_contact(truth.contacts.keys().next().expect("a contact"));
    vendor.delete_single_send(truth.single_sends.keys().next().expect("a campaign"));
    let landed = settle(&stand).await;
    assert_is(&landed, CONNECTION, &vendor.truth());
    let gone = truth.lists[&ListName::Unsubscribes].keys().next().expect("an entry");
    for object in ["unsubscribe", "consent"] {
        let rows = landed.newest_of(CONNECTION, CONNECTION, object);
        assert!(rows[&pseudonym(gone)].provenance.deleted, "{object}");
    }
}

/// Whoever has a link needs no key; and notes of S3 end at 2 KB, which links come near.
#[tokio::test(flavor = "multi_thread")]
async fn links_to_files_are_not_noted_beside_them() {
    let stand = stand(30).await;
    one(&stand, "contacts").await;
    let objects = Objects::new(&stand.own_stores());
    let mut files = 0;
    for key in objects.list("raw/source=sendgrid/").await.expect("a listing") {
        let (_, notes) = objects.read(&key).await.expect("an object");
        let cursor = STANDARD.decode(&notes["cursor"]).expect("base64");
        let cursor = String::from_utf8(cursor).expect("text");
        files += usize::from(cursor.contains("fetch"));
        assert!(!cursor.contains("X-Amz"), "{cursor}");
    }
    assert!(files > 0);
}

/// One pass per list would take a week to notice; the window of additions takes a run.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_shown_late_is_found_by_the_lookback() {
    let stand = stand(30).await;
    stand.drain_all(true).await;
    let vendor = vendor(&stand);
    vendor.add_late(ListName::Bounces, "late@mail.example", Duration::from_mins(9));
    vendor.add_late(ListName::Blocks, "too.late@mail.example", Duration::from_mins(30));
    assert_eq!(one(&stand, "bounces").await.ledger.landed, 1);
    assert_eq!(one(&stand, "blocks").await.ledger.landed, 0);
    assert_eq!(one(&stand, "all_blocks").await.ledger.landed, 1, "the pass finds the rest");
    assert_is(&stand.landed().await, CONNECTION, &vendor.truth());
}

/// Offsets count from the ends of a window, and a window is closed.
#[tokio::test(flavor = "multi_thread")]
async fn entries_that_come_while_a_window_is_paged_are_not_lost() {
    let stand = stand(200).await;
    let vendor = vendor(&stand);
    let came = vendor.faults().inject_on("/v3/suppression/bounces", Fault::InsertWhilePaging, 1);
    stand.drain_all(false).await;
    assert_eq!(came.fired(), 1);
    one(&stand, "bounces").await;
    assert_is(&stand.landed().await, CONNECTION, &vendor.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_expires_or_breaks_off_is_made_anew() {
    let stand = stand(90).await;
    let vendor = vendor(&stand);
    vendor.set_contacts_per_file(20);
    let run = one(&stand, "contacts").await;
    assert_eq!((run.outcome, run.ledger.quarantined), (Outcome::CaughtUp, 0), "{run:?}");
    let all = run.ledger.fetched;

    let expired = vendor.faults().inject_on("/contacts/exports/", Fault::ExpiredCursor, 1);
    let run = one(&stand, "contacts").await;
    assert_eq!(
        (run.outcome, run.ledger.fetched, expired.fired()),
        (Outcome::CaughtUp, all, 1),
        "{run:?}"
    );

    let refused = vendor.faults().inject_on("/exports-bucket/", Fault::Forbidden, 1);
    let run = one(&stand, "contacts").await;
    assert_eq!((run.outcome, refused.fired()), (Outcome::CaughtUp, 1), "{run:?}");
    assert!(run.ledger.fetched >= all);

    let broken = vendor.faults().inject_on("/exports-bucket/", Fault::WrongContentLength, 1);
    let run = one(&stand, "contacts").await;
    assert_eq!((run.outcome, broken.fired()), (Outcome::CaughtUp, 1), "{run:?}");
    stand.drain_all(false).await;
    assert_is(&stand.landed().await, CONNECTION, &vendor.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_costs_itself_only() {
    let stand = stand(60).await;
    let vendor = vendor(&stand);
    let paths = [
        "/v3/suppression/unsubscribes",
        "/v3/asm/suppressions",
        "/v3/marketing/contacts/exports",
        "/v3/marketing/singlesends",
    ];
    let bad = paths.map(|path| vendor.faults().inject_on(path, Fault::BadRecord, 1));
    vendor.faults().inject_on("/v3/suppression/bounces", Fault::ExtraField, 1);
    stand.drain_all(true).await;
    assert!(bad.iter().all(|bad| bad.fired() == 1));
    let landed = stand.landed().await;
    assert_eq!(landed.quarantined.len(), paths.len());
    assert_is(&landed, CONNECTION, &vendor.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_waited_for_as_their_headers_say() {
    let stand = stand(30).await;
    let vendor = vendor(&stand);
    vendor.set_rate_limit(Some(2), Duration::from_millis(200));
    stand.drain_all(true).await;
    vendor.set_rate_limit(None, Duration::ZERO);
    assert_is(&stand.landed().await, CONNECTION, &vendor.truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_marketing_still_has_its_lists() {
    let stand = stand(30).await;
    vendor(&stand).set_marketing(false);
    let runs = stand.sync_all(true).await;
    assert!(runs.iter().all(|run| run.outcome == Outcome::CaughtUp), "{runs:#?}");
    let note = run_of(&runs, "contacts").note.as_deref().expect("a note");
    assert!(note.contains("no Marketing Campaigns"), "{note}");
    assert!(run_of(&runs, "all_unsubscribes").ledger.pages > 0);
}

/// The history of the household that gets far more mail than it orders, and never clicks.
#[tokio::test(flavor = "multi_thread")]
async fn the_pizza_household_got_139_mails_and_clicked_in_none() {
    let stand = stand(40).await;
    let vendor = vendor(&stand);
    stand.drain_all(true).await;
    vendor.push_history();
    let url = stand.serve_for(CONNECTION).await;
    let report = vendor.send_webhooks(&url, &DeliveryPlan::default()).await;
    assert!(report.refused.is_empty());
    let landed = stand.landed().await;
    assert_is(&landed, CONNECTION, &vendor.truth());
    let company = stand.simulator.company();
    let household = company.pizza.household.expect("a household");
    let recipient = pseudonym(&company.households[household].mailbox);
    let events = landed.newest_of(CONNECTION, CONNECTION, "event");
    let count = |is: &dyn Fn(&InteractionKind) -> bool| {
        let of = events.values().filter(|row| match &row.entity {
            Entity::Interaction(told) => {
                told.subject_key.id() == recipient && told.campaign_key.is_some() && is(&told.kind)
            }
            _ => false,
        });
        of.count()
    };
    assert_eq!(count(&|kind| matches!(kind, InteractionKind::EmailDelivered(_))), 139);
    assert_eq!(count(&|kind| matches!(kind, InteractionKind::EmailClicked(_))), 0);
    let by_people = |kind: &InteractionKind| matches!(kind, InteractionKind::EmailOpened(opened) if opened.machine.as_str() == "no");
    assert_eq!(count(&by_people), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_of_somebody_else_are_refused() {
    let stand = stand(30).await;
    let vendor = vendor(&stand);
    vendor.send_and_click("jo@mail.example");
    let url = stand.serve_for(CONNECTION).await;
    let plan = DeliveryPlan {
        secret: Some(vendor.other_private_key().to_owned()),
        pause: Duration::ZERO,
        ..DeliveryPlan::default()
    };
    let report = vendor.send_webhooks(&url, &plan).await;
    assert_eq!(report.refused[0].1, Some(401));
    assert!(stand.landed().await.newest_of(CONNECTION, CONNECTION, "event").is_empty());
}

//! Square, end to end.

use std::time::Duration;

use e2e::landed::Landed;
use e2e::stand::{Stand, run_of, settled};
use e2e::truth::square::assert_is;
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::{Outcome, Run};
use shared::schema::{Entity, Interaction, InteractionKind};
use shared::sync::Unobserved;
use simulator::{DeliveryPlan, Fault, Injection, Settings, Square};

async fn stand() -> Stand {
    let company = Settings { people: 30, ..settled() };
    Stand::of(company, |company| vec![company.square().connection()]).await
}

fn tills(stand: &Stand) -> &Square {
    stand.simulator.square()
}

async fn assert_true(stand: &Stand) -> Landed {
    let landed = stand.landed().await;
    assert_is(&landed, "square", &tills(stand).truth());
    landed
}

fn landed(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.ledger.landed).sum()
}

/// One run of a stream by its name, which starts a pass that is not due.
async fn one(stand: &Stand, stream: &str) -> Run {
    let selection = Selection { now: true, ..Selection::parse(&format!("square/{stream}")) };
    let runs = stand.hub().sync(&selection, Budget::unlimited(), &Unobserved).await;
    run_of(&runs.expect("the stream exists"), stream).clone()
}

/// Two passes: accounts that are gone are believed to be after the second.
async fn reconcile(stand: &Stand) {
    stand.drain_all(true).await;
    stand.drain_all(true).await;
}

#[tokio::test]
async fn the_first_sync_is_the_truth_and_the_second_lands_nothing() {
    let stand = stand().await;
    // More pages than one everywhere.
    tills(&stand).set_page_size(9);
    let runs = stand.drain_all(false).await;
    assert!(landed(&runs) > 100, "{}", landed(&runs));
    for run in &runs {
        assert_eq!(run.ledger.quarantined, 0, "{run:?}");
        assert_eq!(run.ledger.drifted, 0, "{run:?}");
        run.ledger.check().expect("the count adds up");
    }
    let rows = assert_true(&stand).await.rows.len();
    let again = stand.drain_all(true).await;
    assert_eq!(landed(&again), 0, "{again:#?}");
    assert_eq!(assert_true(&stand).await.rows.len(), rows);
}

#[tokio::test]
async fn changes_come_by_webhook_and_search_and_pass_and_end_in_the_truth() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("square").await;
    for seed in 0..3 {
        tills(&stand).live(25);
        let plan = DeliveryPlan {
            drop: 10,
            duplicate: 10,
            shuffle: true,
            concurrency: 4,
            seed,
            ..DeliveryPlan::default()
        };
        let report = tills(&stand).send_webhooks(&url, &plan).await;
        assert!(report.refused.is_empty() && !report.sent.is_empty(), "{report:?}");
    }
    reconcile(&stand).await;
    let rows = assert_true(&stand).await.rows.len();
    // Whatever order they came in, another pass finds nothing that is not known.
    assert_eq!(landed(&stand.drain_all(true).await), 0);
    assert_eq!(assert_true(&stand).await.rows.len(), rows);
}

#[tokio::test]
async fn changes_without_any_webhook_end_in_the_truth() {
    let stand = stand().await;
    stand.drain_all(false).await;
    tills(&stand).live(60);
    reconcile(&stand).await;
    assert_true(&stand).await;
}

#[tokio::test]
async fn webhooks_alone_bring_everything_up_to_date() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("square").await;
    tills(&stand).live(60);
    let plan = DeliveryPlan { shuffle: true, ..DeliveryPlan::default() };
    let report = tills(&stand).send_webhooks(&url, &plan).await;
    assert!(report.refused.is_empty(), "{report:?}");
    assert_true(&stand).await;
    let runs = stand.drain_all(false).await;
    assert_eq!(runs.iter().map(|run| run.ledger.missed_by_webhook).sum::<u64>(), 0, "{runs:#?}");
}

/// The signature covers the registered address, which is not the one that the delivery is sent to.
#[tokio::test]
async fn a_delivery_for_another_address_or_with_another_key_is_refused() {
    let stand = stand().await;
    let url = stand.serve_for("square").await;
    tills(&stand).create_customer("Mira", None);
    let plan = DeliveryPlan { secret: Some("another key".to_owned()), ..DeliveryPlan::default() };
    let report = tills(&stand).send_webhooks(&url, &plan).await;
    assert_eq!(report.refused.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Some(401)]);
    tills(&stand).set_webhook_url("https://hub.ember-oak.example/webhooks/square/");
    tills(&stand).create_customer("Mira", None);
    let report = tills(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    assert_eq!(report.refused.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [Some(401)]);
}

#[tokio::test]
async fn a_merge_buries_the_losers_and_says_who_won() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("square").await;
    let [one, other] = ["Mira", "Myra"].map(|name| tills(&stand).create_customer(name, None));
    let winner = tills(&stand).merge_customers(&one, &other);
    let plan = DeliveryPlan { shuffle: true, ..DeliveryPlan::default() };
    tills(&stand).send_webhooks(&url, &plan).await;
    let landed = assert_true(&stand).await;
    let rows = landed.newest_of("square", "square", "customer");
    assert!(!rows[&winner].provenance.deleted);
    for loser in [one, other] {
        let Entity::PersonRecord(person) = &rows[&loser].entity else { panic!("no person") };
        assert!(rows[&loser].provenance.deleted);
        let merged_into = person.ext.get("merged_into").map(ToString::to_string);
        assert_eq!(merged_into, Some(format!("\"{winner}\"")));
    }
}

/// Lists never show such a profile; that it exists is known by asking for its id.
#[tokio::test]
async fn a_profile_that_no_list_shows_outlives_full_passes() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("square").await;
    let hidden = tills(&stand).create_instant_profile();
    tills(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    reconcile(&stand).await;
    let landed = assert_true(&stand).await;
    assert!(!landed.newest_of("square", "square", "customer")[&hidden].provenance.deleted);
}

/// An error about one of many ids says nothing about it.
#[tokio::test]
async fn an_absence_that_is_not_confirmed_buries_nobody() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let truth = tills(&stand).truth();
    let gone = truth.customers.iter().find(|(_, record)| record.listed).expect("one").0.clone();
    tills(&stand).delete_customer(&gone);
    tills(&stand).leave_unanswered(Some(&gone));
    let run = one(&stand, "customer_directory").await;
    assert_ne!(run.outcome, Outcome::CaughtUp, "{run:?}");
    let landed = stand.landed().await;
    assert!(!landed.newest_of("square", "square", "customer")[&gone].provenance.deleted);
    tills(&stand).leave_unanswered(None);
    assert_eq!(one(&stand, "customer_directory").await.outcome, Outcome::CaughtUp);
    let landed = assert_true(&stand).await;
    assert!(landed.newest_of("square", "square", "customer")[&gone].provenance.deleted);
}

/// Offline tills transmit up to 72 hours late, with the time at which they sold.
#[tokio::test]
async fn an_order_taken_offline_three_days_ago_is_found() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let order = tills(&stand).transmit_offline_order(Duration::from_hours(71));
    stand.drain_all(false).await;
    let landed = assert_true(&stand).await;
    assert!(landed.newest_of("square", "square", "order").contains_key(&order));
}

#[tokio::test]
async fn faults_of_pages_cost_nothing() {
    let stand = stand().await;
    tills(&stand).set_page_size(5);
    let faults = tills(&stand).faults();
    for path in ["/orders/search", "/customers/search", "/payments", "/loyalty/events", "/refunds"]
    {
        for fault in [
            Fault::ErrorEnvelope200,
            Fault::Html200,
            Fault::Status(503),
            Fault::TruncatedPage,
            Fault::EmptyPageWithNext,
            Fault::InsertWhilePaging,
        ] {
            faults.schedule(Injection::new(fault).on(path).after(1));
        }
        faults.schedule(Injection::new(Fault::ExpiredCursor).on(path).after(2));
    }
    stand.drain_all(false).await;
    faults.clear();
    assert!(faults.fired(&Fault::ExpiredCursor) > 2 && faults.fired(&Fault::ErrorEnvelope200) > 3);
    reconcile(&stand).await;
    assert_true(&stand).await;
}

#[tokio::test]
async fn bad_records_are_quarantined_and_new_fields_kept() {
    let stand = stand().await;
    tills(&stand).faults().schedule(Injection::new(Fault::BadRecord).on("/customers/search"));
    tills(&stand).faults().schedule(Injection::new(Fault::ExtraField).on("/orders/search"));
    let runs = stand.drain_all(false).await;
    assert_eq!(runs.iter().map(|run| run.ledger.quarantined).sum::<u64>(), 1);
    let landed = assert_true(&stand).await;
    assert_eq!(landed.quarantined[0].field, "id");
    let orders = landed.newest_of("square", "square", "order");
    assert!(orders.values().any(|row| match &row.entity {
        Entity::Order(order) => order.ext.contains_key("vibe_score"),
        _ => false,
    }));
}

#[tokio::test]
async fn an_access_token_that_ends_is_renewed() {
    let company = Settings { people: 12, ..settled() };
    let stand = Stand::of(company, |company| vec![company.square().oauth_connection()]).await;
    stand.drain_all(false).await;
    assert_true(&stand).await;
    tills(&stand).expire_access_token();
    tills(&stand).live(5);
    reconcile(&stand).await;
    assert_true(&stand).await;
    assert_eq!(tills(&stand).refreshes(), 2);
}

#[tokio::test]
async fn without_a_loyalty_programme_the_rest_goes_on() {
    let stand = stand().await;
    tills(&stand).withhold_scope("LOYALTY_READ");
    let runs = stand.drain_all(false).await;
    for stream in ["loyalty_accounts", "loyalty_events"] {
        let note = run_of(&runs, stream).note.clone().unwrap_or_default();
        assert!(note.contains("no loyalty programme"), "{stream}: {note}");
    }
    tills(&stand).withhold_scope("ORDERS_READ");
    let orders = one(&stand, "orders").await;
    assert_eq!(orders.outcome, Outcome::Failed, "{orders:?}");
}

#[tokio::test]
async fn a_revoked_authorisation_lands_nothing_and_is_acknowledged() {
    let stand = stand().await;
    let url = stand.serve_for("square").await;
    tills(&stand).revoke();
    let report = tills(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    assert_eq!(report.acknowledged.len(), 1);
    let landed = stand.landed().await;
    assert!(landed.rows.is_empty() && landed.quarantined.is_empty());
}

/// 139 mails, no click, and these three orders.
#[tokio::test]
async fn the_pizza_households_three_orders_are_in_the_tills() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let pizza = &stand.simulator.company().pizza;
    assert_eq!(pizza.orders.len(), 3);
    let landed = assert_true(&stand).await;
    let events = landed.newest_of("square", "square", "order_event");
    let placed: Vec<_> = events
        .values()
        .filter_map(|row| match &row.entity {
            Entity::Interaction(it) if matches!(it.kind, InteractionKind::OrderPlaced(_)) => {
                Some(it.as_ref())
            }
            _ => None,
        })
        .collect();
    let mut subjects = Vec::new();
    for order in &pizza.orders {
        let total = i64::try_from(order.total).ok();
        let of_it = |it: &&&Interaction| {
            it.value_minor == total
                && it.occurred_at.as_micros() / 1_000 == order.at.as_millisecond()
        };
        let found = placed.iter().find(of_it).expect("the order was placed");
        subjects.push(found.subject_key.clone());
    }
    assert!(
        subjects.iter().all(|subject| *subject == subjects[0]),
        "one member of the household ordered"
    );
    let by_them = placed.iter().filter(|it| it.subject_key == subjects[0]).count();
    assert_eq!(by_them, 3);
}

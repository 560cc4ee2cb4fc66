//! Klaviyo, end to end.

use e2e::landed::Landed;
use e2e::stand::{Stand, run_of, settled};
use e2e::truth::klaviyo::{assert_is, count};
use jiff::SignedDuration;
use shared::budget::Budget;
use shared::ledger::Outcome;
use simulator::{DeliveryPlan, Fault, Klaviyo};

async fn stand() -> Stand {
    let company = simulator::Settings { people: 24, ..settled() };
    Stand::of(company, |simulator| vec![simulator.klaviyo().connection()]).await
}

fn face(stand: &Stand) -> &Klaviyo {
    stand.simulator.klaviyo()
}

async fn assert_true(stand: &Stand) -> Landed {
    let landed = stand.landed().await;
    assert_is(&landed, "klaviyo", &face(stand).truth());
    landed.assert_consistent();
    landed
}

fn has(landed: &Landed, event: &str) -> bool {
    landed.newest_of("klaviyo", "klaviyo", "event").contains_key(event)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_lands_the_truth_and_a_second_lands_nothing() {
    let stand = stand().await;
    for run in stand.sync_all(false).await {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        run.ledger.check().expect("the count adds up");
    }
    let landed = assert_true(&stand).await;
    assert!(landed.quarantined.is_empty());
    for run in stand.sync_all(true).await {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        assert_eq!(run.ledger.landed, 0, "{run:?}");
    }
    assert_true(&stand).await;
}

/// 139 mails, no click.
#[tokio::test(flavor = "multi_thread")]
async fn the_pizza_household_is_written_to_and_never_clicks() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let landed = assert_true(&stand).await;
    let truth = face(&stand).truth();
    let pizza = &truth.profiles[truth.pizza.as_ref().expect("a household")];
    let of = |kind| count(&landed, "klaviyo", pizza, kind);
    assert_eq!((of("email.delivered"), of("email.clicked")), (139, 0));
}

/// Deliveries get lost, come twice and out of order; the polls make up for it.
#[tokio::test(flavor = "multi_thread")]
async fn webhooks_and_polls_together_are_the_truth() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("klaviyo").await;
    for seed in 0..3 {
        face(&stand).live(60);
        let plan = DeliveryPlan {
            drop: 10,
            duplicate: 10,
            shuffle: true,
            concurrency: 4,
            seed,
            ..DeliveryPlan::default()
        };
        let report = face(&stand).send_webhooks(&url, &plan).await;
        assert!(report.refused.is_empty(), "{report:?}");
        assert!(!report.acknowledged.is_empty());
        face(&stand).set_largest_page(4);
        // Deletions show at the end of a pass.
        stand.drain_all(true).await;
        assert_true(&stand).await;
    }
}

/// What a webhook brought is neither missed nor another event when the poll reads it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_event_is_there_before_the_poll_and_not_missed() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("klaviyo").await;
    let before = face(&stand).truth().events.len();
    face(&stand).live(60);
    let report = face(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    assert_eq!(report.acknowledged, report.sent);
    assert!(face(&stand).truth().events.len() > before + 10);
    let pushed = stand.landed().await;
    for id in face(&stand).deliveries().iter().flat_map(|delivery| &delivery.events) {
        let sms = face(&stand).truth().events[id].metric.name == "Received SMS";
        assert_eq!(has(&pushed, id), !sms, "{id}");
    }
    let runs = stand.drain_all(true).await;
    assert_eq!(run_of(&runs, "events").ledger.missed_by_webhook, 0, "{runs:#?}");
    assert_true(&stand).await;
}

/// Neither deletions nor mergers leave a trace but an absence.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_buried_by_a_full_pass() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let truth = face(&stand).truth();
    let profiles: Vec<&String> = truth.profiles.keys().take(3).collect();
    for id in &profiles {
        face(&stand).delete_profile(id);
    }
    let campaign = truth.campaigns.keys().next().expect("a campaign");
    face(&stand).delete_campaign(campaign);
    stand.drain_all(false).await;
    let early = stand.landed().await;
    let there = early.newest_of("klaviyo", "klaviyo", "profile");
    assert!(!there[profiles[0]].provenance.deleted, "the pass was not due");
    // Profiles are looked up by id; a campaign must be missing twice.
    stand.drain_all(true).await;
    stand.drain_all(true).await;
    assert_true(&stand).await;
}

/// Beyond a day the prompt reader does not see it; the late one does.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_appears_late_is_found() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let hours = face(&stand).late_event(SignedDuration::from_hours(5));
    let days = face(&stand).late_event(SignedDuration::from_hours(50));
    stand.sync_some("klaviyo/events", Budget::unlimited()).await;
    let landed = stand.landed().await;
    assert!(has(&landed, &hours) && !has(&landed, &days));
    stand.drain_all(true).await;
    assert!(has(&assert_true(&stand).await, &days));
}

/// airbyte #70343: after an event of the future, such cursors saw nothing any more.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_the_future_hides_no_other() {
    let stand = stand().await;
    let future = face(&stand).future_event(SignedDuration::from_hours(24 * 30));
    stand.drain_all(false).await;
    assert!(!has(&assert_true(&stand).await, &future), "it has not happened");
    face(&stand).live(40);
    stand.drain_all(true).await;
    assert_true(&stand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_cursors_cost_no_record() {
    let stand = stand().await;
    face(&stand).set_largest_page(5);
    let faults = ["/api/profiles?additional", "/api/events", "/api/campaigns", "sort=id"];
    let faults = faults.map(|path| {
        let fault = simulator::Injection::new(Fault::ExpiredCursor).on(path).after(1);
        face(&stand).faults().schedule(fault)
    });
    stand.drain_all(false).await;
    assert!(faults.iter().all(|fault| fault.fired() == 1));
    face(&stand).live(20);
    stand.drain_all(true).await;
    assert_true(&stand).await;
}

/// A profile that changes while the list is read moves to its end.
#[tokio::test(flavor = "multi_thread")]
async fn changes_between_two_pages_are_read_once_more() {
    let stand = stand().await;
    face(&stand).set_largest_page(3);
    let path = "/api/profiles?additional";
    let fault = face(&stand).faults().inject_on(path, Fault::InsertWhilePaging, 4);
    stand.drain_all(false).await;
    assert_eq!(fault.fired(), 4);
    assert_true(&stand).await;
}

/// Refusals name the seconds to wait, and only those.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_waited_out() {
    let stand = stand().await;
    face(&stand).set_largest_page(5);
    face(&stand).set_rate_limit(Some((8, 100_000)));
    stand.drain_all(false).await;
    let refused = face(&stand).requests().iter().filter(|it| it.status == Some(429)).count();
    assert!(refused > 0, "the windows were never met");
    assert_true(&stand).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oauth_app_renews_its_token_once() {
    let company = simulator::Settings { people: 12, ..settled() };
    let stand =
        Stand::of(company, |simulator| vec![simulator.klaviyo().connection_with_oauth()]).await;
    stand.drain_all(false).await;
    assert_eq!(face(&stand).refreshes(), 1);
    face(&stand).expire_access_token();
    face(&stand).live(10);
    stand.drain_all(true).await;
    assert_eq!(face(&stand).refreshes(), 2);
    assert_true(&stand).await;
}

/// A spoilt record is quarantined, unknown fields are kept, and neither disturbs the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_record_is_quarantined_alone() {
    let stand = stand().await;
    for path in ["/api/profiles?additional", "/api/events"] {
        face(&stand).faults().inject_on(path, Fault::BadRecord, 1);
        face(&stand).faults().inject_on(path, Fault::ExtraField, 1);
    }
    stand.drain_all(false).await;
    let landed = assert_true(&stand).await;
    assert!(!landed.quarantined.is_empty());
    assert!(landed.quarantined.iter().all(|record| record.field == "id"));
}

/// A key without one of the scopes reads what it may.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_stops_its_stream_alone() {
    let stand = stand().await;
    face(&stand).take_scope("campaigns:read");
    let runs = stand.sync_all(false).await;
    for run in &runs {
        let expected = if run.stream == "campaigns" { Outcome::Failed } else { Outcome::CaughtUp };
        assert_eq!(run.outcome, expected, "{run:?}");
    }
    let error = run_of(&runs, "campaigns").error.clone().unwrap_or_default();
    assert!(error.contains("403"), "{error}");
}

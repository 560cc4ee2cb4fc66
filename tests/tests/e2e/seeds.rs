//! Twenty companies with all their systems at once: webhooks lost, doubled and shuffled, faults on every line; at the end
//! what landed is the truth of every system.

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::landed::Landed;
use e2e::stand::Stand;
use e2e::truth;
use futures_util::future::join_all;
use shared::ledger::Ledger;
use simulator::{DeliveryPlan, DeliveryReport, Fault, RetryAfter, Settings, Simulator};

/// So few people that twenty companies are told in a minute; each with every kind of record.
const PEOPLE: usize = 8;
const DAYS: u32 = 60;
const CHANGES: usize = 12;

fn spoil(simulator: &Simulator) {
    for vendor in simulator.vendors() {
        let faults = vendor.faults();
        for fault in [
            Fault::Status(503),
            Fault::ConnectionReset,
            Fault::TruncatedPage,
            Fault::SlowBody(Duration::from_millis(50)),
            Fault::Storm429 { retry_after: Some(RetryAfter::Seconds(1)) },
        ] {
            faults.inject(fault, 1);
        }
    }
}

fn fired(simulator: &Simulator) -> usize {
    simulator.vendors().iter().map(|vendor| vendor.faults().history().len()).sum()
}

/// `sent` of SendGrid: its events cannot be asked for again, so what never left is lost.
fn assert_true(landed: &Landed, simulator: &Simulator, sent: &DeliveryReport) {
    let mut sendgrid = simulator.sendgrid().truth();
    sendgrid.lose(&sent.dropped);
    truth::bluesky::assert_is(landed, "bluesky", &simulator.bluesky().truth());
    truth::brandwatch::assert_is(landed, "brandwatch", &simulator.brandwatch().truth());
    truth::hubspot::assert_is(landed, "hubspot", &simulator.hubspot().truth());
    truth::klaviyo::assert_is(landed, "klaviyo", &simulator.klaviyo().truth());
    truth::sendgrid::assert_is(landed, "sendgrid", &sendgrid);
    truth::square::assert_is(landed, "square", &simulator.square().truth());
    truth::zendesk::assert_is(landed, "zendesk", &simulator.zendesk().truth());
    landed.assert_consistent();
}

#[expect(clippy::print_stdout, reason = "the test's report, for whoever runs it with its output")]
async fn company(seed: u64) {
    let settings = Settings { seed, people: PEOPLE, days: DAYS, ..e2e::stand::settled() };
    let stand = Stand::of(settings, |simulator| {
        simulator.vendors().iter().map(|vendor| vendor.connection()).collect()
    })
    .await;
    let simulator = &stand.simulator;
    spoil(simulator);
    stand.drain_all(false).await;
    // Five minutes ago, so that every lag has passed when it is read again.
    let now = jiff::Timestamp::now();
    simulator.clock().stop_at(now - jiff::SignedDuration::from_mins(5));
    for vendor in simulator.vendors() {
        // A live feed tells of the present only.
        if vendor.connection().source != "bluesky" {
            vendor.live(CHANGES);
        }
    }
    simulator.clock().run();
    simulator.bluesky().live(CHANGES);
    let plan = DeliveryPlan {
        drop: 10,
        duplicate: 10,
        shuffle: true,
        stamp: Some(now),
        seed,
        ..DeliveryPlan::default()
    };
    let reports = join_all(simulator.vendors().into_iter().map(|vendor| async {
        let source = vendor.connection().source;
        let url = stand.serve_for(source).await;
        Some((source, vendor.push(&url, &plan)?.await))
    }))
    .await;
    let reports: BTreeMap<_, _> = reports.into_iter().flatten().collect();
    spoil(simulator);
    let runs = stand.drain_all(true).await;
    // Absences count when two passes agree.
    stand.drain_all(true).await;
    let mut total = Ledger::default();
    for run in &runs {
        run.ledger.check().expect("the count adds up");
        total.add(&run.ledger);
    }
    assert!(fired(simulator) >= 14, "every system meets faults");
    assert_true(&stand.landed().await, simulator, &reports["sendgrid"]);
    println!(
        "seed {seed}: {} records of the second pull were missed by webhooks and caught by the poll, of {} that landed",
        total.missed_by_webhook, total.landed
    );
}

macro_rules! companies {
    ($($name:ident: $seed:literal;)+) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            company($seed).await;
        })+
    };
}

companies! {
    company_01: 1; company_02: 2; company_03: 3; company_04: 4; company_05: 5;
    company_06: 6; company_07: 7; company_08: 8; company_09: 9; company_10: 10;
    company_11: 11; company_12: 12; company_13: 13; company_14: 14; company_15: 15;
    company_16: 16; company_17: 17; company_18: 18; company_19: 19; company_20: 20;
}

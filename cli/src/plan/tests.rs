//! The model's laws, and its arithmetic on a stream that can be checked by hand.

use std::time::Duration;

use proptest::prelude::*;
use shared::facts::{Pace, StreamFacts};
use shared::ledger::Ledger;
use shared::sample::{Sample, Walked};
use shared::usage::Usage;

use super::*;

mod page;

/// The facts of a stream of a real source.
fn facts(source: &str, stream: &str) -> &'static StreamFacts {
    let sources = crate::sources::sources();
    let source = sources.into_iter().find(|known| known.facts().name == source).unwrap();
    let streams = crate::sources::streams(source).unwrap();
    let facts: Vec<_> = streams.iter().map(|stream| stream.facts()).collect();
    facts.into_iter().find(|facts| facts.name == stream).unwrap()
}

/// Two answers of a hundred records each, landed whole: four write units a record; a quiet run asks once.
fn sample() -> Sample {
    let pages = |calls| Usage {
        api_calls: calls,
        write_units: calls,
        s3_puts: calls,
        s3_bytes: 10_000 * calls,
        ..Usage::default()
    };
    let first = Walked {
        calls: 2,
        full_calls: 2,
        in_full_calls: 200,
        ledger: Ledger { pages: 2, fetched: 200, landed: 200, ..Ledger::default() },
        pages: pages(2),
        records: Usage {
            write_units: 800,
            read_units: 200,
            s3_puts: 2,
            s3_bytes: 40_000,
            ..Usage::default()
        },
        rows: 400,
        item_bytes: 400_000,
        ..Walked::default()
    };
    let again = Walked { calls: 1, ended: true, pages: pages(1), ..Walked::default() };
    let run = Usage { write_units: 3, s3_puts: 1, ..Usage::default() };
    Sample { first, again, run, idle: Usage { s3_puts: 0, ..run } }
}

fn volumes(backlog: f64, changed: f64) -> Volumes {
    Volumes { backlog: Some(backlog), changed, basis: Basis::Given }
}

/// A stream that reads what has changed.
fn changes(volumes: Volumes) -> StreamPlan {
    StreamPlan::new(facts("zendesk", "tickets"), sample(), volumes)
}

/// A stream that lists all there is, once in a while; the sample ends within a pass.
fn passes(volumes: Volumes) -> StreamPlan {
    let sample = sample();
    let again = Walked { ended: false, ..sample.again };
    StreamPlan::new(facts("hubspot", "all_contacts"), Sample { again, ..sample }, volumes)
}

fn connection(streams: Vec<StreamPlan>) -> ConnectionPlan {
    let quota = Quota {
        name: "account".to_owned(),
        pace: Pace::per_minute(10),
        streams: streams.iter().map(|stream| stream.stream).collect(),
    };
    ConnectionPlan {
        connection: "desk".to_owned(),
        streams,
        quotas: vec![quota],
        secrets: 2,
        deliveries: None,
    }
}

fn prices() -> Prices {
    Prices::of_region(REGION).unwrap()
}

fn is(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() < 1e-6 * expected.abs().max(1.0),
        "{actual} is not {expected}"
    );
}

#[test]
fn a_first_sync_is_the_sample_as_many_times_as_it_takes() {
    let load = changes(volumes(1_000.0, 0.0)).first();
    is(load.fetched, 1_000.0);
    is(load.rows, 2_000.0);
    is(load.amounts.api_calls, 10.0);
    // Four units a record, one a page, three for the run.
    is(load.amounts.of(Charge::WriteUnits), 4_000.0 + 10.0 + 3.0);
    is(load.amounts.of(Charge::ReadUnits), 1_000.0);
    // Two objects a page and the report.
    is(load.amounts.of(Charge::S3Puts), 21.0);
    is(load.table_gb, 0.002);
}

#[test]
fn a_quiet_month_is_its_ticks_and_a_busy_one_adds_what_changes() {
    let ticks = Schedule { every_minutes: 60.0 }.ticks();
    is(ticks, 720.0);
    let quiet = changes(volumes(1_000.0, 0.0)).month(ticks).amounts;
    is(quiet.api_calls, 720.0);
    is(quiet.of(Charge::WriteUnits), 720.0 * 4.0);
    is(quiet.of(Charge::S3Puts), 720.0 * 2.0);
    // So many that each run finds two and a half pages of them.
    let busy = changes(volumes(1_000.0, 720.0 * 250.0)).month(ticks).amounts;
    is(busy.api_calls, 720.0 * 3.0);
    is(busy.of(Charge::WriteUnits), 720.0 * (3.0 + 3.0) + 720.0 * 250.0 * 4.0);
    is(busy.of(Charge::S3Puts).round(), 720.0 * (3.0 + 3.0 + 1.0));
}

/// HubSpot's lists are read once a week: 4.3 passes a month, whose other runs take no more than their lease.
#[test]
fn a_pass_that_is_not_due_takes_its_lease_and_no_more() {
    let stream = passes(volumes(1_000.0, 0.0));
    let (weekly, ticks) = (30.0 / 7.0, 720.0);
    let month = stream.month(ticks).amounts;
    is(month.api_calls, weekly * 10.0);
    // Each pass notes all whom it saw.
    let of_a_pass = 1_000.0 + 10.0 + 3.0;
    is(month.of(Charge::WriteUnits), weekly * of_a_pass + (ticks - weekly) * 3.0);
    is(month.of(Charge::S3Puts), weekly * (10.0 + 1.0));
}

#[test]
fn an_empty_sample_does_not_make_records_free() {
    let nothing = Walked { calls: 1, ended: true, ..Walked::default() };
    let sample = Sample { first: nothing, again: nothing, ..Sample::default() };
    let stream = StreamPlan::new(facts("zendesk", "tickets"), sample, volumes(0.0, 500.0));
    let month = stream.month(720.0).amounts;
    is(month.of(Charge::WriteUnits), 500.0 * assumed::WRITES);
    is(month.of(Charge::ReadUnits), 500.0);
}

#[test]
fn a_quota_is_shared_by_all_who_draw_on_it_and_slows_the_first_sync() {
    let two = vec![changes(volumes(10_000.0, 0.0)), passes(volumes(5_000.0, 0.0))];
    let connection = connection(two);
    let schedule = Schedule { every_minutes: 60.0 };
    let [share] = &connection.shares(schedule)[..] else { panic!("one quota") };
    is(share.allowed_a_month, 432_000.0);
    is(share.calls_a_month, 720.0 + 30.0 / 7.0 * 50.0);
    // A hundred and fifty calls; ten at once, then six seconds each.
    assert_eq!(share.first_sync(), Duration::from_mins(14));
}

#[test]
fn deliveries_cost_by_the_piece() {
    let silent =
        ConnectionPlan { deliveries: None, ..connection(vec![changes(volumes(0.0, 0.0))]) };
    let pushed = |deliveries| ConnectionPlan { deliveries: Some(deliveries), ..silent.clone() };
    let schedule = Schedule { every_minutes: 15.0 };
    let cost = |plan: &ConnectionPlan| plan.month(schedule).amounts.dollars(&prices());
    let million = cost(&pushed(1e6)) - cost(&pushed(0.0));
    // A write takes four units here, more than an interaction does in docs/cost.md.
    assert!((15.5..17.5).contains(&million), "{million}");
    assert!(cost(&pushed(0.0)) > cost(&silent), "the queue is asked even when nobody sends");
}

#[test]
fn a_million_interactions_cost_less_than_a_dollar_in_pages_of_a_thousand() {
    let cost = |page, customers| {
        let lines = million::pulled(page, million::UNITS, customers);
        lines.into_iter().map(|(_, amounts)| amounts.dollars(&prices())).sum::<f64>()
    };
    assert!(cost(1_000.0, true) < 0.9, "{}", cost(1_000.0, true));
    assert!(cost(1_000.0, false) < 0.05 && cost(100.0, false) < 0.25);
    assert!(cost(100.0, true) < 1.05, "{}", cost(100.0, true));
}

fn some_volumes() -> impl Strategy<Value = Volumes> {
    (0_u32..10_000_000, 0_u32..10_000_000)
        .prop_map(|(backlog, changed)| volumes(f64::from(backlog), f64::from(changed)))
}

fn all_at_most(less: &Amounts, more: &Amounts) -> bool {
    let at_most = |less: f64, more: f64| less <= more * (1.0 + 1e-9) + 1e-9;
    at_most(less.api_calls, more.api_calls)
        && Charge::ALL.iter().all(|charge| at_most(less.of(*charge), more.of(*charge)))
}

proptest! {
    #[test]
    fn more_to_read_never_takes_less(some in some_volumes(), further in some_volumes(), every in 1_u32..1_440) {
        let schedule = Schedule { every_minutes: f64::from(every) };
        let grown = Volumes {
            backlog: Some(some.backlog.unwrap() + further.backlog.unwrap()),
            changed: some.changed + further.changed,
            ..some
        };
        for stream in [changes as fn(Volumes) -> StreamPlan, passes] {
            let plan = |volumes| Plan { schedule, connections: vec![connection(vec![stream(volumes)])] };
            let (less, more) = (plan(some), plan(grown));
            prop_assert!(all_at_most(&less.first().amounts, &more.first().amounts));
            prop_assert!(all_at_most(&less.month(), &more.month()));
        }
    }

    #[test]
    fn reading_less_often_never_takes_more(some in some_volumes(), every in 1_u32..720) {
        let month = |every: u32| {
            let schedule = Schedule { every_minutes: f64::from(every) };
            // How objects fall on ticks is not the point here.
            connection(vec![changes(Volumes { changed: 0.0, ..some })]).month(schedule).amounts
        };
        prop_assert!(all_at_most(&month(every * 2), &month(every)));
    }

    #[test]
    fn a_deployment_is_the_sum_of_its_parts(one in some_volumes(), other in some_volumes()) {
        let schedule = Schedule { every_minutes: 15.0 };
        let connections = vec![connection(vec![changes(one)]), connection(vec![passes(other)])];
        let apart: Amounts = connections.iter().map(|one| one.month(schedule).amounts).sum();
        let plan = Plan { schedule, connections };
        let parts = apart + plan.tables() + plan.storage();
        prop_assert!(all_at_most(&parts, &plan.month()) && all_at_most(&plan.month(), &parts));
        let dollars = plan.month().dollars(&prices());
        let by_hand: f64 = Charge::ALL
            .iter()
            .map(|charge| plan.month().of(*charge) * prices().one(*charge))
            .sum();
        prop_assert!((dollars - by_hand).abs() < 1e-6 * dollars);
    }
}

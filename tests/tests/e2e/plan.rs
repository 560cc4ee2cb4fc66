//! `tributary plan` before a sync, and what the sync took.

#![expect(clippy::print_stdout, reason = "planned and actual, for whoever runs it with its output")]

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::stand::{Stand, settled};
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::Run;
use shared::sync::Unobserved;
use shared::usage::Usage;
use simulator::{ConnectionKeys, Fault, Settings, Simulator};
use tributary::plan::survey::{Asked, Survey, survey};
use tributary::plan::{Amounts, Charge, Load, Schedule, StreamPlan};

/// What may be between a plan and what was.
const TOLERANCE: f64 = 0.2;

async fn stand(people: usize, face: fn(&Simulator) -> ConnectionKeys) -> Stand {
    let company = Settings { people, ..settled() };
    Stand::of(company, |company| vec![face(company)]).await
}

fn asked(pages: u64, rows: BTreeMap<String, f64>) -> Asked {
    Asked {
        selection: Selection::default(),
        schedule: Schedule { every_minutes: 15.0 },
        pages,
        rows,
        rows_per_month: BTreeMap::new(),
    }
}

async fn plan(stand: &Stand, pages: u64, rows: BTreeMap<String, f64>) -> Survey {
    let (hub, asked) = (stand.hub(), asked(pages, rows));
    let survey = Box::pin(survey(&hub, &asked)).await.expect("the state can be read");
    assert!(survey.silent.is_empty(), "{:?}", survey.silent);
    survey
}

fn first_sync(survey: &Survey) -> Load {
    let streams = survey.plan.connections.iter().flat_map(|connection| &connection.streams);
    streams.map(StreamPlan::first).sum()
}

/// What all runs took, whose streams may have paused in between.
fn took(runs: &[Run]) -> Amounts {
    runs.iter().map(|run| run.usage).sum::<Usage>().into()
}

#[track_caller]
fn assert_close(what: &str, planned: &Amounts, actual: &Amounts) {
    for (unit, planned, actual) in [
        ("calls", planned.api_calls, actual.api_calls),
        ("write units", planned.of(Charge::WriteUnits), actual.of(Charge::WriteUnits)),
        ("S3 PUT", planned.of(Charge::S3Puts), actual.of(Charge::S3Puts)),
    ] {
        // One more or less is no error of the model: how often a live feed is opened depends on how quickly it answers.
        let bearable = (actual * TOLERANCE).max(1.0);
        println!("{what}: {unit}: planned {planned:.1}, took {actual:.1}");
        assert!(
            (planned - actual).abs() <= bearable,
            "{what}: {unit}: planned {planned:.1}, took {actual:.1}"
        );
    }
}

/// A plan from a sample that reaches the end, then a first sync, and a look back at it.
async fn plan_and_sync(face: fn(&Simulator) -> ConnectionKeys) -> (Stand, Survey) {
    let stand = stand(60, face).await;
    let survey = plan(&stand, 200, BTreeMap::new()).await;
    assert!(survey.past.is_empty());
    let planned = first_sync(&survey);
    let runs = stand.sync_all(false).await;
    assert_close("first sync", &planned.amounts, &took(&runs));
    assert!(planned.landed > 0.0);
    // Nothing of what the plan did has landed, so that the sync had all of it to do.
    assert!(runs.iter().map(|run| run.ledger.landed).sum::<u64>() > 0);

    let beside = plan(&stand, 200, BTreeMap::new()).await.past;
    assert_eq!(beside.len(), runs.len());
    let said: Amounts = beside.iter().map(|past| past.planned.amounts.clone()).sum();
    assert_close(
        "the last run",
        &said,
        &beside.iter().map(|past| past.run.usage).sum::<Usage>().into(),
    );
    (stand, survey)
}

/// The same, and then a tick that finds nothing new.
async fn plan_and_sync_twice(face: fn(&Simulator) -> ConnectionKeys) {
    let (stand, survey) = plan_and_sync(face).await;
    let tick = stand.sync_all(true).await;
    assert_close("a quiet run", &quiet(&survey).amounts, &took(&tick));
}

/// One run of every stream that finds nothing new.
fn quiet(survey: &Survey) -> Load {
    let streams = survey.plan.connections.iter().flat_map(|connection| &connection.streams);
    let quiet = streams.map(|stream| {
        let mut stream = *stream;
        stream.volumes.changed = 0.0;
        stream.month(1.0)
    });
    quiet.sum()
}

#[tokio::test]
async fn zendesk_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.zendesk().connection()).await;
}

#[tokio::test]
async fn square_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.square().connection()).await;
}

/// One stream after another: what two of them read side by side, both land, and in so small a company that is much.
#[tokio::test]
async fn hubspot_takes_what_was_planned() {
    let stand = stand(60, |company| company.hubspot().connection()).await;
    let survey = plan(&stand, 200, BTreeMap::new()).await;
    let streams: Vec<String> = survey.plan.connections[0]
        .streams
        .iter()
        .map(|stream| format!("hubspot/{}", stream.stream))
        .collect();
    for (what, planned) in [("first sync", first_sync(&survey)), ("a quiet run", quiet(&survey))] {
        let mut runs = Vec::new();
        for stream in &streams {
            let selection = Selection { now: true, ..Selection::parse(stream) };
            let run = stand.hub().sync(&selection, Budget::unlimited(), &Unobserved).await;
            runs.extend(run.expect("the stream exists"));
        }
        assert_close(what, &planned.amounts, &took(&runs));
    }
}

#[tokio::test]
async fn klaviyo_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.klaviyo().connection()).await;
}

#[tokio::test]
async fn sendgrid_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.sendgrid().connection()).await;
}

#[tokio::test]
async fn bluesky_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.bluesky().connection()).await;
}

#[tokio::test]
async fn brandwatch_takes_what_was_planned() {
    plan_and_sync_twice(|company| company.brandwatch().connection()).await;
}

/// Three answers of each stream, and what the operator knows of how much there is.
async fn plan_from_a_few_pages(stand: Stand) {
    let whole = plan(&stand, 1_000, BTreeMap::new()).await;
    let streams = whole.plan.connections.iter().flat_map(|connection| &connection.streams);
    let rows = streams.map(|s| (s.stream.to_owned(), s.first().fetched)).collect();
    let few = plan(&stand, 3, rows).await;
    let cut_off = few.plan.connections[0].streams.iter().filter(|s| !s.sample.first.ended).count();
    assert!(cut_off >= 2, "the sample of {cut_off} streams is a part");
    let runs = stand.sync_all(false).await;
    assert_close("first sync from few pages", &first_sync(&few).amounts, &took(&runs));
}

#[tokio::test]
async fn zendesk_takes_what_was_planned_from_a_few_pages() {
    let stand = stand(80, |company| company.zendesk().connection()).await;
    stand.simulator.zendesk().set_page_size(20);
    plan_from_a_few_pages(stand).await;
}

#[tokio::test]
async fn square_takes_what_was_planned_from_a_few_pages() {
    let stand = stand(80, |company| company.square().connection()).await;
    stand.simulator.square().set_page_size(20);
    plan_from_a_few_pages(stand).await;
}

/// A plan reads and lands nothing: no record, no object, no cursor.
#[tokio::test]
async fn a_plan_lands_nothing() {
    let stand = stand(12, |company| company.square().connection()).await;
    plan(&stand, 5, BTreeMap::new()).await;
    let stores = stand.own_stores();
    let objects = shared::landing::Objects::new(&stores).list("").await.expect("a list");
    assert_eq!(objects, Vec::<String>::new());
    for table in [&stores.names.customers_table, &stores.names.state_table] {
        let items = stores.dynamodb.scan().table_name(table).send().await.expect("a scan");
        assert_eq!(items.count, 0, "{table}");
    }
}

/// A stream that cannot be read is named, and the others are planned.
#[tokio::test]
async fn a_stream_that_is_refused_is_said_and_the_rest_is_planned() {
    let stand = stand(12, |company| company.zendesk().connection()).await;
    let faults = stand.simulator.zendesk().faults();
    let refused = faults.inject_on("incremental/tickets", Fault::Unauthorized, 10);
    let asked = asked(3, BTreeMap::new());
    let survey = survey(&stand.hub(), &asked).await.expect("the state can be read");
    assert!(refused.fired() > 0);
    let silent: Vec<&str> = survey.silent.iter().map(|(stream, _)| stream.as_str()).collect();
    assert_eq!(silent, ["zendesk/tickets"]);
    let planned: Vec<&str> = survey.plan.connections[0].streams.iter().map(|s| s.stream).collect();
    assert!(planned.contains(&"users") && !planned.contains(&"tickets"), "{planned:?}");
}

/// The figure that docs/cost.md reckons with, on the interactions of all systems.
#[tokio::test]
async fn an_interaction_takes_no_more_write_units_than_the_page_about_cost_says() {
    let company = Settings { people: 30, ..settled() };
    let stand = Stand::of(company, |company| {
        vec![
            company.zendesk().connection(),
            company.square().connection(),
            company.hubspot().connection(),
            company.klaviyo().connection(),
            company.sendgrid().connection(),
            company.bluesky().connection(),
            company.brandwatch().connection(),
        ]
    })
    .await;
    stand.sync_all(false).await;
    let landed = stand.landed().await;
    let sizes: BTreeMap<&str, Vec<usize>> =
        landed.items.iter().fold(BTreeMap::new(), |mut sizes, ((_, sk), item)| {
            if sk.starts_with("INT#") {
                let source =
                    item["record_key"].as_s().expect("a key").split('/').next().unwrap_or_default();
                sizes
                    .entry(source)
                    .or_default()
                    .push(item.iter().map(|(name, value)| name.len() + size(value)).sum());
            }
            sizes
        });
    let mut all: Vec<usize> = Vec::new();
    for (source, sizes) in &sizes {
        let units: usize = sizes.iter().map(|size| size.div_ceil(1024)).sum();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        println!("{source}: {} interactions, {mean} bytes, {units} units", sizes.len());
        all.extend(sizes);
    }
    let units: usize = all.iter().map(|size| size.div_ceil(1024)).sum();
    assert!(all.len() > 500, "{}", all.len());
    let count = |number: usize| f64::from(u32::try_from(number).expect("a few"));
    let mean = count(units) / count(all.len());
    println!("{mean} write units, {:?} to {:?} bytes", all.iter().min(), all.iter().max());
    assert!(mean <= tributary::plan::million::UNITS, "{mean}");
}

/// The bytes by which DynamoDB counts a value.
fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        _ => 1,
    }
}

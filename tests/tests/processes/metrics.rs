//! What the sync functions write for `CloudWatch`: records in the embedded metric format between the lines of their logs.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::lambda_runtime::{Function, schedule_event, sqs_event_from};
use e2e::stand::{CONNECTION, eventually};
use serde_json::Value;
use simulator::{Fault, RetryAfter};

use super::lambda::{MINUTE, cloud, land, new_ticket, sync};

/// The streams of a helpdesk.
const STREAMS: usize = 7;

/// The records among the logs, once there are so many; every line of the logs is JSON of one kind or the other.
async fn records(function: &Function, count: usize) -> Vec<Value> {
    let read = || {
        let lines = function.logs().into_iter();
        let lines = lines.map(|line| {
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
        });
        let (records, logged): (Vec<Value>, Vec<Value>) =
            lines.partition(|line: &Value| line.get("_aws").is_some());
        assert!(logged.iter().all(|line| line["level"].is_string()), "{logged:#?}");
        records
    };
    eventually("as many records as there are runs", || read().len() >= count).await;
    let records = read();
    assert_eq!(records.len(), count, "{records:#?}");
    records.iter().for_each(assert_follows_the_specification);
    records
}

/// The "Specification: Embedded metric format" of the guide to `CloudWatch`: structure, references to the root, units.
fn assert_follows_the_specification(record: &Value) {
    let metadata = record["_aws"].as_object().expect("metadata");
    let names: BTreeSet<&str> = metadata.keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["CloudWatchMetrics", "Timestamp"]));
    let age = jiff::Timestamp::now().as_millisecond()
        - record["_aws"]["Timestamp"].as_i64().expect("whole milliseconds");
    assert!((0..600_000).contains(&age), "{record:#}");
    let [directive] =
        record["_aws"]["CloudWatchMetrics"].as_array().expect("directives").as_slice()
    else {
        panic!("one directive: {record:#}");
    };
    let names: BTreeSet<&str> =
        directive.as_object().expect("a directive").keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["Dimensions", "Metrics", "Namespace"]));
    assert_eq!(directive["Namespace"], "Tributary");
    for dimension in directive["Dimensions"].as_array().expect("sets").iter().flat_map(|set| {
        let set = set.as_array().expect("a set of dimensions");
        assert!((1..=30).contains(&set.len()));
        set
    }) {
        let value = record[dimension.as_str().expect("a name")].as_str().expect("a text");
        assert!(!value.is_empty() && value.len() <= 1024);
    }
    let metrics = directive["Metrics"].as_array().expect("metrics");
    assert!((1..=100).contains(&metrics.len()));
    for metric in metrics {
        let name = metric["Name"].as_str().expect("a name");
        assert!(record[name].is_number(), "{name} has no value: {record:#}");
        let unit = metric["Unit"].as_str().expect("a unit");
        assert!(["Count", "Seconds", "Milliseconds"].contains(&unit), "{name}: {unit}");
    }
}

fn of<'r>(records: &'r [Value], stream: &str) -> &'r Value {
    let record = records.iter().find(|record| record["stream"] == stream);
    record.unwrap_or_else(|| panic!("no record of {stream}: {records:#?}"))
}

fn sum(records: &[Value], metric: &str) -> u64 {
    records.iter().filter_map(|record| record[metric].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_of_the_schedule_writes_a_record_for_every_stream() {
    let cloud = cloud().await;
    let slow = Fault::Storm429 { retry_after: Some(RetryAfter::Seconds(1)) };
    let slowed = cloud.desk().faults().inject_on("incremental/tickets", slow, 2);
    let function = cloud.spawn("helpdesk-sync", &[]);
    let runs = sync(&function, &schedule_event()).await;
    let records = records(&function, STREAMS).await;
    for run in &runs {
        let record = of(&records, run["stream"].as_str().expect("a name"));
        assert_eq!(record["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0][0], "deployment");
        let names = ["deployment", "system", "connection"].map(|name| record[name].as_str());
        assert_eq!(names, [Some("tributary"), Some("helpdesk"), Some(CONNECTION)]);
        for count in ["fetched", "landed", "unchanged", "quarantined", "api_calls", "throttles"] {
            assert_eq!(record[count], run[count], "{count} of {record:#}");
        }
        assert_eq!((&record["success"], &record["ledger_mismatch"]), (&1.into(), &0.into()));
        assert_eq!(record.get("sunset_days"), None, "the vendor has announced none");
        assert_eq!(record["lag_seconds"].is_number(), run["watermark"].is_string(), "{record:#}");
    }
    assert_eq!(sum(&records, "api_calls"), cloud.desk().requests().len() as u64);
    assert_eq!((slowed.fired(), sum(&records, "throttles")), (2, 2));
    assert_eq!(of(&records, "tickets")["throttles"], 2);
    assert!(of(&records, "tickets")["duration_ms"].as_u64() >= Some(2_000), "it waited twice");
    let truth = cloud.desk().truth();
    let people = truth.users.values().flat_map(|user| user.email.iter().chain([&user.name]));
    let written = serde_json::to_string(&records).expect("JSON");
    for canary in people.chain(truth.tickets.values().map(|ticket| &ticket.subject)) {
        assert!(!written.contains(canary.as_str()), "{canary} is in the metrics");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_stream_is_told_though_the_invocation_fails() {
    let cloud = cloud().await;
    cloud.desk().faults().inject_on("incremental/tickets", Fault::Status(400), 1);
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.invoke(&schedule_event(), MINUTE).await.expect_err("a stream failed");
    let records = records(&function, STREAMS).await;
    assert_eq!(of(&records, "tickets")["success"], 0);
    assert_eq!(sum(&records, "success"), STREAMS as u64 - 1);
}

/// Each stream tells when it ends: whoever ends the function later takes nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_killed_has_told_of_the_streams_that_it_had_read() {
    let cloud = cloud().await;
    let hang = Fault::SlowBody(Duration::from_secs(30));
    cloud.desk().faults().inject_on("incremental/tickets", hang, 1);
    let function = cloud.spawn("helpdesk-sync", &[]);
    function.first_next().await;
    let tick = schedule_event();
    let (_, records) = tokio::join!(function.invoke(&tick, MINUTE), async {
        let written = records(&function, STREAMS - 1).await;
        function.kill().await;
        written
    });
    assert!(records.iter().all(|record| record["success"] == 1), "{records:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_deliveries_is_one_record_of_the_connection() {
    let cloud = cloud().await;
    let (door, inbox) = (cloud.spawn("helpdesk-webhook", &[]), cloud.spawn("helpdesk-sync", &[]));
    for subject in ["The first", "The second"] {
        let (_, delivery) = new_ticket(&cloud, subject, "Hello?");
        let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
        assert_eq!(answer["statusCode"], 202, "{answer}");
    }
    cloud.queue.send("no JSON: of no connection");
    let received = cloud.queue.receive(10);
    assert_eq!(land(&inbox, &sqs_event_from("deliveries", &received)).await.len(), 1);
    let asked = cloud.desk().requests().len() as u64;
    let [record] = &records(&inbox, 1).await[..] else { panic!("one record") };
    assert_eq!((&record["connection"], &record["stream"]), (&CONNECTION.into(), &"webhook".into()));
    // Each delivery names its ticket, which is read again, and that is what lands.
    assert!(asked > 0 && record["api_calls"] == asked, "{asked} requests, {record:#}");
    assert!(record["landed"].as_u64() >= Some(2), "{record:#}");
    assert_eq!(record["ledger_mismatch"], 0, "{record:#}");
    for polling in ["success", "lag_seconds"] {
        assert_eq!(record.get(polling), None, "{record:#}");
    }
    let logs = door.logs().join("\n");
    assert!(!logs.contains("_aws"), "the door writes no metrics: {logs}");

    // The same again is a batch, too, in which nothing is new.
    assert_eq!(land(&inbox, &sqs_event_from("deliveries", &received[..2])).await.len(), 0);
    let again = &records(&inbox, 2).await[1];
    assert_eq!((&again["landed"], &again["fetched"]), (&0.into(), &0.into()), "{again:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_how_finely() {
    let cloud = cloud().await;
    let users = serde_json::json!({"connection": CONNECTION, "stream": "users"});
    let function = cloud.spawn("helpdesk-sync", &[("TRIBUTARY_METRICS", "streams")]);
    sync(&function, &users).await;
    let record = &records(&function, 1).await[0];
    let dimensions = &record["_aws"]["CloudWatchMetrics"][0]["Dimensions"];
    let of_stream = ["deployment", "connection", "stream"];
    assert_eq!(*dimensions, serde_json::json!([["deployment", "system"], of_stream]));

    for none in ["none", ""] {
        let silent = cloud.spawn("helpdesk-sync", &[("TRIBUTARY_METRICS", none)]);
        sync(&silent, &users).await;
        silent.kill().await;
        let logs = silent.logs().join("\n");
        assert!(logs.contains("finished helpdesk-eu/users") && !logs.contains("_aws"), "{logs}");
    }

    let wrong = cloud.spawn("helpdesk-sync", &[("TRIBUTARY_METRICS", "everything")]);
    wrong.init_error().await.expect("it does not start");
    let said = wrong.logs().join("\n");
    assert!(said.contains("none, systems or streams"), "{said}");
}

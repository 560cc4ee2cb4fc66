//! `serve`: the door for webhooks, beside other commands on the same data.

use std::process::Stdio;

use serde_json::Value;
use simulator::DeliveryPlan;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use crate::home::{Home, signal};

/// A running door, and what it said when it was ready.
pub(crate) async fn open(home: &Home, arguments: &[&str]) -> (Child, Value) {
    let all: Vec<&str> =
        ["serve", "--listen", "127.0.0.1:0", "--json"].iter().chain(arguments).copied().collect();
    let mut child =
        home.command(&all).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_webhooks_land_and_others_learn_nothing() {
    let home = Home::new().await;
    let (mut child, ready) = open(&home, &["--no-sync"]).await;
    let url = ready["listening"].as_str().unwrap();
    assert!(ready["s3"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    let http = reqwest::Client::new();
    assert_eq!(http.get(format!("{url}/healthz")).send().await.unwrap().status(), 200);

    let zendesk = home.simulator.zendesk();
    zendesk.live(10);
    let door = format!("{url}/webhooks/desk");
    let plan = DeliveryPlan { duplicate: 30, concurrency: 3, ..DeliveryPlan::default() };
    let report = zendesk.send_webhooks(&door, &plan).await;
    assert!(!report.sent.is_empty() && report.refused.is_empty());
    assert_eq!(report.sent, report.acknowledged);

    let mut answers = Vec::new();
    for name in ["desk", "no-such-connection"] {
        let wrong = http
            .post(format!("{url}/webhooks/{name}"))
            .header("x-zendesk-webhook-signature", "AAAA")
            .body("{}");
        let answer = wrong.send().await.unwrap();
        answers.push((answer.status().as_u16(), answer.text().await.unwrap()));
    }
    assert_eq!(answers[0].0, 401);
    assert_eq!(answers[0], answers[1]);

    // Another command uses the stores of this one meanwhile.
    let status = home.run(&["status", "--json"]).await.expect(0).json();
    assert_eq!(status["store"]["served_by"]["s3"], ready["s3"]);
    let replayed = home.run(&["replay", "--json"]).await.expect(0).json();
    assert!(replayed["replayed"]["fetched"].as_u64().unwrap() > 0);

    signal(&child, "-TERM").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    let after = home.run(&["status", "--json"]).await.expect(0).json();
    assert!(after["store"]["served_by"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schedule_reads_at_once() {
    let home = Home::new().await;
    let (mut child, _) = open(&home, &["--every", "1h"]).await;
    let caught_up = async {
        loop {
            let status = home.run(&["status", "desk/users", "--json"]).await.expect(0).json();
            if status["connections"][0]["streams"][0]["last_run"]["outcome"] == "caught_up" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), caught_up)
        .await
        .expect("the schedule reads nothing");
    signal(&child, "-INT").await;
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

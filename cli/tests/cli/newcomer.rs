//! The way of a newcomer: init, check, preview, sync, status.

use std::time::Duration;

use serde_json::Value;
use simulator::{Fault, zendesk::BadRecord};

use crate::home::{Home, run, signal};

fn runs(document: &Value) -> &Vec<Value> {
    document["runs"].as_array().unwrap()
}

fn sum(document: &Value, field: &str) -> u64 {
    runs(document).iter().map(|run| run[field].as_u64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_nothing_to_a_second_sync() {
    let home = Home::new().await;
    std::fs::remove_file(home.folder.path().join("tributary.toml")).unwrap();
    home.run(&["sync"]).await.expect_error(2, &["tributary.toml cannot be read", "tributary init"]);

    let written = home.run(&["init"]).await.expect(0);
    assert!(written.out.contains("tributary.toml") && written.err.contains("check"));
    home.run(&["init"]).await.expect_error(2, &["exists already"]);
    home.write(&home.settings());

    let mut wrong = home.command(&["check"]);
    wrong.env("DESK_TOKEN", "wrong");
    let refused = run(wrong).await.expect(1);
    assert!(
        refused.out.contains("✗ desk/tickets") && refused.out.contains("401"),
        "{}",
        refused.out
    );
    assert!(
        refused.out.contains("it needs: admin, read") && refused.err.contains("hint: "),
        "{}",
        refused.out
    );
    let checked = home.run(&["check", "--json"]).await.expect(0).json();
    assert_eq!(checked["ok"], true);

    let shown = home.run(&["preview", "desk/tickets", "--limit", "2"]).await.expect(0);
    assert!(shown.out.contains("ticket  zendesk/desk/ticket/"), "{}", shown.out);
    let records =
        home.run(&["preview", "desk/tickets", "--limit", "2", "--json"]).await.expect(0).json();
    assert_eq!(records["records"].as_array().unwrap().len(), 2);
    assert_eq!(records["records"][0]["rows"][0]["table"], "ticket");
    home.run(&["preview", "desk"]).await.expect_error(2, &["desk/STREAM", "tickets"]);

    let unread = home.run(&["status", "--json"]).await.expect(0).json();
    assert!(unread["connections"][0]["streams"][0]["last_run"].is_null());
    let first = home.run(&["sync", "--json"]).await.expect(0).json();
    assert!(runs(&first).iter().all(|run| run["outcome"] == "caught_up"), "{first}");
    let explained =
        ["landed", "unchanged", "quarantined", "filtered"].map(|field| sum(&first, field));
    assert_eq!(sum(&first, "fetched"), explained.iter().sum::<u64>());
    let truth = home.simulator.zendesk().truth();
    let users = runs(&first).iter().find(|run| run["stream"] == "users").unwrap();
    assert_eq!(users["landed"].as_u64().unwrap(), truth.users.len() as u64);

    let second = home.run(&["sync", "--json"]).await.expect(0).json();
    assert_eq!(sum(&second, "landed"), 0, "{second}");
    let status = home.run(&["status", "--json"]).await.expect(0).json();
    let streams = status["connections"][0]["streams"].as_array().unwrap();
    assert_eq!(streams.len(), 7);
    assert!(streams.iter().all(|stream| stream["last_run"]["outcome"] == "caught_up"));
    assert!(streams[0]["freshness_seconds"].as_u64().unwrap() < 600);
    let table = home.run(&["status"]).await.expect(0);
    assert!(
        table.out.contains("ticket_events") && table.out.contains("caught up"),
        "{}",
        table.out
    );
    let replayed = home.run(&["replay", "desk/users", "--json"]).await.expect(0).json();
    assert_eq!(replayed["replayed"]["fetched"].as_u64().unwrap(), truth.users.len() as u64);
    assert_eq!(replayed["replayed"]["landed"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_role_is_named() {
    let home = Home::new().await;
    home.simulator.zendesk().set_admin(false);
    let checked = home.run(&["check", "desk/tickets"]).await.expect(1);
    assert!(
        checked.out.contains("403") && checked.out.contains("it needs: admin"),
        "{}",
        checked.out
    );
    let synced = home.run(&["sync", "desk/tickets", "--json"]).await.expect(1).json();
    assert_eq!(synced["runs"][0]["outcome"], "failed");
    assert!(synced["runs"][0]["error"].as_str().unwrap().contains("403"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_map_is_counted_and_kept() {
    let home = Home::new().await;
    let zendesk = home.simulator.zendesk();
    for kind in [BadRecord::RequesterMissing, BadRecord::RequesterMissing, BadRecord::IdNull] {
        zendesk.add_bad_record(kind);
    }
    home.simulator.clock().advance(Duration::from_mins(2));
    let synced = home.run(&["sync", "desk/tickets", "--json"]).await.expect(0).json();
    assert_eq!(synced["runs"][0]["quarantined"], 3);
    let listed = home.run(&["quarantine", "list", "desk", "--json"]).await.expect(0).json();
    assert_eq!((&listed["total"], &listed["groups"][0]["count"]), (&3.into(), &2.into()));
    assert_eq!(listed["groups"][0]["field"], "requester_id");
    assert!(listed["groups"][0]["examples"][0]["record"].is_null());
    let (quiet, shown) = (
        home.run(&["quarantine", "list"]).await,
        home.run(&["quarantine", "list", "--show"]).await,
    );
    assert!(
        !quiet.expect(0).out.contains("\"subject\"") && shown.expect(0).out.contains("\"subject\"")
    );
    let retried = home.run(&["quarantine", "retry", "--json"]).await.expect(0).json();
    assert_eq!((&retried["tried"], &retried["remaining"]), (&3.into(), &3.into()));
    home.run(&["quarantine", "retry", "nowhere"]).await.expect_error(2, &["nowhere", "desk"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_pauses_and_the_next_sync_goes_on() {
    let home = Home::new().await;
    home.simulator.zendesk().set_page_size(3);
    let paused = home.run(&["sync", "--budget", "1s", "--json"]).await.expect(0).json();
    assert!(runs(&paused).iter().any(|run| run["outcome"] == "paused"), "{paused}");
    home.simulator.zendesk().set_page_size(1000);
    let rest = home.run(&["sync", "--json"]).await.expect(0).json();
    assert!(runs(&rest).iter().all(|run| run["outcome"] == "caught_up"), "{rest}");
    let users = home.simulator.zendesk().truth().users.len() as u64;
    let read = |document: &Value| {
        let run = runs(document).iter().find(|run| run["stream"] == "users").unwrap();
        run["landed"].as_u64().unwrap()
    };
    assert_eq!(read(&paused) + read(&rest), users);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_sync_says_how_to_go_on() {
    let home = Home::new().await;
    let slow = home.simulator.zendesk().faults().inject_on(
        "/users",
        Fault::SlowBody(Duration::from_mins(1)),
        1,
    );
    let mut command = home.command(&["sync", "--json"]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while slow.fired() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    signal(&child, "-INT").await;
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(130));
    assert!(
        ended.stdout.is_empty() && String::from_utf8(ended.stderr).unwrap().contains("goes on")
    );
    let rest = home.run(&["sync", "--json"]).await.expect(0).json();
    assert!(runs(&rest).iter().all(|run| run["outcome"] == "caught_up"), "{rest}");
}

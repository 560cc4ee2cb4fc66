//! The demo, small.

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;
use tributary::embedded::{Embedded, Options};

use crate::home::{run, tributary};

/// What is known now: every item of the customers table, by its key.
async fn newest(folder: &Path) -> BTreeMap<String, String> {
    let stores =
        Embedded::open(&folder.join("tributary-data/demo"), Options::default()).await.unwrap();
    let scan = stores
        .dynamodb_client()
        .scan()
        .table_name("tributary-customers")
        .into_paginator()
        .items()
        .send();
    let items = scan.try_collect().await.unwrap();
    stores.shutdown().await;
    let sorted =
        |item: std::collections::HashMap<_, _>| item.into_iter().collect::<BTreeMap<String, _>>();
    items
        .into_iter()
        .map(|item| (format!("{:?} {:?}", item["pk"], item["sk"]), format!("{:?}", sorted(item))))
        .collect()
}

#[tokio::test]
async fn a_demo_tells_its_story_once_and_its_data_can_be_worked_on() {
    let folder = TempDir::new().unwrap();
    let demo = ["demo", "--people", "12", "--seed", "3", "--json"];
    let first = run(tributary(folder.path(), &demo)).await.expect(0).json();
    assert_eq!(first["again"], false);
    for pull in ["first_pull", "second_pull"] {
        let runs = first[pull].as_array().unwrap();
        assert!(
            !runs.is_empty() && runs.iter().all(|run| run["outcome"] == "caught_up"),
            "{first}"
        );
    }
    let pushed = first["pushed"].as_object().unwrap();
    assert_eq!(pushed.len(), 5, "five systems push: {first}");
    let sum = |name: &str| pushed.values().map(|of| of[name].as_u64().unwrap()).sum::<u64>();
    assert!(sum("lost") > 0 && sum("sent_twice") > 0, "{first}");
    assert_eq!((sum("refused"), sum("acknowledged")), (0, sum("sent")), "{first}");
    let missed: u64 = first["second_pull"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["missed_by_webhook"].as_u64().unwrap())
        .sum();
    assert!(missed > 0, "the second pull finds what was lost");
    let quarantined: u64 = first["quarantine"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| group["count"].as_u64().unwrap())
        .sum();
    assert!(quarantined >= 4, "{first}");

    assert!(first["people"]["records"].as_u64().unwrap() > 40, "{first}");
    assert!(first["people"]["precision"].as_f64().unwrap() >= 0.999, "{first}");

    // What the summary suggests works without the company.
    let on_demo =
        ["--config", "tributary-data/demo/tributary.toml", "--data", "tributary-data/demo"];
    for command in
        [&["status"][..], &["quarantine", "list"], &["quarantine", "list", "--show"], &["replay"]]
    {
        let arguments: Vec<&str> = on_demo.iter().chain(command).copied().collect();
        run(tributary(folder.path(), &arguments)).await.expect(0);
    }

    let before = newest(folder.path()).await;
    let second = run(tributary(folder.path(), &demo)).await.expect(0).json();
    assert_eq!(second["again"], true);
    // The very same things happen again, so nothing is new.
    for run in second["second_pull"].as_array().unwrap() {
        assert_eq!((&run["outcome"], &run["landed"]), (&"caught_up".into(), &0.into()), "{run}");
    }
    let after = newest(folder.path()).await;
    assert!(!before.is_empty());
    let changed: Vec<_> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(second["quarantine"], first["quarantine"]);
    assert_eq!(second["people"], first["people"], "whoever was found is found again");
    run(tributary(folder.path(), &["demo", "--seed", "4"]))
        .await
        .expect_error(2, &["--seed 3 --people 12", "--data"]);
}

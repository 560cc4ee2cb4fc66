//! The demo, small.

use tempfile::TempDir;

use crate::home::{run, tributary};

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
    let pushed = &first["pushed"];
    assert!(pushed["lost"].as_u64().unwrap() > 0 && pushed["sent_twice"].as_u64().unwrap() > 0);
    assert_eq!((&pushed["refused"], &pushed["acknowledged"]), (&0.into(), &pushed["sent"]));
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

    // What the summary suggests works without the company.
    let on_demo =
        ["--config", "tributary-data/demo/tributary.toml", "--data", "tributary-data/demo"];
    for command in
        [&["status"][..], &["quarantine", "list"], &["quarantine", "list", "--show"], &["replay"]]
    {
        let arguments: Vec<&str> = on_demo.iter().chain(command).copied().collect();
        run(tributary(folder.path(), &arguments)).await.expect(0);
    }

    let second = run(tributary(folder.path(), &demo)).await.expect(0).json();
    assert_eq!(second["again"], true);
    for run in second["first_pull"].as_array().unwrap() {
        assert_eq!(run["landed"], 0, "{run}");
    }
    assert_eq!(second["quarantine"], first["quarantine"]);
    run(tributary(folder.path(), &["demo", "--seed", "4"]))
        .await
        .expect_error(2, &["--seed 3 --people 12", "--data"]);
}

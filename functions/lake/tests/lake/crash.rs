//! Killed at every named point, raced, and come back from the dead: every row exactly once.

use std::path::Path;
use std::process::{Command, Stdio};

use lake::{LakeError, Place};
use shared::budget::Budget;
use shared::crash::Point;

use crate::support::{Lake, names, person, sent};

const POINTS: &[Point] = &[
    Point::AfterManifest,
    Point::AfterSomeFiles,
    Point::AfterFiles,
    Point::AfterTableCommit,
    Point::BeforeLandingRemoved,
];

/// What a child process does: one commit of the folder it is given.
#[test]
#[ignore = "a child of the tests below"]
fn child() {
    let Ok(folder) = std::env::var("LAKE_FOLDER") else { return };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let place = Place::folder(Path::new(&folder)).unwrap();
    match runtime.block_on(lake::commit(&place, Budget::unlimited())) {
        Ok(_) | Err(LakeError::Overtaken { .. }) => {}
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

fn committer(folder: &Path, crash_at: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "crash::child", "--ignored", "--nocapture"])
        .env("LAKE_FOLDER", folder);
    match crash_at {
        Some(at) => command.env("TRIBUTARY_CRASH_AT", at),
        None => command.env_remove("TRIBUTARY_CRASH_AT"),
    };
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Two batches: some rows, then newer versions of some of them.
fn land_first(lake: &Lake) {
    lake.land("1", &[person("a", 1, "Ann", 1), person("b", 1, "Bo", 1), sent("a", "e1", 1, 1)]);
    lake.land("2", &[person("c", 1, "Cy", 1), sent("b", "e2", 2, 1)]);
}

fn land_second(lake: &Lake) {
    lake.land(
        "3",
        &[person("a", 2, "Anna", 2), sent("a", "e3", 3_000_000, 2), sent("a", "e1", 1, 2)],
    );
}

async fn assert_complete(lake: &Lake, at: &str) {
    let everything = lake.everything().await;
    assert_eq!(
        names(&everything["person_record"]),
        [("a", "Anna"), ("b", "Bo"), ("c", "Cy")],
        "{at}"
    );
    assert_eq!(everything["person_record_history"].len(), 4, "{at}");
    assert_eq!(everything["interactions"].len(), 3, "{at}");
    assert!(lake.files("landing").is_empty(), "{at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_of_either_batch() {
    for point in POINTS {
        for passage in [1, 2, 3] {
            let at = format!("{}:{passage}", point.name());
            let lake = Lake::new();
            land_first(&lake);
            let first = committer(lake.path(), Some(&at)).status().unwrap();
            land_second(&lake);
            let second = committer(lake.path(), Some(&at)).status().unwrap();
            assert!(!first.success() || !second.success() || passage > 1, "{at} was not reached");
            lake.commit().await.unwrap();
            assert_complete(&lake, &at).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_committers_commit_every_row_once() {
    for racers in [2, 4] {
        for _ in 0..5 {
            let lake = Lake::new();
            land_first(&lake);
            let race = || {
                let racer = || committer(lake.path(), None).stderr(Stdio::piped()).spawn().unwrap();
                let children: Vec<_> = (0..racers).map(|_| racer()).collect();
                for child in children {
                    let output = child.wait_with_output().unwrap();
                    let said = String::from_utf8_lossy(&output.stderr);
                    assert!(output.status.success(), "a racer failed: {said}");
                }
            };
            race();
            land_second(&lake);
            race();
            lake.commit().await.unwrap();
            assert_complete(&lake, &format!("{racers} racers")).await;
        }
    }
}

/// A committer that was frozen with its work half done finds its batch, or its landing objects, gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_changes_nothing() {
    for point in POINTS {
        let lake = Lake::new();
        land_first(&lake);
        let at = point.name();
        // It dies here instead of freezing; what it would do next is done by a process that sees the same folder.
        committer(lake.path(), Some(at)).status().unwrap();
        lake.commit().await.unwrap();
        land_second(&lake);
        lake.commit().await.unwrap();
        // The same manifest and objects as the zombie saw, brought back.
        land_first(&lake);
        lake.commit().await.unwrap();
        assert_complete(&lake, at).await;
    }
}

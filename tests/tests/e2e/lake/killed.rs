//! Committers over S3 that are killed at every named point, raced, and come back from the dead: every row exactly once.

use std::process::{Command, Stdio};

use ::lake::{LakeError, Place};
use e2e::account::config;
use e2e::landed::Landed;
use e2e::stand::Stand;
use shared::budget::Budget;
use shared::crash::Point;
use shared::landing::Objects;

use super::{assert_tables_are, landed, stand_of};

const POINTS: &[Point] = &[
    Point::AfterManifest,
    Point::AfterSomeFiles,
    Point::AfterFiles,
    Point::AfterTableCommit,
    Point::BeforeLandingRemoved,
];

/// What a child process does: one commit of the bucket it is given.
#[tokio::test]
#[ignore = "a child of the tests below"]
async fn child() {
    let Ok(bucket) = std::env::var("LAKE_BUCKET") else { return };
    let endpoint = std::env::var("LAKE_ENDPOINT").expect("where the bucket is");
    let place = Place::bucket(&config(&endpoint), &bucket).expect("a bucket");
    match ::lake::commit(&place, Budget::unlimited()).await {
        Ok(_) | Err(LakeError::Overtaken { .. }) => {}
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

/// What has landed, in two halves, and a bucket of its own for each try.
struct Landing {
    stand: Stand,
    landed: Landed,
    halves: [Vec<(String, Vec<u8>)>; 2],
}

impl Landing {
    async fn new() -> Self {
        // One system has tables of either kind, and these sixty commits take the time of all tables there are.
        let stand = stand_of(|simulator| vec![simulator.zendesk().connection()]).await;
        let landed = landed(&stand).await;
        let objects = Objects::new(&stand.stores());
        let mut halves = [Vec::new(), Vec::new()];
        for key in landed.keys.iter().filter(|key| !key.starts_with("raw/")) {
            let (bytes, _) = objects.read(key).await.expect("an object");
            let half = halves.iter().map(Vec::len).sum::<usize>() % 2;
            halves[half].push((key.clone(), bytes));
        }
        Self { stand, landed, halves }
    }

    async fn bucket(&self, name: &str) -> Bucket<'_> {
        let stores = self.stand.account().stores();
        let name = format!("{}-{name}", stores.names.bucket);
        stores.s3.create_bucket().bucket(&name).send().await.expect("a bucket");
        Bucket { landing: self, name }
    }
}

struct Bucket<'a> {
    landing: &'a Landing,
    name: String,
}

impl Bucket<'_> {
    /// Lands the first or the second half.
    async fn land(&self, half: usize) {
        let s3 = self.landing.stand.account().stores().s3;
        for (key, bytes) in &self.landing.halves[half] {
            let put = s3.put_object().bucket(&self.name).key(key).body(bytes.clone().into());
            put.send().await.expect("an object");
        }
    }

    fn committer(&self, crash_at: Option<&str>) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this test"));
        command
            .args(["--exact", "lake::killed::child", "--ignored", "--nocapture"])
            .env("LAKE_ENDPOINT", self.landing.stand.account().s3())
            .env("LAKE_BUCKET", &self.name)
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        match crash_at {
            Some(at) => command.env("TRIBUTARY_CRASH_AT", at),
            None => command.env_remove("TRIBUTARY_CRASH_AT"),
        };
        command
    }

    /// Whether a committer lived.
    fn commit(&self, crash_at: Option<&str>) -> bool {
        self.race(1, crash_at)
    }

    /// Whether all of so many committers, started at once, lived.
    fn race(&self, racers: usize, crash_at: Option<&str>) -> bool {
        let start = |_| self.committer(crash_at).spawn().expect("a child");
        let racers: Vec<_> = (0..racers).map(start).collect();
        let ends = racers.into_iter().map(|racer| racer.wait_with_output().expect("an end"));
        let lived: Vec<bool> = ends
            .map(|end| {
                let said = String::from_utf8_lossy(&end.stderr);
                assert!(end.status.success() || crash_at.is_some(), "a committer failed: {said}");
                end.status.success()
            })
            .collect();
        lived.iter().all(|lived| *lived)
    }

    async fn assert_complete(&self) {
        assert!(self.commit(None));
        let account = self.landing.stand.account();
        let place = Place::bucket(&config(account.s3()), &self.name).expect("a bucket");
        let objects = Objects::in_bucket(account.stores().s3, &self.name);
        assert_tables_are(&objects, &place, &self.landing.landed).await;
        let left = objects.list("landing/").await.expect("a listing");
        assert!(left.is_empty(), "landing objects are removed: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_of_either_batch_over_s3() {
    let landing = Landing::new().await;
    for (number, point) in POINTS.iter().enumerate() {
        let bucket = landing.bucket(&format!("killed-{number}")).await;
        bucket.land(0).await;
        assert!(!bucket.commit(Some(point.name())), "{} was not reached", point.name());
        bucket.land(1).await;
        bucket.commit(Some(point.name()));
        bucket.assert_complete().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_committers_commit_every_row_once_over_s3() {
    let landing = Landing::new().await;
    for racers in [2, 4] {
        let bucket = landing.bucket(&format!("raced-{racers}")).await;
        bucket.land(0).await;
        bucket.race(racers, None);
        bucket.land(1).await;
        bucket.race(racers, None);
        bucket.assert_complete().await;
    }
}

/// A committer that was frozen with its work half done finds its batch, or its landing objects, gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_changes_nothing_over_s3() {
    let landing = Landing::new().await;
    for (number, point) in POINTS.iter().enumerate() {
        let bucket = landing.bucket(&format!("zombie-{number}")).await;
        bucket.land(0).await;
        // It dies here instead of freezing; what it would do next is done by a process that sees the same bucket.
        assert!(!bucket.commit(Some(point.name())), "{} was not reached", point.name());
        assert!(bucket.commit(None));
        bucket.land(1).await;
        assert!(bucket.commit(None));
        // The same objects as the zombie saw, brought back.
        bucket.land(0).await;
        bucket.assert_complete().await;
    }
}

//! Two processes on one data folder: the first owns the stores, the others attach to it over loopback.

use std::time::Duration;

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use e2e::account::store_names;
use e2e::landed::Landed;
use e2e::process::{Laptop, Serving, send};
use e2e::stand::settled;
use shared::stores::Stores;

async fn laptop() -> Laptop {
    Laptop::with(simulator::Settings { people: 12, ..settled() }, "").await
}

/// Plain SDK clients for the endpoints that `serve` announces: nothing of ours but the two addresses.
fn stores(serving: &Serving) -> Stores {
    let credentials = || Credentials::new("local", "local", None, None, "anybody");
    let endpoint = |store: &str| serving.announced[store].as_str().expect("an endpoint").to_owned();
    let s3 = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(endpoint("s3"))
        .build();
    let dynamodb = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(endpoint("dynamodb"))
        .build();
    Stores {
        s3: aws_sdk_s3::Client::from_conf(s3),
        dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
        names: store_names(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_beside_a_server_uses_its_stores_and_anybody_reads_them() {
    let laptop = laptop().await;
    let serving = laptop.serve(&["--no-sync"]).await;
    let status = laptop.run(&["status"]).await;
    assert!(status.status.success(), "{status:#?}");
    let served_by = &status.json["store"]["served_by"];
    assert_eq!(served_by["pid"].as_u64(), serving.child.id().map(u64::from), "{status:#?}");
    assert_eq!(served_by["s3"], serving.announced["s3"]);

    laptop.drain().await;
    laptop.desk().live(40);
    for delivery in laptop.desk().deliveries() {
        assert_eq!(send(laptop.desk(), &delivery, &serving.webhooks()).await, Some(202));
    }
    laptop.settle();
    laptop.drain().await;
    Landed::read(&stores(&serving)).await.assert_is(&laptop.desk().truth());

    assert!(serving.terminate().await.success(), "asked to end, it ends well");
    let status = laptop.run(&["status"]).await;
    assert!(status.json["store"]["served_by"].is_null(), "{status:#?}");
    laptop.landed().await.assert_is(&laptop.desk().truth());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_and_a_sync_that_read_at_the_same_time_land_everything_once() {
    let laptop = laptop().await;
    laptop.desk().set_page_size(5);
    // This one syncs as soon as it runs.
    let serving = laptop.serve(&["--every", "1h"]).await;
    let beside = laptop.run(&["sync"]).await;
    assert!(beside.status.success(), "{beside:#?}");
    for run in beside.runs() {
        let note = run["note"].as_str().unwrap_or_default();
        assert!(run["outcome"] == "caught_up" || note.contains("another run"), "{run:#}");
    }
    for _ in 0..200 {
        let runs = laptop.run(&["sync"]).await.runs();
        if runs.iter().all(|run| run["outcome"] == "caught_up") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Landed::read(&stores(&serving)).await.assert_is(&laptop.desk().truth());
    assert!(serving.terminate().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_after_a_killed_owner_is_the_owner() {
    let laptop = laptop().await;
    let mut serving = laptop.serve(&["--no-sync"]).await;
    serving.child.kill().await.expect("it is ours");
    laptop.drain().await;
    laptop.landed().await.assert_is(&laptop.desk().truth());
}

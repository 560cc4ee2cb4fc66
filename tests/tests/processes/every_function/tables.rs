//! The function that makes the tables: commits, housekeeping, and what may end them.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use e2e::account::only_embedded;
use e2e::lambda_runtime::schedule_event;
use e2e::landed::Landed;
use e2e::process::cloud::Cloud;
use e2e::stand::settled;
use lake::{Place, tables};
use serde_json::json;
use shared::schema::Table;

use super::{MINUTE, answered, ended_while, refuses_nonsense};

const DAY: Duration = Duration::from_hours(24);
/// Housekeeping begins with a table only where two minutes are left.
const LONG: Duration = Duration::from_mins(5);

async fn tickets_in(place: &Place) -> usize {
    let tables = tables(place).await.expect("tables");
    let tickets = tables.into_iter().find(|facts| facts.name == Table::Ticket.name());
    usize::try_from(tickets.expect("a table of tickets").rows).expect("few rows")
}

fn tickets_of(landed: Landed) -> BTreeSet<String> {
    let keys = landed.newest.into_keys();
    keys.filter_map(|(table, key)| (table == Table::Ticket).then_some(key)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lake_lives_through_everything() {
    let cloud = Cloud::start(simulator::Settings { people: 12, ..settled() }).await;
    let place = cloud.account().lake();
    let sync = cloud.spawn("helpdesk-sync", &[]);
    answered(&sync, &schedule_event(), MINUTE).await;
    let mut expected = tickets_of(cloud.landed().await);

    // Ended while it writes the tables, the next one finishes; nothing is there twice.
    let commit = json!({"task": "commit"});
    let write = ("s3:PutObject", "Bucket/lake/");
    ended_while(&cloud.spawn_watched("lake", &[]), &commit, MINUTE, write).await;
    let (lake, asked) = cloud.spawn_watched("lake", &[]);
    let committed = answered(&lake, &commit, MINUTE).await;
    assert!(committed["committed"].is_array(), "{committed}");
    assert_eq!(tickets_in(&place).await, expected.len());
    let left = cloud.landed().await.keys;
    assert!(!left.iter().any(|key| key.starts_with("landing/")), "{left:?}");

    // With hardly any time it answers all the same, and with enough the rest follows.
    cloud.desk().live(30);
    cloud.settle();
    answered(&sync, &schedule_event(), MINUTE).await;
    expected.extend(tickets_of(cloud.landed().await));
    answered(&lake, &schedule_event(), Duration::from_secs(6)).await;
    answered(&lake, &commit, MINUTE).await;
    assert_eq!(tickets_in(&place).await, expected.len());

    refuses_nonsense(&lake).await;
    an_orphan_of_yesterday(&cloud).await;
    let kept = answered(&lake, &json!({"task": "housekeeping"}), LONG).await;
    let kept = kept["housekept"].as_array().expect("tables").clone();
    assert!(kept.iter().any(|table| table["table"] == Table::Ticket.name()), "{kept:#?}");
    assert_eq!(tickets_in(&place).await, expected.len());
    if !only_embedded("a file cannot be made older elsewhere") {
        let vacuumed = kept.iter().filter_map(|table| table["vacuumed"].as_u64()).sum::<u64>();
        assert!(vacuumed > 0, "{kept:#?}");
        assert!(asked.has("s3:DeleteObject", "Bucket/lake/"), "{:#?}", asked.all());
    }
}

/// A file that a commit wrote and did not live to name, two days ago.
async fn an_orphan_of_yesterday(cloud: &Cloud) {
    let key = format!("lake/{}/part-of-nothing.parquet", Table::Ticket.name());
    let bucket = cloud.stores().names.bucket;
    let put = cloud.stores().s3.put_object().bucket(bucket).key(&key);
    put.body(b"PAR1".to_vec().into()).send().await.expect("an object");
    let Some(file) = cloud.account().file(&key) else { return };
    let file = std::fs::File::options().append(true).open(file).expect("the object's file");
    file.set_modified(SystemTime::now() - 2 * DAY).expect("a file can be made older");
}

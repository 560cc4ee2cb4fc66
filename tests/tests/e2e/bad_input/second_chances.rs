//! The quarantine tried again, and the raw zone mapped again.

use std::collections::BTreeMap;

use e2e::landed::Landed;
use e2e::stand::{CONNECTION, Stand};
use shared::hub::Selection;
use shared::landing::{Quarantined, compress};
use shared::schema::Version;
use simulator::zendesk::BadRecord;

fn everything() -> Selection {
    Selection::default()
}

fn versions(landed: &Landed) -> BTreeMap<String, Version> {
    let rows = landed.newest.iter();
    rows.map(|((table, key), row)| (format!("{table} {key}"), row.version())).collect()
}

/// RELIABILITY 37: what does not map yet stays where it is, however often it is tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_keeps_what_still_does_not_map() {
    let stand = Stand::small().await;
    super::add(&stand, &[BadRecord::IdNull, BadRecord::LoneSurrogate, BadRecord::UserIdNull]);
    stand.drain().await;
    let before = stand.landed().await;
    for _ in 0..2 {
        let retried = stand.hub().retry_quarantine(&everything()).await.unwrap();
        assert_eq!((retried.tried, retried.cured, retried.remaining), (3, 0, 3));
    }
    let landed = stand.landed().await;
    assert_eq!((landed.keys, landed.items), (before.keys, before.items));
    stand.recover().await;
}

/// RELIABILITY 37: after the mapping was mended, what maps now lands and leaves the quarantine; the rest stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_lands_what_maps_by_now_and_keeps_the_rest() {
    let stand = Stand::small().await;
    super::add(&stand, &[BadRecord::UserIdNull]);
    stand.drain().await;
    let hub = stand.hub();
    let object = hub.quarantine(&everything()).await.unwrap().remove(0);
    let bad = &object.records[0];
    let record = r#"{"id":4711,"name":"Carla Cured","updated_at":"2026-01-02T03:04:05Z"}"#;
    let record = serde_json::value::RawValue::from_string(record.to_owned()).unwrap();
    let lines: Vec<u8> = [bad, &Quarantined { record, ..bad.clone() }]
        .iter()
        .flat_map(|record| [serde_json::to_vec(record).unwrap(), b"\n".to_vec()].concat())
        .collect();
    let key = format!("quarantine/{CONNECTION}/users/dt=2026-01-02/as-if.ndjson.zst");
    hub.landing().objects().create(&key, compress(&lines).unwrap(), &[]).await.unwrap();
    let retried = hub.retry_quarantine(&everything()).await.unwrap();
    assert_eq!((retried.tried, retried.cured, retried.remaining), (3, 1, 2));
    let landed = stand.landed().await;
    assert!(!landed.keys.contains(&key));
    assert_eq!(landed.quarantined.len(), 2);
    assert_eq!(landed.person(4711).unwrap().name.full.value().unwrap(), "Carla Cured");
    let retried = hub.retry_quarantine(&everything()).await.unwrap();
    assert_eq!((retried.cured, retried.remaining), (0, 2));
    stand.recover().await;
}

/// A replay of good data changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_what_landed_changes_nothing() {
    let stand = Stand::small().await;
    stand.drain().await;
    let before = stand.landed().await;
    let ledger = stand.hub().replay(&everything(), |_, _| {}).await.unwrap();
    assert!(ledger.fetched > 0);
    assert_eq!(ledger.landed, 0, "{ledger:?}");
    ledger.check().unwrap();
    let landed = stand.landed().await;
    assert_eq!((landed.keys, landed.items), (before.keys, before.items));
}

/// A replay of a history with changes leaves the newest version of everything where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_a_history_brings_nothing_old_back() {
    let stand = Stand::small().await;
    let url = stand.serve().await;
    for _ in 0..2 {
        stand.drain().await;
        stand.simulator.zendesk().live(20);
        let plan = simulator::DeliveryPlan::default();
        stand.simulator.zendesk().send_webhooks(&url, &plan).await;
        stand.settle();
    }
    let before = stand.recover().await;
    stand.hub().replay(&everything(), |_, _| {}).await.unwrap();
    let landed = stand.recover().await;
    assert_eq!(versions(&landed), versions(&before));
    assert_eq!(landed.items, before.items);
}

/// The customers table can be lost: a replay of the raw zone rebuilds it, to the last attribute.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_rebuilds_a_lost_customers_table() {
    let stand = Stand::small().await;
    super::add(&stand, &[BadRecord::TagsText, BadRecord::IdNull]);
    stand.drain().await;
    let before = stand.landed().await;
    let stores = stand.own_stores();
    for (pk, sk) in before.items.keys() {
        let value = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
        let delete = stores.dynamodb.delete_item().table_name(&stores.names.customers_table);
        delete.key("pk", value(pk)).key("sk", value(sk)).send().await.unwrap();
    }
    assert!(stand.landed().await.items.is_empty());
    stand.hub().replay(&everything(), |_, _| {}).await.unwrap();
    let landed = stand.recover().await;
    assert_eq!(landed.items, before.items);
    assert_eq!(versions(&landed), versions(&before));
}

//! From all systems into the tables: every version once, the newest where it belongs, nothing of a person elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use ::lake::Place;
use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use bytes::Bytes;
use e2e::account::only_embedded;
use e2e::landed::Landed;
use e2e::stand::Stand;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use shared::budget::Budget;
use shared::landing::Objects;
use shared::schema::{Row, Table};
use simulator::{ConnectionKeys, Settings, Simulator, Vendor};

mod killed;

/// Key, version and digest: what makes a row the one that it is.
type Identity = (String, i64, String);

async fn stand() -> Stand {
    stand_of(|simulator| simulator.vendors().into_iter().map(Vendor::connection).collect()).await
}

/// A small company that has landed from these of its systems.
async fn stand_of(systems: impl FnOnce(&Simulator) -> Vec<ConnectionKeys>) -> Stand {
    let company = Settings { people: 10, days: 60, ..e2e::stand::settled() };
    let stand = Stand::of(company, systems).await;
    stand.drain_all(true).await;
    stand
}

async fn landed(stand: &Stand) -> Landed {
    Landed::read(&stand.stores()).await
}

/// The rows of a table as its files have them, each as often as it is there.
async fn identities(objects: &Objects, place: &Place, table: &str) -> Vec<Identity> {
    let tables = ::lake::tables(place).await.expect("tables");
    let Some(facts) = tables.into_iter().find(|facts| facts.name == table) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for url in facts.urls {
        let path = url.to_string();
        let (_, key) = path.rsplit_once("/lake/").expect("a file of a table");
        let (file, _) = objects.read(&format!("lake/{key}")).await.expect("a file of a table");
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file))
            .expect("Parquet")
            .build()
            .expect("Parquet");
        for batch in reader {
            let batch: RecordBatch = batch.expect("rows");
            let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
            let (keys, versions, digests) =
                (column("record_key"), column("source_version"), column("content_sha256"));
            for row in 0..batch.num_rows() {
                found.push((
                    keys.as_string::<i32>().value(row).to_owned(),
                    versions.as_primitive::<Int64Type>().value(row),
                    digests.as_string::<i32>().value(row).to_owned(),
                ));
            }
        }
    }
    found.sort();
    found
}

fn identity(row: &Row) -> Identity {
    let version = row.version();
    (
        row.provenance.record_key.to_string(),
        version.source_version,
        version.content_sha256.to_string(),
    )
}

async fn assert_tables_are(objects: &Objects, place: &Place, landed: &Landed) {
    let mut expected = BTreeMap::<&str, BTreeSet<Identity>>::new();
    for row in &landed.rows {
        expected.entry(row.table().name()).or_default().insert(identity(row));
    }
    for table in Table::ALL.iter().filter(|table| **table != Table::Interaction) {
        let newest =
            landed.newest.iter().filter(|((of, _), _)| of == table).map(|(_, row)| identity(row));
        let newest: Vec<Identity> = newest.collect::<BTreeSet<_>>().into_iter().collect();
        assert_eq!(identities(objects, place, table.name()).await, newest, "{table}");
        let versions: Vec<Identity> =
            expected.remove(table.name()).unwrap_or_default().into_iter().collect();
        assert_eq!(
            identities(objects, place, &format!("{table}_history")).await,
            versions,
            "{table}_history"
        );
    }
    let told = landed.newest.iter().filter(|((of, _), _)| *of == Table::Interaction);
    let told: Vec<Identity> =
        told.map(|(_, row)| identity(row)).collect::<BTreeSet<_>>().into_iter().collect();
    assert!(told.len() > 50, "the company is too quiet to test with");
    assert_eq!(identities(objects, place, "interactions").await, told);
}

fn both(mut first: Landed, second: Landed) -> Landed {
    for row in second.rows {
        let key = (row.table(), row.provenance.record_key.to_string());
        if row.version().replaces(first.newest.get(&key).map(Row::version)) {
            first.newest.insert(key, row.clone());
        }
        first.rows.push(row);
    }
    first
}

async fn all_systems_arrive(stand: &Stand, place: &Place) {
    let landed = landed(stand).await;
    let objects = Objects::new(&stand.own_stores());
    let committed = ::lake::commit(place, Budget::unlimited()).await.expect("a commit");
    assert_eq!(committed.len(), 1);
    assert_tables_are(&objects, place, &landed).await;
    let left = Landed::read(&stand.stores()).await;
    assert!(left.rows.is_empty(), "landing objects are removed");

    // A second pass over everything lands little, and the tables are those of both.
    stand.drain_all(true).await;
    let landed = both(landed, Landed::read(&stand.stores()).await);
    ::lake::commit(place, Budget::unlimited()).await.expect("a commit");
    assert_tables_are(&objects, place, &landed).await;
    let ledger = ::lake::tables(place)
        .await
        .expect("tables")
        .into_iter()
        .find(|facts| facts.name == "ledger");
    assert!(ledger.is_some_and(|facts| facts.rows > 10), "runs are reported");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_systems_arrive_in_the_tables_through_s3() {
    let stand = stand().await;
    all_systems_arrive(&stand, &stand.account().lake()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_systems_arrive_in_the_tables_of_a_folder() {
    if only_embedded("a bucket elsewhere is no folder") {
        return;
    }
    let stand = stand().await;
    let folder = stand.account().folder().expect("embedded, the bucket is a folder");
    all_systems_arrive(&stand, &folder).await;
}

//! Landed rows, a folder to land them in, and the tables read back.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use lake::{Committed, LakeError, Place};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value, json};
use shared::budget::Budget;
use shared::landing::compress;
use shared::schema::{
    Entity, Interaction, InteractionKind, Nothing, PersonRecord, Provenance, RecordKey, Row,
    SCHEMA_VERSION, Sha256, Timestamp,
};
use tempfile::TempDir;

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: i64 = 1_767_225_600_000_000;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NEW_YEAR + seconds * 1_000_000).unwrap()
}

/// A deployment in a folder.
pub(crate) struct Lake {
    folder: TempDir,
    pub(crate) place: Place,
}

impl Lake {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::folder(folder.path()).unwrap();
        Self { folder, place }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Lands lines as one object.
    pub(crate) fn land(&self, name: &str, lines: &[String]) {
        land(self.path(), name, lines);
    }

    pub(crate) async fn commit(&self) -> Result<Vec<Committed>, LakeError> {
        lake::commit(&self.place, Budget::unlimited()).await
    }

    /// The rows of a table, each as JSON, in an order of their own.
    pub(crate) async fn rows(&self, table: &str) -> Vec<Value> {
        let tables = lake::tables(&self.place).await.unwrap();
        let Some(facts) = tables.into_iter().find(|facts| facts.name == table) else {
            return Vec::new();
        };
        let mut rows: Vec<Value> =
            facts.urls.iter().flat_map(|url| read(&url.to_file_path().unwrap())).collect();
        rows.sort_by_key(ToString::to_string);
        rows
    }

    /// Every table with its rows.
    pub(crate) async fn everything(&self) -> BTreeMap<String, Vec<Value>> {
        let mut all = BTreeMap::new();
        for facts in lake::tables(&self.place).await.unwrap() {
            all.insert(facts.name.clone(), self.rows(&facts.name).await);
        }
        all
    }

    /// Every file below a folder of the deployment.
    pub(crate) fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.path().join(below)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { found.push(path) }
            }
        }
        found
    }
}

/// The key of an object follows from its rows, as in the landing zone.
fn land(folder: &Path, name: &str, lines: &[String]) {
    let rows = lines.concat();
    let digest = Sha256::of(rows.as_bytes());
    let file = folder.join(format!("landing/desk/people/dt=2026-01-01/{name}-{digest}.ndjson.zst"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, compress(rows.as_bytes()).unwrap()).unwrap();
}

fn read(file: &Path) -> Vec<Value> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap())
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<RecordBatch> = reader.collect::<Result<_, _>>().unwrap();
    let mut writer = arrow::json::ArrayWriter::new(Vec::new());
    writer.write_batches(&batches.iter().collect::<Vec<_>>()).unwrap();
    writer.finish().unwrap();
    let rows: Option<Vec<Map<String, Value>>> = serde_json::from_slice(&writer.into_inner()).ok();
    rows.unwrap_or_default().into_iter().map(Value::Object).collect()
}

fn provenance(object: &str, id: &str, version: i64, received: i64) -> Provenance {
    Provenance {
        record_key: RecordKey::new("zendesk", "desk", object, id),
        source: "zendesk".into(),
        connection_id: "desk".into(),
        source_object: object.into(),
        source_id: id.to_owned(),
        source_version: at(version).as_micros(),
        source_updated_at: Some(at(version)),
        occurred_at: None,
        received_at: at(received),
        ingested_at: at(received),
        raw_key: format!("raw/{received}#0"),
        mapper_version: 1,
        schema_version: SCHEMA_VERSION,
        content_sha256: Sha256::default(),
        deleted: false,
        subject_key: None,
    }
}

fn line(provenance: Provenance, entity: Entity) -> String {
    let (row, content) = Row::seal(provenance, entity);
    let mut line = Vec::new();
    row.write_line(&content.bytes, &mut line);
    String::from_utf8(line).unwrap()
}

/// A version of a person, received at some second.
pub(crate) fn person(id: &str, version: i64, name: &str, received: i64) -> String {
    let mut person = PersonRecord::default();
    person.name.full = name.into();
    person.tags = vec!["vip".to_owned()];
    person.ext.insert("note".into(), json!(name).to_string().into());
    line(provenance("user", id, version, received), person.into())
}

/// An email that a person opened, known by the vendor's id.
pub(crate) fn sent(person: &str, event: &str, second: i64, received: i64) -> String {
    let subject = RecordKey::new("zendesk", "desk", "user", person);
    let told =
        Interaction::new(InteractionKind::EmailSent(Nothing {}), subject, at(second), Some(event));
    line(provenance("event", event, second, received), told.into())
}

pub(crate) fn names(rows: &[Value]) -> Vec<(&str, &str)> {
    let mut names: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["source_id"].as_str().unwrap(), row["name"]["full"].as_str().unwrap()))
        .collect();
    names.sort_unstable();
    names
}

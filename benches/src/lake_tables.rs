//! What tables cost: from landing objects in a folder to committed Delta tables, by CPU second of this process.

use std::fs;
use std::path::Path;
use std::time::Instant;

use lake::Place;
use nix::sys::resource::{UsageWho, getrusage};
use shared::budget::Budget;
use shared::landing::compress;
use shared::schema::{
    Entity, Interaction, InteractionKind, Nothing, PersonRecord, Provenance, RecordKey, Row,
    SCHEMA_VERSION, Sha256, Timestamp,
};

use crate::pull::cpu_seconds;

/// Rows of a landing object, as of a page.
const PAGE: usize = 1_000;
/// 2026-01-01T00:00:00Z, in microseconds.
const NEW_YEAR: i64 = 1_767_225_600_000_000;

fn at(seconds: usize) -> Timestamp {
    Timestamp::from_micros(NEW_YEAR + i64::try_from(seconds).expect("few seconds") * 1_000_000)
        .expect("a time of this decade")
}

fn provenance(object: &str, id: String, second: usize) -> Provenance {
    Provenance {
        record_key: RecordKey::new("zendesk", "desk", object, &id),
        source: "zendesk".into(),
        connection_id: "desk".into(),
        source_object: object.into(),
        source_id: id,
        source_version: at(second).as_micros(),
        source_updated_at: Some(at(second)),
        occurred_at: None,
        received_at: at(second + 60),
        ingested_at: at(second + 61),
        raw_key: format!(
            "raw/source=zendesk/connection=desk/stream=users/dt=2026-01-01/{second:064x}.json.zst#7"
        ),
        mapper_version: 1,
        schema_version: SCHEMA_VERSION,
        content_sha256: Sha256::default(),
        deleted: false,
        subject_key: None,
    }
}

fn write(provenance: Provenance, entity: Entity, out: &mut Vec<u8>) {
    let (row, content) = Row::seal(provenance, entity);
    row.write_line(&content.bytes, out);
}

fn person(number: usize, second: usize, out: &mut Vec<u8>) {
    let mut person = PersonRecord::default();
    person.name.full = format!("Person {number} of {second}").as_str().into();
    person.tags = vec!["vip".to_owned(), format!("t{}", number % 40)];
    person.created_at = Some(at(number % 1_000));
    for field in ["locale", "role", "shared", "time_zone"] {
        person.ext.insert(field.into(), format!("\"{}\"", number % 17).into());
    }
    write(provenance("user", number.to_string(), second), person.into(), out);
}

fn opened(number: usize, out: &mut Vec<u8>) {
    let subject = RecordKey::new("zendesk", "desk", "user", &(number % 9_973).to_string());
    let event = format!("evt-{number:012}");
    let told =
        Interaction::new(InteractionKind::EmailSent(Nothing {}), subject, at(number), Some(&event));
    write(provenance("event", event, number), told.into(), out);
}

/// Lands rows in pages; returns how many bytes the lines had.
fn land(folder: &Path, name: &str, rows: usize, row: impl Fn(usize, &mut Vec<u8>)) -> usize {
    let folder = folder.join("landing/desk/stream/dt=2026-01-01");
    fs::create_dir_all(&folder).expect("a folder");
    let mut bytes = 0;
    for first in (0..rows).step_by(PAGE) {
        let mut lines = Vec::new();
        (first..rows.min(first + PAGE)).for_each(|number| row(number, &mut lines));
        bytes += lines.len();
        let key = folder.join(format!("{name}-{first:09}.ndjson.zst"));
        fs::write(key, compress(&lines).expect("zstd")).expect("an object");
    }
    bytes
}

fn cpu() -> f64 {
    cpu_seconds(&getrusage(UsageWho::RUSAGE_SELF).expect("rusage"))
}

fn rss() -> i64 {
    getrusage(UsageWho::RUSAGE_SELF).expect("rusage").max_rss() / 1024
}

async fn commit(place: &Place, what: &str, rows: usize, bytes: usize) {
    let (before, started) = (cpu(), Instant::now());
    let batches = lake::commit(place, Budget::unlimited()).await.expect("a commit");
    let (used, took) = (cpu() - before, started.elapsed().as_secs_f64());
    println!(
        "{what}: {rows} rows of {} bytes in {} batches: {:.0} rows per CPU second ({used:.1} s CPU, {took:.1} s), peak RSS {} MB",
        bytes / rows.max(1),
        batches.len(),
        rows as f64 / used,
        rss()
    );
}

pub(crate) async fn run(interactions: usize, people: usize, changes: usize, commits: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::folder(folder.path()).expect("a place");

    let bytes = land(folder.path(), "facts", interactions, opened);
    commit(&place, "interactions, appended", interactions, bytes).await;

    let bytes = land(folder.path(), "people", people, |number, out| person(number, 1, out));
    commit(&place, "people, all new", people, bytes).await;
    let spread = (people / changes.max(1)).max(1);
    let bytes =
        land(folder.path(), "changes", changes, |number, out| person(number * spread, 2, out));
    commit(&place, &format!("people, folded into {people}"), changes, bytes).await;

    let folder = tempfile::tempdir().expect("a folder");
    let place = Place::folder(folder.path()).expect("a place");
    for number in 0..commits {
        land(folder.path(), &format!("small-{number}"), 1, |_, out| opened(number, out));
        lake::commit(&place, Budget::unlimited()).await.expect("a commit");
    }
    land(folder.path(), "last", 20, |number, out| opened(commits + number, out));
    let started = Instant::now();
    lake::commit(&place, Budget::unlimited()).await.expect("a commit");
    println!(
        "a small batch after {commits} commits: {:.0} ms",
        started.elapsed().as_secs_f64() * 1_000.0
    );
}

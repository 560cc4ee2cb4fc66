//! Numbered batches: which landing objects make batch `n`. Order and membership are fixed before anything is built.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use shared::clock;
use shared::schema::Timestamp;

use crate::error::LakeError;
use crate::place::Place;

/// The zones whose objects become rows, in the order in which they are taken.
const ZONES: &[&str] = &["landing/", "reports/"];

/// What one batch holds at the most, compressed; a row takes about 120 bytes of it, and 1 KB in memory.
const LARGEST_BATCH: u64 = 16 * 1024 * 1024;

/// How many objects it holds at the most.
const MOST_OBJECTS: usize = 10_000;

/// Which landing objects make a batch: `manifests/000000000123.json`, written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// When it was written.
    pub(crate) created_at: Timestamp,
    /// The keys of its landing objects.
    pub(crate) objects: Vec<String>,
}

/// What became of a batch: `manifests/000000000123.done.json`, written before its landing objects are removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Committed {
    /// The number of the batch, and the transaction version of the tables it changed.
    pub batch: u64,
    /// Its landing objects.
    pub objects: usize,
    /// Their rows by table.
    pub tables: BTreeMap<String, Folded>,
}

/// What a batch did to a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// Rows that landed for it.
    pub rows: u64,
    /// Rows that are new or replace an older version.
    pub added: u64,
    /// Rows that gave way to a newer version.
    pub replaced: u64,
    /// Files written.
    pub files: u64,
}

/// The newest batch, and whether it is committed.
#[derive(Debug)]
pub(crate) struct Newest {
    pub(crate) number: u64,
    pub(crate) is_done: bool,
}

fn key(number: u64) -> String {
    format!("manifests/{number:012}.json")
}

fn done_key(number: u64) -> String {
    format!("manifests/{number:012}.done.json")
}

/// The newest batch, if there has been any.
pub(crate) async fn newest(place: &Place) -> Result<Option<Newest>, LakeError> {
    let mut newest: Option<Newest> = None;
    for (key, _) in place.list("manifests/").await? {
        let Some(number) = number_of(&key) else { continue };
        let is_done = key.ends_with(".done.json");
        match &mut newest {
            Some(found) if found.number == number => found.is_done |= is_done,
            Some(found) if found.number > number => {}
            _ => newest = Some(Newest { number, is_done }),
        }
    }
    Ok(newest)
}

/// The manifest of a batch.
pub(crate) async fn read(place: &Place, number: u64) -> Result<Manifest, LakeError> {
    let key = key(number);
    let Some(bytes) = place.read(&key).await? else {
        return Err(LakeError::store(format!("reading {key}"), "it is gone"));
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| LakeError::store(format!("reading {key}"), error))
}

/// Writes the next manifest from what has landed; nothing when nothing has, or when another committer wrote it first.
///
/// Objects of the batch before are removed: that batch is committed, and only their removal was interrupted. If one has
/// landed anew since, its key says that it holds the same rows.
pub(crate) async fn write(
    place: &Place,
    number: u64,
    before: &[String],
) -> Result<Option<Manifest>, LakeError> {
    let (mut objects, mut left) = (Vec::new(), Vec::new());
    let mut bytes = 0;
    let before: HashSet<&str> = before.iter().map(String::as_str).collect();
    for zone in ZONES {
        for (key, object) in place.list(zone).await? {
            if before.contains(key.as_str()) {
                left.push(key);
                continue;
            }
            if !objects.is_empty()
                && (bytes + object.size > LARGEST_BATCH || objects.len() >= MOST_OBJECTS)
            {
                break;
            }
            bytes += object.size;
            objects.push(key);
        }
    }
    place.remove(&left).await?;
    if objects.is_empty() {
        return Ok(None);
    }
    let manifest = Manifest { created_at: clock::now(), objects };
    let created = place.create(&key(number), json(&manifest)?).await?;
    Ok(created.then_some(manifest))
}

/// Whether the batch is committed by whomever.
pub(crate) async fn is_done(place: &Place, number: u64) -> Result<bool, LakeError> {
    Ok(place.read(&done_key(number)).await?.is_some())
}

/// Says that a batch is in all its tables.
pub(crate) async fn finish(place: &Place, committed: &Committed) -> Result<(), LakeError> {
    place.create(&done_key(committed.batch), json(committed)?).await.map(drop)
}

/// Removes the manifests before this number; the newest one keeps the count, with what became of it.
pub(crate) async fn forget_before(place: &Place, number: u64) -> Result<(), LakeError> {
    let keys = place.list("manifests/").await?.into_iter().map(|(key, _)| key);
    let old: Vec<String> =
        keys.filter(|key| number_of(key).is_some_and(|of| of < number)).collect();
    place.remove(&old).await
}

/// The number of a manifest, or of what became of it.
fn number_of(key: &str) -> Option<u64> {
    key.trim_start_matches("manifests/").split('.').next()?.parse().ok()
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, LakeError> {
    serde_json::to_vec_pretty(value).map_err(|error| LakeError::Columns(error.into()))
}

//! What keeps tables small and quick: merged files, checkpoints, short logs, and nothing left behind.

use std::collections::BTreeMap;
use std::time::Duration;

use deltalake_core::checkpoints::{cleanup_metadata, create_checkpoint};
use deltalake_core::operations::vacuum::VacuumMode;
use serde::Serialize;
use shared::budget::Budget;

use crate::committer::compact;
use crate::error::LakeError;
use crate::layout::{Kind, Layout, layouts};
use crate::manifest;
use crate::place::Place;
use crate::table::{DataFile, LakeTable, Why};

/// A file of this size is left alone.
const LARGE: u64 = 48 * 1024 * 1024;

/// What a merge writes at the most.
const LARGEST: u64 = 96 * 1024 * 1024;

/// What a table may take of the time that is left; the rest waits for the next night.
const ENOUGH: Duration = Duration::from_mins(2);

/// What was done to a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Housekept {
    /// The table.
    pub table: String,
    /// Small files that were merged, and what they became.
    pub merged: usize,
    /// Files that they became.
    pub into: usize,
    /// Files that nothing refers to any longer, removed.
    pub vacuumed: usize,
    /// Entries of the log that were removed.
    pub log_entries: usize,
}

/// Does the nightly work on every table, as far as the budget goes. Files that no longer belong to a table stay for
/// `keep`, for queries that began before.
pub async fn housekeep(
    place: &Place,
    keep: Duration,
    budget: Budget,
) -> Result<Vec<Housekept>, LakeError> {
    let mut kept = Vec::new();
    for layout in layouts() {
        if !budget.allows(ENOUGH) {
            break;
        }
        if let Some(done) = table(place, layout, keep).await? {
            kept.push(done);
        }
    }
    if let Some(newest) = manifest::newest(place).await? {
        manifest::forget_before(place, newest.number).await?;
    }
    Ok(kept)
}

async fn table(
    place: &Place,
    layout: &'static Layout,
    keep: Duration,
) -> Result<Option<Housekept>, LakeError> {
    let Some(mut table) = LakeTable::open(place, layout).await? else { return Ok(None) };
    let mut done = Housekept { table: layout.name.clone(), ..Housekept::default() };
    for (partition, files) in crowded(layout, table.files()?) {
        let merged = files.len();
        let change = compact(&table, &partition, files).await?;
        let into = change.added.len();
        match table.commit(change, Why::Housekeeping).await {
            Ok(_) => {
                done.merged += merged;
                done.into += into;
                table = LakeTable::open_or_create(place, layout).await?;
            }
            // The committer was faster; the next night will do.
            Err(LakeError::Overtaken { .. }) => break,
            Err(error) => return Err(error),
        }
    }
    let failed = |what| move |error| LakeError::table(&layout.name, what, error);
    let table = table.into_inner();
    create_checkpoint(&table, None).await.map_err(failed("the checkpoint"))?;
    done.log_entries = cleanup_metadata(&table, None).await.map_err(failed("cleaning the log"))?;
    let keep = chrono::Duration::from_std(keep)
        .map_err(|error| LakeError::Setting(format!("keep: {error}")))?;
    let (_, vacuumed) = table
        .vacuum()
        .with_mode(VacuumMode::Full)
        .with_retention_period(keep)
        .with_enforce_retention_duration(false)
        .await
        .map_err(failed("the vacuum"))?;
    done.vacuumed = vacuumed.files_deleted.len();
    Ok(Some(done))
}

/// Partitions with several small files, and which of them fit into one.
fn crowded(layout: &Layout, files: Vec<DataFile>) -> Vec<(String, Vec<DataFile>)> {
    let mut by_partition = BTreeMap::<String, Vec<DataFile>>::new();
    for file in files {
        if layout.kind == Kind::Current || file.bytes < LARGE {
            by_partition.entry(file.partition.clone()).or_default().push(file);
        }
    }
    let mut groups = Vec::new();
    for (partition, files) in by_partition {
        let mut group = Vec::new();
        let mut bytes = 0;
        for file in files {
            if layout.kind == Kind::Log && bytes + file.bytes > LARGEST {
                groups.push((partition.clone(), std::mem::take(&mut group)));
                bytes = 0;
            }
            bytes += file.bytes;
            group.push(file);
        }
        groups.push((partition, group));
    }
    groups.retain(|(_, group)| group.len() > 1);
    groups
}

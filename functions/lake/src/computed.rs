//! Tables that are computed from others and replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::json::{LineDelimitedWriter, ReaderBuilder};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::committer::ROWS_OF_A_BUCKET;
use crate::error::LakeError;
use crate::fold::{Buckets, by_partition, gathered};
use crate::layout::{Layout, layouts};
use crate::place::Place;
use crate::table::{Change, FileWriter, LakeTable, Why};

/// Rows that are encoded at a time.
const ROWS: usize = 8 * 1024;

fn layout_of(name: &str) -> Result<&'static Layout, LakeError> {
    let layout = layouts().iter().find(|layout| layout.name == name);
    layout.ok_or_else(|| LakeError::Setting(format!("there is no table {name}")))
}

/// Reads some columns of a table, row by row, as whatever has fields of these names; nothing if there is no such table yet.
pub async fn read<T: DeserializeOwned>(
    place: &Place,
    name: &str,
    columns: &[&str],
    mut each: impl FnMut(T),
) -> Result<(), LakeError> {
    let Some(table) = LakeTable::open(place, layout_of(name)?).await? else { return Ok(()) };
    for file in table.files()? {
        table.read(&file, Some(columns), |batch| rows(&batch, &mut each)).await?;
    }
    Ok(())
}

fn rows<T: DeserializeOwned>(
    batch: &RecordBatch,
    each: &mut impl FnMut(T),
) -> Result<(), LakeError> {
    let mut writer = LineDelimitedWriter::new(Vec::new());
    writer.write(batch)?;
    writer.finish()?;
    let lines = writer.into_inner();
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        // The error's own words may quote a person's data.
        let row = serde_json::from_slice(line)
            .map_err(|_| LakeError::Columns("a row does not fit what it is read as".into()))?;
        each(row);
    }
    Ok(())
}

/// Puts these rows in the place of all that the table holds; readers see the old ones or the new ones.
pub async fn replace<T: Serialize>(place: &Place, name: &str, rows: &[T]) -> Result<(), LakeError> {
    let layout = layout_of(name)?;
    let table = LakeTable::open_or_create(place, layout).await?;
    let mut depth = 0;
    while rows.len() as u64 >> depth > ROWS_OF_A_BUCKET {
        depth += 1;
    }
    let buckets = Buckets::of_depth(depth);
    let mut writers = BTreeMap::<String, FileWriter>::new();
    let mut decoder =
        ReaderBuilder::new(Arc::clone(&layout.columns)).with_batch_size(ROWS).build_decoder()?;
    for rows in rows.chunks(ROWS) {
        decoder.serialize(rows)?;
        let Some(batch) = decoder.flush()? else { continue };
        let all = (0..batch.num_rows()).map(|row| (0, row)).collect();
        let batch = [batch];
        for (bucket, rows) in by_partition(layout, &batch, all, &buckets)? {
            if !writers.contains_key(&bucket) {
                writers.insert(bucket.clone(), FileWriter::new(&table, &bucket)?);
            }
            if let Some(writer) = writers.get_mut(&bucket) {
                gathered(&batch, &rows)?.iter().try_for_each(|rows| writer.push(rows))?;
            }
        }
    }
    let mut change = Change { added: Vec::new(), removed: table.files()? };
    for writer in writers.into_values() {
        change.added.push(writer.finish(&table).await?);
    }
    table.commit(change, Why::Replacement).await.map(drop)
}

//! What is in the tables: for `tributary tables`, and for readers that want the files themselves.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Serialize;
use serde_json::Value;
use shared::schema::Timestamp;
use url::Url;

use crate::error::LakeError;
use crate::layout::{Layout, layouts};
use crate::place::Place;
use crate::table::LakeTable;

/// Logs that are read at the same time.
const LOGS_AT_ONCE: usize = 8;

/// A table as it is now.
#[derive(Debug, Clone, Serialize)]
pub struct TableFacts {
    /// Its name.
    #[serde(rename = "table")]
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Its files.
    pub files: usize,
    /// What they take, compressed.
    pub bytes: u64,
    /// The version of its log.
    pub version: u64,
    /// The last batch that changed it.
    pub batch: Option<u64>,
    /// When the newest of its rows was received.
    pub fresh_at: Option<Timestamp>,
    /// Its columns.
    #[serde(skip)]
    pub columns: SchemaRef,
    /// Where its files are.
    #[serde(skip)]
    pub urls: Vec<Url>,
}

/// Every table that exists, in the order in which they are shown.
pub async fn tables(place: &Place) -> Result<Vec<TableFacts>, LakeError> {
    let facts = layouts().iter().map(|layout| facts_of(place, layout));
    let found: Vec<Option<TableFacts>> =
        stream::iter(facts).buffered(LOGS_AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

async fn facts_of(place: &Place, layout: &'static Layout) -> Result<Option<TableFacts>, LakeError> {
    match LakeTable::open(place, layout).await? {
        None => Ok(None),
        Some(table) => facts(place, layout, &table).await.map(Some),
    }
}

/// Every table, whether it exists yet or not, with the columns that this version gives it.
pub fn columns_of_tables() -> impl Iterator<Item = (&'static str, SchemaRef)> {
    layouts().iter().map(|layout| (layout.name.as_str(), Arc::clone(&layout.columns)))
}

async fn facts(place: &Place, layout: &Layout, table: &LakeTable) -> Result<TableFacts, LakeError> {
    let files = table.files()?;
    let newest = files.iter().filter_map(|file| {
        let statistics: Value = serde_json::from_str(file.statistics.as_deref()?).ok()?;
        let at = statistics["maxValues"]
            .get("received_at")
            .or_else(|| statistics["maxValues"].get("started_at"))?;
        Timestamp::parse_rfc3339(at.as_str()?).ok()
    });
    let urls =
        files.iter().map(|file| place.url_of(&format!("lake/{}/{}", layout.name, file.path)));
    let urls = urls.collect::<Result<Vec<Url>, LakeError>>()?;
    Ok(TableFacts {
        name: layout.name.clone(),
        rows: files.iter().map(|file| file.rows).sum(),
        files: files.len(),
        bytes: files.iter().map(|file| file.bytes).sum(),
        version: table.version(),
        batch: table.batch().await?,
        fresh_at: newest.max(),
        columns: Arc::clone(&table.columns),
        urls,
    })
}

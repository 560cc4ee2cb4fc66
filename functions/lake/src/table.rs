//! One Delta table: its log, its files, and the commit that changes them.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::{max, max_string, min, min_string};
use arrow::datatypes::{DataType, Int64Type, Schema, SchemaRef, TimestampMicrosecondType};
use bytes::Bytes;
use deltalake_core::DeltaTable;
use deltalake_core::kernel::engine::arrow_conversion::{TryIntoArrow as _, TryIntoKernel as _};
use deltalake_core::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake_core::kernel::{Action, Add, Remove, StructType, Transaction};
use deltalake_core::logstore::LogStoreRef;
use deltalake_core::operations::create::CreateBuilder;
use deltalake_core::protocol::{DeltaOperation, SaveMode};
use deltalake_core::{DeltaTableError, TableProperty};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, TryFutureExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use shared::clock;
use uuid::Uuid;

use crate::columns::{columns_of, covers, fitted, merged, of_columns};
use crate::error::LakeError;
use crate::layout::Layout;
use crate::place::Place;

/// Whose transaction version numbers the batches.
const COMMITTER: &str = "committer";

/// Rows that a row group holds at the most.
const ROW_GROUP: usize = 128 * 1024;

/// Columns whose values hardly ever repeat: a dictionary of them is all cost.
const UNREPEATED: &[&str] =
    &["record_key", "source_id", "interaction_id", "raw_key", "content_sha256"];

/// A table as it was when it was opened.
pub(crate) struct LakeTable {
    pub(crate) layout: &'static Layout,
    table: DeltaTable,
    /// The columns in files: those of the layout, and those that another version added.
    pub(crate) columns: SchemaRef,
    /// The table's schema with what this version adds to it, where it adds something.
    grown: Option<DataType>,
}

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataFile {
    /// Its key below the table's folder.
    pub(crate) path: String,
    pub(crate) partition: String,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) statistics: Option<String>,
}

/// What a commit changes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) added: Vec<DataFile>,
    pub(crate) removed: Vec<DataFile>,
}

/// What a commit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The batch of this number.
    Batch(u64),
    /// Other rows in the place of all.
    Replacement,
    /// The same rows in other files.
    Housekeeping,
}

impl Why {
    fn changes_rows(self) -> bool {
        self != Self::Housekeeping
    }
}

impl LakeTable {
    /// Opens a table, or says that there is none yet.
    pub(crate) async fn open(
        place: &Place,
        layout: &'static Layout,
    ) -> Result<Option<Self>, LakeError> {
        let log = place.log_of(&layout.name)?;
        let exists = log.is_delta_table_location().await;
        if !exists.map_err(|error| LakeError::table(&layout.name, "looking for the log", error))? {
            return Ok(None);
        }
        Self::load(layout, log).await.map(Some)
    }

    /// Opens a table, creating it if it is missing.
    pub(crate) async fn open_or_create(
        place: &Place,
        layout: &'static Layout,
    ) -> Result<Self, LakeError> {
        if let Some(table) = Self::open(place, layout).await? {
            return Ok(table);
        }
        let log = place.log_of(&layout.name)?;
        let partition = layout.partition();
        let columns = layout.columns.fields().iter().map(|field| (**field).clone());
        let partition_field = arrow::datatypes::Field::new(partition, DataType::Utf8, true);
        let columns = Schema::new(columns.chain([partition_field]).collect::<Vec<_>>());
        let columns: StructType = (&columns).try_into_kernel()?;
        let statistics: Vec<&str> = layout.statistics().collect();
        let created = CreateBuilder::new()
            .with_log_store(Arc::clone(&log))
            .with_table_name(layout.name.as_str())
            .with_columns(columns.fields().cloned())
            .with_partition_columns([partition])
            .with_save_mode(SaveMode::Ignore)
            .with_configuration_property(
                TableProperty::DataSkippingStatsColumns,
                Some(statistics.join(",")),
            )
            .with_configuration_property(
                TableProperty::LogRetentionDuration,
                Some("interval 7 days"),
            )
            .with_configuration_property(
                TableProperty::DeletedFileRetentionDuration,
                Some("interval 1 days"),
            )
            .await;
        match created {
            Err(error) if !another_was_first(&error) => {
                return Err(LakeError::table(&layout.name, "creating the log", error));
            }
            _ => {}
        }
        Self::load(layout, log).await
    }

    async fn load(layout: &'static Layout, log: LogStoreRef) -> Result<Self, LakeError> {
        let mut table = DeltaTable::new(log);
        table
            .load()
            .await
            .map_err(|error| LakeError::table(&layout.name, "reading the log", error))?;
        let known: Schema = snapshot(layout, &table)?.schema().as_ref().try_into_arrow()?;
        let (ours, known) = (of_columns(&layout.columns), of_columns(&known));
        let columns = columns_of(merged(&ours, &known), |name| name != layout.partition());
        let grown = (!covers(&known, &ours)).then(|| merged(&known, &ours));
        Ok(Self { layout, table, columns: Arc::new(columns), grown })
    }

    /// The version of the log.
    pub(crate) fn version(&self) -> u64 {
        self.table.version().unwrap_or_default()
    }

    /// The last batch that is in it.
    pub(crate) async fn batch(&self) -> Result<Option<u64>, LakeError> {
        let log = self.table.log_store();
        let version =
            snapshot(self.layout, &self.table)?.transaction_version(log.as_ref(), COMMITTER).await;
        let version = version
            .map_err(|error| LakeError::table(&self.layout.name, "reading the log", error))?;
        Ok(version.and_then(|version| u64::try_from(version).ok()))
    }

    /// Its files.
    pub(crate) fn files(&self) -> Result<Vec<DataFile>, LakeError> {
        let partition = self.layout.partition();
        let log = snapshot(self.layout, &self.table)?.log_data();
        Ok(log
            .iter()
            .map(|file| DataFile {
                path: file.path().into_owned(),
                partition: file
                    .partition_values_map()
                    .remove(partition)
                    .flatten()
                    .unwrap_or_default(),
                bytes: u64::try_from(file.size()).unwrap_or_default(),
                rows: file.num_records().unwrap_or_default() as u64,
                statistics: file.stats(),
            })
            .collect())
    }

    fn store(&self) -> Arc<dyn ObjectStore> {
        self.table.object_store()
    }

    /// Reads a file a batch at a time: some columns, or all; columns that it lacks are null.
    pub(crate) async fn read<F>(
        &self,
        file: &DataFile,
        only: Option<&[&str]>,
        mut each: F,
    ) -> Result<(), LakeError>
    where
        F: FnMut(RecordBatch) -> Result<(), LakeError>,
    {
        let reader = ObjectReader {
            store: self.store(),
            path: Path::from(file.path.as_str()),
            size: file.bytes,
        };
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await?;
        let wanted = match only {
            None => Arc::clone(&self.columns),
            Some(names) => {
                let fields = names.iter().map(|name| self.columns.field_with_name(name).cloned());
                Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?))
            }
        };
        let in_file = builder.schema();
        let roots = wanted.fields().iter().filter_map(|field| in_file.index_of(field.name()).ok());
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let mut batches = builder.with_projection(mask).with_batch_size(16 * 1024).build()?;
        while let Some(batch) = batches.try_next().await? {
            each(fitted(&batch, &wanted)?)?;
        }
        Ok(())
    }

    /// Commits a change. Never tried again on a newer version: a rewrite of
    /// files that another committer has changed would lose its rows.
    pub(crate) async fn commit(&self, change: Change, why: Why) -> Result<u64, LakeError> {
        let partition = self.layout.partition();
        let values =
            |file: &DataFile| HashMap::from([(partition.to_owned(), Some(file.partition.clone()))]);
        let now = clock::now().as_micros() / 1000;
        let is_append = change.removed.is_empty();
        let mut actions = Vec::with_capacity(change.added.len() + change.removed.len() + 1);
        if let Some(grown) = &self.grown {
            actions.push(Action::Metadata(self.with_columns(grown.clone())?));
        }
        actions.extend(change.removed.iter().map(|file| {
            Action::Remove(Remove {
                path: file.path.clone(),
                data_change: why.changes_rows(),
                deletion_timestamp: Some(now),
                extended_file_metadata: Some(true),
                partition_values: Some(values(file)),
                size: i64::try_from(file.bytes).ok(),
                ..Remove::default()
            })
        }));
        actions.extend(change.added.iter().map(|file| {
            Action::Add(Add {
                path: file.path.clone(),
                partition_values: values(file),
                size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
                modification_time: now,
                data_change: why.changes_rows(),
                stats: file.statistics.clone(),
                tags: None,
                deletion_vector: None,
                base_row_id: None,
                default_row_commit_version: None,
                clustering_provider: None,
            })
        }));
        let mut properties =
            CommitProperties::default().with_max_retries(0).with_cleanup_expired_logs(Some(false));
        if let Why::Batch(number) = why {
            let version = i64::try_from(number).unwrap_or(i64::MAX);
            properties =
                properties.with_application_transaction(Transaction::new(COMMITTER, version));
        }
        let operation = DeltaOperation::Write {
            mode: if is_append { SaveMode::Append } else { SaveMode::Overwrite },
            partition_by: Some(vec![partition.to_owned()]),
            predicate: None,
        };
        let committed = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot(self.layout, &self.table)?), self.table.log_store(), operation)
            .await;
        match committed {
            Ok(committed) => Ok(committed.version()),
            Err(error) if another_was_first(&error) => {
                Err(LakeError::Overtaken { table: self.layout.name.clone() })
            }
            Err(error) => Err(LakeError::table(&self.layout.name, "the commit", error)),
        }
    }

    fn with_columns(
        &self,
        columns: DataType,
    ) -> Result<deltalake_core::kernel::Metadata, LakeError> {
        use deltalake_core::kernel::MetadataExt as _;
        let schema: StructType = (&columns_of(columns, |_| true)).try_into_kernel()?;
        let metadata = snapshot(self.layout, &self.table)?.metadata().clone();
        metadata
            .with_schema(&schema)
            .map_err(|error| LakeError::table(&self.layout.name, "adding columns", error))
    }

    pub(crate) fn into_inner(self) -> DeltaTable {
        self.table
    }
}

/// Whether a commit failed because another committer's came first.
fn another_was_first(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::VersionAlreadyExists(_)
                    | TransactionError::CommitConflict(_)
            }
    )
}

fn snapshot<'t>(
    layout: &Layout,
    table: &'t DeltaTable,
) -> Result<&'t deltalake_core::table::state::DeltaTableState, LakeError> {
    table.snapshot().map_err(|error| LakeError::table(&layout.name, "reading the log", error))
}

/// Reads the parts of a Parquet file that are asked for.
struct ObjectReader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
}

impl AsyncFileReader for ObjectReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        self.store
            .get_range(&self.path, range)
            .map_err(|error| ParquetError::External(error.into()))
            .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move {
            let read = self.store.get_ranges(&self.path, &ranges).await;
            read.map_err(|error| ParquetError::External(error.into()))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            reader.load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}

/// A Parquet file on its way, with the statistics that go into the log. It gets a name of its own, and one that no commit
/// names is as good as none.
pub(crate) struct FileWriter {
    layout: &'static Layout,
    columns: SchemaRef,
    partition: String,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
    statistics: Vec<(&'static str, Statistics)>,
}

#[derive(Default)]
struct Statistics {
    least: Option<String>,
    greatest: Option<String>,
    least_number: Option<i64>,
    greatest_number: Option<i64>,
    nulls: usize,
}

impl FileWriter {
    pub(crate) fn new(table: &LakeTable, partition: &str) -> Result<Self, LakeError> {
        let layout = table.layout;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP))
            .set_statistics_enabled(EnabledStatistics::None);
        for name in layout.statistics() {
            properties = properties
                .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::Chunk);
        }
        for name in UNREPEATED {
            properties = properties.set_column_dictionary_enabled(ColumnPath::from(*name), false);
        }
        let columns = Arc::clone(&table.columns);
        let writer =
            ArrowWriter::try_new(Vec::new(), Arc::clone(&columns), Some(properties.build()))?;
        let statistics = layout.statistics().map(|name| (name, Statistics::default())).collect();
        Ok(Self { layout, columns, partition: partition.to_owned(), writer, rows: 0, statistics })
    }

    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = fitted(batch, &self.columns)?;
        self.rows += batch.num_rows() as u64;
        for (name, statistics) in &mut self.statistics {
            if let Some(column) = batch.column_by_name(name) {
                statistics.see(column);
            }
        }
        self.writer.write(&batch)?;
        Ok(())
    }

    pub(crate) async fn finish(self, table: &LakeTable) -> Result<DataFile, LakeError> {
        let Self { layout, partition, writer, rows, statistics, .. } = self;
        let bytes = writer.into_inner()?;
        let path = format!("{}={partition}/{}.parquet", layout.partition(), Uuid::new_v4());
        let size = bytes.len() as u64;
        let put = table.store().put(&Path::from(path.as_str()), PutPayload::from(bytes)).await;
        put.map_err(|error| LakeError::table(&layout.name, "writing a file", error))?;
        let statistics = Some(statistics_json(rows, &statistics));
        Ok(DataFile { path, partition, bytes: size, rows, statistics })
    }
}

impl Statistics {
    fn see(&mut self, column: &arrow::array::ArrayRef) {
        self.nulls += column.null_count();
        match column.data_type() {
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                let (least, greatest) = (min_string(texts), max_string(texts));
                if let Some(least) = least
                    && self.least.as_deref().is_none_or(|known| least < known)
                {
                    self.least = Some(least.to_owned());
                }
                if let Some(greatest) = greatest
                    && self.greatest.as_deref().is_none_or(|known| greatest > known)
                {
                    self.greatest = Some(greatest.to_owned());
                }
            }
            DataType::Int64 => {
                let numbers = column.as_primitive::<Int64Type>();
                self.see_numbers(min(numbers), max(numbers));
            }
            DataType::Timestamp(..) => {
                let times = column.as_primitive::<TimestampMicrosecondType>();
                self.see_numbers(min(times), max(times));
            }
            _ => {}
        }
    }

    fn see_numbers(&mut self, least: Option<i64>, greatest: Option<i64>) {
        self.least_number = self.least_number.into_iter().chain(least).min();
        self.greatest_number = self.greatest_number.max(greatest);
    }
}

/// The statistics of a file as the Delta protocol writes them ("Per-file Statistics").
fn statistics_json(rows: u64, columns: &[(&'static str, Statistics)]) -> String {
    let is_time = |name: &str| name.ends_with("_at");
    let shown = |name: &str, text: Option<&String>, number: Option<i64>| match (text, number) {
        (Some(text), _) => Some(json!(text)),
        (None, Some(number)) if is_time(name) => instant(number).map(Value::from),
        (None, Some(number)) => Some(json!(number)),
        (None, None) => None,
    };
    let (mut least, mut greatest, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (name, of) in columns {
        least.extend(
            shown(name, of.least.as_ref(), of.least_number)
                .map(|value| ((*name).to_owned(), value)),
        );
        greatest.extend(
            shown(name, of.greatest.as_ref(), of.greatest_number)
                .map(|value| ((*name).to_owned(), value)),
        );
        nulls.insert((*name).to_owned(), json!(of.nulls));
    }
    json!({"numRecords": rows, "minValues": least, "maxValues": greatest, "nullCount": nulls})
        .to_string()
}

fn instant(micros: i64) -> Option<String> {
    jiff::Timestamp::from_microsecond(micros)
        .ok()
        .map(|at| at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}

//! Lines of the landing zone become columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use shared::landing::Report;
use shared::schema::{SCHEMA_VERSION, Timestamp};

use crate::error::LakeError;
use crate::layout::{Layout, layouts};

/// Rows of one batch while they are decoded.
const ROWS: usize = 8 * 1024;

/// Rows by what their lines call them.
pub(crate) type Landed = BTreeMap<&'static str, Vec<RecordBatch>>;

/// Reads lines of all tables, mixed as they landed.
pub(crate) struct Intake {
    tables: BTreeMap<&'static str, Lines>,
    /// A line that does not fit its table goes to quarantine on its own.
    careful: bool,
}

struct Lines {
    layout: &'static Layout,
    decoder: Decoder,
    batches: Vec<RecordBatch>,
}

impl Intake {
    /// Trusts the lines: the first that does not fit is an error.
    pub(crate) fn new() -> Result<Self, LakeError> {
        Self::with(false)
    }

    /// Tries each line alone: what does not fit goes to the quarantine table. Slower; for a batch that failed.
    pub(crate) fn careful() -> Result<Self, LakeError> {
        Self::with(true)
    }

    fn with(careful: bool) -> Result<Self, LakeError> {
        let mut tables = BTreeMap::new();
        for layout in layouts() {
            let Some(name) = layout.landed_as.filter(|name| !tables.contains_key(name)) else {
                continue;
            };
            let lines = Lines { layout, decoder: decoder(layout)?, batches: Vec::new() };
            tables.insert(name, lines);
        }
        Ok(Self { tables, careful })
    }

    /// Reads the lines of one object of the landing zone.
    pub(crate) fn read(
        &mut self,
        key: &str,
        object: &[u8],
        received_at: Timestamp,
    ) -> Result<(), LakeError> {
        let lines = object.split_inclusive(|byte| *byte == b'\n');
        for (number, line) in lines.enumerate() {
            let outcome = match table_of(line).and_then(|table| self.tables.get_mut(table)) {
                Some(lines) if self.careful => {
                    lines.try_alone(line).and_then(|()| lines.push(line))
                }
                Some(lines) => lines.push(line),
                None => Err(Misfit::Line("names no table of this version")),
            };
            match outcome {
                Ok(()) => {}
                Err(Misfit::Line(reason)) if self.careful => {
                    self.set_aside(key, number, reason, received_at)?;
                }
                Err(misfit) => return Err(misfit.of(key, number)),
            }
        }
        Ok(())
    }

    fn set_aside(
        &mut self,
        key: &str,
        number: usize,
        reason: &'static str,
        received_at: Timestamp,
    ) -> Result<(), LakeError> {
        let mut parts = key.split('/').skip(1);
        let report = Report::Quarantine {
            raw_key: &format!("{key}#{number}"),
            connection_id: parts.next().unwrap_or_default(),
            stream: parts.next().unwrap_or_default(),
            field: "line",
            reason,
            received_at,
        };
        tracing::error!(
            object = key,
            line = number,
            reason,
            "a landed line is no row; it went to the quarantine table"
        );
        let mut line = Vec::new();
        report.write(&mut line).map_err(|error| LakeError::Columns(error.into()))?;
        let Some(lines) = self.tables.get_mut("quarantine") else { return Ok(()) };
        lines.push(&line).map_err(|misfit| misfit.of(key, number))
    }

    /// What was read, by the name on the lines; tables without a row are left out.
    pub(crate) fn finish(self) -> Result<Landed, LakeError> {
        let mut landed = Landed::new();
        for (name, mut lines) in self.tables {
            lines.flush().map_err(|misfit| misfit.of(name, 0))?;
            if !lines.batches.is_empty() {
                landed.insert(name, lines.batches);
            }
        }
        Ok(landed)
    }
}

fn decoder(layout: &Layout) -> Result<Decoder, LakeError> {
    let builder = ReaderBuilder::new(Arc::clone(&layout.line)).with_batch_size(ROWS);
    builder.build_decoder().map_err(|error| LakeError::Columns(error.into()))
}

/// Every line begins with its table.
fn table_of(line: &[u8]) -> Option<&str> {
    let name = line.strip_prefix(b"{\"table\":\"")?;
    let end = name.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&name[..end]).ok()
}

/// Why a line is no row. Never what it says: a decoder's own words may quote a person's data.
enum Misfit {
    Line(&'static str),
    Other(LakeError),
}

const NOT_THE_COLUMNS: Misfit = Misfit::Line("does not fit the columns of its table");

impl Misfit {
    fn of(self, key: &str, number: usize) -> LakeError {
        match self {
            Self::Line(reason) => LakeError::Line { key: key.to_owned(), number, reason },
            Self::Other(error) => error,
        }
    }
}

impl Lines {
    fn push(&mut self, mut line: &[u8]) -> Result<(), Misfit> {
        loop {
            let read = self.decoder.decode(line).map_err(|_| NOT_THE_COLUMNS)?;
            line = &line[read..];
            if line.is_empty() {
                return Ok(());
            }
            // The decoder took fewer bytes than there are: its batch is full.
            self.flush()?;
        }
    }

    /// Whether the line alone fits the table.
    fn try_alone(&self, line: &[u8]) -> Result<(), Misfit> {
        let mut decoder = decoder(self.layout).map_err(Misfit::Other)?;
        decoder.decode(line).map_err(|_| NOT_THE_COLUMNS)?;
        match decoder.flush() {
            Ok(Some(batch)) if batch.num_rows() == 1 => flat(self.layout, &batch).map(drop),
            _ => Err(NOT_THE_COLUMNS),
        }
    }

    fn flush(&mut self) -> Result<(), Misfit> {
        let Some(batch) = self.decoder.flush().map_err(|_| NOT_THE_COLUMNS)? else { return Ok(()) };
        self.batches.push(flat(self.layout, &batch)?);
        Ok(())
    }
}

/// The columns of the table out of those of its lines.
fn flat(layout: &Layout, batch: &RecordBatch) -> Result<RecordBatch, Misfit> {
    if let Some(versions) = batch.column_by_name("schema_version") {
        let newest = arrow::compute::max(versions.as_primitive::<Int64Type>()).unwrap_or_default();
        if newest > i64::from(SCHEMA_VERSION) {
            return Err(Misfit::Other(LakeError::Newer { theirs: newest }));
        }
    }
    let row = batch.column_by_name("row").and_then(|row| row.as_struct_opt());
    let columns = layout.columns.fields().iter().map(|field| {
        let own = batch.column_by_name(field.name());
        own.or_else(|| row.and_then(|row| row.column_by_name(field.name()))).cloned()
    });
    let columns: Option<Vec<ArrayRef>> = columns.collect();
    let columns = columns.ok_or(NOT_THE_COLUMNS)?;
    let batch = RecordBatch::try_new(Arc::clone(&layout.columns), columns);
    let batch = batch.map_err(|error| Misfit::Other(error.into()))?;
    let is_missing =
        |key: &&str| batch.column_by_name(key).is_none_or(|column| column.null_count() > 0);
    if layout.key.iter().any(is_missing) {
        return Err(Misfit::Line("lacks the columns of its key"));
    }
    Ok(batch)
}

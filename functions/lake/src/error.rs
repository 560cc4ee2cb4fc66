//! What can go wrong with the tables.

use thiserror::Error;

/// Whatever another crate said.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the tables are not up to date.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The bucket or folder did not do what it was asked.
    #[error("{what} failed")]
    Store {
        /// What was asked.
        what: String,
        /// What it said.
        #[source]
        source: Cause,
    },
    /// The log of a table could not be read or written.
    #[error("{what} of the table {table} failed")]
    Table {
        /// The table.
        table: String,
        /// What was tried.
        what: &'static str,
        /// Why not.
        #[source]
        source: Cause,
    },
    /// Another committer was faster; what it committed stays, and the next run goes on from there.
    #[error(
        "another committer changed the table {table} in the meantime; the next run goes on from there"
    )]
    Overtaken {
        /// The table.
        table: String,
    },
    /// A landed line is no row.
    #[error("line {number} of {key} {reason}")]
    Line {
        /// The object.
        key: String,
        /// The line, from 0.
        number: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Rows were written by a newer version.
    #[error(
        "rows with version {theirs} of the schema wait for a newer lake function; deploy it, nothing is lost meanwhile"
    )]
    Newer {
        /// The version of their schema.
        theirs: i64,
    },
    /// A landing object named by a manifest is gone although it is not committed.
    #[error(
        "the landing object {key} vanished before it was committed; `tributary replay` lands its raw page again"
    )]
    Vanished {
        /// The object.
        key: String,
    },
    /// Columns could not be put together.
    #[error("the columns do not fit")]
    Columns(#[source] Cause),
    /// What the function was invoked with says nothing that it knows.
    #[error("event: {0}")]
    Event(String),
    /// An environment variable or setting is missing or wrong.
    #[error("{0}")]
    Setting(String),
}

impl LakeError {
    pub(crate) fn store(what: impl Into<String>, source: impl Into<Cause>) -> Self {
        Self::Store { what: what.into(), source: source.into() }
    }

    pub(crate) fn table(table: &str, what: &'static str, source: impl Into<Cause>) -> Self {
        Self::Table { table: table.to_owned(), what, source: source.into() }
    }
}

impl From<arrow::error::ArrowError> for LakeError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Columns(error.into())
    }
}

impl From<parquet::errors::ParquetError> for LakeError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::Columns(error.into())
    }
}

//! A row of the landing zone: content, where it came from, and the one line that holds both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use smol_str::SmolStr;
use thiserror::Error;

use super::{Entity, RecordKey, Sha256, Table, Timestamp, Version};

/// Where a row came from, and which version of its record it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Provenance {
    /// The key of the row: `source/connection/object/id`.
    pub record_key: RecordKey,
    /// The vendor's product that it was read from, such as `zendesk`.
    pub source: SmolStr,
    /// The configured account of the source, such as `eu`.
    pub connection_id: SmolStr,
    /// The kind of record in the vendor's words, such as `user`.
    pub source_object: SmolStr,
    /// The vendor's id of the record.
    pub source_id: String,
    /// The vendor's own monotone version, else `source_updated_at` in microseconds, else 0.
    #[serde(default)]
    pub source_version: i64,
    /// When the source last changed the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_updated_at: Option<Timestamp>,
    /// When it happened; interactions only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// When we received the bytes.
    pub received_at: Timestamp,
    /// When we wrote the row; later than `received_at` after a replay.
    pub ingested_at: Timestamp,
    /// Where the bytes are in the raw zone: the object's key, `#`, and the number of the record in it.
    pub raw_key: String,
    /// The version of the connector's mapping.
    #[serde(default)]
    pub mapper_version: u32,
    /// The version of this schema that the row was written with.
    #[serde(default)]
    pub schema_version: u32,
    /// SHA-256 of the bytes of `row` and one byte for `deleted` (1 or 0); breaks ties of `source_version`.
    pub content_sha256: Sha256,
    /// Whether the source deleted the record.
    #[serde(default)]
    pub deleted: bool,
    /// The record of the person whom the row is about; the person is found through it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_key: Option<RecordKey>,
}

impl Provenance {
    /// What decides whether the row replaces another with the same key.
    pub fn version(&self) -> Version {
        Version { source_version: self.source_version, content_sha256: self.content_sha256 }
    }
}

/// The serialised content of a row and its digest, made once and used for both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// The JSON of the entity, exactly as it lands.
    pub bytes: Vec<u8>,
    /// The digest of the bytes and the deleted flag.
    pub sha256: Sha256,
}

impl Content {
    /// Replaces what it held, keeping the allocation: for loops over many rows.
    pub fn set(&mut self, entity: &Entity, deleted: bool) {
        self.bytes.clear();
        written(entity.write_content(&mut self.bytes));
        self.sha256 = Sha256::of_content(&self.bytes, deleted);
    }
}

impl Entity {
    /// Serialises the entity and takes the digest.
    pub fn content(&self, deleted: bool) -> Content {
        let mut content = Content { bytes: Vec::with_capacity(512), sha256: Sha256::default() };
        content.set(self, deleted);
        content
    }
}

/// Writing into memory has no way to fail, and every map of the schema has text keys.
fn written(result: Result<(), serde_json::Error>) {
    if let Err(error) = result {
        unreachable!("a schema type does not serialise: {error}");
    }
}

/// One row: an entity or interaction, and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it came from.
    pub provenance: Provenance,
    /// What it says.
    pub entity: Entity,
}

/// Why a line is no row.
#[derive(Debug, Error)]
pub enum RowError {
    /// The envelope is not JSON, or lacks a field.
    #[error("the line is not a row of the schema")]
    Line(#[source] serde_json::Error),
    /// The content does not fit its table.
    #[error("the content is not a row of table {table}")]
    Content {
        /// The table that the line names.
        table: Table,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}

impl Row {
    /// Joins an entity and its provenance, whose `content_sha256` and `occurred_at` follow from the entity.
    ///
    /// Hand the content to [`Row::write_line`], so that it is serialised once.
    pub fn seal(mut provenance: Provenance, entity: Entity) -> (Self, Content) {
        let content = entity.content(provenance.deleted);
        provenance.content_sha256 = content.sha256;
        if let Entity::Interaction(interaction) = &entity {
            provenance.occurred_at = Some(interaction.occurred_at);
            provenance.subject_key = Some(interaction.subject_key.clone());
        }
        (Self { provenance, entity }, content)
    }

    /// The table that it belongs in.
    pub fn table(&self) -> Table {
        self.entity.table()
    }

    /// What decides whether it replaces another row with the same key.
    pub fn version(&self) -> Version {
        self.provenance.version()
    }

    /// Appends the row's line with its newline; `content` is the entity's own, from [`Row::seal`].
    pub fn write_line(&self, content: &[u8], out: &mut Vec<u8>) {
        write_line(self.table(), &self.provenance, content, out);
    }

    /// Reads one line, with or without its newline.
    pub fn parse_line(line: &str) -> Result<Self, RowError> {
        RawRow::parse_line(line)?.into_row()
    }
}

/// Appends one line: the table, the provenance field by field, the content as it is, a newline.
pub fn write_line(table: Table, provenance: &Provenance, content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"table\":\"");
    out.extend_from_slice(table.name().as_bytes());
    out.push(b'"');
    let brace = out.len();
    written(serde_json::to_writer(&mut *out, provenance));
    // The provenance is an object of its own; its braces give way to make it part of the line.
    out[brace] = b',';
    out.pop();
    out.extend_from_slice(b",\"row\":");
    out.extend_from_slice(content);
    out.extend_from_slice(b"}\n");
}

/// A line whose content is not parsed: enough to compare versions and to store the bytes as they landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow<'a> {
    /// The table that it belongs in.
    pub table: Table,
    /// Where it came from.
    pub provenance: Provenance,
    /// The JSON of the content, byte for byte.
    pub content: &'a str,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    table: Table,
    #[serde(borrow)]
    row: &'a RawValue,
}

impl<'a> RawRow<'a> {
    /// Reads everything but the content of one line.
    pub fn parse_line(line: &'a str) -> Result<Self, RowError> {
        let envelope: Envelope<'a> = serde_json::from_str(line).map_err(RowError::Line)?;
        let provenance = serde_json::from_str(line).map_err(RowError::Line)?;
        Ok(Self { table: envelope.table, provenance, content: envelope.row.get() })
    }

    /// Whether the content is still the one that the digest was taken of.
    pub fn is_intact(&self) -> bool {
        let digest = Sha256::of_content(self.content.as_bytes(), self.provenance.deleted);
        digest == self.provenance.content_sha256
    }

    /// Parses the content too.
    pub fn into_row(self) -> Result<Row, RowError> {
        let entity = Entity::from_content(self.table, self.content)
            .map_err(|source| RowError::Content { table: self.table, source })?;
        Ok(Row { provenance: self.provenance, entity })
    }
}

//! A person as one source knows them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ContactPoint, Ext, Identifier, Known, Language, PartialDate, Precision, RecordKey, Timestamp,
    vocabulary::vocabulary,
};

vocabulary! {
    /// Whether a record stands for a human being.
    PartyType {
        /// One human being.
        Individual = "individual",
        /// A company, a shop, a team.
        Organisation = "organisation",
    }
}

/// A name in the parts that a source keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PersonName {
    /// The given name.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub given: Known<String>,
    /// The family name.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub family: Known<String>,
    /// The whole name, for sources that keep it in one field.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub full: Known<String>,
    /// What goes before the name, such as a title.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub prefix: Known<String>,
    /// What goes behind the name.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub suffix: Known<String>,
}

/// A person as one source knows them: one row per record, never merged here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PersonRecord {
    /// Whether the record stands for a human being.
    pub party_type: PartyType,
    /// The name in the parts that the source keeps.
    pub name: PersonName,
    /// The birth date or the known part of it.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub birth_date: Known<PartialDate>,
    /// The language the person wants to be addressed in, BCP 47.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub language: Known<Language>,
    /// The IANA name of the time zone, such as `Europe/Berlin`.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub time_zone: Known<String>,
    /// The values by which the person is recognised in other records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<Identifier>,
    /// The ways to reach the person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_points: Vec<ContactPoint>,
    /// The company that the person belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key: Option<RecordKey>,
    /// The source's tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When the source created the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// How precise `created_at` is, where coarser than a millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_precision: Option<Precision>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

//! Companies, and the deals that are made with them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Country, Currency, Ext, Known, PartialDate, RecordKey, vocabulary::vocabulary};

/// A company as one source knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Account {
    /// The name of the company.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub name: Known<String>,
    /// Its main internet domain.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub domain: Known<String>,
    /// Its industry in the source's words.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub industry: Known<String>,
    /// The company that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_key: Option<RecordKey>,
    /// The country of its seat, ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub country: Known<Country>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

vocabulary! {
    /// What a stage of a deal means, across every pipeline.
    StageCategory {
        /// Still being decided.
        Open = "open",
        /// Bought.
        Won = "won",
        /// Not bought.
        Lost = "lost",
    }
}

/// A sale that is hoped for, won or lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Deal {
    /// The company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_key: Option<RecordKey>,
    /// The people involved; the first one is the main contact.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contact_keys: Vec<RecordKey>,
    /// The name of the deal.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub name: Known<String>,
    /// The stage in the source's words.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub stage: Known<String>,
    /// What the stage means.
    pub stage_category: StageCategory,
    /// The amount in minor units of `currency`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// The ISO 4217 code of the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many decimal digits of the amount are behind the point: EUR 2, JPY 0, KWD 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_exponent: Option<u8>,
    /// The day on which it was closed or is expected to be.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub close_date: Known<PartialDate>,
    /// The colleague in charge, as the source names them.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub owner: Known<String>,
    /// The ticket that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin_ticket_key: Option<RecordKey>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

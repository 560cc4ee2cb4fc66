//! What people bought and how they paid.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Channel, Currency, Ext, Known, Precision, RecordKey, Timestamp,
    vocabulary::{json_text, vocabulary},
};

vocabulary! {
    /// Where an order stands.
    OrderStatus {
        /// Not yet placed: a cart or a quotation.
        Draft = "draft",
        /// Placed, and something is still to be done.
        Open = "open",
        /// Paid and handed over.
        Completed = "completed",
        /// Called off before it was completed.
        Cancelled = "cancelled",
        /// Paid back in full.
        Refunded = "refunded",
    }
}

/// One purchase; its `subject_key` is the customer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Order {
    /// The number printed on the receipt.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub number: Known<String>,
    /// Where it stands.
    pub status: OrderStatus,
    /// Where it was placed: store, web, app or phone.
    pub channel: Channel,
    /// The source's id of the shop.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub location_id: Known<String>,
    /// When it was placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placed_at: Option<Timestamp>,
    /// How precise `placed_at` is, where coarser than a millisecond.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placed_precision: Option<Precision>,
    /// The ISO 4217 code of every amount of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many decimal digits of the amounts are behind the point: EUR 2, JPY 0, KWD 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_exponent: Option<u8>,
    /// The lines before discounts, tax and shipping, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtotal_minor: Option<i64>,
    /// All discounts, as a positive number of minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_minor: Option<i64>,
    /// All taxes, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_minor: Option<i64>,
    /// Shipping, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shipping_minor: Option<i64>,
    /// The tip, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tip_minor: Option<i64>,
    /// What was to be paid, as the source computed it, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<i64>,
    /// What was paid back so far, as a positive number of minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_minor: Option<i64>,
    /// The IANA time zone assumed where the source sent none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_tz_assumed: Option<String>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct OrderLine {
    /// The order that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_key: Option<RecordKey>,
    /// Its place in the order, from 1.
    pub line_no: u32,
    /// The shop's article number.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub sku: Known<String>,
    /// The source's id of the product.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub product_id: Known<String>,
    /// The name of the product.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub name: Known<String>,
    /// How many, as a decimal number in text (`1`, `0.375`), never rounded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<Decimal>,
    /// The price of one, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_price_minor: Option<i64>,
    /// The discount on the line, as a positive number of minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discount_minor: Option<i64>,
    /// The tax on the line, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_minor: Option<i64>,
    /// The ISO 4217 code of the amounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many decimal digits of the amounts are behind the point: EUR 2, JPY 0, KWD 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_exponent: Option<u8>,
    /// The source's other fields, as JSON text.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

/// A decimal number kept as the text that the source sent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// A text that is no decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a decimal number such as -0.375")]
pub struct DecimalError;

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let text = text.trim();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let decimal = digits(whole.strip_prefix('-').unwrap_or(whole)) && digits(fraction);
        if decimal { Ok(Self(text.to_owned())) } else { Err(DecimalError) }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

json_text!(Decimal, { "type": "string", "format": "decimal", "pattern": r"^-?\d+(\.\d+)?$" });

//! Payments and refunds, without anything that could pay again.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Currency, Ext, RecordKey,
    vocabulary::{json_text, vocabulary},
};

vocabulary! {
    /// What was paid with.
    Tender {
        /// A credit or debit card.
        Card = "card",
        /// Cash.
        Cash = "cash",
        /// A gift card.
        Gift = "gift",
        /// A wallet on a phone or online.
        Wallet = "wallet",
        /// A voucher.
        Voucher = "voucher",
        /// Something else that the source names.
        Other = "other",
    }
}

vocabulary! {
    /// Where a payment stands.
    PaymentState {
        /// Begun.
        Pending = "pending",
        /// Reserved on the card, not yet taken.
        Authorised = "authorised",
        /// The money was taken, or paid back for a refund.
        Completed = "completed",
        /// Refused.
        Failed = "failed",
        /// Called off before the money was taken.
        Voided = "voided",
    }
}

/// A payment, or a refund if `refund_of` is set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Payment {
    /// The order that was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_key: Option<RecordKey>,
    /// What was paid with.
    pub tender: Tender,
    /// The amount in minor units, positive for refunds too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_minor: Option<i64>,
    /// The ISO 4217 code of the amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// How many decimal digits of the amount are behind the point: EUR 2, JPY 0, KWD 3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_exponent: Option<u8>,
    /// Where it stands.
    pub state: PaymentState,
    /// The last four digits of the card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card_last4: Option<CardLast4>,
    /// The payment that this one pays back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<RecordKey>,
    /// The source's other fields, as JSON text; never a card number.
    #[serde(skip_serializing_if = "Ext::is_empty")]
    pub ext: Ext,
}

/// The last four digits of a card; a whole card number does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CardLast4([u8; 4]);

/// A text that is not exactly four digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not exactly four digits")]
pub struct CardLast4Error;

impl FromStr for CardLast4 {
    type Err = CardLast4Error;

    fn from_str(text: &str) -> Result<Self, CardLast4Error> {
        let digits: [u8; 4] = text.as_bytes().try_into().map_err(|_| CardLast4Error)?;
        if digits.iter().all(u8::is_ascii_digit) { Ok(Self(digits)) } else { Err(CardLast4Error) }
    }
}

impl fmt::Display for CardLast4 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

json_text!(CardLast4, { "type": "string", "format": "card-last4", "pattern": r"^\d{4}$" });

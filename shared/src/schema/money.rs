//! Money in minor units, read from text and never through a float.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::vocabulary::json_text;

/// A currency by its ISO 4217 code, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

/// Why a text is no amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The code is not in ISO 4217.
    #[error("not an ISO 4217 currency code")]
    Currency,
    /// The text is not a decimal number such as `-12.34`.
    #[error("not a decimal number")]
    NotDecimal,
    /// There are more fractional digits than the currency has.
    #[error("more fractional digits than the currency has")]
    TooPrecise,
    /// The amount exceeds 64 bits of minor units.
    #[error("the amount is too large")]
    TooLarge,
}

impl Currency {
    /// The three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// How many decimal digits the minor unit has: EUR 2, JPY 0, KWD 3; 0 where ISO 4217 names none.
    pub fn exponent(self) -> u8 {
        self.0.exponent().and_then(|digits| u8::try_from(digits).ok()).unwrap_or(0)
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    /// Accepts either case: some vendors write `usd`.
    fn from_str(code: &str) -> Result<Self, MoneyError> {
        let upper = code.trim().to_ascii_uppercase();
        iso_currency::Currency::from_code(&upper).map(Self).ok_or(MoneyError::Currency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

json_text!(Currency, { "type": "string", "format": "iso-4217", "pattern": "^[A-Z]{3}$" });

/// An exact amount of one currency; printed as a decimal number, as in `12.34`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// The amount in minor units: 1234 is 12.34 EUR, 1234 JPY, 1.234 KWD.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
    /// How many decimal digits of `minor` are behind the point.
    pub minor_exponent: u8,
}

impl Money {
    /// An amount that the source already counts in minor units.
    pub fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency, minor_exponent: currency.exponent() }
    }

    /// Reads a decimal number exactly; digits beyond the currency's own must be zeros.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(MoneyError::NotDecimal);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return Err(MoneyError::NotDecimal);
        }
        let exponent = usize::from(currency.exponent());
        let (kept, beyond) = fraction.split_at(exponent.min(fraction.len()));
        if beyond.bytes().any(|b| b != b'0') {
            return Err(MoneyError::TooPrecise);
        }
        let padding = std::iter::repeat_n(b'0', exponent - kept.len());
        let minor =
            whole.bytes().chain(kept.bytes()).chain(padding).try_fold(0_i64, |sum, digit| {
                // Counted below zero, where i64 reaches one further.
                sum.checked_mul(10)?.checked_sub(i64::from(digit - b'0'))
            });
        let minor = if negative { minor } else { minor.and_then(i64::checked_neg) };
        Ok(Self::from_minor(minor.ok_or(MoneyError::TooLarge)?, currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = self.minor.unsigned_abs().to_string();
        let exponent = usize::from(self.minor_exponent);
        let padded = format!("{digits:0>width$}", width = exponent + 1);
        let (whole, fraction) = padded.split_at(padded.len() - exponent);
        let point = if exponent == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

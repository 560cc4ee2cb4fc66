//! Dates of which a source may know only a part.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::vocabulary::json_text;

/// A calendar date, possibly without its day, its month or its year: `1980-05-17`, `1980-05`, `1980` or `--05-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartialDate {
    /// Only the year is known.
    Year(u16),
    /// The year and the month are known.
    YearMonth(u16, u8),
    /// The month and the day are known: a birthday.
    MonthDay(u8, u8),
    /// The whole date is known.
    Full(jiff::civil::Date),
}

/// A text that is no date in one of the four shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a date of the form YYYY-MM-DD, YYYY-MM, YYYY or --MM-DD")]
pub struct DateError;

/// A leap year, so that `--02-29` is a birthday.
const ANY_LEAP_YEAR: i16 = 2000;

impl FromStr for PartialDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("--") {
            let (month, day) = rest.split_once('-').ok_or(DateError)?;
            let (month, day) = (two_digits(month)?, two_digits(day)?);
            civil(ANY_LEAP_YEAR, month, day)?;
            return Ok(Self::MonthDay(month, day));
        }
        let mut parts = text.split('-');
        let year = year(parts.next().unwrap_or_default())?;
        let Some(month) = parts.next() else {
            return Ok(Self::Year(year));
        };
        let month = two_digits(month)?;
        let year_signed = i16::try_from(year).map_err(|_| DateError)?;
        match (parts.next(), parts.next()) {
            (None, _) => civil(year_signed, month, 1).map(|_| Self::YearMonth(year, month)),
            (Some(day), None) => civil(year_signed, month, two_digits(day)?).map(Self::Full),
            (Some(_), Some(_)) => Err(DateError),
        }
    }
}

fn civil(year: i16, month: u8, day: u8) -> Result<jiff::civil::Date, DateError> {
    let month = i8::try_from(month).map_err(|_| DateError)?;
    let day = i8::try_from(day).map_err(|_| DateError)?;
    jiff::civil::Date::new(year, month, day).map_err(|_| DateError)
}

fn year(text: &str) -> Result<u16, DateError> {
    let digits = text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().map_err(|_| DateError) } else { Err(DateError) }
}

fn two_digits(text: &str) -> Result<u8, DateError> {
    let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if digits { text.parse().map_err(|_| DateError) } else { Err(DateError) }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Year(year) => write!(f, "{year:04}"),
            Self::YearMonth(year, month) => write!(f, "{year:04}-{month:02}"),
            Self::MonthDay(month, day) => write!(f, "--{month:02}-{day:02}"),
            Self::Full(date) => write!(f, "{date}"),
        }
    }
}

json_text!(PartialDate, {
    "type": "string",
    "format": "partial-date",
    "pattern": r"^(\d{4}(-\d\d(-\d\d)?)?|--\d\d-\d\d)$"
});

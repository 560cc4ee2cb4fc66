//! Instants in UTC microseconds, and how precise a source was about them.

use std::{fmt, str::FromStr};

use jiff::tz::{Offset, TimeZone};
use thiserror::Error;

use super::vocabulary::{json_text, vocabulary};

/// An instant in UTC, truncated to microseconds and written as `2026-01-02T03:04:05.000000Z`; 1970 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(jiff::Timestamp);

/// A time that is no instant of the years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an RFC 3339 instant of the years 0000 to 9999")]
pub struct TimestampError;

/// 0000-01-01T00:00:00Z: RFC 3339 has no year before it.
const EARLIEST_MICROS: i64 = -62_167_219_200_000_000;

/// The length of every written timestamp.
const WIDTH: usize = "2026-01-02T03:04:05.000000Z".len();

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// Reads RFC 3339 with any offset and any number of fractional digits.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        text.trim().parse::<jiff::Timestamp>().map_err(|_| TimestampError)?.try_into()
    }

    /// Reads a date and time that carries no zone, as a clock in `zone` would have shown it.
    ///
    /// Set `source_tz_assumed` on the entity whenever this is used.
    pub fn parse_in_zone(text: &str, zone: &TimeZone) -> Result<Self, TimestampError> {
        let clock: jiff::civil::DateTime = text.trim().parse().map_err(|_| TimestampError)?;
        let instant = zone.to_ambiguous_timestamp(clock).compatible();
        instant.map_err(|_| TimestampError)?.try_into()
    }

    /// The instant so many seconds after 1970.
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, TimestampError> {
        jiff::Timestamp::from_second(seconds).map_err(|_| TimestampError)?.try_into()
    }

    /// The instant so many milliseconds after 1970.
    pub fn from_millis(millis: i64) -> Result<Self, TimestampError> {
        jiff::Timestamp::from_millisecond(millis).map_err(|_| TimestampError)?.try_into()
    }

    /// The instant so many microseconds after 1970.
    pub fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        jiff::Timestamp::from_microsecond(micros).map_err(|_| TimestampError)?.try_into()
    }

    /// Whole seconds after 1970, the instant's own second begun.
    pub fn as_unix_seconds(self) -> i64 {
        self.as_micros().div_euclid(1_000_000)
    }

    /// Microseconds after 1970, as tables store it.
    pub fn as_micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The instant for arithmetic.
    pub fn to_jiff(self) -> jiff::Timestamp {
        self.0
    }

    /// Writes the 27 characters by hand: every row carries several of them.
    fn ascii(self) -> [u8; WIDTH] {
        fn digits(out: &mut [u8], mut number: u32) {
            for digit in out.iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        let clock = Offset::UTC.to_datetime(self.0);
        let mut out = *b"0000-00-00T00:00:00.000000Z";
        digits(&mut out[0..4], clock.year().unsigned_abs().into());
        digits(&mut out[5..7], clock.month().unsigned_abs().into());
        digits(&mut out[8..10], clock.day().unsigned_abs().into());
        digits(&mut out[11..13], clock.hour().unsigned_abs().into());
        digits(&mut out[14..16], clock.minute().unsigned_abs().into());
        digits(&mut out[17..19], clock.second().unsigned_abs().into());
        digits(&mut out[20..26], clock.subsec_nanosecond().unsigned_abs() / 1000);
        out
    }
}

impl TryFrom<jiff::Timestamp> for Timestamp {
    type Error = TimestampError;

    /// Truncates towards the past, so that order is kept on both sides of 1970.
    fn try_from(instant: jiff::Timestamp) -> Result<Self, TimestampError> {
        let finer = instant.subsec_nanosecond() % 1000;
        let micros = instant.as_microsecond() - i64::from(finer < 0);
        if micros < EARLIEST_MICROS {
            return Err(TimestampError);
        }
        jiff::Timestamp::from_microsecond(micros).map(Self).map_err(|_| TimestampError)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse_rfc3339(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.ascii()).map_err(|_| fmt::Error)?)
    }
}

json_text!(Timestamp, {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
});

vocabulary! {
    /// How precisely a source told a time.
    Precision {
        /// To the nanosecond (stored to the microsecond).
        Nanosecond = "ns",
        /// To the microsecond.
        Microsecond = "us",
        /// To the millisecond.
        Millisecond = "ms",
        /// To the second.
        Second = "s",
        /// To the minute.
        Minute = "minute",
        /// To the day: the time of day is midnight and means nothing.
        Day = "day",
    }
}

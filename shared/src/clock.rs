//! The drivers' clock. Connectors have none: their time is `received_at`.

use std::time::Duration;

use crate::schema::Timestamp;

/// The time now.
pub fn now() -> Timestamp {
    Timestamp::try_from(jiff::Timestamp::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// `at` plus `by`, or the last instant that a timestamp can hold.
pub fn after(at: Timestamp, by: Duration) -> Timestamp {
    moved(at.as_micros().saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

/// `at` minus `by`, or the first instant that a timestamp can hold.
pub fn before(at: Timestamp, by: Duration) -> Timestamp {
    moved(at.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

/// RFC 3339 knows the years 0000 to 9999.
fn moved(micros: i64) -> Timestamp {
    const EARLIEST: i64 = -62_167_219_200_000_000;
    let latest = jiff::Timestamp::MAX.as_microsecond() - 1;
    Timestamp::from_micros(micros.clamp(EARLIEST, latest)).unwrap_or(Timestamp::UNIX_EPOCH)
}

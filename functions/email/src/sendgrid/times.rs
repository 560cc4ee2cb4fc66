//! Times as SendGrid writes them beside RFC 3339: seconds since 1970, as a number or as text.

use serde_json::value::RawValue;
use shared::error::Invalid;
use shared::fields::Fields;
use shared::schema::Timestamp;

/// Takes a time in seconds since 1970; what is no such time is drift.
pub(super) fn seconds(
    record: &mut Fields<'_>,
    name: &'static str,
) -> Result<Option<Timestamp>, Invalid> {
    let Some(raw) = record.raw(name)?.into_value() else { return Ok(None) };
    let time = read(raw);
    if time.is_none() {
        record.drift(name, raw);
    }
    Ok(time)
}

/// Takes a time in seconds since 1970 without which the record says nothing.
pub(super) fn required_seconds(
    record: &mut Fields<'_>,
    name: &'static str,
) -> Result<Timestamp, Invalid> {
    seconds(record, name)?.ok_or_else(|| Invalid::no_time(name))
}

fn read(raw: &RawValue) -> Option<Timestamp> {
    // The specification of bounces has any number here, so a fraction may come.
    let (whole, _) = raw.get().trim_matches('"').split_once('.').unwrap_or((raw.get(), ""));
    Timestamp::from_unix_seconds(whole.trim_matches('"').parse().ok()?).ok()
}

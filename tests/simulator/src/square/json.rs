//! How Square writes times, money and ids.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::Dice;

/// RFC 3339 with milliseconds, or without a fraction in a whole second.
pub(super) fn time(at: Timestamp) -> String {
    if at.subsec_millisecond() == 0 {
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    } else {
        at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }
}

/// The same instant to the millisecond.
pub(super) fn millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

pub(super) fn money(amount: i64, currency: &str) -> Value {
    json!({ "amount": amount, "currency": currency })
}

/// An id of capital letters and digits.
pub(super) fn id(dice: &mut Dice, length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHJKLMNPQRSTVWXYZ0123456789";
    (0..length).map(|_| char::from(LETTERS[dice.random_range(0..LETTERS.len())])).collect()
}

/// An id of hexadecimal digits in groups.
pub(super) fn uuid(dice: &mut Dice) -> String {
    let hex = format!("{:032x}", dice.random::<u128>());
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

//! Keys of raw objects, and how items name them.

use super::Place;
use crate::items::{Item, text_of};
use crate::schema::{RecordKey, Sha256, Timestamp};

/// The key of the raw bytes of a page or delivery.
pub(super) fn raw_key(place: Place<'_>, body: &[u8], received_at: Timestamp) -> String {
    let Place { source, connection, stream } = place;
    let (day, digest) = (day(received_at), Sha256::of(body));
    format!(
        "raw/source={source}/connection={connection}/stream={stream}/dt={day}/{digest}.json.zst"
    )
}

/// The day of an instant, as keys have it.
pub(super) fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

/// What begins every raw key of a record's own connection.
fn raw_prefix(key: &RecordKey) -> String {
    format!("raw/source={}/connection={}/", key.source(), key.connection())
}

/// A raw key without what the record's key says already: each KB of an item costs a write unit.
pub(super) fn short_raw_key<'k>(key: &RecordKey, raw_key: &'k str) -> &'k str {
    raw_key.strip_prefix(&raw_prefix(key)).unwrap_or(raw_key)
}

/// The raw key in an item of a record.
pub(super) fn raw_key_of(key: &RecordKey, item: &Item) -> String {
    match text_of(item, "raw_key").unwrap_or_default() {
        short if short.starts_with("stream=") => raw_prefix(key) + short,
        whole => whole.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::items::{Item, text};

    fn kept(key: &RecordKey, raw_key: &str) -> String {
        let short = short_raw_key(key, raw_key);
        raw_key_of(key, &Item::from([("raw_key".to_owned(), text(short))]))
    }

    #[test]
    fn an_item_names_raw_bytes_of_its_own_connection_in_short_and_others_whole() {
        let key = RecordKey::new("zendesk", "helpdesk-eu", "ticket", "7");
        let place = Place { source: "zendesk", connection: "helpdesk-eu", stream: "tickets" };
        let own = raw_key(place, b"{}", Timestamp::UNIX_EPOCH) + "#3";
        assert!(short_raw_key(&key, &own).starts_with("stream=tickets/dt=1970-01-01/"), "{own}");
        assert_eq!(kept(&key, &own), own);
        let other = own.replace("helpdesk-eu", "helpdesk-us");
        assert_eq!(short_raw_key(&key, &other), other);
        assert_eq!(kept(&key, &other), other);
    }
}

//! Malformed records, as JSON text, for the rows that must end in quarantine.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::desk::Desk;
use super::json;

/// How a record is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadRecord {
    /// A ticket with `"id": null`.
    IdNull,
    /// A ticket whose id is text.
    IdText,
    /// A ticket created at no date.
    CreatedNotADate,
    /// A ticket with half a surrogate pair, `\ud800`, in its subject.
    LoneSurrogate,
    /// A ticket with `\u0000` in its subject.
    NulCharacter,
    /// A ticket with a description of half a megabyte.
    HugeDescription,
    /// A ticket in a status that nobody has heard of.
    UnknownStatus,
    /// A ticket whose tags are one text.
    TagsText,
    /// A ticket of nobody.
    RequesterMissing,
    /// A user with `"id": null`.
    UserIdNull,
    /// A user whose name is a number.
    UserNameNumber,
}

impl BadRecord {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::IdNull,
        Self::IdText,
        Self::CreatedNotADate,
        Self::LoneSurrogate,
        Self::NulCharacter,
        Self::HugeDescription,
        Self::UnknownStatus,
        Self::TagsText,
        Self::RequesterMissing,
        Self::UserIdNull,
        Self::UserNameNumber,
    ];

    /// Where it turns up: `tickets` or `users`.
    pub fn collection(self) -> &'static str {
        match self {
            Self::UserIdNull | Self::UserNameNumber => "users",
            _ => "tickets",
        }
    }

    /// A good record, spoilt.
    fn spoil(self, mut record: Value) -> String {
        const MARK: &str = "@MARK@";
        match self {
            Self::IdNull | Self::UserIdNull => record["id"] = Value::Null,
            Self::IdText => record["id"] = record["id"].to_string().into(),
            Self::CreatedNotADate => record["created_at"] = "last Tuesday".into(),
            Self::LoneSurrogate | Self::NulCharacter => {
                record["subject"] = format!("Broken {MARK} letter").into();
            }
            Self::HugeDescription => record["description"] = "Long story. ".repeat(42_000).into(),
            Self::UnknownStatus => record["status"] = "simmering".into(),
            Self::TagsText => record["tags"] = "email customer".into(),
            Self::RequesterMissing => {
                if let Some(fields) = record.as_object_mut() {
                    fields.remove("requester_id");
                }
            }
            Self::UserNameNumber => record["name"] = json!(42),
        }
        let escape = if self == Self::LoneSurrogate { r"\ud800" } else { r"\u0000" };
        record.to_string().replace(MARK, escape)
    }
}

/// A malformed record that stands in an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadTruth {
    /// How it is malformed.
    pub kind: BadRecord,
    /// The id it has, or would have.
    pub id: u64,
    /// When it appeared.
    pub at: Timestamp,
}

impl Desk {
    /// Adds a malformed copy of some record, under an id of its own.
    pub(crate) fn add_bad(&mut self, at: Timestamp, kind: BadRecord) {
        let second = at.as_second();
        let id = if kind.collection() == "users" { self.new_id() } else { self.new_ticket_id() };
        let record = match kind.collection() {
            "users" => self.users.values().next().map(json::user),
            _ => self.tickets.values().next().map(|ticket| json::ticket(ticket, None)),
        };
        let Some(mut record) = record else { return };
        record["id"] = id.into();
        record["updated_at"] = json!(at);
        if kind.collection() == "tickets" {
            record["generated_timestamp"] = second.into();
        }
        let order = match kind.collection() {
            "users" => &mut self.user_order,
            _ => &mut self.ticket_order,
        };
        order.add_raw(id, second, kind.spoil(record));
        self.bad.push(BadTruth { kind, id, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_still_text_a_page_can_hold() {
        let record = json!({"id": 1, "requester_id": 2, "subject": "x"});
        for kind in BadRecord::ALL {
            let text = kind.spoil(record.clone());
            assert!(text.starts_with('{') && text.ends_with('}'), "{kind:?}");
        }
        assert!(BadRecord::LoneSurrogate.spoil(record).contains(r"\ud800"));
    }
}

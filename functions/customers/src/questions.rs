//! What callers ask, as it comes in: queries and bodies.

use schemars::JsonSchema;
use serde::Deserialize;
use shared::customers::{Cursor, Lookup, MOST_ENTRIES, Opposite, Signed};
use shared::error::Invalid;
use shared::schema::RecordKey;
use uuid::Uuid;

/// Whom to look up: exactly one of the four.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Who {
    /// An email address.
    email: Option<String>,
    /// A phone number, with its country code or with `region`.
    phone: Option<String>,
    /// The region (ISO 3166-1 alpha-2) of a phone number without a country code, such as `GB`.
    region: Option<String>,
    /// An account in a social network, as `network:handle`.
    handle: Option<String>,
    /// The key of a record, as `source/connection/object/id`.
    source_id: Option<String>,
}

impl Who {
    pub(crate) fn lookup(&self) -> Result<Lookup, Invalid> {
        let Self { email, phone, region, handle, source_id } = self;
        match (email, phone, handle, source_id) {
            (Some(email), None, None, None) => Lookup::email(email),
            (None, Some(phone), None, None) => Lookup::phone(phone, region.as_deref()),
            (None, None, Some(handle), None) => Lookup::handle(handle),
            (None, None, None, Some(source_id)) => Lookup::source_id(source_id),
            _ => Err(Invalid::new("lookup", "give one of email, phone, handle and source_id")),
        }
    }
}

/// Which page of a timeline.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PageOf {
    /// The `next` of the page before; the newest page when absent.
    before: Option<String>,
    /// How many entries; 50 when absent.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
}

impl PageOf {
    pub(crate) fn parts(&self) -> Result<(Option<Cursor>, usize), Invalid> {
        let before = self.before.as_deref().map(str::parse::<Cursor>).transpose()?;
        let limit = self.limit.unwrap_or(50);
        if !(1..=MOST_ENTRIES).contains(&limit) {
            return Err(Invalid::new("limit", format!("is not from 1 to {MOST_ENTRIES}")));
        }
        Ok((before, limit))
    }
}

/// These records are one person's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// Two records or more.
    #[schemars(length(min = 2, max = 98))]
    pub(crate) record_keys: Vec<RecordKey>,
    /// Who says so.
    author: String,
    /// Why; without personal data.
    reason: String,
}

impl Link {
    pub(crate) fn signed(&self) -> Result<Signed, Invalid> {
        Signed::new(&self.author, &self.reason)
    }
}

/// Who is never the same person: one of `person_id` and `record_keys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NeverLink {
    /// Another person.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("format" = "uuid"))]
    person_id: Option<Uuid>,
    /// Records of other people, or records that this person should lose.
    #[serde(default)]
    record_keys: Vec<RecordKey>,
    /// Who says so.
    author: String,
    /// Why; without personal data.
    reason: String,
}

impl NeverLink {
    pub(crate) fn parts(self) -> Result<(Opposite, Signed), Invalid> {
        let signed = Signed::new(&self.author, &self.reason)?;
        let opposite = match (self.person_id, self.record_keys) {
            (Some(person), records) if records.is_empty() => Opposite::Person(person),
            (None, records) if !records.is_empty() => Opposite::Records(records),
            _ => return Err(Invalid::new("person_id", "give either person_id or record_keys")),
        };
        Ok((opposite, signed))
    }
}

/// This person is several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    /// The records of each of the people; records that no group names stay together.
    #[schemars(length(min = 1, max = 98))]
    pub(crate) groups: Vec<Vec<RecordKey>>,
    /// Who says so.
    author: String,
    /// Why; without personal data.
    reason: String,
}

impl Split {
    pub(crate) fn signed(&self) -> Result<Signed, Invalid> {
        Signed::new(&self.author, &self.reason)
    }
}

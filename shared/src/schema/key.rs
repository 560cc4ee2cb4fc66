//! The key of a row: which record of which source it describes.

use std::{borrow::Cow, fmt, str::FromStr};

use thiserror::Error;

use super::vocabulary::json_text;

/// `source/connection/object/id`, as in `zendesk/eu/user/20978392`; `/`, `%` and `#` inside a part are percent-escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey(String);

/// Why a text is no record key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RecordKeyError {
    /// There are more or fewer than four parts.
    #[error("a record key has four parts: source/connection/object/id")]
    Parts,
    /// A part is empty: such records would all share one key.
    #[error("a part of the record key is empty")]
    Empty,
    /// A `%` does not begin %25, %2F or %23, or a `#` is not escaped.
    #[error("a record key escapes exactly %, / and #, as %25, %2F and %23")]
    Escape,
}

impl RecordKey {
    /// Joins four parts, none of them empty; [`RecordKey::try_new`] checks that.
    pub fn new(source: &str, connection: &str, object: &str, id: &str) -> Self {
        let length = source.len() + connection.len() + object.len() + id.len() + 3;
        let mut key = String::with_capacity(length);
        escape_into(&mut key, source);
        for part in [connection, object, id] {
            key.push('/');
            escape_into(&mut key, part);
        }
        Self(key)
    }

    /// Joins four parts unless one is empty: for ids that a vendor sent.
    pub fn try_new(
        source: &str,
        connection: &str,
        object: &str,
        id: &str,
    ) -> Result<Self, RecordKeyError> {
        if [source, connection, object, id].iter().any(|part| part.is_empty()) {
            return Err(RecordKeyError::Empty);
        }
        Ok(Self::new(source, connection, object, id))
    }

    /// The key of another record of the same connection.
    #[must_use]
    pub fn sibling(&self, object: &str, id: &str) -> Self {
        Self::new(&self.source(), &self.connection(), object, id)
    }

    /// The vendor's product.
    pub fn source(&self) -> Cow<'_, str> {
        self.part(0)
    }

    /// The configured account of the source.
    pub fn connection(&self) -> Cow<'_, str> {
        self.part(1)
    }

    /// The kind of record in the vendor's words.
    pub fn object(&self) -> Cow<'_, str> {
        self.part(2)
    }

    /// The vendor's id of the record.
    pub fn id(&self) -> Cow<'_, str> {
        self.part(3)
    }

    /// The key as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn part(&self, index: usize) -> Cow<'_, str> {
        unescape(self.0.split('/').nth(index).unwrap_or_default())
    }
}

fn escape_into(key: &mut String, part: &str) {
    let mut rest = part;
    while let Some(at) = rest.find(['/', '%', '#']) {
        key.push_str(&rest[..at]);
        key.push_str(match rest.as_bytes()[at] {
            b'/' => "%2F",
            b'%' => "%25",
            _ => "%23",
        });
        rest = &rest[at + 1..];
    }
    key.push_str(rest);
}

/// `%25` goes last: undone first, it could produce a new escape.
fn unescape(part: &str) -> Cow<'_, str> {
    if part.contains('%') {
        part.replace("%2F", "/").replace("%23", "#").replace("%25", "%").into()
    } else {
        part.into()
    }
}

fn check(part: &str) -> Result<(), RecordKeyError> {
    if part.is_empty() {
        return Err(RecordKeyError::Empty);
    }
    let escaped = part
        .split('%')
        .skip(1)
        .all(|rest| ["2F", "25", "23"].iter().any(|code| rest.starts_with(code)));
    if escaped && !part.contains('#') { Ok(()) } else { Err(RecordKeyError::Escape) }
}

impl FromStr for RecordKey {
    type Err = RecordKeyError;

    fn from_str(text: &str) -> Result<Self, RecordKeyError> {
        if text.bytes().filter(|&b| b == b'/').count() != 3 {
            return Err(RecordKeyError::Parts);
        }
        text.split('/').try_for_each(check)?;
        Ok(Self(text.to_owned()))
    }
}

impl AsRef<str> for RecordKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

json_text!(RecordKey, {
    "type": "string",
    "format": "record-key",
    "pattern": "^[^/#]+/[^/#]+/[^/#]+/[^/#]+$"
});

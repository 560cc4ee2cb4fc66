//! Where a page of a timeline ended.

use std::{fmt, str::FromStr};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::lookup::check_key;
use crate::error::Invalid;
use crate::schema::{RecordKey, Timestamp};

/// The last entry of a page: when it happened, and its key. Opaque in writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When it happened.
    pub occurred_at: Timestamp,
    /// Its key.
    pub record_key: RecordKey,
}

/// The length of the texts that are cursors ends where the longest key of the table does.
const LONGEST: usize = 2_000;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}#{}", self.occurred_at, self.record_key);
        f.write_str(&URL_SAFE_NO_PAD.encode(text))
    }
}

impl FromStr for Cursor {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("before", "is not the `next` of a page of this timeline");
        if text.len() > LONGEST {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
        let text = String::from_utf8(bytes).map_err(|_| wrong())?;
        let (occurred_at, record_key) = text.split_once('#').ok_or_else(wrong)?;
        let cursor = Self {
            occurred_at: occurred_at.parse().map_err(|_| wrong())?,
            record_key: record_key.parse().map_err(|_| wrong())?,
        };
        check_key("before", &cursor.record_key)?;
        Ok(cursor)
    }
}

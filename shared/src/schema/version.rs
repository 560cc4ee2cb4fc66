//! Which of two rows with the same key is the newer one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use thiserror::Error;

use super::vocabulary::json_text;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sha256(pub [u8; 32]);

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a SHA-256 digest of 64 hexadecimal digits")]
pub struct Sha256Error;

impl Sha256 {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The digest of a row's content: its serialised bytes, then one byte, 1 if the record is deleted and else 0.
    pub fn of_content(bytes: &[u8], deleted: bool) -> Self {
        let hash = sha2::Sha256::new().chain_update(bytes).chain_update([u8::from(deleted)]);
        Self(hash.finalize().into())
    }
}

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Self, Sha256Error> {
        let mut digest = [0; 32];
        hex::decode_to_slice(text, &mut digest).map_err(|_| Sha256Error)?;
        Ok(Self(digest))
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

json_text!(Sha256, { "type": "string", "format": "sha256", "pattern": "^[0-9a-f]{64}$" });

/// The order of two rows with one key: a row replaces another only if its version is greater.
///
/// So any arrival order, with any number of duplicates, gives the same table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// The vendor's own monotone version, else its last change in microseconds, else 0.
    pub source_version: i64,
    /// The digest of the content, which breaks ties.
    pub content_sha256: Sha256,
}

impl Version {
    /// Whether a row of this version takes the place of the row stored, if any.
    pub fn replaces(self, stored: Option<Self>) -> bool {
        stored.is_none_or(|stored| self > stored)
    }
}

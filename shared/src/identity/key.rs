//! The key of an identifier: equal values have equal keys, and the key tells nobody the value.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::error::Invalid;
use crate::pseudonym::Pseudonyms;
use crate::schema::{Namespace, Sha256};

/// The deployment's secret for identifiers, with its number.
///
/// Keys made under two numbers are never equal, so evidence must never be mixed for long. To rotate: give the new secret
/// the next number and make the evidence of every record again (`tributary recognise`). People keep their ids, which do not
/// depend on the secret.
#[derive(Debug, Clone)]
pub struct IdentityKey {
    number: u32,
    pseudonyms: Pseudonyms,
}

impl IdentityKey {
    /// The secret with this number; the first one of a deployment is 1.
    pub fn new(number: u32, pseudonyms: Pseudonyms) -> Self {
        Self { number, pseudonyms }
    }

    /// The key of a value that is already normalised and qualified.
    pub fn of(&self, namespace: Namespace, value: &str) -> Result<IdentifierKey, Invalid> {
        let hmac = Sha256(self.pseudonyms.digest(namespace, value)?);
        Ok(IdentifierKey { namespace, key_id: self.number, hmac })
    }
}

/// An identifier without its value, written as `email:1:9f86d0…`: namespace, number of the secret, HMAC-SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdentifierKey {
    /// What kind of value it is; `Unknown` stands for a postal address.
    pub namespace: Namespace,
    /// The number of the secret that it was made under.
    pub key_id: u32,
    /// The HMAC of the value.
    pub hmac: Sha256,
}

/// A text that is no identifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an identifier key has three parts: namespace:number:hmac")]
pub struct IdentifierKeyError;

impl FromStr for IdentifierKey {
    type Err = IdentifierKeyError;

    fn from_str(text: &str) -> Result<Self, IdentifierKeyError> {
        let mut parts = text.splitn(3, ':');
        let mut part = || parts.next().ok_or(IdentifierKeyError);
        let (namespace, key_id, hmac) = (part()?, part()?, part()?);
        let key = Self {
            namespace: Namespace::from_word(namespace),
            key_id: key_id.parse().map_err(|_| IdentifierKeyError)?,
            hmac: hmac.parse().map_err(|_| IdentifierKeyError)?,
        };
        if key.to_string() == text { Ok(key) } else { Err(IdentifierKeyError) }
    }
}

impl fmt::Display for IdentifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.namespace, self.key_id, self.hmac)
    }
}

impl fmt::Debug for IdentifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for IdentifierKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for IdentifierKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

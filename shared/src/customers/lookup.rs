//! What a customer can be looked up by, normalised before anything is read.

use uuid::Uuid;

use crate::error::Invalid;
use crate::schema::{Namespace, RecordKey, normalise_email, normalise_phone};

/// A record key is part of a key of the table, and those end at 1,024 bytes.
const LONGEST_KEY: usize = 900;
/// No handle of any network is longer.
const LONGEST_HANDLE: usize = 300;

/// What a customer is looked up by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// A value that people share with their records: an address, a number, a handle; normalised.
    Identifier(Namespace, String),
    /// One of the person's records.
    Record(RecordKey),
    /// An id that the person has or had.
    Person(Uuid),
}

impl Lookup {
    /// By an email address, however it is written.
    pub fn email(text: &str) -> Result<Self, Invalid> {
        let email = normalise_email(text)
            .ok_or_else(|| Invalid::new("email", "is not an email address"))?;
        Ok(Self::Identifier(Namespace::Email, email))
    }

    /// By a phone number, with the region (`GB`) where it is written without a country.
    pub fn phone(text: &str, region: Option<&str>) -> Result<Self, Invalid> {
        let phone = normalise_phone(text, region).ok_or_else(|| {
            Invalid::new(
                "phone",
                "is not a valid phone number; write +, country code and number, or name the region",
            )
        })?;
        Ok(Self::Identifier(Namespace::Phone, phone.e164))
    }

    /// By an account in a social network: `network:handle`.
    pub fn handle(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("handle", "is not of the form network:handle");
        let (network, name) = text.trim().split_once(':').ok_or_else(wrong)?;
        let name = name.strip_prefix('@').unwrap_or(name);
        let space = |c: char| c.is_whitespace() || c.is_control();
        let missing = network.is_empty() || name.is_empty();
        if missing || text.len() > LONGEST_HANDLE || text.trim().contains(space) {
            return Err(wrong());
        }
        let handle = format!("{network}:{name}").to_lowercase();
        Ok(Self::Identifier(Namespace::SocialHandle, handle))
    }

    /// By the key of a record of the person: `source/connection/object/id`.
    pub fn source_id(text: &str) -> Result<Self, Invalid> {
        let wrong = || Invalid::new("source_id", "is not of the form source/connection/object/id");
        let key = text.parse().map_err(|_| wrong())?;
        check_key("source_id", &key)?;
        Ok(Self::Record(key))
    }

    /// By whatever this looks like: a person's id, a record key, a handle, an address, or else a phone number.
    pub fn of(text: &str, region: Option<&str>) -> Result<Self, Invalid> {
        let text = text.trim();
        if let Ok(person) = text.parse() {
            Ok(Self::Person(person))
        } else if text.matches('/').count() == 3 {
            Self::source_id(text)
        } else if text.contains(':') {
            Self::handle(text)
        } else if text.contains('@') {
            Self::email(text)
        } else {
            Self::phone(text, region)
        }
    }
}

/// Refuses a record key that no item of the table could have.
pub(super) fn check_key(field: &str, key: &RecordKey) -> Result<(), Invalid> {
    if key.as_str().len() > LONGEST_KEY {
        return Err(Invalid::new(field, format!("is longer than {LONGEST_KEY} bytes")));
    }
    Ok(())
}

//! The recipient of an email: suppressions and events name no record of a person, only an address.
//!
//! So the address is the person's record: object `recipient`, its id the pseudonym of the normalised address. It says the
//! same wherever it comes from, so that it lands once; the contact with the same address is recognised as the same person
//! by that address.

use shared::error::Invalid;
use shared::fields::Fields;
use shared::rows::{Draft, Rows};
use shared::schema::{
    ContactPoint, ContactType, Identifier, Namespace, PersonRecord, RecordKey, Timestamp,
    normalise_email,
};

const OBJECT: &str = "recipient";

/// The address of a recipient.
pub(super) struct Address {
    /// The pseudonym: what stands in keys.
    pub(super) key: String,
    text: String,
    is_valid: bool,
}

impl Address {
    /// Takes the address of a record.
    pub(super) fn take(record: &mut Fields<'_>, rows: &Rows<'_>) -> Result<Self, Invalid> {
        let text = record.said("email")?;
        let text = text.ok_or_else(|| Invalid::new("email", "is missing"))?;
        let normalised = normalise_email(&text);
        let is_valid = normalised.is_some();
        // The list of invalid addresses has texts that are none; they need keys all the same.
        let text = normalised.unwrap_or_else(|| text.trim().to_lowercase());
        let key = rows.pseudonym(Namespace::Email, &text)?;
        Ok(Self { key, text, is_valid })
    }

    /// The key of the recipient's record.
    pub(super) fn recipient(&self, rows: &Rows<'_>) -> RecordKey {
        rows.key(OBJECT, &self.key)
    }

    /// The normalised address, unless the text is none.
    pub(super) fn normalised(&self) -> Option<String> {
        self.is_valid.then(|| self.text.clone())
    }

    /// The address as a contact point.
    pub(super) fn point(&self) -> ContactPoint {
        ContactPoint {
            r#type: ContactType::Email,
            exact: self.text.as_str().into(),
            normalised: self.normalised(),
            ..ContactPoint::default()
        }
    }

    /// What an address recognises: itself.
    pub(super) fn identifiers(&self) -> Vec<Identifier> {
        let own = self.normalised().map(|email| Identifier::new(Namespace::Email, email));
        own.into_iter().collect()
    }

    /// The recipient's record. It has no time of change and so the version 0, whichever way it comes.
    pub(super) fn person(&self, rows: &Rows<'_>) -> Draft {
        let person = PersonRecord {
            identifiers: self.identifiers(),
            contact_points: vec![self.point()],
            ..PersonRecord::default()
        };
        let draft = Draft::new(OBJECT, self.key.as_str(), Timestamp::UNIX_EPOCH, person, rows);
        Draft { version: 0, updated_at: None, ..draft }
    }
}

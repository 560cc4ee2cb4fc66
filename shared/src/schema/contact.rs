//! The ways to reach a person, and the one form in which two sources' spellings become equal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use super::{Country, Known, vocabulary::vocabulary};

vocabulary! {
    /// What kind of contact point it is.
    ContactType {
        /// An email address.
        Email = "email",
        /// A telephone number.
        Phone = "phone",
        /// A postal address.
        Address = "address",
        /// An account in a social network.
        Social = "social",
        /// A device that accepts notifications.
        Push = "push",
    }
}

vocabulary! {
    /// The answer to a question that a source may not have asked.
    Answer {
        /// It is so.
        Yes = "yes",
        /// It is not so.
        No = "no",
    }
}

vocabulary! {
    /// How the last message to it failed, if it did.
    BounceState {
        /// The last message arrived.
        None = "none",
        /// It failed for now: a full mailbox.
        Soft = "soft",
        /// It failed for good: no such mailbox.
        Hard = "hard",
    }
}

/// One way to reach a person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ContactPoint {
    /// What kind of contact point it is.
    pub r#type: ContactType,
    /// As the source wrote it; absent for postal addresses that come in parts.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub exact: Known<String>,
    /// The form to compare: email trimmed, NFC, IDNA domain, lower case; phone E.164; social `network:handle`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalised: Option<String>,
    /// The extension of a phone number, digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// Whether what is sent arrives, as far as the source saw or verified it.
    pub deliverable: Answer,
    /// How the last message to it failed, if it did.
    pub bounce_state: BounceState,
    /// Postal: the lines above the locality, such as the street.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
    /// Postal: the city or village.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub locality: Known<String>,
    /// Postal: the ISO 3166-2 code where the source has one (`US-OR`), else as it wrote it.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub region: Known<String>,
    /// Postal: the postal code as text.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub postal_code: Known<String>,
    /// Postal: the ISO 3166-1 alpha-2 code.
    #[serde(skip_serializing_if = "Known::is_absent")]
    pub country: Known<Country>,
}

impl ContactPoint {
    /// An email address as the source wrote it, normalised if it is one.
    pub fn email(exact: &str) -> Self {
        Self {
            r#type: ContactType::Email,
            exact: exact.into(),
            normalised: normalise_email(exact),
            ..Self::default()
        }
    }

    /// A phone number as the source wrote it, normalised if it is valid.
    pub fn phone(exact: &str, default_region: Option<&str>) -> Self {
        let phone = normalise_phone(exact, default_region);
        let (normalised, extension) = phone.map_or((None, None), |p| (Some(p.e164), p.extension));
        Self {
            r#type: ContactType::Phone,
            exact: exact.into(),
            normalised,
            extension,
            ..Self::default()
        }
    }
}

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1).
const LONGEST_EMAIL: usize = 254;

/// The longest part before the `@` (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;

/// Trims, composes (NFC), makes the domain ASCII (IDNA) and lower-cases; `None` if it is no address.
pub fn normalise_email(text: &str) -> Option<String> {
    let (local, domain) = text.trim().rsplit_once('@')?;
    let composed: String = local.nfc().collect();
    let local: String = composed.to_lowercase().nfc().collect();
    if !is_local(&local) {
        return None;
    }
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let domain = idna::domain_to_ascii_strict(domain).ok()?;
    let email = format!("{local}@{domain}");
    (domain.contains('.') && email.len() <= LONGEST_EMAIL).then_some(email)
}

/// A dot-atom of RFC 6531; quoted local parts are not used by people.
fn is_local(local: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || r#"()<>[]:;@\,""#.contains(c);
    let dots = local.starts_with('.') || local.ends_with('.') || local.contains("..");
    (1..=LONGEST_LOCAL).contains(&local.len()) && !dots && !local.contains(forbidden)
}

/// A phone number in comparable form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Phone {
    /// The number in E.164 form, such as `+493012345678`.
    pub e164: String,
    /// The extension behind it, if any.
    pub extension: Option<String>,
}

/// Longer texts hold something else than one number.
const LONGEST_PHONE: usize = 48;

/// Parses a number that is valid, not merely possible; without a leading `+` it needs the region (`DE`).
pub fn normalise_phone(text: &str, default_region: Option<&str>) -> Option<Phone> {
    let text = text.trim();
    if text.len() > LONGEST_PHONE || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let region = default_region.and_then(|code| code.trim().to_ascii_uppercase().parse().ok());
    let number = phonenumber::parse(region, text).ok()?;
    if !phonenumber::is_valid(&number) {
        return None;
    }
    Some(Phone {
        // Not its own formatter: for an unknown country code that one fails inside `to_string`.
        e164: format!("+{}{}", number.code().value(), number.national()),
        extension: number.extension().map(ToString::to_string).filter(|text| !text.is_empty()),
    })
}

//! Countries and languages by their codes.

use std::{fmt, str::FromStr};

use thiserror::Error;

use super::vocabulary::json_text;

/// A country by its ISO 3166-1 alpha-2 code, such as `DE`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// A text that is no ISO 3166-1 alpha-2 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an ISO 3166-1 alpha-2 country code")]
pub struct CountryError;

impl Country {
    /// The two letters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Country {
    type Err = CountryError;

    /// Accepts either case.
    fn from_str(code: &str) -> Result<Self, CountryError> {
        let upper = code.trim().to_ascii_uppercase();
        // XK is user-assigned, not official, and what every shop writes for Kosovo.
        if upper != "XK" && upper.parse::<iso_currency::Country>().is_err() {
            return Err(CountryError);
        }
        upper.as_bytes().try_into().map(Self).map_err(|_| CountryError)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

json_text!(Country, { "type": "string", "format": "iso-3166-1", "pattern": "^[A-Z]{2}$" });

/// A language by its BCP 47 tag in the usual case, such as `de`, `pt-BR` or `zh-Hant-TW`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

/// A text without the shape of a BCP 47 tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a BCP 47 language tag")]
pub struct LanguageError;

impl Language {
    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    /// Checks the shape, not the registry; accepts any case and the underscore of POSIX locales.
    fn from_str(tag: &str) -> Result<Self, LanguageError> {
        let mut written = String::new();
        for (index, subtag) in tag.trim().split(['-', '_']).enumerate() {
            let alphabetic = subtag.bytes().all(|b| b.is_ascii_alphabetic());
            let alphanumeric = subtag.bytes().all(|b| b.is_ascii_alphanumeric());
            match (index, subtag.len()) {
                (0, 2..=8) if alphabetic => written.push_str(&subtag.to_ascii_lowercase()),
                (1.., 1..=8) if alphanumeric => {
                    written.push('-');
                    written.push_str(&usual_case(subtag, alphabetic));
                }
                _ => return Err(LanguageError),
            }
        }
        Ok(Self(written))
    }
}

/// Scripts are titled, regions are capitals, the rest is small (RFC 5646, 2.1.1).
fn usual_case(subtag: &str, alphabetic: bool) -> String {
    match subtag.len() {
        2 if alphabetic => subtag.to_ascii_uppercase(),
        4 if alphabetic => subtag[..1].to_ascii_uppercase() + &subtag[1..].to_ascii_lowercase(),
        _ => subtag.to_ascii_lowercase(),
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

json_text!(Language, {
    "type": "string",
    "format": "bcp-47",
    "pattern": "^[a-z]{2,8}(-[A-Za-z0-9]{1,8})*$"
});

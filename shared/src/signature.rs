//! Webhook signatures as data: which bytes are signed, with what, and where the signature is found.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::error::Error;
use crate::receive::Delivery;
use crate::schema::Timestamp;

/// One signing scheme.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// The keyed hash.
    pub algorithm: Algorithm,
    /// The header that carries the signature.
    pub header: &'static str,
    /// How the signature is written in that header.
    pub encoding: Encoding,
    /// How the secret is written in the settings.
    pub secret: SecretEncoding,
    /// What is signed, in order, with nothing between the parts.
    pub signed: &'static [Part],
    /// The signed time, where the scheme has one.
    pub timestamp: Option<SignedTime>,
}

/// Keyed hashes in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-256 (RFC 2104, FIPS 180-4).
    HmacSha256,
}

/// Encodings of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Standard base64 with padding.
    Base64,
    /// Lower or upper case hexadecimal, after this prefix (`sha256=` or nothing).
    Hex(&'static str),
}

/// Encodings of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretEncoding {
    /// The characters themselves are the key.
    Literal,
    /// The key is what the characters decode to.
    Base64,
}

/// A part of the signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The value of a header.
    Header(&'static str),
    /// The body, exactly as received.
    Body,
    /// Fixed text, such as a separator.
    Text(&'static str),
}

/// A time that is part of what is signed.
#[derive(Debug, Clone, Copy)]
pub struct SignedTime {
    /// The header with the time.
    pub header: &'static str,
    /// How it is written.
    pub format: TimeFormat,
    /// How far it may be from our clock, either way, unless the connection's settings say otherwise.
    pub tolerance: Duration,
}

/// Ways to write a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeFormat {
    /// `2026-01-02T03:04:05Z`.
    Rfc3339,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
}

impl Signature {
    /// Accepts the delivery if any of `secrets` signed it and its time is within the tolerance of `now`.
    ///
    /// All secrets are tried and compared in constant time. No secret at all refuses everything.
    pub fn verify(
        &self,
        delivery: &Delivery,
        secrets: &[SecretString],
        tolerance: Option<Duration>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let header = delivery
            .header(self.header)
            .ok_or(Error::Unverified("the signature header is missing"))?;
        let given = self
            .encoding
            .decode(header)
            .ok_or(Error::Unverified("the signature is not well formed"))?;
        if let Some(time) = &self.timestamp {
            let tolerance = tolerance.unwrap_or(time.tolerance);
            let text = delivery
                .header(time.header)
                .ok_or(Error::Unverified("the signature's time is missing"))?;
            let at = time
                .format
                .parse(text)
                .ok_or(Error::Unverified("the signature's time is not well formed"))?;
            let distance = i128::from(at.as_micros()) - i128::from(now.as_micros());
            if distance.unsigned_abs() > tolerance.as_micros() {
                return Err(Error::Unverified("the signature's time is outside the tolerance"));
            }
        }
        let mut accepted = false;
        for secret in secrets.iter().filter(|secret| !secret.expose_secret().is_empty()) {
            if let Some(expected) = self.sign(delivery, secret) {
                accepted |= bool::from(expected.as_slice().ct_eq(&given));
            }
        }
        if accepted {
            Ok(())
        } else {
            Err(Error::Unverified("no secret of the connection matches"))
        }
    }

    /// The signature's bytes for this delivery under `secret`; none if a signed header is missing or the secret is
    /// not written in the scheme's encoding.
    fn sign(&self, delivery: &Delivery, secret: &SecretString) -> Option<Vec<u8>> {
        let decoded;
        let key = match self.secret {
            SecretEncoding::Literal => secret.expose_secret().as_bytes(),
            SecretEncoding::Base64 => {
                decoded = STANDARD.decode(secret.expose_secret()).ok()?;
                &decoded
            }
        };
        let Algorithm::HmacSha256 = self.algorithm;
        let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
        for part in self.signed {
            match part {
                Part::Header(name) => mac.update(delivery.header(name)?.as_bytes()),
                Part::Body => mac.update(&delivery.body),
                Part::Text(text) => mac.update(text.as_bytes()),
            }
        }
        Some(mac.finalize().into_bytes().to_vec())
    }

    /// The header value that a vendor would send for this delivery: for the conformance suite and for tests.
    pub fn header_value(&self, delivery: &Delivery, secret: &SecretString) -> Option<String> {
        self.sign(delivery, secret).map(|bytes| self.encoding.encode(&bytes))
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex(prefix) => hex::decode(text.strip_prefix(prefix)?).ok(),
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Base64 => STANDARD.encode(bytes),
            Self::Hex(prefix) => format!("{prefix}{}", hex::encode(bytes)),
        }
    }
}

impl TimeFormat {
    fn parse(self, text: &str) -> Option<Timestamp> {
        match self {
            Self::Rfc3339 => Timestamp::parse_rfc3339(text).ok(),
            Self::UnixSeconds => {
                Timestamp::from_micros(text.parse::<i64>().ok()?.checked_mul(1_000_000)?).ok()
            }
            Self::UnixMillis => {
                Timestamp::from_micros(text.parse::<i64>().ok()?.checked_mul(1_000)?).ok()
            }
        }
    }

    /// Writes `at` as this format: for the conformance suite and for tests.
    pub fn write(self, at: Timestamp) -> String {
        match self {
            Self::Rfc3339 => at.to_string(),
            Self::UnixSeconds => at.as_micros().div_euclid(1_000_000).to_string(),
            Self::UnixMillis => at.as_micros().div_euclid(1_000).to_string(),
        }
    }
}

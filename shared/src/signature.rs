//! Webhook signatures as data: which bytes are signed, with what, and where the signature is found.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Error;
use crate::receive::Delivery;
use crate::schema::Timestamp;

/// One signing scheme.
#[derive(Debug, Clone, Copy)]
pub struct Signature {
    /// How the bytes are signed.
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
    /// The header and value that tell this scheme from another one with the same header.
    pub only_if: Option<(&'static str, &'static str)>,
}

/// Algorithms in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-256 (RFC 2104, FIPS 180-4).
    HmacSha256,
    /// SHA-256 over the secret and then the signed parts.
    Sha256OfSecretAndParts,
    /// ECDSA over P-256 with SHA-256 (FIPS 186-5), the signature in ASN.1 DER; the "secret" is the vendor's public key,
    /// base64 of a `SubjectPublicKeyInfo` (RFC 5480).
    EcdsaP256,
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
    /// The request's method.
    Method,
    /// The receiver's address as it is registered at the vendor: the connection's `webhook_url`.
    Url,
    /// The same, with these percent-encodings decoded.
    UrlDecoding(&'static [(&'static str, &'static str)]),
}

impl Part {
    /// Whether the connection has to say at which address the vendor calls it.
    pub fn needs_url(self) -> bool {
        matches!(self, Self::Url | Self::UrlDecoding(_))
    }
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
    /// `Thu, 04 Jan 2024 18:05:25 GMT` (RFC 9110 §5.6.7).
    HttpDate,
}

/// What a delivery is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// Any of these may have signed; several during a rotation. None at all refuses everything.
    pub secrets: &'a [SecretString],
    /// How far a signed time may be from ours; the scheme's own rule when none.
    pub tolerance: Option<Duration>,
    /// The receiver's address as registered at the vendor.
    pub url: Option<&'a str>,
    /// The time now.
    pub now: Timestamp,
}

/// Accepts the delivery if the first of the schemes that it uses verifies it.
pub fn verify(schemes: &[Signature], delivery: &Delivery, check: Check<'_>) -> Result<(), Error> {
    let used = schemes.iter().find(|scheme| scheme.is_used_by(delivery));
    used.ok_or(Error::Unverified("the signature header is missing"))?.verify(delivery, check)
}

impl Signature {
    fn is_used_by(&self, delivery: &Delivery) -> bool {
        let told = self.only_if.is_none_or(|(name, value)| {
            delivery.header(name).is_some_and(|given| given.eq_ignore_ascii_case(value))
        });
        told && delivery.header(self.header).is_some()
    }

    /// Accepts the delivery if any of the secrets signed it and its time is within the tolerance.
    ///
    /// All secrets are tried, and digests compared in constant time.
    pub fn verify(&self, delivery: &Delivery, check: Check<'_>) -> Result<(), Error> {
        let header = delivery
            .header(self.header)
            .ok_or(Error::Unverified("the signature header is missing"))?;
        let given = self
            .encoding
            .decode(header)
            .ok_or(Error::Unverified("the signature is not well formed"))?;
        if let Some(time) = &self.timestamp {
            let tolerance = check.tolerance.unwrap_or(time.tolerance);
            let text = delivery
                .header(time.header)
                .ok_or(Error::Unverified("the signature's time is missing"))?;
            let at = time
                .format
                .parse(text)
                .ok_or(Error::Unverified("the signature's time is not well formed"))?;
            let distance = i128::from(at.as_micros()) - i128::from(check.now.as_micros());
            if distance.unsigned_abs() > tolerance.as_micros() {
                return Err(Error::Unverified("the signature's time is outside the tolerance"));
            }
        }
        let message = self
            .message(delivery, check.url)
            .ok_or(Error::Unverified("a part of what is signed is missing"))?;
        let secrets = check.secrets.iter().filter(|secret| !secret.expose_secret().is_empty());
        let accepted = secrets.fold(false, |accepted, secret| {
            accepted | self.is_by(secret, &message, &given).unwrap_or(false)
        });
        if accepted {
            Ok(())
        } else {
            Err(Error::Unverified("no secret of the connection matches"))
        }
    }

    /// Whether `given` is the signature of `message` under `secret`; none if the secret is not written as it should be.
    fn is_by(&self, secret: &SecretString, message: &[u8], given: &[u8]) -> Option<bool> {
        if self.algorithm != Algorithm::EcdsaP256 {
            return Some(self.digest(secret, message)?.as_slice().ct_eq(given).into());
        }
        let key = STANDARD.decode(secret.expose_secret().trim()).ok()?;
        let key = VerifyingKey::from_public_key_der(&key).ok()?;
        let signature = DerSignature::from_bytes(given).ok()?;
        Some(key.verify(message, &signature).is_ok())
    }

    /// The bytes that are signed; none if a part of them is missing.
    fn message(&self, delivery: &Delivery, url: Option<&str>) -> Option<Vec<u8>> {
        let mut message = Vec::with_capacity(delivery.body.len() + 256);
        for part in self.signed {
            match part {
                Part::Header(name) => message.extend_from_slice(delivery.header(name)?.as_bytes()),
                Part::Body => message.extend_from_slice(&delivery.body),
                Part::Text(text) => message.extend_from_slice(text.as_bytes()),
                Part::Method => message.extend_from_slice(delivery.method.as_bytes()),
                Part::Url => message.extend_from_slice(url?.as_bytes()),
                Part::UrlDecoding(pairs) => {
                    let decoded = pairs.iter().fold(url?.to_owned(), |url, (encoded, plain)| {
                        url.replace(encoded, plain).replace(&encoded.to_lowercase(), plain)
                    });
                    message.extend_from_slice(decoded.as_bytes());
                }
            }
        }
        Some(message)
    }

    fn digest(&self, secret: &SecretString, message: &[u8]) -> Option<Vec<u8>> {
        let decoded;
        let key = match self.secret {
            SecretEncoding::Literal => secret.expose_secret().as_bytes(),
            SecretEncoding::Base64 => {
                decoded = STANDARD.decode(secret.expose_secret()).ok()?;
                &decoded
            }
        };
        match self.algorithm {
            Algorithm::HmacSha256 => {
                let mac = Hmac::<Sha256>::new_from_slice(key).ok()?.chain_update(message);
                Some(mac.finalize().into_bytes().to_vec())
            }
            Algorithm::Sha256OfSecretAndParts => {
                Some(Sha256::new().chain_update(key).chain_update(message).finalize().to_vec())
            }
            Algorithm::EcdsaP256 => None,
        }
    }

    /// The header value that a vendor would send for this delivery: for the conformance suite and for tests.
    ///
    /// For ECDSA the secret is the vendor's private key, base64 of its PKCS #8.
    pub fn header_value(
        &self,
        delivery: &Delivery,
        url: Option<&str>,
        secret: &SecretString,
    ) -> Option<String> {
        let message = self.message(delivery, url)?;
        let signature = if self.algorithm == Algorithm::EcdsaP256 {
            let key = STANDARD.decode(secret.expose_secret()).ok()?;
            let key = SigningKey::from_pkcs8_der(&key).ok()?;
            let signature: DerSignature = key.sign(&message);
            signature.as_bytes().to_vec()
        } else {
            self.digest(secret, &message)?
        };
        Some(self.encoding.encode(&signature))
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
            Self::HttpDate => {
                let since = httpdate::parse_http_date(text).ok()?;
                let since = since.duration_since(std::time::UNIX_EPOCH).ok()?;
                Timestamp::from_unix_seconds(i64::try_from(since.as_secs()).ok()?).ok()
            }
        }
    }

    /// Writes `at` as this format: for the conformance suite and for tests.
    pub fn write(self, at: Timestamp) -> String {
        match self {
            Self::Rfc3339 => at.to_string(),
            Self::UnixSeconds => at.as_micros().div_euclid(1_000_000).to_string(),
            Self::UnixMillis => at.as_micros().div_euclid(1_000).to_string(),
            Self::HttpDate => {
                let since = u64::try_from(at.as_micros().div_euclid(1_000_000)).unwrap_or(0);
                httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(since))
            }
        }
    }
}

//! Keys made of values that must not stand in a key: nobody without the deployment's secret can tell the value.

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::error::Invalid;
use crate::schema::Namespace;

/// The deployment's secret for keys.
#[derive(Debug, Clone, Default)]
pub struct Pseudonyms {
    key: Option<SecretString>,
}

impl Pseudonyms {
    /// Keys under this secret.
    pub fn new(key: SecretString) -> Self {
        Self { key: Some(key) }
    }

    /// The key of a normalised value: HMAC-SHA-256 (RFC 2104) over the namespace, a zero byte and the value, in
    /// hexadecimal.
    pub fn of(&self, namespace: Namespace, normalised: &str) -> Result<String, Invalid> {
        self.digest(namespace, normalised).map(hex::encode)
    }

    /// The same key, as the bytes that it is.
    pub fn digest(&self, namespace: Namespace, normalised: &str) -> Result<[u8; 32], Invalid> {
        let mac = self
            .key
            .as_ref()
            .and_then(|key| Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok());
        let Some(mut mac) = mac else {
            return Err(Invalid::new(
                namespace.as_str(),
                "cannot be made a key: the settings name no identity_key",
            ));
        };
        for part in [namespace.as_str().as_bytes(), b"\0", normalised.as_bytes()] {
            mac.update(part);
        }
        Ok(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_has_one_key_per_namespace_and_secret() {
        let [one, other] = ["secret", "another"].map(|key| Pseudonyms::new(key.into()));
        let key = one.of(Namespace::Email, "ann@example.org").unwrap();
        assert_eq!(key.len(), 64);
        assert_eq!(one.of(Namespace::Email, "ann@example.org"), Ok(key.clone()));
        assert_ne!(one.of(Namespace::Phone, "ann@example.org"), Ok(key.clone()));
        assert_ne!(other.of(Namespace::Email, "ann@example.org"), Ok(key));
    }

    #[test]
    fn without_a_secret_there_is_no_key() {
        assert!(Pseudonyms::default().of(Namespace::Email, "ann@example.org").is_err());
    }
}

//! Secrets by reference: where they are read from, and never their values in settings, logs or errors.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::error::Error;

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretRef {
    /// `{ env = "NAME" }`: an environment variable.
    Env(String),
    /// `{ file = "path" }`: the contents of a file, without the final line break; relative to the settings file.
    File(PathBuf),
    /// `{ secret = "name", key = "token" }`: AWS Secrets Manager; `key` picks a field of a JSON secret.
    Store {
        /// The secret's name or ARN.
        name: String,
        /// The field, if the secret is a JSON object.
        key: Option<String>,
    },
}

impl fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(formatter, "the environment variable {name}"),
            Self::File(path) => write!(formatter, "the file {}", path.display()),
            Self::Store { name, key: None } => write!(formatter, "the secret {name}"),
            Self::Store { name, key: Some(key) } => {
                write!(formatter, "the field {key} of the secret {name}")
            }
        }
    }
}

const SHAPE: &str = r#"a reference to a secret: { env = "NAME" }, { file = "path" } or { secret = "name", key = "field" }"#;

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reference;
        impl<'de> Visitor<'de> for Reference {
            type Value = SecretRef;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(SHAPE)
            }

            // The text may be the secret itself: it must not be repeated.
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<SecretRef, E> {
                Err(E::custom(format!("secrets do not belong in the settings file; write {SHAPE}")))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
                let (mut env, mut file, mut secret, mut key) = (None, None, None, None);
                while let Some(name) = map.next_key::<String>()? {
                    let slot = match name.as_str() {
                        "env" => &mut env,
                        "file" => &mut file,
                        "secret" => &mut secret,
                        "key" => &mut key,
                        _ => {
                            return Err(A::Error::custom(format!(
                                "unknown key {name:?}, expected {SHAPE}"
                            )));
                        }
                    };
                    *slot = Some(map.next_value::<String>()?);
                }
                match (env, file, secret, key) {
                    (Some(env), None, None, None) => Ok(SecretRef::Env(env)),
                    (None, Some(file), None, None) => Ok(SecretRef::File(file.into())),
                    (None, None, Some(name), key) => Ok(SecretRef::Store { name, key }),
                    _ => Err(A::Error::custom(format!("expected {SHAPE}"))),
                }
            }
        }
        deserializer.deserialize_any(Reference)
    }
}

impl schemars::JsonSchema for SecretRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": SHAPE,
            "oneOf": [
                { "type": "object", "required": ["env"], "additionalProperties": false,
                  "properties": { "env": { "type": "string" } } },
                { "type": "object", "required": ["file"], "additionalProperties": false,
                  "properties": { "file": { "type": "string" } } },
                { "type": "object", "required": ["secret"], "additionalProperties": false,
                  "properties": { "secret": { "type": "string" }, "key": { "type": "string" } } },
            ]
        })
    }
}

/// How long a secret of the secret store is used before it is read again: rotation takes effect within this time.
const REFRESH: Duration = Duration::from_mins(5);

/// Reads secrets by reference.
#[derive(Clone)]
pub struct Secrets {
    base: PathBuf,
    store: Option<aws_sdk_secretsmanager::Client>,
    cache: Arc<Mutex<HashMap<String, (Instant, SecretString)>>>,
}

impl Secrets {
    /// A reader that resolves files relative to `base` and, given a client, reads the AWS secret store.
    pub fn new(base: impl Into<PathBuf>, store: Option<aws_sdk_secretsmanager::Client>) -> Self {
        Self { base: base.into(), store, cache: Arc::default() }
    }

    /// Reads a secret; an empty or missing one is an error that names the reference.
    pub async fn read(&self, reference: &SecretRef) -> Result<SecretString, Error> {
        let missing = |why: &str| Error::Config(format!("{reference} {why}"));
        let secret = match reference {
            SecretRef::Env(name) => std::env::var(name)
                .map(SecretString::from)
                .map_err(|_| missing("is not set; export it before running tributary"))?,
            SecretRef::File(path) => self
                .read_file(path)
                .await
                .map_err(|error| missing(&format!("cannot be read: {error}")))?,
            SecretRef::Store { name, key } => {
                let whole = self.read_store(name).await?;
                match key {
                    None => whole,
                    Some(key) => field(&whole, key).ok_or_else(|| missing("does not exist"))?,
                }
            }
        };
        if secret.expose_secret().is_empty() {
            return Err(missing("is empty"));
        }
        Ok(secret)
    }

    async fn read_file(&self, path: &Path) -> std::io::Result<SecretString> {
        let text = tokio::fs::read_to_string(self.base.join(path)).await?;
        Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
    }

    async fn read_store(&self, name: &str) -> Result<SecretString, Error> {
        let mut cache = self.cache.lock().await;
        if let Some((read_at, secret)) = cache.get(name)
            && read_at.elapsed() < REFRESH
        {
            return Ok(secret.clone());
        }
        let store = self.store.as_ref().ok_or_else(|| {
            Error::Config(format!("the secret {name} is in AWS, but this run uses the embedded stores; use {{ env = … }} or {{ file = … }}"))
        })?;
        let answer = store
            .get_secret_value()
            .secret_id(name)
            .send()
            .await
            .map_err(|error| Error::landing(format!("reading the secret {name}"), error))?;
        let secret = SecretString::from(answer.secret_string.unwrap_or_default());
        cache.insert(name.to_owned(), (Instant::now(), secret.clone()));
        Ok(secret)
    }
}

fn field(whole: &SecretString, key: &str) -> Option<SecretString> {
    let mut fields: HashMap<String, serde_json::Value> =
        serde_json::from_str(whole.expose_secret()).ok()?;
    match fields.remove(key)? {
        serde_json::Value::String(text) => Some(SecretString::from(text)),
        other => Some(SecretString::from(other.to_string())),
    }
}

//! Secrets Manager as the operator uses it: what is there, and new values; never a value on the screen.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::primitives::DateTime;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};

use super::{Deployment, Refusal};
use crate::failure::Failure;

/// The secret store of a deployment.
pub(crate) struct SecretStore {
    client: Client,
    kms_key: Option<String>,
}

/// A secret as it is now.
pub(crate) struct Present {
    text: SecretString,
    /// When this value was put.
    pub(crate) put_at: Option<DateTime>,
}

impl Present {
    /// A secret with this text.
    #[cfg(test)]
    pub(crate) fn of(text: SecretString) -> Self {
        Self { text, put_at: None }
    }

    /// Its fields, if it is a JSON object.
    fn fields(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(self.text.expose_secret()).ok()
    }

    /// Whether it has a value in this field; as a whole without one.
    pub(crate) fn has(&self, key: Option<&str>) -> bool {
        match key {
            None => !self.text.expose_secret().is_empty(),
            Some(key) => self.fields().is_some_and(|fields| match fields.get(key) {
                None | Some(Value::Null) => false,
                Some(Value::String(text)) => !text.is_empty(),
                Some(_) => true,
            }),
        }
    }

    /// The secret's text with these fields anew; those that are not named stay.
    fn merged(
        &self,
        name: &str,
        new: &[(Option<String>, SecretString)],
    ) -> Result<String, Failure> {
        if let [(None, value)] = new {
            return Ok(value.expose_secret().to_owned());
        }
        let fields = self.fields().ok_or_else(|| {
            Failure::misuse(
                format!("the secret {name} is no JSON object, so that it can have no fields"),
                "name another secret in the settings, or put a JSON object there yourself",
            )
        })?;
        text_of(name, fields, new)
    }
}

/// Fields as the text of a secret.
fn text_of(
    name: &str,
    mut fields: Map<String, Value>,
    new: &[(Option<String>, SecretString)],
) -> Result<String, Failure> {
    for (key, value) in new {
        let Some(key) = key else {
            return Err(Failure::misuse(
                format!("the settings use the secret {name} as a whole and by its fields, too"),
                "give each its own secret",
            ));
        };
        fields.insert(key.clone(), Value::String(value.expose_secret().to_owned()));
    }
    Ok(Value::Object(fields).to_string())
}

impl SecretStore {
    pub(crate) fn of(deployment: &Deployment) -> Self {
        let kms_key = deployment.kms_key().map(str::to_owned);
        Self { client: Client::new(&deployment.aws), kms_key }
    }

    /// A secret by the name that the settings have for it; none if there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Present>, Failure> {
        match self.client.get_secret_value().secret_id(name).send().await {
            Ok(answer) => Ok(Some(Present {
                put_at: answer.created_date,
                text: SecretString::from(answer.secret_string.unwrap_or_default()),
            })),
            Err(error) => {
                let refusal = Refusal::of_sdk(&error);
                if refusal.code == "ResourceNotFoundException" {
                    return Ok(None);
                }
                Err(refusal.during(&format!("reading the secret {name}")))
            }
        }
    }

    /// Creates a secret, under the deployment's own key if it has one.
    pub(crate) async fn create(&self, name: &str, text: &SecretString) -> Result<(), Failure> {
        let create = self.client.create_secret().name(name).secret_string(text.expose_secret());
        let created = create.set_kms_key_id(self.kms_key.clone()).send().await;
        created
            .map(drop)
            .map_err(|error| Refusal::of_sdk(&error).during(&format!("creating the secret {name}")))
    }

    /// Puts values into a secret, by field or as a whole, and creates it if there is none; whether it did.
    pub(crate) async fn put(
        &self,
        name: &str,
        new: &[(Option<String>, SecretString)],
    ) -> Result<bool, Failure> {
        let Some(present) = self.read(name).await? else {
            let text = match new {
                [(None, value)] => value.clone(),
                _ => SecretString::from(text_of(name, Map::new(), new)?),
            };
            self.create(name, &text).await?;
            return Ok(true);
        };
        let text = present.merged(name, new)?;
        let put = self.client.put_secret_value().secret_id(name).secret_string(text).send().await;
        put.map_err(|error| Refusal::of_sdk(&error).during(&format!("writing the secret {name}")))?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(text: &str) -> Present {
        Present::of(SecretString::from(text))
    }

    fn new(key: Option<&str>, value: &str) -> (Option<String>, SecretString) {
        (key.map(str::to_owned), SecretString::from(value))
    }

    #[test]
    fn fields_that_are_not_named_stay() {
        let merged = present(r#"{"token":"old","other":"kept"}"#)
            .merged("desk", &[new(Some("token"), "new"), new(Some("more"), "x")])
            .expect("it merges");
        let merged: Value = serde_json::from_str(&merged).expect("JSON");
        assert_eq!(merged, serde_json::json!({"token": "new", "other": "kept", "more": "x"}));
        assert_eq!(present("old").merged("desk", &[new(None, "new")]).expect("replaced"), "new");
    }

    #[test]
    fn a_text_takes_no_fields_and_its_error_does_not_repeat_it() {
        let error = present("hunter2").merged("desk", &[new(Some("token"), "s3cret")]);
        let error = error.expect_err("no object").to_string();
        assert!(error.contains("the secret desk is no JSON object"), "{error}");
        assert!(!error.contains("hunter2") && !error.contains("s3cret"));
        let mixed = [new(Some("token"), "a"), new(None, "b")];
        assert!(present("{}").merged("desk", &mixed).is_err());
    }

    #[test]
    fn an_empty_field_is_missing() {
        let secret = present(r#"{"token":"","port":7}"#);
        assert!(!secret.has(Some("token")) && !secret.has(Some("absent")));
        assert!(secret.has(Some("port")) && secret.has(None));
        assert!(!present("").has(None));
    }
}

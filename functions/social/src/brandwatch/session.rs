//! Signing in with a user's password: one call, and a token for a year.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use shared::config::SecretRef;
use shared::connector::{Granted, Session, TokenBody, TokenCall};
use shared::error::Error;
use shared::page::Response;
use shared::schema::Timestamp;
use url::Url;

/// The client that Brandwatch's own library names.
const CLIENT: &str = "brandwatch-api-client";

/// A user who signs in.
#[derive(Debug)]
pub(super) struct Password {
    url: Url,
    password: SecretRef,
}

#[derive(Deserialize)]
struct Grant {
    access_token: SecretString,
    /// In seconds.
    expires_in: Option<u32>,
}

impl Password {
    /// The `OpenAPI` file has a GET with a JSON body here; the guide and the vendor's own library post a form.
    pub(super) fn new(
        base: &Url,
        username: &str,
        password: SecretRef,
        platform_client: Option<&str>,
    ) -> Result<Self, Error> {
        let mut url = base
            .join("/oauth/token")
            .map_err(|_| Error::config("base_url: tokens cannot be asked for there"))?;
        url.query_pairs_mut()
            .append_pair("username", username)
            .append_pair("grant_type", "api-password")
            .append_pair("client_id", CLIENT);
        // Needed since 2026-03-24 where the account has organisation switching.
        if let Some(client) = platform_client {
            url.query_pairs_mut().append_pair("platform_client_id", client);
        }
        Ok(Self { url, password })
    }
}

impl Session for Password {
    fn secret(&self) -> &SecretRef {
        &self.password
    }

    fn open(&self, secret: &SecretString) -> TokenCall {
        TokenCall {
            url: self.url.clone(),
            bearer: None,
            parameters: vec![("password", secret.clone())],
            body: TokenBody::Form,
        }
    }

    fn granted(&self, response: &Response) -> Result<Granted, Error> {
        let Grant { access_token, expires_in } = response.json()?;
        if access_token.expose_secret().is_empty() {
            return Err(Error::Decode("access_token is empty".to_owned()));
        }
        let after = |seconds: u32| {
            let micros = Duration::from_secs(seconds.into()).as_micros();
            let end = response.received_at.as_micros().saturating_add(i64::try_from(micros).ok()?);
            Timestamp::from_micros(end).ok()
        };
        Ok(Granted { access: access_token, refresh: None, expires_at: expires_in.and_then(after) })
    }
}

//! Settings of sources that sign in with OAuth 2, and what connectors make of them.

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::config::{SecretRef, is_loopback};
use crate::connector::{Auth, ClientAuth, OAuth, TokenBody};
use crate::error::Error;

/// An OAuth client, with a refresh token that was obtained once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthSettings {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// The first refresh token; later ones are kept in the token vault.
    pub refresh_token: SecretRef,
    /// Where tokens are refreshed, should that be another address than the source's own.
    #[schemars(with = "Option<String>")]
    pub token_url: Option<Url>,
}

/// How a source takes requests for tokens.
#[derive(Debug, Clone, Copy)]
pub struct TokenEndpoint {
    /// Its path at the host of the API.
    pub path: &'static str,
    /// How it takes its parameters.
    pub body: TokenBody,
    /// How the client says who it is.
    pub client: ClientAuth,
}

impl TokenEndpoint {
    /// Signs in with OAuth.
    pub fn auth(self, base: &Url, settings: OAuthSettings) -> Result<Auth, Error> {
        let OAuthSettings { client_id, client_secret, refresh_token, token_url } = settings;
        if client_id.trim().is_empty() {
            return Err(Error::config("oauth.client_id is empty"));
        }
        let token_url = match token_url {
            None => base
                .join(self.path)
                .map_err(|_| Error::config("base_url: tokens cannot be asked for there"))?,
            Some(url) if url.scheme() == "https" || is_loopback(&url) => url,
            Some(_) => return Err(Error::config("oauth.token_url must begin with https://")),
        };
        let Self { body, client, .. } = self;
        Ok(Auth::OAuth(OAuth { token_url, client_id, client_secret, refresh_token, body, client }))
    }

    /// Signs in with OAuth, or with the one secret that stands under `key` in its place.
    pub fn auth_or(
        self,
        base: &Url,
        settings: Option<OAuthSettings>,
        key: &str,
        secret: Option<Auth>,
    ) -> Result<Auth, Error> {
        match (secret, settings) {
            (Some(secret), None) => Ok(secret),
            (None, Some(settings)) => self.auth(base, settings),
            (None, None) => {
                Err(Error::config(format!("credentials are missing: write {key}, or oauth")))
            }
            (Some(_), Some(_)) => {
                Err(Error::config(format!("write either {key} or oauth, not both")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: TokenEndpoint =
        TokenEndpoint { path: "/oauth/token", body: TokenBody::Form, client: ClientAuth::Basic };

    fn base() -> Url {
        "https://api.example/".parse().unwrap()
    }

    fn settings(more: &str) -> OAuthSettings {
        let text = format!(
            "client_id = \"us\"\nclient_secret = {{ env = \"S\" }}\nrefresh_token = {{ env = \"R\" }}\n{more}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn tokens_come_from_the_api_unless_the_operator_says_otherwise() {
        let url = |more: &str| match TOKENS.auth(&base(), settings(more)) {
            Ok(Auth::OAuth(oauth)) => oauth.token_url.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(url(""), "https://api.example/oauth/token");
        assert_eq!(url("token_url = \"https://login.example/t\""), "https://login.example/t");
        assert_eq!(url("token_url = \"http://127.0.0.1:9/t\""), "http://127.0.0.1:9/t");
        assert!(url("token_url = \"http://login.example/t\"").contains("must begin with https://"));
    }

    #[test]
    fn there_is_exactly_one_way_to_sign_in() {
        let auth = |settings, secret| TOKENS.auth_or(&base(), settings, "token", secret);
        assert!(matches!(auth(None, Some(Auth::None)), Ok(Auth::None)));
        assert!(matches!(auth(Some(settings("")), None), Ok(Auth::OAuth(_))));
        let neither = auth(None, None).unwrap_err().to_string();
        assert!(neither.contains("credentials are missing: write token, or oauth"), "{neither}");
        let both = auth(Some(settings("")), Some(Auth::None)).unwrap_err().to_string();
        assert!(both.contains("write either token or oauth, not both"), "{both}");
    }
}

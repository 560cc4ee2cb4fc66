//! Signs requests in, and renews OAuth tokens so that any number of workers make one refresh.
//!
//! A rotating refresh token works once: whoever uses it second locks the account out. So a refresh is announced in the
//! [`TokenRegister`] by compare-and-swap, the new pair is saved in the [`TokenVault`] before anybody uses it, and
//! everybody else waits for that.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tracing::{error, info};

use crate::clock;
use crate::connector::{Auth, OAuth, TokenBody};
use crate::error::{Error, json_reason};
use crate::schema::Timestamp;
use crate::secrets::Secrets;

/// A pair of OAuth tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Grows by one with each refresh.
    pub version: u64,
    /// Sent with requests.
    pub access: SecretString,
    /// Good for the next refresh; once only, where the source rotates.
    pub refresh: SecretString,
    /// When the access token ends, if the source said so.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of the operator's refresh token that this pair descends from: a new one starts a new line.
    pub seed: String,
}

/// [`Tokens`] as the vault stores them.
#[derive(Serialize, Deserialize)]
pub struct StoredTokens {
    /// See [`Tokens::version`].
    pub version: u64,
    /// See [`Tokens::access`].
    pub access_token: String,
    /// See [`Tokens::refresh`].
    pub refresh_token: String,
    /// See [`Tokens::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// See [`Tokens::seed`].
    pub seed: String,
}

impl From<&Tokens> for StoredTokens {
    fn from(tokens: &Tokens) -> Self {
        Self {
            version: tokens.version,
            access_token: tokens.access.expose_secret().to_owned(),
            refresh_token: tokens.refresh.expose_secret().to_owned(),
            expires_at: tokens.expires_at,
            seed: tokens.seed.clone(),
        }
    }
}

impl From<StoredTokens> for Tokens {
    fn from(stored: StoredTokens) -> Self {
        Self {
            version: stored.version,
            access: stored.access_token.into(),
            refresh: stored.refresh_token.into(),
            expires_at: stored.expires_at,
            seed: stored.seed,
        }
    }
}

/// Keeps the current pair of a connection: the secret store in AWS, a private file on a laptop.
#[async_trait]
pub trait TokenVault: Send + Sync {
    /// The current pair, if one was ever saved.
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, Error>;
    /// Saves a new pair; it must be durable when this returns.
    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), Error>;
}

/// Decides who refreshes: one worker per version.
#[async_trait]
pub trait TokenRegister: Send + Sync {
    /// True for the one caller that may refresh the pair of this version now; its claim ends after `for_at_most`.
    async fn claim(
        &self,
        connection: &str,
        version: u64,
        for_at_most: Duration,
    ) -> Result<bool, Error>;
    /// Notes that a pair of this version is saved.
    async fn done(&self, connection: &str, version: u64) -> Result<(), Error>;
    /// Notes that the operator has to authorise the connection again.
    async fn needs_reauthorisation(&self, connection: &str) -> Result<(), Error>;
}

/// A refresh takes a second; a claim older than this belongs to a worker that died.
const CLAIM: Duration = Duration::from_secs(30);
/// How long before its end an access token is renewed. Not earlier: a refresh burns the refresh token.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// How long a refused refresh token is not tried again: every stream of a run asks, and a vendor that sees a spent token
/// again and again takes us for a thief.
const REFUSED: Duration = Duration::from_mins(1);

/// A refresh that the source refused.
struct Refusal {
    at: Instant,
    version: u64,
    seed: String,
    status: u16,
}

impl Refusal {
    fn is_of(&self, tokens: &Tokens) -> bool {
        let same = self.version == tokens.version && self.seed == tokens.seed;
        same && self.at.elapsed() < REFUSED
    }
}

/// The signing-in of one connection.
pub(crate) struct SignIn {
    connection: String,
    auth: Auth,
    secrets: Secrets,
    vault: Arc<dyn TokenVault>,
    register: Arc<dyn TokenRegister>,
    http: reqwest::Client,
    current: Mutex<Option<Tokens>>,
    refused: Mutex<Option<Refusal>>,
}

impl SignIn {
    pub(crate) fn new(
        connection: &str,
        auth: Auth,
        secrets: Secrets,
        vault: Arc<dyn TokenVault>,
        register: Arc<dyn TokenRegister>,
        http: reqwest::Client,
    ) -> Self {
        Self {
            connection: connection.to_owned(),
            auth,
            secrets,
            vault,
            register,
            http,
            current: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// The OAuth tokens to use, renewed if they are about to end; none for other kinds of credentials.
    pub(crate) async fn token(&self) -> Result<Option<Tokens>, Error> {
        let Auth::OAuth(oauth) = &self.auth else { return Ok(None) };
        let tokens = {
            let mut current = self.current.lock().await;
            if current.is_none() {
                *current = Some(self.load(oauth).await?);
            }
            current.clone()
        };
        match tokens {
            Some(tokens) if Self::must_renew(&tokens) => self.renew(&tokens).await.map(Some),
            tokens => Ok(tokens),
        }
    }

    fn must_renew(tokens: &Tokens) -> bool {
        let soon = clock::after(clock::now(), RENEW_BEFORE);
        tokens.access.expose_secret().is_empty() || tokens.expires_at.is_some_and(|end| end <= soon)
    }

    /// The saved pair, or the operator's refresh token as version 0 with no access token yet.
    async fn load(&self, oauth: &OAuth) -> Result<Tokens, Error> {
        let refresh = self.secrets.read(&oauth.refresh_token).await?;
        let seed = hex::encode(Sha256::digest(refresh.expose_secret().as_bytes()));
        let saved = self.vault.load(&self.connection).await?;
        Ok(match saved {
            Some(tokens) if tokens.seed == seed => tokens,
            older => Tokens {
                version: older.map_or(0, |tokens| tokens.version + 1),
                access: SecretString::from(""),
                refresh,
                expires_at: None,
                seed,
            },
        })
    }

    /// Replaces `spent` by a newer pair: by refreshing, or by waiting for whoever does.
    pub(crate) async fn renew(&self, spent: &Tokens) -> Result<Tokens, Error> {
        let Auth::OAuth(oauth) = &self.auth else {
            return Err(Error::Invariant("only OAuth tokens can be renewed".to_owned()));
        };
        let mut current = self.current.lock().await;
        if let Some(newer) = current.as_ref().filter(|tokens| tokens.version > spent.version) {
            return Ok(newer.clone());
        }
        let mut polls = 0_u32;
        let newer = loop {
            let saved = self.load(oauth).await?;
            if saved.version > spent.version && !saved.access.expose_secret().is_empty() {
                break saved;
            }
            if let Some(refusal) = &*self.refused.lock().await
                && refusal.is_of(&saved)
            {
                return Err(refused(refusal.status));
            }
            if self.register.claim(&self.connection, saved.version, CLAIM).await? {
                break self.refresh(oauth, &saved).await?;
            }
            polls += 1;
            if polls > 200 {
                return Err(Error::Unavailable(
                    "another worker's token refresh does not end".to_owned(),
                ));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        *current = Some(newer.clone());
        Ok(newer)
    }

    async fn refresh(&self, oauth: &OAuth, old: &Tokens) -> Result<Tokens, Error> {
        let client_secret = self.secrets.read(&oauth.client_secret).await?;
        let parameters = [
            ("grant_type", "refresh_token"),
            ("refresh_token", old.refresh.expose_secret()),
            ("client_id", oauth.client_id.as_str()),
            ("client_secret", client_secret.expose_secret()),
        ];
        let call = self.http.post(oauth.token_url.clone());
        let call = match oauth.body {
            TokenBody::Json => {
                let object: serde_json::Map<_, _> = parameters
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                    .collect();
                call.header(http::header::CONTENT_TYPE, "application/json")
                    .body(serde_json::Value::from(object).to_string())
            }
            TokenBody::Form => {
                call.header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(
                    url::form_urlencoded::Serializer::new(String::new())
                        .extend_pairs(parameters)
                        .finish(),
                )
            }
        };
        let unreachable = |error: reqwest::Error| {
            Error::Unavailable(format!("token refresh: {}", error.without_url()))
        };
        let answer = call.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        if super::retry::is_transient(status) {
            return Err(Error::Unavailable(format!("the token endpoint answered {status}")));
        }
        if status != 200 && status != 201 {
            self.register.needs_reauthorisation(&self.connection).await?;
            error!(
                connection = self.connection,
                status, "the refresh token is no longer accepted: authorise this connection again"
            );
            let (version, seed) = (old.version, old.seed.clone());
            let refusal = Refusal { at: Instant::now(), version, seed, status };
            *self.refused.lock().await = Some(refusal);
            return Err(refused(status));
        }
        let body = answer.bytes().await.map_err(unreachable)?;
        let grant: Grant = serde_json::from_slice(&body)
            .map_err(|error| Error::Decode(format!("token endpoint: {}", json_reason(&error))))?;
        let tokens = Tokens {
            version: old.version + 1,
            access: grant.access_token.into(),
            refresh: grant.refresh_token.map_or_else(|| old.refresh.clone(), SecretString::from),
            expires_at: grant
                .expires_in
                .map(|seconds| clock::after(clock::now(), Duration::from_secs(seconds))),
            seed: old.seed.clone(),
        };
        crate::crash::point(crate::crash::Point::AfterTokenRefresh);
        self.vault.save(&self.connection, &tokens).await?;
        self.register.done(&self.connection, tokens.version).await?;
        info!(connection = self.connection, version = tokens.version, "renewed the access token");
        Ok(tokens)
    }

    /// Adds the credentials to a call to the source's own origin.
    pub(crate) async fn sign(
        &self,
        call: reqwest::RequestBuilder,
        token: Option<&Tokens>,
    ) -> Result<reqwest::RequestBuilder, Error> {
        Ok(match &self.auth {
            Auth::None => call,
            Auth::Basic { user, password } => {
                let password = self.secrets.read(password).await?;
                call.basic_auth(user, Some(password.expose_secret()))
            }
            Auth::Bearer(secret) => {
                call.bearer_auth(self.secrets.read(secret).await?.expose_secret())
            }
            Auth::Header { name, prefix, secret } => {
                let secret = self.secrets.read(secret).await?;
                let mut value =
                    http::HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret()))
                        .map_err(|_| {
                            Error::Config(format!(
                                "the secret for {name} holds characters that no header can carry"
                            ))
                        })?;
                value.set_sensitive(true);
                call.header(*name, value)
            }
            Auth::OAuth(_) => match token {
                Some(tokens) => call.bearer_auth(tokens.access.expose_secret()),
                None => call,
            },
        })
    }
}

fn refused(status: u16) -> Error {
    let what = format!("the token endpoint answered {status} to the refresh token");
    Error::Unauthorized { what, status }
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<u64>,
}

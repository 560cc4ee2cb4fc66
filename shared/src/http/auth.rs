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
use crate::connector::{Auth, ClientAuth, Granted, OAuth, Session, TokenBody};
use crate::error::{Error, json_reason};
use crate::page::Response;
use crate::schema::Timestamp;
use crate::secrets::{SecretRef, Secrets};

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
    /// Ends a claim whose refresh came to nothing.
    async fn release(&self, connection: &str) -> Result<(), Error>;
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

    /// The tokens to use, renewed if they are about to end; none for credentials that are no tokens.
    pub(crate) async fn token(&self) -> Result<Option<Tokens>, Error> {
        let Some(first) = self.first_secret() else { return Ok(None) };
        let tokens = {
            let mut current = self.current.lock().await;
            if current.is_none() {
                *current = Some(self.load(first).await?);
            }
            current.clone()
        };
        match tokens {
            Some(tokens) if Self::must_renew(&tokens) => self.renew(&tokens).await.map(Some),
            tokens => Ok(tokens),
        }
    }

    /// What the operator obtained once and tokens descend from: a refresh token or a password.
    fn first_secret(&self) -> Option<&SecretRef> {
        match &self.auth {
            Auth::OAuth(oauth) => Some(&oauth.refresh_token),
            Auth::Session(session) => Some(session.secret()),
            Auth::Basic { .. } | Auth::Bearer(_) | Auth::Header { .. } | Auth::None => None,
        }
    }

    /// Whether a refusal means that the access token has ended, so that a renewed one may be accepted.
    pub(crate) fn has_ended(&self, status: u16, body: &[u8]) -> bool {
        match &self.auth {
            Auth::Session(session) => session.has_ended(status, body),
            _ => status == 401,
        }
    }

    fn must_renew(tokens: &Tokens) -> bool {
        let soon = clock::after(clock::now(), RENEW_BEFORE);
        tokens.access.expose_secret().is_empty() || tokens.expires_at.is_some_and(|end| end <= soon)
    }

    /// The saved pair, or the operator's secret as version 0 with no access token yet.
    async fn load(&self, first: &SecretRef) -> Result<Tokens, Error> {
        let refresh = self.secrets.read(first).await?;
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
        let Some(first) = self.first_secret() else {
            return Err(Error::Invariant("only tokens can be renewed".to_owned()));
        };
        let mut current = self.current.lock().await;
        if let Some(newer) = current.as_ref().filter(|tokens| tokens.version > spent.version) {
            return Ok(newer.clone());
        }
        let mut polls = 0_u32;
        let newer = loop {
            let saved = self.load(first).await?;
            if saved.version > spent.version && !saved.access.expose_secret().is_empty() {
                break saved;
            }
            if let Some(refusal) = &*self.refused.lock().await
                && refusal.is_of(&saved)
            {
                return Err(refused(refusal.status));
            }
            if self.register.claim(&self.connection, saved.version, CLAIM).await? {
                match self.refresh(&saved).await {
                    // Nobody has to wait for the claim to end: the next attempt may be the one that succeeds.
                    Err(error @ Error::Unavailable(_)) => {
                        self.register.release(&self.connection).await?;
                        return Err(error);
                    }
                    refreshed => break refreshed?,
                }
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

    async fn refresh(&self, old: &Tokens) -> Result<Tokens, Error> {
        let granted = match &self.auth {
            Auth::OAuth(oauth) => self.exchange(oauth, old).await?,
            Auth::Session(session) => self.reopen(session.as_ref(), old).await?,
            Auth::Basic { .. } | Auth::Bearer(_) | Auth::Header { .. } | Auth::None => {
                return Err(Error::Invariant("only tokens can be renewed".to_owned()));
            }
        };
        let tokens = Tokens {
            version: old.version + 1,
            access: granted.access,
            refresh: granted.refresh.unwrap_or_else(|| old.refresh.clone()),
            expires_at: granted.expires_at,
            seed: old.seed.clone(),
        };
        crate::crash::point(crate::crash::Point::AfterTokenRefresh);
        self.vault.save(&self.connection, &tokens).await?;
        self.register.done(&self.connection, tokens.version).await?;
        info!(connection = self.connection, version = tokens.version, "renewed the access token");
        Ok(tokens)
    }

    /// Trades an OAuth refresh token in.
    async fn exchange(&self, oauth: &OAuth, old: &Tokens) -> Result<Granted, Error> {
        let client_secret = self.secrets.read(&oauth.client_secret).await?;
        let grant =
            [("grant_type", "refresh_token"), ("refresh_token", old.refresh.expose_secret())];
        let client = [
            ("client_id", oauth.client_id.as_str()),
            ("client_secret", client_secret.expose_secret()),
        ];
        let call = self.http.post(oauth.token_url.clone());
        let call = match oauth.client {
            ClientAuth::Parameters => {
                with_parameters(call, oauth.body, grant.iter().chain(&client))
            }
            ClientAuth::Basic => with_parameters(call, oauth.body, grant.iter())
                .basic_auth(&oauth.client_id, Some(client_secret.expose_secret())),
        };
        let response = match self.ask_for_tokens(call).await? {
            Ok(response) => response,
            Err(status) => return self.refuse(old, status).await,
        };
        let grant: Grant = serde_json::from_slice(&response.body)
            .map_err(|error| Error::Decode(format!("token endpoint: {}", json_reason(&error))))?;
        let in_seconds = |seconds| clock::after(response.received_at, Duration::from_secs(seconds));
        Ok(Granted {
            access: grant.access_token.into(),
            refresh: grant.refresh_token.map(SecretString::from),
            expires_at: grant.expires_in.map(in_seconds).or(grant.expires_at),
        })
    }

    /// Renews a session, or opens a new one with the operator's secret.
    async fn reopen(&self, session: &dyn Session, old: &Tokens) -> Result<Granted, Error> {
        let secret = self.secrets.read(session.secret()).await?;
        // Before the first session the refresh token is the operator's own secret.
        let was_open = !old.access.expose_secret().is_empty();
        let renewal = was_open.then(|| session.renew(&old.refresh)).flatten();
        let calls = renewal.into_iter().chain([session.open(&secret)]);
        let mut refused = 0;
        for call in calls {
            let mut post = self.http.post(call.url.clone());
            if let Some(bearer) = &call.bearer {
                post = post.bearer_auth(bearer.expose_secret());
            }
            let parameters: Vec<(&str, &str)> = call
                .parameters
                .iter()
                .map(|(name, value)| (*name, value.expose_secret()))
                .collect();
            if call.bearer.is_none() || !parameters.is_empty() {
                post = with_parameters(post, call.body, parameters.iter());
            }
            match self.ask_for_tokens(post).await? {
                Ok(response) => return session.granted(&response),
                Err(status) => refused = status,
            }
        }
        self.refuse(old, refused).await
    }

    /// The answer of a token endpoint, or the status with which it refuses.
    async fn ask_for_tokens(
        &self,
        call: reqwest::RequestBuilder,
    ) -> Result<Result<Response, u16>, Error> {
        let unreachable = |error: reqwest::Error| {
            Error::Unavailable(format!("token refresh: {}", error.without_url()))
        };
        let answer = call.send().await.map_err(unreachable)?;
        let status = answer.status().as_u16();
        if super::retry::is_transient(status) {
            return Err(Error::Unavailable(format!("the token endpoint answered {status}")));
        }
        if status != 200 && status != 201 {
            return Ok(Err(status));
        }
        let headers = answer.headers().clone();
        let body = answer.bytes().await.map_err(unreachable)?;
        Ok(Ok(Response { status, headers, body, received_at: clock::now() }))
    }

    async fn refuse(&self, old: &Tokens, status: u16) -> Result<Granted, Error> {
        self.register.needs_reauthorisation(&self.connection).await?;
        error!(
            connection = self.connection,
            status,
            "the refresh token or password is no longer accepted: authorise this connection again"
        );
        let (version, seed) = (old.version, old.seed.clone());
        let refusal = Refusal { at: Instant::now(), version, seed, status };
        *self.refused.lock().await = Some(refusal);
        Err(refused(status))
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
            Auth::OAuth(_) | Auth::Session(_) => match token {
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

/// Writes the parameters of a token call into its body.
fn with_parameters<'a>(
    call: reqwest::RequestBuilder,
    body: TokenBody,
    parameters: impl Iterator<Item = &'a (&'a str, &'a str)>,
) -> reqwest::RequestBuilder {
    match body {
        TokenBody::Json => {
            let object: serde_json::Map<_, _> =
                parameters.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
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
    }
}

#[derive(Deserialize)]
struct Grant {
    access_token: String,
    refresh_token: Option<String>,
    /// Seconds, as RFC 6749 has it.
    expires_in: Option<u64>,
    /// An instant, as Square has it instead.
    expires_at: Option<Timestamp>,
}

//! Who may ask: holders of an API key, whoever an authoriser let through, or this very machine.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use shared::config::Settings;
use shared::error::Error;
use shared::secrets::Secrets;
use subtle::{Choice, ConstantTimeEq};

use crate::problem::Problem;

/// A key that can be guessed is none.
const SHORTEST_KEY: usize = 20;

/// Who may ask.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Whoever comes through: an authoriser stands in front.
    Trusted,
    /// Programs on this machine, for a server that listens on loopback only.
    Loopback,
    /// Whoever shows one of the keys with these SHA-256 digests.
    Keys(Arc<[[u8; 32]]>),
    /// Nobody: there are no keys, and the address can be reached from elsewhere.
    Nobody,
}

impl Auth {
    /// The keys of the settings; none if they name none.
    pub async fn of(settings: &Settings, secrets: &Secrets) -> Result<Option<Self>, Error> {
        let references = &settings.customers.api_keys;
        let mut keys = Vec::with_capacity(references.len());
        for reference in references {
            let key = secrets.read(reference).await?;
            if key.expose_secret().len() < SHORTEST_KEY {
                return Err(Error::config(format!(
                    "customers.api_keys: {reference} is shorter than {SHORTEST_KEY} characters; \
                     `openssl rand -hex 32` makes a good one"
                )));
            }
            keys.push(key);
        }
        Ok((!keys.is_empty()).then(|| Self::keys(&keys)))
    }

    /// Whoever shows one of these.
    pub fn keys(keys: &[SecretString]) -> Self {
        Self::Keys(keys.iter().map(|key| digest(key.expose_secret())).collect())
    }

    fn refusal(&self, headers: &HeaderMap) -> Option<Problem> {
        match self {
            Self::Trusted => None,
            // A page in a browser can be made to ask us under a name of its own.
            Self::Loopback if is_local(headers) => None,
            Self::Loopback => Some(Problem::new(
                StatusCode::FORBIDDEN,
                "without API keys the API answers to localhost and 127.0.0.1 only",
            )),
            Self::Keys(keys) if shows(headers, keys) => None,
            Self::Keys(_) => Some(Problem::new(
                StatusCode::UNAUTHORIZED,
                "show an API key: Authorization: Bearer …",
            )),
            Self::Nobody => Some(Problem::new(
                StatusCode::UNAUTHORIZED,
                "the settings have no [customers] api_keys, and without them the API answers on loopback only",
            )),
        }
    }
}

/// Lets through whoever may ask.
pub(crate) async fn admit(State(auth): State<Auth>, request: Request, next: Next) -> Response {
    match auth.refusal(request.headers()) {
        None => next.run(request).await,
        Some(problem) if problem.status == StatusCode::UNAUTHORIZED => {
            ([(header::WWW_AUTHENTICATE, "Bearer")], problem).into_response()
        }
        Some(problem) => problem.into_response(),
    }
}

/// Compares digests, all of them and in constant time: how long it takes tells nothing about a key.
fn shows(headers: &HeaderMap, keys: &[[u8; 32]]) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = shown.and_then(bearer) else { return false };
    let shown = digest(token);
    let matches = keys.iter().map(|key| key.ct_eq(&shown));
    matches.fold(Choice::from(0), |any, one| any | one).into()
}

/// The token; the name of the scheme may be written in any case (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name)
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

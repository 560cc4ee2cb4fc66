//! Sessions by app password.

use secrecy::SecretString;
use serde::Deserialize;
use shared::config::SecretRef;
use shared::connector::{Granted, Session, TokenBody, TokenCall};
use shared::error::Error;
use shared::page::Response;
use url::Url;

/// Opens sessions of one account.
#[derive(Debug)]
pub(super) struct AppPassword {
    create: Url,
    refresh: Url,
    handle: String,
    password: SecretRef,
}

impl AppPassword {
    pub(super) fn new(base: &Url, handle: String, password: SecretRef) -> Result<Self, Error> {
        let call = |name: &str| {
            base.join(&format!("/xrpc/com.atproto.server.{name}"))
                .map_err(|_| Error::config("base_url: sessions cannot be opened there"))
        };
        Ok(Self {
            create: call("createSession")?,
            refresh: call("refreshSession")?,
            handle,
            password,
        })
    }
}

impl Session for AppPassword {
    fn secret(&self) -> &SecretRef {
        &self.password
    }

    fn open(&self, secret: &SecretString) -> TokenCall {
        TokenCall {
            url: self.create.clone(),
            bearer: None,
            parameters: vec![
                ("identifier", self.handle.clone().into()),
                ("password", secret.clone()),
            ],
            body: TokenBody::Json,
        }
    }

    fn renew(&self, refresh: &SecretString) -> Option<TokenCall> {
        Some(TokenCall {
            url: self.refresh.clone(),
            bearer: Some(refresh.clone()),
            parameters: Vec::new(),
            body: TokenBody::Json,
        })
    }

    fn granted(&self, response: &Response) -> Result<Granted, Error> {
        let opened: Opened = response.json()?;
        if opened.active == Some(false) {
            let what = "the account of this connection is taken down, suspended or deactivated";
            return Err(Error::Unauthorized { what: what.to_owned(), status: 0 });
        }
        Ok(Granted {
            access: opened.access_jwt,
            refresh: Some(opened.refresh_jwt),
            // Only the token itself tells, and the source says when it has ended.
            expires_at: None,
        })
    }

    /// A token that ran out is answered with 400, like a wrong question; the error's name tells them apart.
    fn has_ended(&self, status: u16, body: &[u8]) -> bool {
        let told = || {
            let refused = serde_json::from_slice::<Refused<'_>>(body);
            refused.is_ok_and(|it| matches!(it.error, "ExpiredToken" | "InvalidToken"))
        };
        status == 401 || (status == 400 && told())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Opened {
    access_jwt: SecretString,
    refresh_jwt: SecretString,
    active: Option<bool>,
}

#[derive(Deserialize)]
struct Refused<'a> {
    error: &'a str,
}

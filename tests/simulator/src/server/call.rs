//! A request as a face sees it, and as the log remembers it.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::AsHeaderName;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Collected};
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::faults::Fault;

/// How a request said who it was; never the secret itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthKind {
    /// No credential.
    None,
    /// `Authorization: Basic`.
    Basic,
    /// `Authorization: Bearer`.
    Bearer,
    /// Some other scheme.
    Other,
}

/// One request a face received.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// When, by the simulator's clock.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The path with its query.
    pub path_and_query: String,
    /// The status answered, or none when the connection was reset.
    pub status: Option<u16>,
    /// How it signed in.
    pub auth: AuthKind,
    /// The fault that met it on the way, if any.
    pub fault: Option<Fault>,
}

/// A request, read whole.
pub(crate) struct Call {
    pub(crate) at: Timestamp,
    pub(crate) method: Method,
    pub(crate) body: Bytes,
    target: String,
    path: String,
    query: HashMap<String, String>,
    headers: HeaderMap,
}

impl Call {
    pub(crate) async fn read(request: Request<Incoming>, at: Timestamp) -> Self {
        let (head, body) = request.into_parts();
        // A client that stops sending will not read our answer either.
        let body = body.collect().await.map_or_else(|_| Bytes::new(), Collected::to_bytes);
        let query = url::form_urlencoded::parse(head.uri.query().unwrap_or("").as_bytes());
        Self {
            at,
            method: head.method,
            body,
            target: head.uri.to_string(),
            path: head.uri.path().to_owned(),
            query: query.into_owned().collect(),
            headers: head.headers,
        }
    }

    /// The path and query, as sent.
    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The address the client used, which links in answers repeat.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}", self.header(header::HOST).unwrap_or("localhost"))
    }

    pub(crate) fn accepts_gzip(&self) -> bool {
        let accepted = self.header(header::ACCEPT_ENCODING);
        accepted.is_some_and(|encodings| encodings.contains("gzip"))
    }

    /// User name and password of basic authentication.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let decoded = STANDARD.decode(self.authorization()?.strip_prefix("Basic ")?).ok()?;
        let decoded = String::from_utf8(decoded).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some((user.to_owned(), password.to_owned()))
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.authorization()?.strip_prefix("Bearer ")
    }

    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn authorization(&self) -> Option<&str> {
        self.header(header::AUTHORIZATION)
    }

    fn auth_kind(&self) -> AuthKind {
        match self.authorization() {
            None => AuthKind::None,
            Some(value) if value.starts_with("Basic ") => AuthKind::Basic,
            Some(value) if value.starts_with("Bearer ") => AuthKind::Bearer,
            Some(_) => AuthKind::Other,
        }
    }

    pub(super) fn seen(&self, status: Option<u16>, fault: Option<Fault>) -> SeenRequest {
        SeenRequest {
            at: self.at,
            method: self.method.to_string(),
            path_and_query: self.target.clone(),
            status,
            auth: self.auth_kind(),
            fault,
        }
    }
}

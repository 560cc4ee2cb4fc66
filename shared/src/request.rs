//! One request to a source, as a value: what to ask, not how it is sent.

use std::time::Duration;

use serde::Serialize;

/// Request methods that sources' read APIs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Searches and export jobs that take their question as a body.
    Post,
}

impl Method {
    /// The method's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request relative to the connection's base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Path below the base URL (`/api/v2/users.json`), or an absolute URL for links that the source hands out.
    pub target: String,
    /// Query parameters, unencoded.
    pub query: Vec<(&'static str, String)>,
    /// Extra headers, such as a revision date.
    pub headers: Vec<(&'static str, String)>,
    /// JSON body of a POST.
    pub body: Option<serde_json::Value>,
    /// False for pre-signed links: our credentials stay at home.
    pub with_credentials: bool,
    /// Set for a WebSocket: how much of it makes one answer.
    pub frames: Option<Frames>,
}

/// How much of a WebSocket's frames makes one answer: whatever limit is met first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frames {
    /// So many frames at most.
    pub most: usize,
    /// So many bytes at most, give or take the last frame.
    pub most_bytes: usize,
    /// A socket that is silent for so long has told all it knows.
    pub until_quiet: Duration,
    /// Reading ends after this time, however much there is to tell.
    pub longest: Duration,
}

impl Request {
    /// Reads `target`.
    pub fn get(target: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            target: target.into(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            with_credentials: true,
            frames: None,
        }
    }

    /// Posts a JSON question to `target`.
    pub fn post(target: impl Into<String>, body: serde_json::Value) -> Self {
        Self { method: Method::Post, body: Some(body), ..Self::get(target) }
    }

    /// Listens to the WebSocket `target` for a while, without credentials: the answer has one text frame a line.
    pub fn subscribe(target: impl Into<String>, frames: Frames) -> Self {
        Self { with_credentials: false, frames: Some(frames), ..Self::get(target) }
    }

    /// Adds a query parameter; the value is encoded when the request is sent.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends this request without our credentials.
    #[must_use]
    pub fn without_credentials(mut self) -> Self {
        self.with_credentials = false;
        self
    }

    /// Method and path for logs and errors; the query may hold tokens and stays out.
    pub fn name(&self) -> String {
        let path = self.target.split(['?', '#']).next().unwrap_or_default();
        format!("{} {path}", self.method.as_str())
    }
}

/// A request as stored beside the raw bytes, for people who replay them.
#[derive(Debug, Serialize)]
pub struct RequestNote<'a> {
    /// `GET /api/v2/users.json`.
    pub request: &'a str,
    /// The status that was answered.
    pub status: u16,
}

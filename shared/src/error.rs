//! What can go wrong, by who has to act. Errors name fields and places, never the values: values are people's data.

use std::time::Duration;

use crate::ledger::Ledger;

/// A boxed cause.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Any failure of a sync, a delivery or the stores.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operator fixes the settings.
    #[error("settings: {0}")]
    Config(String),
    /// The operator renews credentials or grants a scope.
    #[error("{what}; renew the credentials of this connection or grant what it lacks")]
    Unauthorized {
        /// What the source refused, e.g. `the source answered 401 to GET /api/v2/users`.
        what: String,
        /// The status that it answered, 0 when it did not get that far.
        status: u16,
    },
    /// The source asks us to wait.
    #[error("rate limited by the source{}", retry_after.map(|wait| format!(", asked to wait {} s", wait.as_secs())).unwrap_or_default())]
    RateLimited {
        /// How long the source asked for, if it said so.
        retry_after: Option<Duration>,
    },
    /// The source is down or unreachable; waiting helps.
    #[error("the source is unavailable: {0}")]
    Unavailable(String),
    /// The source says the request is wrong; we have to change it.
    #[error("the source rejected {request} with status {status}")]
    Rejected {
        /// Method and path of the request.
        request: String,
        /// The status that it answered.
        status: u16,
    },
    /// The source forgot our cursor; the stream starts its window again.
    #[error("the source no longer accepts the cursor of this stream")]
    CursorExpired,
    /// The answer has another shape than the source documents; the raw bytes are kept.
    #[error("the source's answer was not understood: {0}")]
    Decode(String),
    /// A delivery's signature is missing, wrong or too old.
    #[error("the delivery is not signed by a secret of this connection: {0}")]
    Unverified(&'static str),
    /// The source shows so little of what is known that it cannot be all there is.
    #[error("implausible: {0}")]
    Implausible(String),
    /// The cursor does not move, or a page repeats.
    #[error("the stream is stuck: {0}")]
    Stuck(String),
    /// Another run took over this stream; this one must not write its cursor.
    #[error("another run holds the lease of this stream")]
    LeaseLost,
    /// Storage refused a read or a write.
    #[error("storage: {what}")]
    Landing {
        /// The operation and the object or table.
        what: String,
        /// The cause as the store's client reports it.
        #[source]
        cause: Option<Cause>,
    },
    /// Records were fetched of which nobody knows what became: a bug; the cursor stays before them.
    #[error("internal rule broken: {} records were fetched but {} are accounted for", .0.fetched, .0.explained())]
    Miscounted(Ledger),
    /// One of our own rules was broken; nothing is saved from here on.
    #[error("internal rule broken: {0}")]
    Invariant(String),
}

impl Error {
    /// Wrong settings: what to change, beginning with the key.
    pub fn config(what: impl Into<String>) -> Self {
        Self::Config(what.into())
    }

    /// A storage failure with its cause.
    pub fn landing(what: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self::Landing { what: what.into(), cause: Some(cause.into()) }
    }

    /// A word for logs and metrics, one per variant.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Config(_) => "config",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::Rejected { .. } => "rejected",
            Self::CursorExpired => "cursor_expired",
            Self::Decode(_) => "decode",
            Self::Unverified(_) => "unverified",
            Self::Implausible(_) => "implausible",
            Self::Stuck(_) => "stuck",
            Self::LeaseLost => "lease_lost",
            Self::Landing { .. } => "landing",
            Self::Miscounted(_) => "ledger_mismatch",
            Self::Invariant(_) => "invariant",
        }
    }

    /// The error and its causes in one line, for people.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            let inner_text = inner.to_string();
            if !text.ends_with(&inner_text) {
                text.push_str(": ");
                text.push_str(&inner_text);
            }
            cause = inner.source();
        }
        text
    }
}

/// One record that does not map: which field, and why, without its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Invalid {
    /// The field in the vendor's words.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Invalid {
    /// A record refused for `field` because of `reason`.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// A record without a time in `field` that it cannot do without.
    pub fn no_time(field: impl Into<String>) -> Self {
        Self::new(field, "is missing or not a time")
    }
}

/// Describes a JSON error without the value that caused it, which may be personal.
pub fn json_reason(error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Io => "could not be read",
        Category::Syntax => "is not valid JSON",
        Category::Data => "has an unexpected shape",
        Category::Eof => "ends in the middle of a value",
    };
    format!("the body {what} (line {}, column {})", error.line(), error.column())
}

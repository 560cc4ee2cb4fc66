//! Access tokens for half an hour, and the refresh token that stays.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::server::Answer;

pub(super) const CLIENT_ID: &str = "6f1a-simulated-client";
pub(super) const CLIENT_SECRET: &str = "simulated-client-secret-0001";
pub(super) const REFRESH_TOKEN: &str = "simulated-refresh-token-0001";

/// The tokens of one app.
#[derive(Default)]
pub(crate) struct OAuth {
    refreshes: usize,
    ends_at: Option<Timestamp>,
}

impl OAuth {
    pub(super) fn refreshes(&self) -> usize {
        self.refreshes
    }

    pub(super) fn expire(&mut self) {
        self.ends_at = None;
    }

    fn access(&self) -> String {
        format!("simulated-access-token-{}", self.refreshes)
    }

    pub(super) fn admits(&self, token: &str, now: Timestamp) -> bool {
        token == self.access() && self.ends_at.is_some_and(|end| now < end)
    }

    /// `POST /oauth/v3/token`, with a form as body.
    pub(super) fn exchange(&mut self, content_type: &str, body: &[u8], now: Timestamp) -> Answer {
        let refused = |error: &str| {
            let body = json!({ "status": "BAD_REQUEST", "message": error, "error": error,
                "error_description": error });
            Answer::json(400, body.to_string())
        };
        if !content_type.starts_with("application/x-www-form-urlencoded") {
            return refused("unsupported_content_type");
        }
        let form: Value = form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
            .collect::<serde_json::Map<_, _>>()
            .into();
        if form["grant_type"] != "refresh_token" {
            return refused("unsupported_grant_type");
        }
        if form["client_id"] != CLIENT_ID || form["client_secret"] != CLIENT_SECRET {
            return refused("invalid_client");
        }
        if form["refresh_token"] != REFRESH_TOKEN {
            return refused("invalid_grant");
        }
        self.refreshes += 1;
        self.ends_at = Some(now + SignedDuration::from_mins(30));
        let body = json!({ "access_token": self.access(), "refresh_token": REFRESH_TOKEN,
            "expires_in": 1_800, "token_type": "bearer", "hub_id": 62_515 });
        Answer::json(200, body.to_string())
    }
}

//! Who may ask: a personal access token, or an OAuth application whose refresh token stays the same.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::json::time;
use super::pages::error;
use crate::Dice;
use crate::server::Answer;

/// The personal access token.
pub(super) const PERSONAL: &str = "EAAA-simulated-access-token-0001";
const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What an application needs to sign in.
#[derive(Clone, Debug)]
pub struct OAuthCredentials {
    /// The application.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// The refresh token of the seller's authorisation.
    pub refresh_token: String,
}

pub(super) struct Tokens {
    dice: Dice,
    client_secret: String,
    refresh_token: String,
    access_token: Option<String>,
    refreshes: usize,
}

const CLIENT: &str = "sq0idp-simulated";

impl Tokens {
    pub(super) fn new(mut dice: Dice) -> Self {
        let mut token = || format!("{:032x}", dice.random::<u128>());
        let (client_secret, refresh_token) = (token(), token());
        Self { dice, client_secret, refresh_token, access_token: None, refreshes: 0 }
    }

    pub(super) fn credentials(&self) -> OAuthCredentials {
        OAuthCredentials {
            client_id: CLIENT.to_owned(),
            client_secret: self.client_secret.clone(),
            refresh_token: self.refresh_token.clone(),
        }
    }

    pub(super) fn expire(&mut self) {
        self.access_token = None;
    }

    pub(super) fn refreshes(&self) -> usize {
        self.refreshes
    }

    pub(super) fn admits(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| token == PERSONAL || self.access_token.as_deref() == Some(token))
    }

    /// `POST /oauth2/token`.
    pub(super) fn exchange(&mut self, body: &[u8], now: Timestamp) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        if body["grant_type"] != "refresh_token" {
            return error(
                400,
                "INVALID_REQUEST_ERROR",
                "BAD_REQUEST",
                "Only refresh_token is simulated",
            );
        }
        if body["client_id"] != CLIENT || body["client_secret"] != self.client_secret.as_str() {
            return error(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "Not authorized");
        }
        if body["refresh_token"] != self.refresh_token.as_str() {
            return error(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "Invalid refresh token");
        }
        let access = format!("EAAA{:032x}", self.dice.random::<u128>());
        self.refreshes += 1;
        let answer = json!({
            "access_token": access,
            "token_type": "bearer",
            "expires_at": time(now + LIFE),
            "merchant_id": super::webhooks::MERCHANT,
            "refresh_token": self.refresh_token,
            "short_lived": false,
        });
        self.access_token = Some(access);
        Answer::json(200, answer.to_string())
    }
}

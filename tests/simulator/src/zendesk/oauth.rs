//! OAuth with single-use refresh tokens that rotate.

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::Dice;
use crate::server::Answer;

/// What an app needs to sign in.
#[derive(Clone, Debug)]
pub struct OAuthCredentials {
    /// The app.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// The access token that is valid now.
    pub access_token: String,
    /// The refresh token that is valid now.
    pub refresh_token: String,
    /// Where to exchange it.
    pub token_url: String,
}

/// The tokens of one app.
pub(crate) struct OAuth {
    dice: Dice,
    client_id: String,
    client_secret: String,
    access_token: String,
    refresh_token: String,
    expires_at: Option<Timestamp>,
    uses_left: Option<usize>,
    life: Option<Duration>,
    uses: Option<usize>,
    spent: HashSet<String>,
    refreshes: usize,
    spent_uses: usize,
}

impl OAuth {
    pub(crate) fn new(dice: Dice) -> Self {
        let mut oauth = Self {
            dice,
            client_id: "tributary".to_owned(),
            client_secret: String::new(),
            access_token: String::new(),
            refresh_token: String::new(),
            expires_at: None,
            uses_left: None,
            life: None,
            uses: None,
            spent: HashSet::new(),
            refreshes: 0,
            spent_uses: 0,
        };
        oauth.client_secret = oauth.token();
        oauth.access_token = oauth.token();
        oauth.refresh_token = oauth.token();
        oauth
    }

    pub(crate) fn credentials(&self, base: &str) -> OAuthCredentials {
        OAuthCredentials {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            access_token: self.access_token.clone(),
            refresh_token: self.refresh_token.clone(),
            token_url: format!("{base}/oauth/tokens"),
        }
    }

    /// From now on, and for the token in use, a token lives this long or serves so many requests.
    pub(crate) fn limit(&mut self, now: Timestamp, life: Option<Duration>, uses: Option<usize>) {
        (self.life, self.uses) = (life, uses);
        self.renew(now);
    }

    pub(crate) fn expire(&mut self) {
        self.uses_left = Some(0);
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.refreshes
    }

    pub(crate) fn spent_uses(&self) -> usize {
        self.spent_uses
    }

    /// Whether this access token opens the door; each time counts as a use.
    pub(crate) fn admits(&mut self, token: &str, now: Timestamp) -> bool {
        let fresh = self.expires_at.is_none_or(|expires_at| now < expires_at);
        if token != self.access_token || !fresh || self.uses_left == Some(0) {
            return false;
        }
        self.uses_left = self.uses_left.map(|uses| uses - 1);
        true
    }

    /// `POST /oauth/tokens`.
    pub(crate) fn exchange(&mut self, body: &[u8], now: Timestamp) -> Answer {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let given = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        if given("grant_type") != "refresh_token" {
            return refused("unsupported_grant_type", "Only refresh_token is simulated");
        }
        if given("client_id") != self.client_id || given("client_secret") != self.client_secret {
            return Answer::json(
                401,
                r#"{"error":"invalid_client","error_description":"Unknown client"}"#,
            );
        }
        let token = given("refresh_token");
        if token != self.refresh_token {
            self.spent_uses += usize::from(self.spent.contains(&token));
            return refused("invalid_grant", "The refresh token is unknown, used or revoked");
        }
        self.spent.insert(token);
        self.refreshes += 1;
        self.access_token = self.token();
        self.refresh_token = self.token();
        self.renew(now);
        let body = json!({
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "bearer",
            "scope": "read",
            "expires_in": self.life.map(|life| life.as_secs()),
            "refresh_token_expires_in": 2_592_000,
        });
        Answer::json(200, body.to_string())
    }

    /// `GET /api/v2/oauth/tokens/current`.
    pub(crate) fn current(&self) -> Answer {
        let body = json!({"token": {
            "id": 360_000_411_871_u64,
            "scopes": ["read"],
            "expires_at": self.expires_at,
        }});
        Answer::json(200, body.to_string())
    }

    fn renew(&mut self, now: Timestamp) {
        let life = self.life.and_then(|life| SignedDuration::try_from(life).ok());
        self.expires_at = life.map(|life| now + life);
        self.uses_left = self.uses;
    }

    fn token(&mut self) -> String {
        format!("{:032x}{:032x}", self.dice.random::<u128>(), self.dice.random::<u128>())
    }
}

fn refused(error: &str, description: &str) -> Answer {
    let body = json!({"error": error, "error_description": description});
    Answer::json(400, body.to_string())
}

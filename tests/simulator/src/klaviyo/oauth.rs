//! OAuth: the client says who it is by HTTP Basic, parameters are a form, refresh tokens rotate.

use http::header;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::json;

use crate::Dice;
use crate::server::{Answer, Call};

/// What an app needs to sign in.
#[derive(Clone, Debug)]
pub struct OAuthCredentials {
    /// The app.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// The refresh token that is valid now.
    pub refresh_token: String,
    /// Where to exchange it.
    pub token_url: String,
}

/// The tokens of one app.
pub(super) struct OAuth {
    dice: Dice,
    client_secret: String,
    access_token: String,
    refresh_token: String,
    expires_at: Option<Timestamp>,
    refreshes: usize,
}

const CLIENT: &str = "tributary-app";
const LIFE: i64 = 3_600;

impl OAuth {
    pub(super) fn new(mut dice: Dice) -> Self {
        let [client_secret, access_token, refresh_token] = [(), (), ()].map(|()| token(&mut dice));
        Self { dice, client_secret, access_token, refresh_token, expires_at: None, refreshes: 0 }
    }

    pub(super) fn credentials(&self, base: &str) -> OAuthCredentials {
        OAuthCredentials {
            client_id: CLIENT.to_owned(),
            client_secret: self.client_secret.clone(),
            refresh_token: self.refresh_token.clone(),
            token_url: format!("{base}/oauth/token"),
        }
    }

    pub(super) fn expire(&mut self) {
        self.expires_at = None;
    }

    pub(super) fn refreshes(&self) -> usize {
        self.refreshes
    }

    pub(super) fn admits(&self, token: &str, now: Timestamp) -> bool {
        token == self.access_token && self.expires_at.is_some_and(|end| now < end)
    }

    /// `POST /oauth/token`.
    pub(super) fn exchange(&mut self, call: &Call) -> Answer {
        let is_form = call
            .header(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return refused(400, "invalid_request");
        }
        if call.basic() != Some((CLIENT.to_owned(), self.client_secret.clone())) {
            return refused(401, "invalid_client");
        }
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(&call.body).into_owned().collect();
        let given = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        if given("grant_type").map(String::as_str) != Some("refresh_token") {
            return refused(400, "unsupported_grant_type");
        }
        if given("refresh_token") != Some(&self.refresh_token) {
            return refused(400, "invalid_grant");
        }
        self.refreshes += 1;
        self.access_token = token(&mut self.dice);
        self.refresh_token = token(&mut self.dice);
        self.expires_at = Some(call.at + SignedDuration::from_secs(LIFE));
        let body = json!({
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_in": LIFE,
            "token_type": "Bearer",
            "scope": "campaigns:read events:read lists:read metrics:read profiles:read segments:read",
        });
        Answer::json(200, body.to_string())
    }
}

fn token(dice: &mut Dice) -> String {
    format!("{:032x}", dice.random::<u128>())
}

fn refused(status: u16, error: &str) -> Answer {
    Answer::json(status, json!({"error": error}).to_string())
}

//! A configured Zendesk connection, and its answers as JSON to look at.

use helpdesk::zendesk::Zendesk;
use shared::config::Connection;
use shared::error::Error;
pub(crate) use shared::testing::asked::{Asked, START, UNTIL, horizon, next, response, second};

/// The settings of an account that signs in with an API token.
pub(crate) const WITH_TOKEN: &str = r#"
base_url = "https://ember-oak.zendesk.com"
email = "sync@ember-oak.example"
token = { env = "ZENDESK_TOKEN" }
region = "DE"
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    shared::testing::asked::connect(&Zendesk, settings)
}

/// A stream of Zendesk, asked by hand.
pub(crate) fn asked(name: &'static str) -> Asked {
    asked_of(WITH_TOKEN, name)
}

/// The same, with other settings.
pub(crate) fn asked_of(settings: &str, name: &'static str) -> Asked {
    Asked::new(&Zendesk, settings, name)
}

shared::snapshots!("");

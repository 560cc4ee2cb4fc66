//! A configured SendGrid connection, and its answers as JSON to look at.

use email::sendgrid::SendGrid;
use shared::config::Connection;
use shared::error::Error;
use shared::testing::asked;
pub(crate) use shared::testing::asked::{START, UNTIL, horizon, response, second};

/// The settings of an account.
pub(crate) const SETTINGS: &str = r#"
api_key = { env = "SENDGRID_API_KEY" }
download_hosts = ["exports.example"]
region = "DE"
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    asked::connect(&SendGrid, settings)
}

/// One stream of the connection.
pub(crate) fn stream(name: &'static str) -> asked::Asked {
    asked::Asked::new(&SendGrid, SETTINGS, name)
}

/// The webhook of the connection.
pub(crate) fn delivered() -> asked::Delivered {
    asked::Delivered::new(&SendGrid, SETTINGS)
}

shared::snapshots!("sendgrid__");

//! A configured Zendesk connection, and its answers as JSON to look at.

use helpdesk::zendesk::Zendesk;
use serde_json::Value;
use shared::config::Connection;
use shared::error::Error;
pub(crate) use shared::testing::asked::{START, UNTIL, horizon, mapped, next, response, second};

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

/// One stream of the connection, asked by hand.
pub(crate) struct Asked;

impl Asked {
    #[expect(clippy::new_ret_no_self, reason = "the suite's own, with Zendesk's settings")]
    pub(crate) fn new(name: &'static str) -> shared::testing::asked::Asked {
        Self::of(WITH_TOKEN, name)
    }

    pub(crate) fn of(settings: &str, name: &'static str) -> shared::testing::asked::Asked {
        shared::testing::asked::Asked::new(&Zendesk, settings, name)
    }
}

/// Compares with the reviewed snapshot of that name.
pub(crate) fn check(name: &str, value: &Value) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!(name, value);
    });
}

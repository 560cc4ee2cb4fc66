//! A configured Klaviyo connection, and its answers as JSON to look at.

use email::klaviyo::Klaviyo;
use serde_json::{Value, json};
use shared::config::Connection;
use shared::error::Error;
pub(crate) use shared::testing::asked::{START, UNTIL, horizon, response, second};

/// The settings of an account that signs in with a private key.
pub(crate) const WITH_KEY: &str = r#"
api_key = { env = "KLAVIYO_API_KEY" }
region = "DE"
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    shared::testing::asked::connect(&Klaviyo, settings)
}

/// One stream of the connection, asked by hand.
pub(crate) struct Asked;

impl Asked {
    #[expect(clippy::new_ret_no_self, reason = "the suite's own, with Klaviyo's settings")]
    pub(crate) fn new(name: &'static str) -> shared::testing::asked::Asked {
        Self::of(WITH_KEY, name)
    }

    pub(crate) fn of(settings: &str, name: &'static str) -> shared::testing::asked::Asked {
        shared::testing::asked::Asked::new(&Klaviyo, settings, name)
    }
}

/// A page with these records and the token of the next.
pub(crate) fn page(records: &[Value], token: Option<&str>) -> Value {
    let next = token.map(|token| format!("https://a.klaviyo.com/api/x/?page%5Bcursor%5D={token}"));
    json!({ "data": records, "links": { "self": "https://a.klaviyo.com/api/x/", "next": next } })
}

/// An event of the metric `RecEm1` at this time.
pub(crate) fn event(id: &str, at: &str) -> Value {
    json!({
        "type": "event", "id": id,
        "attributes": { "datetime": at, "event_properties": {} },
        "relationships": {
            "profile": { "data": { "type": "profile", "id": "P1" } },
            "metric": { "data": { "type": "metric", "id": "RecEm1" } },
        },
    })
}

/// The same, as `page` hands it on.
pub(crate) fn named(metric: &str, event: &Value) -> Value {
    let mut event = event.clone();
    event["$metric"] = json!({ "name": metric, "integration": "Klaviyo" });
    event
}

/// A profile that changed at this time, with these subscriptions.
pub(crate) fn profile(id: &str, updated: &str, subscriptions: &Value) -> Value {
    json!({
        "type": "profile", "id": id,
        "attributes": {
            "email": "ann@mail.example", "phone_number": "+4930901820", "created": "2025-06-01T00:00:00+00:00",
            "updated": updated, "subscriptions": subscriptions,
        },
    })
}

shared::snapshots!("klaviyo__");

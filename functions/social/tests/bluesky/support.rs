//! A configured Bluesky connection, and its answers as JSON to look at.

use serde_json::{Value, json};
use shared::config::Connection;
use shared::error::Error;
use shared::testing::asked::Asked;
pub(crate) use shared::testing::asked::{START, UNTIL, horizon, response, second};
use social::bluesky::Bluesky;

/// The settings of an account that looks for one phrase.
pub(crate) const SETTINGS: &str = r#"
handle = "sync.ember-oak.example"
app_password = { env = "BLUESKY_APP_PASSWORD" }
queries = ["\"Ember & Oak\""]
own_dids = ["did:plc:emberoakemberoakemberoak1"]
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    shared::testing::asked::connect(&Bluesky, settings)
}

/// A stream, asked by hand.
pub(crate) fn asked(name: &'static str) -> Asked {
    asked_of(SETTINGS, name)
}

/// The same, with other settings.
pub(crate) fn asked_of(settings: &str, name: &'static str) -> Asked {
    Asked::new(&Bluesky, settings, name)
}

/// The settings with these queries.
pub(crate) fn looking_for(queries: &[&str]) -> String {
    SETTINGS.replace(r#"["\"Ember & Oak\""]"#, &json!(queries).to_string())
}

shared::snapshots!("bluesky__");

pub(crate) const MIRA: &str = "did:plc:mira4k2xq7vnt3hzl5wyabcd";

/// A post of Mira's as search and lookup show it.
pub(crate) fn view(text: &str, changes: &[(&str, Value)]) -> Value {
    let mut view = json!({
        "uri": format!("at://{MIRA}/app.bsky.feed.post/3mira"),
        "cid": "bafyreimira",
        "author": { "did": MIRA, "handle": "mira.bsky.example", "displayName": "Mira" },
        "record": record(text),
        "indexedAt": "2026-03-02T12:00:01.000Z",
    });
    for (name, value) in changes {
        view[*name] = value.clone();
    }
    view
}

/// The record of that post.
pub(crate) fn record(text: &str) -> Value {
    json!({ "$type": "app.bsky.feed.post", "createdAt": "2026-03-02T12:00:00.000Z", "text": text, "langs": ["en"] })
}

/// An event of the feed about that post.
pub(crate) fn commit(operation: &str, time_us: i64, text: &str) -> Value {
    let mut commit = json!({ "rev": "3rev", "operation": operation, "collection": "app.bsky.feed.post", "rkey": "3mira" });
    if operation != "delete" {
        commit["record"] = record(text);
        commit["cid"] = "bafyreimira".into();
    }
    json!({ "did": MIRA, "time_us": time_us, "kind": "commit", "commit": commit })
}

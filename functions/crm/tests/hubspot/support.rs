//! A configured HubSpot connection, and its answers as JSON to look at.

use crm::hubspot::HubSpot;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::config::Connection;
use shared::error::Error;
use shared::page::Next;
use shared::testing::asked::{self, Asked};

/// The settings of an account with a private app.
pub(crate) const WITH_TOKEN: &str = r#"
token = { env = "HUBSPOT_TOKEN" }
region = "DE"
webhook_url = "https://hooks.ember-oak.example/webhooks/eu"
ticket_stages = { 77001 = "hold" }
properties = { contacts = ["favourite_dish"] }
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    asked::connect(&HubSpot, settings)
}

/// One stream of the connection, asked by hand.
pub(crate) fn stream(name: &'static str) -> Asked {
    Asked::new(&HubSpot, WITH_TOKEN, name)
}

/// An answer of the search with these ids; more to come, if so.
pub(crate) fn found(ids: &[&str], more: bool) -> Value {
    let rows: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "properties": {} })).collect();
    let mut body = json!({ "total": ids.len(), "results": rows });
    if more {
        body["paging"] = json!({ "next": { "after": "100" } });
    }
    body
}

/// The cursor after an answer that is not the last.
pub(crate) fn on(stream: &Asked, cursor: &RawValue, body: &Value) -> Box<RawValue> {
    match stream.page(cursor, body).unwrap_or_else(|error| panic!("{error}")) {
        Next::More(cursor) => cursor,
        other => panic!("it should go on: {other:?}"),
    }
}

/// The body of the question at a cursor.
pub(crate) fn body(stream: &Asked, cursor: &RawValue) -> Value {
    stream.request(cursor).body.unwrap_or_default()
}

/// What the objects of a fixture become, read as a search would have them read.
pub(crate) fn seen(name: &'static str, fixture: &str) -> Value {
    let fixture: Value = serde_json::from_str(fixture).expect("a fixture is JSON");
    let stream = stream(name);
    let cursor = stream.begin();
    let mut cursor = on(&stream, &cursor, &found(&["1"], false));
    for linked in ["contacts", "companies"] {
        if !fixture[linked].is_null() {
            assert!(stream.request(&cursor).target.contains(&format!("/{linked}/batch/read")));
            cursor = on(&stream, &cursor, &fixture[linked]);
        }
    }
    if !fixture["pipelines"].is_null() {
        assert!(stream.request(&cursor).target.starts_with("/crm/v3/pipelines/"));
        cursor = on(&stream, &cursor, &fixture["pipelines"]);
    }
    let target = stream.request(&cursor).target;
    assert!(target.contains("/objects/"), "the fixture lacks the answer to {target}");
    let mut seen = stream.seen_at(&cursor, &fixture["objects"].to_string());
    seen["next"].take();
    seen
}

/// Compares with the reviewed snapshot of that name.
pub(crate) fn check(name: &str, value: &Value) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!(format!("hubspot__{name}"), value);
    });
}

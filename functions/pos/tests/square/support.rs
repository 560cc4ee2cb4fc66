//! A configured Square connection, and its answers as JSON to look at.

use pos::square::Square;
use serde_json::value::RawValue;
use shared::config::Connection;
use shared::error::Error;
use shared::page::Next;
use shared::testing::asked::Asked;

/// The settings of an account that signs in with a personal access token.
pub(crate) const WITH_TOKEN: &str = r#"
access_token = { env = "SQUARE_TOKEN" }
region = "US"
"#;

pub(crate) const STREAMS: [&str; 7] = [
    "customers",
    "customer_directory",
    "orders",
    "payments",
    "refunds",
    "loyalty_accounts",
    "loyalty_events",
];

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    shared::testing::asked::connect(&Square, settings)
}

/// One stream of the connection, asked by hand.
pub(crate) fn asked(name: &'static str) -> Asked {
    Asked::new(&Square, WITH_TOKEN, name)
}

/// A cursor that goes on reading.
pub(crate) fn more(next: Next<Box<RawValue>>) -> Box<RawValue> {
    match next {
        Next::More(cursor) => cursor,
        other => panic!("the read ends: {}", other.cursor()),
    }
}

/// The cursor that ends a run.
pub(crate) fn done(next: Next<Box<RawValue>>) -> Box<RawValue> {
    match next {
        Next::Done(cursor) => cursor,
        other => panic!("the read goes on: {}", other.cursor()),
    }
}

/// The cursor of a stream that knows its locations.
pub(crate) fn located(stream: &Asked) -> Box<RawValue> {
    let locations = serde_json::json!({ "locations": [{ "id": "L88917AVBK2S5" }] });
    more(stream.page(&stream.begin(), &locations).expect("locations"))
}

shared::snapshots!("square__");

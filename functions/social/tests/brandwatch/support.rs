//! A configured Brandwatch connection, and its answers as JSON to look at.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::config::Connection;
use shared::error::Error;
use shared::testing::asked::Asked;
use social::brandwatch::Brandwatch;

/// A connection with two named queries.
pub(crate) const NAMED: &str = r#"
project = 398748937
queries = [1999933037, 1999934807]
token = { env = "BRANDWATCH_TOKEN" }
page_size = 3
"#;

/// A connection that reads every query of its project.
pub(crate) const WHOLE: &str = r#"
project = 398748937
username = "listening@ember-oak.example"
password = { env = "BRANDWATCH_PASSWORD" }
page_size = 3
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    shared::testing::asked::connect(&Brandwatch, settings)
}

pub(crate) fn asked(settings: &str, name: &'static str) -> Asked {
    Asked::new(&Brandwatch, settings, name)
}

/// A page of mentions that were added and updated at these times.
pub(crate) fn page(times: &[&str], cursor: Option<&str>) -> Value {
    let results: Vec<Value> = times
        .iter()
        .enumerate()
        .map(|(number, at)| {
            json!({"resourceId": format!("r{number}"), "queryId": 1_999_933_037, "added": at, "updated": at})
        })
        .collect();
    json!({"results": results, "resultsPage": 0, "resultsPageSize": 3, "resultsTotal": 9, "nextCursor": cursor})
}

pub(crate) fn told(cursor: &RawValue) -> Value {
    serde_json::from_str(cursor.get()).expect("a cursor is JSON")
}

/// All values of a query parameter.
pub(crate) fn all(asked: &Asked, cursor: &RawValue, name: &str) -> Vec<String> {
    let query = asked.request(cursor).query;
    query.into_iter().filter(|(parameter, _)| *parameter == name).map(|(_, value)| value).collect()
}

/// Compares with the reviewed snapshot of that name.
pub(crate) fn check(name: &str, value: &Value) {
    insta::with_settings!({ snapshot_path => "../snapshots/brandwatch", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!(name, value);
    });
}

//! Pages of records as JSON text, which may hold what no JSON value can.

use serde_json::Value;

use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// A page with its records under a name, and what else it says.
pub(crate) fn page(name: &str, rows: &[String], rest: &Value) -> Answer {
    let rest = rest.to_string();
    let rest = rest.strip_prefix('{').unwrap_or("}");
    Answer::json(200, format!("{{\"{name}\":[{}],{rest}", rows.join(",")))
}

/// The vendor's error body.
pub(crate) fn error(status: u16, error: &str, description: &str) -> Answer {
    let body = serde_json::json!({"error": error, "description": description});
    Answer::json(status, body.to_string())
}

/// A link to the same collection with other parameters.
pub(crate) fn link(call: &Call, parameters: &[(&str, &str)]) -> String {
    let query =
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("{}{}?{query}", call.base_url(), call.path())
}

/// Lets the faults that concern records do their work on a page.
pub(crate) fn bend(faults: &Faults, call: &Call, rows: &mut Vec<String>) {
    let Some(first) = rows.first().cloned() else {
        return;
    };
    let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
    if fires(Fault::ExtraField) {
        for row in rows.iter_mut() {
            let drift = r#"{"vibe_score":{"value":0.7,"model":"v3"},"ai_summary":null,"#;
            *row = row.replacen('{', drift, 1);
        }
    }
    if fires(Fault::BadRecord) {
        let mut record: Value = serde_json::from_str(&first).unwrap_or_default();
        record["id"] = Value::Null;
        rows.push(record.to_string());
    }
}

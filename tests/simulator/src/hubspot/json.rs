//! Objects as the API writes them.

use serde_json::{Map, Value, json};

use super::history::written;
use super::records::{Kind, Object};

/// The names in a list of them.
pub(super) fn names(list: &Value) -> Vec<String> {
    let names = list.as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The properties that come unasked.
fn defaults(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Contact => &["firstname", "lastname", "email"],
        Kind::Company => &["name", "domain"],
        Kind::Deal => &["dealname", "amount", "closedate", "pipeline", "dealstage"],
        Kind::Ticket => &["subject", "content", "hs_pipeline", "hs_pipeline_stage"],
        _ => &[],
    }
}

/// The stages that a deal stood in, the newest first, if they are asked for.
pub(super) fn with_history(mut record: Value, object: &Object, wanted: &[String]) -> Value {
    if wanted.iter().any(|name| name == "dealstage") {
        let versions = object.stages.iter().rev().map(|(at, stage)| {
            json!({ "value": stage, "timestamp": written(*at), "sourceType": "CRM_UI",
                "sourceId": "userId:7", "updatedByUserId": 7 })
        });
        let versions: Vec<Value> = versions.collect();
        record["propertiesWithHistory"] = json!({ "dealstage": versions });
    }
    record
}

/// An object with the properties that are asked for, or a handful of them; an unknown name is ignored.
pub(super) fn object(kind: Kind, object: &Object, wanted: &[String]) -> Value {
    let mut properties = Map::new();
    let wanted = wanted.iter().map(String::as_str);
    let names: Vec<&str> = wanted.chain(defaults(kind).iter().copied()).collect();
    for name in names {
        if let Some(value) = object.properties.get(name) {
            properties.insert(name.to_owned(), json!(value));
        }
    }
    let times = [
        (kind.created_property(), object.created_at),
        (kind.modified_property(), object.modified_at),
    ];
    for (name, at) in times {
        properties.insert(name.to_owned(), written(at).into());
    }
    properties.insert("hs_object_id".to_owned(), object.id.to_string().into());
    let mut record = json!({
        "id": object.id.to_string(),
        "properties": properties,
        "createdAt": written(object.created_at),
        "updatedAt": written(object.modified_at),
        "archived": object.archived_at.is_some(),
    });
    if let Some(at) = object.archived_at {
        record["archivedAt"] = written(at).into();
    }
    record
}

//! The schema for machines: one JSON Schema per table, made from the types.

use schemars::{JsonSchema as _, Schema, generate::SchemaSettings, json_schema};
use serde_json::{Map, Value};

use super::{Provenance, Table};

/// What [`super::Known`] leaves in its schema, so that only its fields are said to be null at times.
pub(super) const CAN_BE_NULL: &str = "x-can-be-null";

/// The JSON Schema (2020-12) of a landed row of every table, by the table's name.
pub fn json_schemas() -> Value {
    let schemas = Table::ALL.iter().map(|&table| (table.name().to_owned(), row_schema(table)));
    Value::Object(schemas.collect())
}

/// The JSON Schema (2020-12) of a landed row of this table: provenance and content.
pub fn row_schema(table: Table) -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let provenance = Provenance::json_schema(&mut generator);
    let content = table.content_schema(&mut generator);
    let definitions = generator.take_definitions(true);
    let description = content.get("description").cloned().unwrap_or_default();

    let name = json_schema!({ "const": table.name(), "description": "The name of the table." });
    let mut properties = Map::from_iter([("table".to_owned(), name.into())]);
    properties.extend(properties_of(&provenance));
    properties.insert("row".to_owned(), content.into());

    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": table.name(),
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required(&provenance),
        "$defs": definitions,
    })
    .into();
    drop_null_of_options(&mut schema);
    schema
}

fn properties_of(schema: &Schema) -> Map<String, Value> {
    schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

fn required(provenance: &Schema) -> Vec<Value> {
    let own = provenance.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    [Value::from("table")].into_iter().chain(own).chain([Value::from("row")]).collect()
}

/// An `Option` that is `None` is not written at all, so its schema must not promise a null.
fn drop_null_of_options(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(drop_null_of_options),
        Value::Object(object) => {
            if object.remove(CAN_BE_NULL).is_none() {
                drop_null(object);
            }
            object.values_mut().for_each(drop_null_of_options);
        }
        _ => {}
    }
}

fn drop_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            schema.remove("anyOf");
            schema.extend(only);
        }
    }
}

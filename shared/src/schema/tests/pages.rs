//! The JSON Schemas and the reference page agree with the rows and with each other.

use serde_json::Value;

use super::samples::rows;
use crate::schema::{InteractionKind, json_schemas, reference_page};

#[test]
fn every_row_fits_its_json_schema() {
    let schemas = json_schemas();
    for (row, line) in rows() {
        let schema = &schemas[row.table().name()];
        let line: Value = serde_json::from_str(&line).unwrap();
        check(&line, schema, schema, row.table().name());
    }
}

/// The part of JSON Schema that ours use; more strictly, an object has no field that its schema lacks.
fn check(value: &Value, schema: &Value, root: &Value, path: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        let definition = root.pointer(name.strip_prefix('#').unwrap()).unwrap();
        return check(value, definition, root, path);
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices.iter().find(|choice| (choice["type"] == "null") == value.is_null());
        return check(value, choice.unwrap(), root, path);
    }
    if let Some(words) = schema["oneOf"].as_array().filter(|_| value.is_string()) {
        assert!(words.iter().any(|word| word["const"] == *value), "{path}: {value} is no word");
        return;
    }
    if let Some(constant) = schema.get("const") {
        assert_eq!(value, constant, "{path}");
    }
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = &schema["type"];
    let fits = *types == name || types.as_array().is_some_and(|types| types.contains(&name.into()));
    assert!(fits || !schema["const"].is_null(), "{path}: {name} is not {types}");
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], root, &format!("{path}[{index}]"));
    }
    if value.is_object() {
        check_fields(value, schema, root, path);
    }
}

fn check_fields(value: &Value, schema: &Value, root: &Value, path: &str) {
    // An interaction: the variant of its type brings `type` and `data`.
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let variant = variants
        .clone()
        .find(|variant| variant["properties"]["type"]["const"] == value["type"])
        .unwrap_or(&Value::Null);
    assert_eq!(variant.is_null(), variants.count() == 0, "{path}: no such type");
    for part in [schema, variant] {
        for name in part["required"].as_array().into_iter().flatten() {
            assert!(value.get(name.as_str().unwrap()).is_some(), "{path} lacks {name}");
        }
    }
    for (name, field) in value.as_object().unwrap() {
        let path = format!("{path}.{name}");
        let schema = [
            &schema["properties"][name],
            &variant["properties"][name],
            &schema["additionalProperties"],
        ];
        let schema = schema.into_iter().find(|schema| !schema.is_null());
        check(field, schema.unwrap_or_else(|| panic!("{path} is not in the schema")), root, &path);
    }
}

#[test]
fn required_fields_are_said_to_be() {
    let schemas = json_schemas();
    let required = |schema: &Value| -> Vec<String> {
        serde_json::from_value(schema["required"].clone()).unwrap()
    };
    for (table, schema) in schemas.as_object().unwrap() {
        let fields = required(schema);
        for name in ["table", "record_key", "source_version", "content_sha256", "deleted", "row"] {
            assert!(fields.iter().any(|field| field == name), "{table} does not require {name}");
        }
    }
    let row = &schemas["interaction"]["properties"]["row"];
    assert_eq!(
        required(row),
        ["interaction_id", "subject_key", "occurred_at", "channel", "purpose"]
    );
    assert_eq!(row["oneOf"].as_array().unwrap().len(), InteractionKind::NAMES.len());
    assert_eq!(required(&schemas["ticket"]["properties"]["row"]), ["status", "channel"]);
}

#[test]
fn everything_is_described() {
    fn check(schema: &Value, path: &str) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let described = field["description"].is_string() || name == "type" || name == "data";
            assert!(described, "{path}.{name} has no sentence");
            check(field, &format!("{path}.{name}"));
        }
        for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
            assert!(definition["description"].is_string(), "{name} has no sentence");
            check(definition, name);
        }
    }
    for (table, schema) in json_schemas().as_object().unwrap() {
        check(schema, table);
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schema.md");
    let page = reference_page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/schema.md differs from the types; run `UPDATE_DOCS=1 cargo test -p shared schema`"
    );
}

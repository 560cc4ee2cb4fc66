//! Schemas as `OpenAPI` 3.0 and 3.1 write them, made plain JSON Schema, and values held against them.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, ValidationError, Validator};
use serde_json::{Map, Value, json};

/// Errors of one body that are told; the rest is more of the same.
const TOLD: usize = 5;

/// Schemas by keyword.
const MAPS: [&str; 4] = ["properties", "patternProperties", "definitions", "$defs"];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const ONES: [&str; 3] = ["items", "additionalProperties", "not"];

/// Translates a schema in place: `nullable`, `exclusiveMinimum: true`, and keywords that JSON Schema has not.
pub(crate) fn translate(schema: &mut Value, of_one_example: bool) {
    let Value::Object(keywords) = schema else { return };
    for name in MAPS {
        let children = keywords.get_mut(name).and_then(Value::as_object_mut);
        for child in children.into_iter().flat_map(Map::values_mut) {
            translate(child, of_one_example);
        }
    }
    for name in LISTS {
        let children = keywords.get_mut(name).and_then(Value::as_array_mut);
        children.into_iter().flatten().for_each(|child| translate(child, of_one_example));
    }
    for name in ONES {
        if let Some(child) = keywords.get_mut(name) {
            translate(child, of_one_example);
        }
    }
    for name in ["example", "examples", "discriminator", "xml", "externalDocs", "default"] {
        keywords.remove(name);
    }
    for (limit, exclusive) in [("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")] {
        match keywords.get(exclusive) {
            Some(Value::Bool(true)) => {
                let bound = keywords.remove(limit).unwrap_or_default();
                keywords.insert(exclusive.to_owned(), bound);
            }
            Some(Value::Bool(false)) => {
                keywords.remove(exclusive);
            }
            _ => {}
        }
    }
    // A property that says itself whether it is required speaks of its parent.
    if keywords.get("required").is_some_and(Value::is_boolean) {
        keywords.remove("required");
    }
    if of_one_example && keywords.get("type") == Some(&json!("integer")) {
        keywords.insert("type".to_owned(), "number".into());
    }
    // An empty list in the example says nothing of what is in others.
    if of_one_example && keywords.get("items") == Some(&nothing_of_an_object()) {
        keywords.remove("items");
    }
    let nullable = keywords.remove("nullable") == Some(Value::Bool(true));
    if nullable || (of_one_example && keywords.contains_key("type")) {
        allow_null(schema);
    }
}

/// What is left of `{"type": "object", "properties": {}}` when it is translated itself.
fn nothing_of_an_object() -> Value {
    json!({ "type": ["object", "null"], "properties": {} })
}

/// Lets a schema hold null too; where it says its type, errors still tell what is wrong within.
fn allow_null(schema: &mut Value) {
    let Value::Object(keywords) = schema else { return };
    if let Some(Value::Array(words)) = keywords.get_mut("enum") {
        words.push(Value::Null);
    }
    match keywords.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(kind) => *kind = json!([kind.take(), "null"]),
        None => {
            let rest = std::mem::take(schema);
            *schema = json!({ "anyOf": [rest, { "type": "null" }] });
        }
    }
}

/// Translates every schema in a document: its components and what stands under `schema`.
pub(crate) fn translate_all(node: &mut Value, of_one_example: bool) {
    match node {
        Value::Array(items) => {
            for item in items {
                translate_all(item, of_one_example);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                match name.as_str() {
                    "schema" => translate(value, of_one_example),
                    "schemas" => {
                        let schemas = value.as_object_mut().into_iter().flat_map(Map::values_mut);
                        schemas.for_each(|schema| translate(schema, of_one_example));
                    }
                    "example" | "examples" | "value" => {}
                    _ => translate_all(value, of_one_example),
                }
            }
        }
        _ => {}
    }
}

/// A schema within the document that its references lead into.
pub(crate) fn compile(document: &Value, schema: &Value) -> Result<Validator, String> {
    let mut root = document.clone();
    root["allOf"] = json!([schema]);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(true)
        .build(&root)
        .map_err(|error| format!("its schema cannot be used: {error}"))
}

/// What contradicts the schema, by place; values stay out of it, and places in lists.
pub(crate) fn contradictions(validator: &Validator, value: &Value) -> Vec<String> {
    let mut told: Vec<String> =
        validator.iter_errors(value).take(TOLD).map(|it| tell(&it)).collect();
    told.dedup();
    told
}

fn tell(error: &ValidationError<'_>) -> String {
    // Of several schemas none of which holds, the one that fails least is probably meant.
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
        error.kind()
        && let Some(first) = context.iter().min_by_key(|it| it.len()).and_then(|it| it.first())
    {
        return tell(first);
    }
    let place = error.instance_path().to_string();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit());
    let parts = place.split('/').map(|part| if is_number(part) { "*" } else { part });
    let place = parts.collect::<Vec<_>>().join("/");
    let mut what = error.masked().to_string();
    what.truncate(what.char_indices().nth(300).map_or(what.len(), |(at, _)| at));
    format!("{place} {what}")
}

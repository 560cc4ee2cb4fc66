//! The description of the API (OpenAPI 3.1), from the very types that are read and written.

use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};
use shared::customers::{Answer, Customer, Records, Ruled, Timeline};

use crate::problem::{MEDIA_TYPE, Problem};
use crate::questions::{Link, NeverLink, PageOf, Split, Who};

/// The document that `GET /openapi.json` answers.
pub(crate) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    // What is read may leave fields out; what is written has them all.
    let mut read = SchemaGenerator::new(settings.clone());
    let mut written = SchemaGenerator::new(settings.for_serialize());
    let problem = written.subschema_for::<Problem>();
    let id = [json!({
        "name": "id", "in": "path", "required": true,
        "description": "The person's id, or one that became an alias of it.",
        "schema": { "type": "string", "format": "uuid" }
    })];
    let paths = json!({
        "/customers": { "get": operation(
            "Look people up by an identifier in the query; POST /customers/lookup keeps it out of logs of URLs.",
            &parameters::<Who>(&mut read), None, &written.subschema_for::<Answer>(), false) },
        "/customers/lookup": { "post": operation(
            "Look people up by an identifier in the body.",
            &[], Some(read.subschema_for::<Who>()), &written.subschema_for::<Answer>(), false) },
        "/customers/link": { "post": operation(
            "Rule that records are one person's.",
            &[], Some(read.subschema_for::<Link>()), &written.subschema_for::<Ruled>(), false) },
        "/customers/{id}": { "get": operation(
            "Everything that is known of a person now.",
            &id, None, &written.subschema_for::<Customer>(), true) },
        "/customers/{id}/timeline": { "get": operation(
            "What happened with a person, the newest first.",
            &[&id[..], &parameters::<PageOf>(&mut read)].concat(), None,
            &written.subschema_for::<Timeline>(), true) },
        "/customers/{id}/records": { "get": operation(
            "The person's records as each source has them.",
            &id, None, &written.subschema_for::<Records>(), true) },
        "/customers/{id}/never-link": { "post": operation(
            "Rule that a person is never the same as another, or as the holder of some records.",
            &id, Some(read.subschema_for::<NeverLink>()), &written.subschema_for::<Ruled>(), true) },
        "/customers/{id}/split": { "post": operation(
            "Rule that a person is several.",
            &id, Some(read.subschema_for::<Split>()), &written.subschema_for::<Ruled>(), true) },
    });
    let mut schemas = written.take_definitions(true);
    schemas.extend(read.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tributary customers",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One whole person in one lookup, with the source of everything that is told."
        },
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "responses": { "problem": {
                "description": "What is wrong, and what to do about it (RFC 9457).",
                "content": { MEDIA_TYPE: { "schema": problem } }
            } }
        }
    })
}

/// One operation; `of_one` where the path names a person, who may be nobody.
fn operation(
    summary: &str,
    parameters: &[Value],
    body: Option<Schema>,
    answer: &Schema,
    of_one: bool,
) -> Value {
    let problem = json!({ "$ref": "#/components/responses/problem" });
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({ "description": "The answer.", "content": { "application/json": { "schema": answer } } }),
    );
    let of_bodies: &[&str] = if body.is_some() { &["413", "415"] } else { &[] };
    let of_one: &[&str] = if of_one { &["404"] } else { &[] };
    let always = ["400", "401", "403", "405", "422", "500", "503"];
    for status in always.iter().chain(of_bodies).chain(of_one) {
        responses.insert((*status).to_owned(), problem.clone());
    }
    let mut operation = json!({ "summary": summary, "responses": responses });
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body } } });
    }
    operation
}

/// The fields of a query as parameters.
fn parameters<T: JsonSchema>(generator: &mut SchemaGenerator) -> Vec<Value> {
    let schema = T::json_schema(generator).to_value();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    properties
        .into_iter()
        .map(|(name, mut schema)| {
            let description = schema["description"].take();
            if let Some(fields) = schema.as_object_mut() {
                fields.remove("description");
                fields.remove("default");
                // In a query there is no null: a parameter is there or not.
                if let Some(word) = fields["type"].as_array().and_then(|types| types.first()).cloned() {
                    fields.insert("type".to_owned(), word);
                }
            }
            json!({ "name": name, "in": "query", "required": false, "description": description, "schema": schema })
        })
        .collect()
}

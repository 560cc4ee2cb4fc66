//! `OpenAPI` documents, and exchanges held against them: path, method, parameters, bodies, status.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

use crate::judged::{Specification, Verdict};
use crate::recorder::Exchange;
use crate::schema::{compile, contradictions, translate_all};

/// Where a vendor's documents are weak.
#[derive(Clone, Copy, Default)]
pub(crate) struct Quirks {
    /// Their schemas are made of one example each: a null or a fraction is no contradiction.
    pub(crate) of_one_example: bool,
}

/// A schema ready for use, or why it is of none.
type Compiled = Result<Arc<Validator>, String>;

/// A vendor's documents.
pub(crate) struct Documents {
    documents: Vec<Value>,
    /// By document and the place of the schema in it.
    validators: Mutex<HashMap<(usize, String), Compiled>>,
}

/// An operation that an exchange is one of.
struct Operation<'d> {
    document: usize,
    root: &'d Value,
    template: &'d str,
    /// None when the path is known and the method is not.
    said: Option<&'d Value>,
    parameters: Vec<&'d Value>,
}

impl Documents {
    pub(crate) fn read(folder: &Path, files: &[&str], quirks: Quirks) -> Self {
        let documents = files.iter().map(|file| {
            let text = std::fs::read(folder.join(file)).unwrap_or_else(|it| panic!("{file}: {it}"));
            let mut document: Value =
                serde_json::from_slice(&text).unwrap_or_else(|it| panic!("{file}: {it}"));
            translate_all(&mut document, quirks.of_one_example);
            document
        });
        Self { documents: documents.collect(), validators: Mutex::default() }
    }

    /// The files of the folder that begin so.
    pub(crate) fn of_prefix(folder: &Path, prefix: &str) -> Vec<String> {
        let files = std::fs::read_dir(folder).expect("the folder can be read");
        let names = files.filter_map(|file| file.ok()?.file_name().into_string().ok());
        names.filter(|name| name.starts_with(prefix)).collect()
    }

    fn find(&self, exchange: &Exchange) -> Option<Operation<'_>> {
        let method = exchange.method.to_lowercase();
        let mut best: Option<(usize, Operation<'_>)> = None;
        for (document, root) in self.documents.iter().enumerate() {
            for (template, item) in root["paths"].as_object().into_iter().flatten() {
                let Some(literal) = literal_segments(template, &exchange.path) else { continue };
                let said = item.get(&method);
                // `/customers/search` is no customer: a subset of a document may lack it.
                let is_exact = literal == template.trim_matches('/').split('/').count();
                if said.is_none() && !is_exact {
                    continue;
                }
                // A path of the letter before one with a placeholder, one with the method before one without.
                let rank = literal * 2 + usize::from(said.is_some());
                if best.as_ref().is_some_and(|(before, _)| *before >= rank) {
                    continue;
                }
                let lists = [item.get("parameters"), said.and_then(|it| it.get("parameters"))];
                let parameters = lists.into_iter().flatten().filter_map(Value::as_array).flatten();
                let parameters = parameters.map(|parameter| resolve(root, parameter)).collect();
                best = Some((rank, Operation { document, root, template, said, parameters }));
            }
        }
        best.map(|(_, operation)| operation)
    }

    /// What contradicts a schema; the schema is compiled once.
    fn hold(
        &self,
        at: (usize, String),
        root: &Value,
        schema: &Value,
        value: &Value,
    ) -> Vec<String> {
        let validator = {
            let mut known = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
            let compile = || compile(root, schema).map(Arc::new);
            known.entry(at).or_insert_with(compile).clone()
        };
        match validator {
            Ok(validator) => contradictions(&validator, value),
            Err(error) => vec![error],
        }
    }

    fn parameters(&self, exchange: &Exchange, operation: &Operation<'_>, verdict: &mut Verdict) {
        let declared: Vec<(Vec<&str>, &Value)> = operation
            .parameters
            .iter()
            .filter_map(|parameter| {
                // One document writes two names into one field.
                let names = parameter["name"].as_str()?.split('/').collect();
                Some((names, *parameter))
            })
            .collect();
        for (name, value) in &exchange.query {
            // `page[size]` may be declared by its own name or as an object `page`.
            let outer = name.split('[').next().unwrap_or(name);
            let found = declared.iter().find(|(names, parameter)| {
                let is_object = parameter["schema"]["type"] == "object"
                    || parameter["schema"].get("properties").is_some()
                    || parameter["style"] == "deepObject";
                parameter["in"] == "query"
                    && (names.contains(&name.as_str()) || (is_object && names.contains(&outer)))
            });
            let Some((names, parameter)) = found else {
                let finding = format!("the parameter {name} is none of the specification");
                verdict.findings.push(finding);
                continue;
            };
            if names.contains(&name.as_str()) {
                let schema = resolve(operation.root, &parameter["schema"]);
                let value = typed(operation.root, schema, value);
                let at = (operation.document, format!("{} ?{name}", verdict.operation));
                let wrong = self.hold(at, operation.root, schema, &value);
                verdict
                    .findings
                    .extend(wrong.into_iter().map(|it| format!("parameter {name}{it}")));
            }
        }
        for (names, parameter) in &declared {
            if parameter["required"] != true {
                continue;
            }
            let is_there = match parameter["in"].as_str() {
                Some("query") => exchange.query.iter().any(|(name, _)| {
                    names.contains(&name.as_str())
                        || names.contains(&name.split('[').next().unwrap_or(name))
                }),
                Some("header") => names.iter().any(|name| exchange.headers.contains_key(*name)),
                _ => true,
            };
            if !is_there {
                verdict.findings.push(format!("the required parameter {} is missing", names[0]));
            }
        }
    }

    fn request_body(&self, exchange: &Exchange, operation: &Operation<'_>, verdict: &mut Verdict) {
        let Some(body) = operation.said.and_then(|said| said.get("requestBody")) else {
            if !exchange.body.is_empty() {
                verdict.findings.push("has a body and should have none".to_owned());
            }
            return;
        };
        let body = resolve(operation.root, body);
        if exchange.body.is_empty() {
            if body["required"] == true {
                verdict.findings.push("the body is missing".to_owned());
            }
            return;
        }
        let sent = exchange.headers.get("content-type").and_then(|it| it.to_str().ok());
        let sent = sent.and_then(|it| it.split(';').next()).unwrap_or_default();
        let Some(schema) = body["content"].get(sent).and_then(|it| it.get("schema")) else {
            verdict.findings.push(format!("no body of type {sent} is specified"));
            return;
        };
        let Ok(value) = serde_json::from_slice(&exchange.body) else {
            verdict.findings.push("the body is not JSON".to_owned());
            return;
        };
        let at = (operation.document, format!("{} body", verdict.operation));
        let wrong = self.hold(at, operation.root, schema, &value);
        verdict.findings.extend(wrong.into_iter().map(|it| format!("body {it}")));
    }

    fn answer(&self, exchange: &Exchange, operation: &Operation<'_>, verdict: &mut Verdict) {
        let status = exchange.status.to_string();
        let responses = operation.said.map_or(&Value::Null, |said| &said["responses"]);
        let family = format!("{}XX", &status[..1]);
        let response = [status.as_str(), family.as_str(), "default"]
            .iter()
            .find_map(|name| responses.get(*name));
        let Some(response) = response else {
            verdict.findings.push(format!("answers {status}, which is not specified"));
            return;
        };
        let empty = Map::new();
        let content = resolve(operation.root, response)["content"].as_object().unwrap_or(&empty);
        let told = &exchange.answer_type;
        if !content.is_empty() && !content.contains_key(told) {
            verdict.findings.push(format!("{status}: no answer of type {told} is specified"));
        }
        // What says the wrong type of itself is looked at all the same.
        let body = content.get(told).or_else(|| content.values().next());
        let Some(schema) = body.and_then(|body| body.get("schema")) else { return };
        let Ok(value) = serde_json::from_slice(&exchange.answer) else {
            verdict.findings.push(format!("{status}: the answer is not JSON"));
            return;
        };
        verdict.answer_checked = true;
        let at = (operation.document, format!("{} {status}", verdict.operation));
        let wrong = self.hold(at, operation.root, schema, &value);
        verdict.findings.extend(wrong.into_iter().map(|it| format!("{status} {it}")));
    }
}

impl Specification for Documents {
    fn judge(&self, exchange: &Exchange) -> Option<Verdict> {
        let operation = self.find(exchange)?;
        let name = format!("{} {}", exchange.method, operation.template);
        let mut verdict = Verdict { operation: name, ..Verdict::default() };
        if operation.said.is_none() {
            verdict.findings.push("the specification has no such method".to_owned());
            return Some(verdict);
        }
        self.parameters(exchange, &operation, &mut verdict);
        self.request_body(exchange, &operation, &mut verdict);
        self.answer(exchange, &operation, &mut verdict);
        Some(verdict)
    }
}

/// How many segments of a path are those of a template by the letter; none if it is not one of its paths.
fn literal_segments(template: &str, path: &str) -> Option<usize> {
    // Some documents leave out `.json`, which their servers take and their guides write.
    let path = path.strip_suffix(".json").unwrap_or(path);
    let template = template.strip_suffix(".json").unwrap_or(template);
    let mut literal = 0;
    let (mut names, mut parts) =
        (template.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
    loop {
        match (names.next(), parts.next()) {
            (None, None) => return Some(literal),
            (Some(name), Some(part)) if name == part => literal += 1,
            (Some(name), Some(_)) if name.starts_with('{') => {}
            _ => return None,
        }
    }
}

/// What a reference leads to.
fn resolve<'d>(root: &'d Value, node: &'d Value) -> &'d Value {
    match node.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).map_or(node, |found| resolve(root, found)),
        None => node,
    }
}

/// The types of a schema, which says one or lists several.
fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let kind = schema.get("type");
    let listed = kind.and_then(Value::as_array).into_iter().flatten();
    kind.into_iter().chain(listed).filter_map(Value::as_str)
}

/// A parameter's text as the type that its schema asks for.
fn typed(root: &Value, schema: &Value, text: &str) -> Value {
    let schema = resolve(root, schema);
    let empty = Map::new();
    let keywords = schema.as_object().unwrap_or(&empty);
    let choices =
        ["anyOf", "oneOf", "allOf"].iter().filter_map(|name| keywords.get(*name)?.as_array());
    let mut kinds: Vec<&str> = types(schema).collect();
    kinds.extend(choices.flatten().flat_map(|choice| types(resolve(root, choice))));
    let read = |kind: &&str| match *kind {
        "integer" | "number" => serde_json::from_str::<Value>(text).ok().filter(Value::is_number),
        "boolean" => text.parse::<bool>().ok().map(Value::from),
        "array" => {
            let items = keywords.get("items").unwrap_or(&Value::Null);
            Some(text.split(',').map(|item| typed(root, items, item)).collect())
        }
        _ => None,
    };
    kinds.iter().find_map(read).unwrap_or_else(|| text.into())
}

//! Lexicons of the AT Protocol, and calls held against them.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::judged::{Specification, Verdict};
use crate::recorder::Exchange;
use crate::schema::{compile, contradictions};

/// The lexicons of a folder.
pub(crate) struct Lexicons {
    /// Every definition as JSON Schema, by `nsid:name` (a reference has one `#`), under `$defs`.
    root: Value,
    /// The methods, by their NSID.
    methods: Map<String, Value>,
}

impl Lexicons {
    pub(crate) fn read(folder: &Path) -> Self {
        let (mut definitions, mut methods) = (Map::new(), Map::new());
        for file in std::fs::read_dir(folder).expect("the folder of lexicons can be read") {
            let text = std::fs::read(file.expect("a file").path()).expect("a lexicon can be read");
            let lexicon: Value = serde_json::from_slice(&text).expect("a lexicon is JSON");
            let id = lexicon["id"].as_str().expect("a lexicon has an id");
            for (name, definition) in lexicon["defs"].as_object().into_iter().flatten() {
                definitions.insert(format!("{id}:{name}"), schema(id, definition));
            }
            let main = &lexicon["defs"]["main"];
            if matches!(main["type"].as_str(), Some("query" | "procedure")) {
                methods.insert(id.to_owned(), main.clone());
            }
        }
        Self { root: json!({ "$defs": definitions }), methods }
    }

    /// What contradicts a definition; definitions of lexicons that are not here hold anything.
    fn hold(&self, id: &str, definition: &Value, value: &Value) -> Vec<String> {
        let mut schema = schema(id, definition);
        self.forget_what_is_not_here(&mut schema);
        let mut root = self.root.clone();
        self.forget_what_is_not_here(&mut root);
        match compile(&root, &schema) {
            Ok(validator) => contradictions(&validator, value),
            Err(error) => vec![error],
        }
    }

    fn forget_what_is_not_here(&self, node: &mut Value) {
        let target = node.get("$ref").and_then(Value::as_str);
        let is_gone = target.is_some_and(|target| {
            let name = target.trim_start_matches("#/$defs/");
            self.root["$defs"].get(name).is_none()
        });
        if is_gone {
            *node = json!({});
        }
        match node {
            Value::Array(items) => {
                for item in items {
                    self.forget_what_is_not_here(item);
                }
            }
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.forget_what_is_not_here(field));
            }
            _ => {}
        }
    }

    fn parameters(&self, id: &str, method: &Value, exchange: &Exchange, verdict: &mut Verdict) {
        let declared = &method["parameters"]["properties"];
        let mut sent = Map::new();
        for (name, text) in &exchange.query {
            let Some(kind) = declared.get(name) else {
                verdict.findings.push(format!("the parameter {name} is none of the lexicon"));
                continue;
            };
            let item = |kind: &str| match kind {
                "integer" => text.parse::<i64>().map_or_else(|_| text.as_str().into(), Value::from),
                "boolean" => {
                    text.parse::<bool>().map_or_else(|_| text.as_str().into(), Value::from)
                }
                _ => Value::from(text.as_str()),
            };
            if kind["type"] == "array" {
                let list = sent.entry(name.clone()).or_insert_with(|| json!([]));
                let one = item(kind["items"]["type"].as_str().unwrap_or_default());
                list.as_array_mut().expect("a list").push(one);
            } else {
                sent.insert(name.clone(), item(kind["type"].as_str().unwrap_or_default()));
            }
        }
        if method.get("parameters").is_some() {
            let wrong = self.hold(id, &method["parameters"], &sent.into());
            verdict.findings.extend(wrong.into_iter().map(|it| format!("parameters {it}")));
        }
    }
}

impl Specification for Lexicons {
    fn judge(&self, exchange: &Exchange) -> Option<Verdict> {
        let id = exchange.path.strip_prefix("/xrpc/")?;
        let method = self.methods.get(id)?;
        let mut verdict = Verdict {
            operation: format!("{} {}", exchange.method, exchange.path),
            ..Verdict::default()
        };
        let verb = if method["type"] == "query" { "GET" } else { "POST" };
        if exchange.method != verb {
            verdict.findings.push(format!("the lexicon says {verb}"));
        }
        self.parameters(id, method, exchange, &mut verdict);
        if let Some(input) = method.get("input").and_then(|input| input.get("schema")) {
            match serde_json::from_slice(&exchange.body) {
                Ok(body) => {
                    let wrong = self.hold(id, input, &body);
                    verdict.findings.extend(wrong.into_iter().map(|it| format!("body {it}")));
                }
                Err(_) => verdict.findings.push("the body is not JSON".to_owned()),
            }
        }
        let output = method.get("output").and_then(|output| output.get("schema"));
        match serde_json::from_slice::<Value>(&exchange.answer) {
            Ok(answer) if exchange.status == 200 => {
                if let Some(output) = output {
                    verdict.answer_checked = true;
                    let wrong = self.hold(id, output, &answer);
                    verdict.findings.extend(wrong.into_iter().map(|it| format!("200 {it}")));
                }
            }
            // XRPC: an error has a name; a message is optional.
            Ok(answer) if exchange.status >= 400 => {
                verdict.answer_checked = true;
                if !answer["error"].is_string() {
                    verdict.findings.push(format!("{} has no error name", exchange.status));
                }
            }
            Ok(_) => {}
            Err(_) if exchange.answer.is_empty() => {}
            Err(_) => verdict.findings.push("the answer is not JSON".to_owned()),
        }
        Some(verdict)
    }
}

/// A definition as JSON Schema; `id` is the lexicon that local references stay in.
fn schema(id: &str, definition: &Value) -> Value {
    let reference = |target: &Value| {
        let target = target.as_str().unwrap_or_default();
        let full = match target.split_once('#') {
            Some(("", name)) => format!("{id}:{name}"),
            Some((of, name)) => format!("{of}:{name}"),
            None => format!("{target}:main"),
        };
        json!({ "$ref": format!("#/$defs/{full}") })
    };
    match definition["type"].as_str() {
        Some("object" | "params") => object(id, definition),
        Some("record") => object(id, &definition["record"]),
        Some("array") => json!({ "type": "array", "items": schema(id, &definition["items"]) }),
        Some("string") => match definition["format"].as_str() {
            Some("datetime") => json!({ "type": "string", "format": "date-time" }),
            Some("did") => json!({ "type": "string", "pattern": "^did:[a-z]+:." }),
            Some("at-uri") => json!({ "type": "string", "pattern": "^at://." }),
            Some("cid") => json!({ "type": "string", "pattern": "^[a-zA-Z0-9+=]{8,}$" }),
            _ => json!({ "type": "string" }),
        },
        Some("integer") => {
            let mut integer = json!({ "type": "integer" });
            for limit in ["minimum", "maximum"] {
                if let Some(bound) = definition.get(limit) {
                    integer[limit] = bound.clone();
                }
            }
            integer
        }
        Some("boolean") => json!({ "type": "boolean" }),
        Some("ref") => reference(&definition["ref"]),
        // Unions are open unless they say otherwise: a type that is not listed may be anything.
        Some("union") => {
            let listed = definition["refs"].as_array().into_iter().flatten();
            let rules = listed.map(|target| {
                let name = target.as_str().unwrap_or_default().trim_end_matches("#main");
                let name =
                    if name.starts_with('#') { format!("{id}{name}") } else { name.to_owned() };
                json!({
                    "if": { "properties": { "$type": { "const": name } }, "required": ["$type"] },
                    "then": reference(target),
                })
            });
            let rules: Vec<Value> = rules.collect();
            json!({ "type": "object", "required": ["$type"], "allOf": rules })
        }
        _ => json!({}),
    }
}

fn object(id: &str, definition: &Value) -> Value {
    let nullable = definition["nullable"].as_array();
    let is_nullable = |name: &str| nullable.is_some_and(|names| names.iter().any(|it| it == name));
    let properties = definition["properties"].as_object().into_iter().flatten();
    let properties: Map<String, Value> = properties
        .map(|(name, property)| {
            let schema = schema(id, property);
            let schema = if is_nullable(name) {
                json!({ "anyOf": [schema, { "type": "null" }] })
            } else {
                schema
            };
            (name.clone(), schema)
        })
        .collect();
    let required = definition.get("required").cloned().unwrap_or_else(|| json!([]));
    json!({ "type": "object", "properties": properties, "required": required })
}

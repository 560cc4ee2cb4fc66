//! The schema for people: the reference page, made from the JSON Schemas and so from the types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{SCHEMA_VERSION, Table, json_schemas};

const INTRODUCTION: &str = "\
This page is made from the Rust types in `shared::schema`; after a change there, run
`UPDATE_DOCS=1 cargo test -p shared schema`.

There are two kinds of rows. **Entities** are the latest state of something: a row replaces another
with the same `record_key` only if its `(source_version, content_sha256)` is greater, so neither the
order of arrival nor duplicates matter, and a deletion is a version like any other (`deleted` is
true). **Interactions** are facts and never change.

A row lands as one line of JSON: `table`, the fields of its provenance, and the content as `row`.
The schema changes by addition only: readers ignore fields that they do not know, and read a word
that they do not know as `unknown`.

- *Required* fields are always written. Every other field is absent where the source said nothing;
  a field whose type says *or null* is null where the source said null; the empty text is a value.
- *Timestamps* (`*_at`) are UTC with six fractional digits, `2026-01-02T03:04:05.000000Z`. Where the
  source was coarser than a millisecond, `*_precision` says how coarse; where it sent no zone,
  `source_tz_assumed` says which one was assumed.
- *Money* (`*_minor`) is an integer in minor units, next to its `currency` and `minor_exponent`:
  1234 with exponent 2 is 12.34.
- *Record keys* are `source/connection/object/id`, as in `zendesk/eu/user/20978392`; `%`, `/` and `#`
  inside a part are written `%25`, `%2F` and `%23`.
- *People* are found through `subject_key`, the record of the person, at reading time; no row holds
  a person as truth, so merging or splitting people rewrites nothing.
- `ext` holds what else the source sent: its field name, and the value as JSON text.
";

/// The reference page of the schema in Markdown, kept as `docs/schema.md`.
pub fn reference_page() -> String {
    let schemas = json_schemas();
    let definitions = definitions(&schemas);
    let mut page = format!("# The customer schema\n\nVersion {SCHEMA_VERSION}. {INTRODUCTION}");

    page.push_str("\n## Provenance, on every row\n\n");
    page.push_str(&fields(&schemas[Table::ALL[0].name()], &["table", "row"]));

    page.push_str("\n## Entities\n");
    for table in Table::ALL {
        let row = &schemas[table.name()]["properties"]["row"];
        if row["oneOf"].is_null() {
            section(&mut page, table.name(), row);
        }
    }

    let interaction = &schemas[Table::Interaction.name()]["properties"]["row"];
    page.push_str("\n## Interactions\n");
    section(&mut page, Table::Interaction.name(), interaction);
    page.push_str("\n### Types of interactions\n\nWhat happened is the field `type`; what is told about it, the field `data`.\n\n");
    page.push_str(&types(interaction, &definitions));

    page.push_str("\n## Parts\n");
    for (name, part) in definitions.iter().filter(|(_, part)| has_fields(part)) {
        section(&mut page, name, part);
    }

    page.push_str("\n## Words\n");
    for (name, words) in definitions.iter().filter(|(_, words)| !words["oneOf"].is_null()) {
        let _ = write!(page, "\n### {name}\n\n{}\n\n| word | meaning |\n|---|---|\n", about(words));
        for word in list(&words["oneOf"]) {
            let _ = writeln!(page, "| `{}` | {} |", text(&word["const"]), about(word));
        }
    }
    page
}

/// The named types of all tables; one name means the same in each.
fn definitions(schemas: &Value) -> BTreeMap<&str, &Value> {
    let tables = schemas.as_object().into_iter().flat_map(|tables| tables.values());
    let named = tables.filter_map(|schema| schema["$defs"].as_object()).flatten();
    named.map(|(name, schema)| (name.as_str(), schema)).collect()
}

type Definitions<'a> = BTreeMap<&'a str, &'a Value>;

fn section(page: &mut String, name: &str, schema: &Value) {
    let fields = fields(schema, &[]);
    let _ = write!(page, "\n### {name}\n\n{}\n\n{fields}", about(schema));
}

fn fields(schema: &Value, without: &[&str]) -> String {
    let mut table = "| field | type | required | meaning |\n|---|---|---|---|\n".to_owned();
    let required = list(&schema["required"]);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        if without.contains(&name.as_str()) {
            continue;
        }
        let always = if required.iter().any(|field| field == name) { "yes" } else { "" };
        let kind = kind(field);
        let _ = writeln!(table, "| `{name}` | {kind} | {always} | {} |", about(field));
    }
    table
}

fn types(interaction: &Value, definitions: &Definitions<'_>) -> String {
    let mut table = "| `type` | `data` | meaning |\n|---|---|---|\n".to_owned();
    for kind in list(&interaction["oneOf"]) {
        let name = text(&kind["properties"]["type"]["const"]);
        let told = referred(&kind["properties"]["data"]);
        let part = definitions.get(told).copied().unwrap_or(&Value::Null);
        let names = part["properties"].as_object().into_iter().flat_map(|fields| fields.keys());
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        let told = if names.is_empty() {
            "–".to_owned()
        } else {
            format!("{}: {}", link(told), names.join(", "))
        };
        let _ = writeln!(table, "| `{name}` | {told} | {} |", about(kind));
    }
    table
}

/// A type in the words of an analyst.
fn kind(schema: &Value) -> String {
    if let Some(choices) = schema["anyOf"].as_array() {
        let choices: Vec<String> = choices.iter().map(kind).collect();
        return choices.join(" or ");
    }
    let name = referred(schema);
    if !name.is_empty() {
        return link(name);
    }
    if let Some(types) = schema["type"].as_array() {
        let mut one = schema.clone();
        let mut words = Vec::new();
        for name in types {
            one["type"] = name.clone();
            words.push(kind(&one));
        }
        return words.join(" or ");
    }
    match (text(&schema["type"]), text(&schema["format"])) {
        ("null", _) => "null".to_owned(),
        ("array", _) => format!("list of {}", kind(&schema["items"])),
        ("object", _) => "map of text".to_owned(),
        ("string", "") => "text".to_owned(),
        ("string", "date-time") => "timestamp".to_owned(),
        ("string", "record-key") => "record key".to_owned(),
        ("string", "partial-date") => "full or partial date".to_owned(),
        ("string", "iso-4217") => "ISO 4217 currency".to_owned(),
        ("string", "iso-3166-1") => "ISO 3166-1 country".to_owned(),
        ("string", "bcp-47") => "BCP 47 language".to_owned(),
        ("string", "sha256") => "hexadecimal SHA-256".to_owned(),
        ("string", "uuid") => "UUID".to_owned(),
        ("string", "decimal") => "decimal number as text".to_owned(),
        ("string", "card-last4") => "four digits".to_owned(),
        (other, _) => other.to_owned(),
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn referred(schema: &Value) -> &str {
    text(&schema["$ref"]).strip_prefix("#/$defs/").unwrap_or_default()
}

fn has_fields(schema: &Value) -> bool {
    schema["properties"].as_object().is_some_and(|fields| !fields.is_empty())
}

fn about(schema: &Value) -> String {
    text(&schema["description"]).replace('\n', " ").replace('|', "\\|")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

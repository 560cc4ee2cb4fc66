//! The tables: their columns, what makes a row, which of two rows wins, and how files are kept apart.
//!
//! Columns are made from the JSON Schemas of [`shared::schema`], and so from its types: a field added there is a column
//! added here.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use serde_json::Value;
use shared::schema::{Table, json_schemas};

use crate::columns::merged;

/// What a table holds, and so how its rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The newest version of each record, in files by hash of the key.
    Current,
    /// Every version or fact once, in files by month.
    Log,
}

/// One table of the lake.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Its name, such as `person_record_history`.
    pub(crate) name: String,
    /// The `table` of the lines that it is made of, such as `person_record`; none if it is computed as a whole.
    pub(crate) landed_as: Option<&'static str>,
    /// How its rows are kept.
    pub(crate) kind: Kind,
    /// The columns in which two rows agree if they are the same record, version or fact.
    pub(crate) key: &'static [&'static str],
    /// The columns that decide which of two rows with the same key stays: the greater, or the smaller where `Least`.
    pub(crate) rank: &'static [(&'static str, Wins)],
    /// The time by which a [`Kind::Log`] is kept in months.
    pub(crate) time: &'static str,
    /// The columns in its files.
    pub(crate) columns: SchemaRef,
    /// What a line is read as.
    pub(crate) line: SchemaRef,
}

/// Which value of a column wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wins {
    /// The greater one.
    Greatest,
    /// The smaller one.
    Least,
}

/// The last version wins; of copies of one version, the first to arrive.
const LAST_VERSION: &[(&str, Wins)] = &[
    ("source_version", Wins::Greatest),
    ("content_sha256", Wins::Greatest),
    ("received_at", Wins::Least),
    ("raw_key", Wins::Least),
];
const FIRST_ARRIVAL: &[(&str, Wins)] = &[("received_at", Wins::Least)];

/// The table of interactions; its lines say `interaction`.
const INTERACTIONS: &str = "interactions";

/// The columns with statistics in the log: ids, versions and times, nothing that a person would mind.
const STATISTICS: &[&str] = &[
    "record_key",
    "interaction_id",
    "subject_key",
    "source_version",
    "source_updated_at",
    "occurred_at",
    "received_at",
    "ingested_at",
    "started_at",
];

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let schemas = json_schemas();
    let mut layouts = Vec::new();
    for table in Table::ALL {
        let (columns, line) = columns_of(&schemas[table.name()]);
        if *table == Table::Interaction {
            layouts.push(Layout {
                name: INTERACTIONS.to_owned(),
                landed_as: Some(table.name()),
                kind: Kind::Log,
                key: &["interaction_id"],
                rank: LAST_VERSION,
                time: "occurred_at",
                columns,
                line,
            });
            continue;
        }
        layouts.push(Layout {
            name: table.name().to_owned(),
            landed_as: Some(table.name()),
            kind: Kind::Current,
            key: &["record_key"],
            rank: LAST_VERSION,
            time: "source_version",
            columns: Arc::clone(&columns),
            line: Arc::clone(&line),
        });
        layouts.push(Layout {
            name: format!("{}_history", table.name()),
            landed_as: Some(table.name()),
            kind: Kind::Log,
            key: &["record_key", "source_version", "content_sha256"],
            rank: LAST_VERSION,
            time: "source_version",
            columns,
            line,
        });
    }
    layouts.push(report("quarantine", &["raw_key", "field"], "received_at", quarantine_columns()));
    layouts.push(report(
        "ledger",
        &["connection_id", "stream", "started_at"],
        "started_at",
        ledger_columns(),
    ));
    layouts.push(computed(PEOPLE, &["person_id"], people_columns()));
    layouts.push(computed(PERSON_LINKS, &["record_key"], link_columns()));
    layouts.push(computed(PERSON_CANDIDATES, &["record_key"], candidate_columns()));
    layouts
});

/// Who there is: one row a person.
pub const PEOPLE: &str = "people";
/// Whose record each is: one row a record.
pub const PERSON_LINKS: &str = "person_links";
/// Which records may be one person's, and why they are not joined: one row a pair.
pub const PERSON_CANDIDATES: &str = "person_candidates";

/// Every table, in the order in which they are shown.
pub(crate) fn layouts() -> &'static [Layout] {
    &LAYOUTS
}

impl Layout {
    /// The column by which its files are kept apart; it is in the log and not in the files.
    pub(crate) fn partition(&self) -> &'static str {
        match self.kind {
            Kind::Current => "bucket",
            Kind::Log => "month",
        }
    }

    /// Whether rows with the same key have the same time: it is part of the key, or the key is made from it.
    pub(crate) fn key_tells_time(&self) -> bool {
        self.key.contains(&self.time) || self.name == INTERACTIONS
    }

    /// The columns whose statistics are kept.
    pub(crate) fn statistics(&self) -> impl Iterator<Item = &'static str> + '_ {
        STATISTICS.iter().copied().filter(|name| self.columns.index_of(name).is_ok())
    }
}

fn report(
    name: &'static str,
    key: &'static [&'static str],
    time: &'static str,
    columns: Vec<Field>,
) -> Layout {
    let columns = Arc::new(Schema::new(columns));
    Layout {
        name: name.to_owned(),
        landed_as: Some(name),
        kind: Kind::Log,
        key,
        rank: FIRST_ARRIVAL,
        time,
        line: Arc::clone(&columns),
        columns,
    }
}

/// A table that is replaced as a whole.
fn computed(name: &'static str, key: &'static [&'static str], columns: Vec<Field>) -> Layout {
    let columns = Arc::new(Schema::new(columns));
    Layout {
        name: name.to_owned(),
        landed_as: None,
        kind: Kind::Current,
        key,
        rank: &[],
        time: "resolved_at",
        line: Arc::clone(&columns),
        columns,
    }
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn time(name: &str) -> Field {
    Field::new(name, timestamp(), true)
}

fn number(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn quarantine_columns() -> Vec<Field> {
    vec![
        text("raw_key"),
        text("connection_id"),
        text("stream"),
        text("field"),
        text("reason"),
        time("received_at"),
    ]
}

fn ledger_columns() -> Vec<Field> {
    let counts = [
        "pages",
        "fetched",
        "landed",
        "unchanged",
        "quarantined",
        "filtered",
        "missed_by_webhook",
        "drifted",
        "api_calls",
        "throttles",
    ];
    let mut columns =
        vec![text("connection_id"), text("stream"), time("started_at"), text("outcome")];
    columns.extend(counts.map(number));
    columns.push(Field::new("seconds", DataType::Float64, true));
    columns.push(time("watermark"));
    columns.push(time("received_at"));
    columns
}

fn texts(name: &str) -> Field {
    let element = Field::new("element", DataType::Utf8, true);
    Field::new(name, DataType::List(Arc::new(element)), true)
}

fn people_columns() -> Vec<Field> {
    let mut columns = vec![text("person_id"), number("records"), number("confidence")];
    columns.extend(["full_name", "given_name", "family_name", "birth_date"].map(text));
    columns.extend(["language", "time_zone", "party_type", "account_key"].map(text));
    columns.extend(["emails", "phones", "households"].map(texts));
    columns.push(time("resolved_at"));
    columns
}

fn link_columns() -> Vec<Field> {
    let texts = ["record_key", "person_id", "anchor_key", "source", "connection_id"].map(text);
    let mut columns = Vec::from(texts);
    columns.extend([number("confidence"), time("resolved_at")]);
    columns
}

fn candidate_columns() -> Vec<Field> {
    let mut columns = Vec::from(["record_key", "other_key", "namespace", "reason"].map(text));
    columns.push(number("tier"));
    columns.extend(["bits", "probability"].map(|name| Field::new(name, DataType::Float64, true)));
    columns.extend([text("model"), time("resolved_at")]);
    columns
}

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The columns of a table, and the shape of its lines: provenance, and the content as `row`.
fn columns_of(schema: &Value) -> (SchemaRef, SchemaRef) {
    let definitions = &schema["$defs"];
    let provenance: Vec<Field> = properties(&schema["properties"])
        .filter(|(name, _)| !["table", "row"].contains(name))
        .map(|(name, field)| Field::new(name, data_type(field, definitions), true))
        .collect();
    let mut content =
        struct_fields(resolve(&schema["properties"]["row"], definitions), definitions);
    // What provenance says already (of whom, when) stands there only.
    content.retain(|field| provenance.iter().all(|known| known.name() != field.name()));

    let (key, rest) = provenance.split_at(1);
    let columns: Vec<Field> = key.iter().chain(&content).chain(rest).cloned().collect();
    let row = Field::new_struct("row", content, true);
    let line: Vec<Field> = provenance.iter().cloned().chain([row]).collect();
    (Arc::new(Schema::new(columns)), Arc::new(Schema::new(line)))
}

fn properties(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, field)| (name.as_str(), field))
}

fn resolve<'a>(schema: &'a Value, definitions: &'a Value) -> &'a Value {
    match schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        Some(name) => &definitions[name],
        None => schema,
    }
}

/// The fields of an object, with those of all its variants, in the order in which they are declared.
fn struct_fields(schema: &Value, definitions: &Value) -> Vec<Field> {
    let mut fields = Vec::<Field>::new();
    let mut at = BTreeMap::<String, usize>::new();
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    for part in variants.chain([schema]) {
        for (name, field) in properties(&resolve(part, definitions)["properties"]) {
            let found = data_type(field, definitions);
            if is_nothing(&found) {
                continue;
            }
            match at.get(name) {
                None => {
                    at.insert(name.to_owned(), fields.len());
                    fields.push(Field::new(name, found, true));
                }
                Some(&index) => {
                    let both = merged(fields[index].data_type(), &found);
                    fields[index] = Field::new(name, both, true);
                }
            }
        }
    }
    fields
}

fn is_nothing(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Struct(fields) if fields.is_empty())
}

/// The Arrow type of a field. Integers are all 64 bits wide, so that none has to be widened later.
fn data_type(schema: &Value, definitions: &Value) -> DataType {
    let schema = resolve(schema, definitions);
    if let Some(choices) = schema["anyOf"].as_array() {
        let choice = choices.iter().find(|choice| choice["type"] != "null");
        return choice.map_or(DataType::Utf8, |choice| data_type(choice, definitions));
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => {
            kinds.iter().find_map(|kind| kind.as_str().filter(|kind| *kind != "null"))
        }
        kind => kind.as_str(),
    };
    match kind {
        Some("integer") => DataType::Int64,
        Some("number") => DataType::Float64,
        Some("boolean") => DataType::Boolean,
        Some("string") if schema["format"] == "date-time" => timestamp(),
        Some("array") => DataType::List(Arc::new(Field::new(
            "element",
            data_type(&schema["items"], definitions),
            true,
        ))),
        Some("object") if schema["additionalProperties"].is_object() => text_map(),
        Some("object") => DataType::Struct(Fields::from(struct_fields(schema, definitions))),
        _ => DataType::Utf8,
    }
}

fn text_map() -> DataType {
    let entries =
        [Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)];
    DataType::Map(Arc::new(Field::new_struct("key_value", entries.to_vec(), false)), false)
}

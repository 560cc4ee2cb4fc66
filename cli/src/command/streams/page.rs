//! The reference page of a source, kept as `docs/connectors/<source>.md`.

use std::fmt::Write as _;

use serde_json::Value;
use shared::config::ConnectionSettings;

use super::Known;
use super::facts::{deletes, evidence, granularity, long, order, quota};
use crate::sources::example;

/// The page in Markdown.
pub(super) fn page(known: &Known) -> String {
    let source = known.source.facts();
    let mut page = format!(
        "# {}\n\nThis page is made from the connector by `tributary streams {} --markdown`; a test keeps it true, and\n\
         `UPDATE_DOCS=1 cargo nextest run -p tributary pages` writes it anew.\n\n",
        source.title, source.name
    );
    let mut line = |text: String| {
        page.push_str(&text);
        page.push('\n');
    };
    line(format!("- **System:** {}", source.system));
    line(format!("- **Source:** `{}`", source.name));
    line(format!(
        "- **API version:** {} ({})",
        source.api_version.value, source.api_version.evidence
    ));
    line(match source.sunset {
        Some(sunset) => format!("- **Switched off:** {} ({})", sunset.value, sunset.evidence),
        None => "- **Switched off:** no date announced".to_owned(),
    });
    line(format!("\n{}\n", source.setup));
    line(format!("```toml\n{}```", example(source)));
    page.push_str("\n## Settings\n\n");
    page.push_str(&settings(&known.source.settings_schema()));
    page.push_str("\n### Settings of every connection\n\n");
    page.push_str(&settings(&schemars::schema_for!(ConnectionSettings).to_value()));
    page.push_str("\n## Streams\n\n");
    page.push_str(&streams(known));
    page.push_str("\n## Evidence\n");
    for stream in &known.streams {
        // A String takes everything that is written to it.
        let _ = writeln!(page, "\n### `{}`\n\n{}{}\n", stream.name, stream.reads, notes(stream));
        for (fact, known_from) in evidence(stream) {
            let _ = writeln!(page, "- {fact}: {known_from}");
        }
    }
    page
}

fn notes(stream: &shared::facts::StreamFacts) -> String {
    let mut notes = String::new();
    if let Some(why) = stream.optional {
        let _ = write!(notes, " An account may not offer it: {why}.");
    }
    if let Some(why) = stream.never_empty {
        let _ = write!(notes, " A first read that finds nothing fails: {why}.");
    }
    if stream.pushed {
        notes.push_str(" Webhooks report its changes, too.");
    }
    notes
}

fn streams(known: &Known) -> String {
    let mut table =
        "| stream | reads | lag | lookback | times in | order | deletes | quota | needs |\n\
                     |---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for stream in &known.streams {
        let quota = stream.quota.map_or("–".to_owned(), |fact| quota(fact.value));
        let _ = writeln!(
            table,
            "| `{}` | {} | {} | {} | {} | {} | {} | {} | {} |",
            stream.name,
            cell(stream.reads),
            long(stream.lag.value),
            long(stream.lookback.value),
            granularity(stream.granularity.value),
            order(stream.order.value),
            cell(&deletes(stream.deletes.value)),
            cell(&quota),
            cell(&stream.scopes.join(", ")),
        );
    }
    table
}

/// The keys of a settings schema; those of nested tables as paths.
fn settings(schema: &Value) -> String {
    let mut table =
        "| key | type | required | default | meaning |\n|---|---|---|---|---|\n".to_owned();
    rows(schema, schema, "", &mut table);
    table
}

fn rows(schema: &Value, root: &Value, prefix: &str, table: &mut String) {
    let required = schema["required"].as_array();
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{name}");
        let part = resolve(field, root);
        let needed = required.is_some_and(|names| names.iter().any(|one| one == name));
        let default = match &field["default"] {
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let meaning =
            field["description"].as_str().or(part["description"].as_str()).unwrap_or_default();
        let _ = writeln!(
            table,
            "| `{path}` | {} | {} | {default} | {} |",
            cell(&kind(field, root)),
            if needed { "yes" } else { "" },
            cell(meaning)
        );
        if part["properties"].is_object() {
            rows(part, root, &format!("{path}."), table);
        }
    }
}

/// The schema that a field refers to, be it optional or not.
fn resolve<'v>(field: &'v Value, root: &'v Value) -> &'v Value {
    if let Some(path) = field["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        return root.pointer(path).unwrap_or(field);
    }
    let choices = field["anyOf"].as_array();
    match choices.and_then(|choices| choices.iter().find(|choice| choice["type"] != "null")) {
        Some(choice) => resolve(choice, root),
        None => field,
    }
}

fn kind(field: &Value, root: &Value) -> String {
    let part = resolve(field, root);
    let words = |kind: &str| match kind {
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "object" => "table".to_owned(),
        "array" => format!("list of {}", kind_of_items(part, root)),
        other => other.to_owned(),
    };
    let named = |name: &str| field.to_string().contains(&format!("#/$defs/{name}\""));
    if named("SecretRef") && part["type"] != "array" {
        return "secret".to_owned();
    }
    if named("Pace") {
        return "pace".to_owned();
    }
    match &part["type"] {
        Value::String(kind) => words(kind),
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .map(words)
            .unwrap_or_default(),
        _ => "table".to_owned(),
    }
}

fn kind_of_items(list: &Value, root: &Value) -> String {
    kind(&list["items"], root)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

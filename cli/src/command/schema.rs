//! `tributary schema`: the customer schema, for people and for machines.

use shared::schema::{Table, json_schemas, reference_page, row_schema};

use crate::arguments::{Global, Schema};
use crate::display::{say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;

pub(crate) fn run(global: &Global, schema: &Schema) -> Result<Exit, Failure> {
    let Some(name) = &schema.table else {
        if global.json {
            say_json(&json_schemas())?;
        } else if schema.markdown {
            say(reference_page().trim_end());
        } else {
            tables();
        }
        return Ok(Exit::Success);
    };
    let wanted = name.parse::<Table>().map_err(|_| {
        let known: Vec<&str> = Table::ALL.iter().map(|table| table.name()).collect();
        Failure::misuse(
            format!("there is no table {name:?}"),
            format!("one of {}", known.join(", ")),
        )
    })?;
    let schema = row_schema(wanted);
    if global.json {
        say_json(&schema)?;
    } else {
        say(format!("{wanted}: {}\n", text(&schema["description"])));
        fields(&schema["properties"]["row"], &schema);
    }
    Ok(Exit::Success)
}

fn tables() {
    let mut list = table(["table", "holds"]);
    for table in Table::ALL {
        list.add_row([table.name().to_owned(), text(&row_schema(*table)["description"])]);
    }
    say(list.to_string());
    tell(
        "hint: `tributary schema ticket` lists a table's fields; --json gives JSON Schema, --markdown the whole reference",
    );
}

fn fields(row: &serde_json::Value, schema: &serde_json::Value) {
    let mut list = table(["field", "required", "meaning"]);
    let required = |name: &str| {
        row["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name))
    };
    for (name, field) in row["properties"].as_object().into_iter().flatten() {
        // Parts are described where they are defined.
        let referred =
            field["$ref"].as_str().and_then(|path| schema.pointer(path.strip_prefix('#')?));
        let meaning = match (&field["description"], referred) {
            (serde_json::Value::String(meaning), _) => meaning.clone(),
            (_, Some(part)) => text(&part["description"]),
            _ => String::new(),
        };
        let mark = if required(name) { "yes" } else { "" };
        list.add_row([name.as_str(), mark, meaning.lines().next().unwrap_or_default()]);
    }
    say(list.to_string());
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().lines().next().unwrap_or_default().to_owned()
}

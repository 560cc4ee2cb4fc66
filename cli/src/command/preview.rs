//! `tributary preview`: the first records of a stream as they would land.

use serde_json::{Value, json};
use shared::error::{Error, json_reason};
use shared::hub::{Preview, PreviewRow, Selection};

use crate::arguments::{self, Global};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

pub(crate) async fn run(global: &Global, preview: &arguments::Preview) -> Result<Exit, Failure> {
    let selection = Selection::parse(&preview.stream);
    let session = Session::open(global).await?;
    let records = records(&session, &selection, preview.limit).await;
    session.close().await;
    let records = records?;
    if global.json {
        let records = records.iter().map(document).collect::<Result<Vec<_>, _>>()?;
        say_json(&json!({ "stream": preview.stream, "records": records }))?;
    } else {
        for record in &records {
            print(record)?;
        }
        tell(&format!("{} records of the first page; nothing landed", records.len()));
    }
    Ok(Exit::Success)
}

async fn records(
    session: &Session,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<Preview>, Failure> {
    let connection = session.hub.connection(selection.connection.as_deref().unwrap_or_default())?;
    let Some(name) = &selection.stream else {
        let streams: Vec<&str> =
            connection.connector.streams.iter().map(|stream| stream.facts().name).collect();
        return Err(Failure::misuse(
            format!("preview looks into one stream of {}", connection.name),
            format!(
                "name it: `tributary preview {}/STREAM`, one of {}",
                connection.name,
                streams.join(", ")
            ),
        ));
    };
    let stream = session.hub.stream(connection, name)?;
    Ok(session.hub.preview(connection, stream, limit).await?)
}

fn document(record: &Preview) -> Result<Value, Failure> {
    let rows = match &record.rows {
        Err(invalid) => {
            return Ok(
                json!({ "quarantine": { "field": invalid.field, "reason": invalid.reason } }),
            );
        }
        Ok(rows) => rows.iter().map(row_document).collect::<Result<Vec<_>, _>>()?,
    };
    Ok(match record.filtered {
        Some(why) => json!({ "filtered": why, "rows": rows }),
        None => json!({ "rows": rows }),
    })
}

fn row_document(row: &PreviewRow) -> Result<Value, Failure> {
    let mut content = content(row)?;
    let table = content.as_object_mut().and_then(|fields| fields.remove("table"));
    Ok(json!({
        "table": table,
        "record_key": row.record_key,
        "source_version": row.version,
        "deleted": row.deleted,
        "row": content,
    }))
}

fn content(row: &PreviewRow) -> Result<Value, Failure> {
    Ok(serde_json::to_value(&row.entity).map_err(|error| Error::Invariant(json_reason(&error)))?)
}

fn print(record: &Preview) -> Result<(), Failure> {
    let rows = match &record.rows {
        Err(invalid) => {
            say(format!("✗ would go to quarantine: {invalid}\n"));
            return Ok(());
        }
        Ok(rows) => rows,
    };
    if let Some(why) = record.filtered {
        say(format!("• would be left out: {why}\n"));
    }
    for row in rows {
        let deleted = if row.deleted { "  (deleted)" } else { "" };
        say(format!("{}  {}{deleted}", row.entity.table(), row.record_key));
        let mut lines = Vec::new();
        if let Value::Object(fields) = content(row)? {
            for (name, value) in fields.iter().filter(|(name, _)| *name != "table") {
                flatten(name, value, &mut lines);
            }
        }
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        for (name, value) in lines {
            say(format!("  {name:width$}  {value}"));
        }
        say("");
    }
    Ok(())
}

/// Fields as paths, so that nested ones stay on lines of their own.
fn flatten(path: &str, value: &Value, lines: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                flatten(&format!("{path}.{name}"), value, lines);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (index, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{index}]"), item, lines);
            }
        }
        other => lines.push((path.to_owned(), other.to_string())),
    }
}

//! `tributary tables`: what is in the tables, and keeping them so.

use std::time::Duration;

use comfy_table::Cell;
use lake::{Committed, Housekept, TableFacts};
use serde_json::json;
use shared::budget::Budget;
use shared::clock;

use crate::arguments::{Global, Tables};
use crate::display::{count, grouped, human, say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

pub(crate) async fn run(global: &Global, tables: &Tables) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let shown = show(global, tables, &session).await;
    session.close().await;
    shown
}

async fn show(global: &Global, tables: &Tables, session: &Session) -> Result<Exit, Failure> {
    let place = session.lake()?;
    let committed = if tables.commit { commit(&place).await? } else { Vec::new() };
    let housekept = if tables.housekeeping {
        lake::housekeep(&place, tables.keep, Budget::unlimited()).await?
    } else {
        Vec::new()
    };
    let found = lake::tables(&place).await?;
    if global.json {
        say_json(&json!({ "committed": committed, "housekept": housekept, "tables": found }))?;
        return Ok(Exit::Success);
    }
    if found.is_empty() {
        tell("there are no tables yet: `tributary sync` lands rows and makes them");
        return Ok(Exit::Success);
    }
    say(listing(&found).to_string());
    if tables.housekeeping {
        tell(&kept(&housekept));
    }
    tell(
        "hint: `tributary query \"SELECT * FROM timeline LIMIT 5\"`; docs/query.md has DuckDB, Polars, pandas, Spark and Athena",
    );
    Ok(Exit::Success)
}

fn listing(found: &[TableFacts]) -> comfy_table::Table {
    let mut list = table(["table", "rows", "files", "KB", "version", "newest row"]);
    let now = clock::now();
    for facts in found {
        let age = facts.fresh_at.map(|at| now.as_micros().saturating_sub(at.as_micros()));
        let age = age.map_or_else(String::new, |micros| {
            format!(
                "{} ago",
                human(Duration::from_micros(u64::try_from(micros).unwrap_or_default()))
            )
        });
        list.add_row([
            Cell::new(&facts.name),
            count(facts.rows),
            count(facts.files as u64),
            count(facts.bytes.div_ceil(1024)),
            count(facts.version),
            Cell::new(age),
        ]);
    }
    list
}

fn kept(housekept: &[Housekept]) -> String {
    let sum = |of: fn(&Housekept) -> usize| grouped(housekept.iter().map(of).sum::<usize>() as u64);
    format!(
        "housekeeping: {} small files became {}, {} files and {} log entries that nothing needs were removed",
        sum(|done| done.merged),
        sum(|done| done.into),
        sum(|done| done.vacuumed),
        sum(|done| done.log_entries)
    )
}

/// Brings what has landed into the tables; that another committer is at work is no failure.
pub(crate) async fn commit(place: &lake::Place) -> Result<Vec<Committed>, Failure> {
    match lake::commit(place, Budget::unlimited()).await {
        Ok(committed) => Ok(committed),
        Err(error @ lake::LakeError::Overtaken { .. }) => {
            tracing::warn!(%error, "leaving the tables to another committer");
            Ok(Vec::new())
        }
        Err(error) => Err(error.into()),
    }
}

/// What was committed, in one line; nothing if nothing was.
pub(crate) fn told(committed: &[Committed]) -> Option<String> {
    let tables: std::collections::BTreeSet<&str> =
        committed.iter().flat_map(|batch| batch.tables.keys().map(String::as_str)).collect();
    let added: u64 =
        committed.iter().flat_map(|batch| batch.tables.values()).map(|folded| folded.added).sum();
    (!committed.is_empty())
        .then(|| format!("tables: {} rows added in {} tables", grouped(added), tables.len()))
}

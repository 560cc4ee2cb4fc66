//! `tributary recognise`: the evidence of every record, made again by today's settings.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::json;
use shared::landing::Remade;
use shared::schema::RecordKey;

use crate::arguments::Global;
use crate::command::interrupt;
use crate::command::tables::commit;
use crate::display::{count, say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::{BARS, tell};
use crate::session::Session;

pub(crate) async fn run(global: &Global) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let done = tokio::select! {
        done = recognise(global, &session) => done,
        () = interrupt() => {
            // Without a terminal there is no bar.
            let _ = BARS.clear();
            tell("interrupted; run it again, and it goes on with what is left");
            Ok(Exit::Interrupted)
        }
    };
    session.close().await;
    done
}

/// A row of `person_record`, as far as it matters here.
#[derive(Deserialize)]
struct Row {
    record_key: RecordKey,
    deleted: bool,
}

async fn recognise(global: &Global, session: &Session) -> Result<Exit, Failure> {
    let landing = session.hub.landing();
    if landing.recognition().is_none() {
        return Err(Failure::misuse(
            "nobody can be recognised without a secret",
            "name one in the settings: identity_key = { env = \"TRIBUTARY_IDENTITY_KEY\" }",
        ));
    }
    let place = session.lake()?;
    commit(&place).await?;
    let mut records = Vec::new();
    lake::read(&place, "person_record", &["record_key", "deleted"], |row: Row| {
        if !row.deleted {
            records.push(row.record_key);
        }
    })
    .await?;
    let bar = if global.quiet { ProgressBar::hidden() } else { BARS.add(ProgressBar::new(0)) };
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} recognising {wide_bar} {pos}/{len} records")
    {
        bar.set_style(style);
    }
    bar.set_length(records.len() as u64);
    let remade = landing.remake_evidence(&records, |done| bar.set_position(done as u64)).await;
    bar.finish_and_clear();
    let remade = remade?;
    if global.json {
        say_json(&json!({ "recognised": remade }))?;
    } else {
        print(&remade);
    }
    if remade.unreadable == 0 {
        return Ok(Exit::Success);
    }
    Err(Failure::failed(
        format!("{} records cannot be read", remade.unreadable),
        "they were written by a newer version: update this command",
    ))
}

fn print(remade: &Remade) {
    let mut totals = table(["records", "made again", "unchanged", "not in the customers table"]);
    let Remade { records, remade, unchanged, absent, unreadable: _ } = *remade;
    totals.add_row([records, remade, unchanged, absent].map(|it| count(it as u64)).to_vec());
    say(totals.to_string());
}

//! `tributary replay`: what was read before, mapped once more.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use shared::hub::Selection;
use shared::ledger::Ledger;

use crate::arguments::Global;
use crate::display::{count, say, say_json, table};
use crate::failure::{Exit, Failure};
use crate::log::BARS;
use crate::session::Session;

pub(crate) async fn run(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let replayed = replay(global, &session, selection).await;
    session.close().await;
    replayed
}

async fn replay(
    global: &Global,
    session: &Session,
    selection: &Selection,
) -> Result<Exit, Failure> {
    session.connections(selection)?;
    let bar = if global.quiet { ProgressBar::hidden() } else { BARS.add(ProgressBar::new(0)) };
    if let Ok(style) =
        ProgressStyle::with_template("{spinner} mapping again {wide_bar} {pos}/{len} objects")
    {
        bar.set_style(style);
    }
    let ledger = session.hub.replay(selection, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    });
    let ledger = ledger.await;
    bar.finish_and_clear();
    let ledger = ledger?;
    if global.json {
        say_json(&json!({ "replayed": ledger }))?;
    } else {
        print(&ledger);
    }
    Ok(Exit::Success)
}

fn print(ledger: &Ledger) {
    let mut totals =
        table(["objects", "records", "landed", "unchanged", "quarantined", "filtered"]);
    let Ledger { pages, fetched, landed, unchanged, quarantined, filtered, .. } = *ledger;
    totals.add_row([pages, fetched, landed, unchanged, quarantined, filtered].map(count).to_vec());
    say(totals.to_string());
}

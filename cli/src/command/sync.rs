//! `tributary sync`: reads what is new.

use serde_json::json;
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::Run;
use shared::usage::Usage;

use crate::arguments::{Global, Sync};
use crate::command::tables::{commit, told};
use crate::display::{grouped, ledger, remarks, say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::plan::{Amounts, Prices, REGION};
use crate::progress::Watch;
use crate::session::Session;

pub(crate) async fn run(global: &Global, sync: &Sync) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let read = read(global, sync, &session).await;
    session.close().await;
    read
}

async fn read(global: &Global, sync: &Sync, session: &Session) -> Result<Exit, Failure> {
    let selection = sync.selection();
    session.require_secrets(&selection).await?;
    let watch = Watch::new(global);
    let budget = sync.budget.map_or_else(Budget::unlimited, Budget::of);
    let Some(runs) = until_interrupted(session, &selection, budget, &watch).await? else {
        tell("interrupted; the next `tributary sync` goes on from the saved cursors");
        return Ok(Exit::Interrupted);
    };
    let committed = if sync.no_tables { Vec::new() } else { commit(&session.lake()?).await? };
    if global.json {
        say_json(&json!({ "runs": runs, "committed": committed }))?;
    } else {
        summary(&runs);
        say(took(&runs, &Prices::of_region(REGION)?));
        told(&committed).iter().for_each(say);
    }
    Ok(Exit::of(&runs))
}

/// The runs, or none when the operator pressed Ctrl-C.
///
/// A page that was on its way lands again with the next run: a crash, a time-out and this are one case.
pub(super) async fn until_interrupted(
    session: &Session,
    selection: &Selection,
    budget: Budget,
    watch: &Watch,
) -> Result<Option<Vec<Run>>, Failure> {
    let runs = tokio::select! {
        runs = session.hub.sync(selection, budget, watch) => Some(runs?),
        () = crate::command::interrupt() => None,
    };
    watch.clear();
    if runs.is_none() {
        session.give_up(&watch.running()).await;
    }
    Ok(runs)
}

/// What the runs took, in units and in what AWS would charge for them.
fn took(runs: &[Run], prices: &Prices) -> String {
    let usage: Usage = runs.iter().map(|run| run.usage).sum();
    format!(
        "{} calls to the sources; {} write units, {} read units and {} objects: {:.4} USD in {}, without Lambda",
        grouped(usage.api_calls),
        grouped(usage.write_units),
        grouped(usage.read_units),
        grouped(usage.s3_puts),
        Amounts::from(usage).dollars(prices),
        prices.region
    )
}

pub(super) fn summary(runs: &[Run]) {
    say(ledger(runs).to_string());
    for remark in remarks(runs) {
        say(remark);
    }
    if runs.iter().any(|run| run.ledger.quarantined > 0) {
        tell("hint: `tributary quarantine list` says what is wrong with the quarantined records");
    }
    if runs.iter().any(|run| run.error.is_some()) {
        tell("hint: `tributary check` says what each failed stream needs; then sync again");
    }
}

//! `tributary backfill`: a long history, round after round, here or by the state machine of a deployment.

use std::time::Duration;

use serde_json::{Value, json};
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::{Outcome, Run};
use uuid::Uuid;

use crate::arguments::{Backfill, Global};
use crate::aws::Deployment;
use crate::aws::steps::{Execution, Round, Standing};
use crate::command::interrupt;
use crate::command::sync::{summary, until_interrupted};
use crate::command::tables::{commit, told};
use crate::display::{grouped, say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::progress::Watch;
use crate::session::Session;

/// Between two rounds: a pause is the source's wish, and asking again at once would get the same answer.
const BREATH: Duration = Duration::from_secs(30);
/// Between two looks at the state machine.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) async fn run(global: &Global, backfill: &Backfill) -> Result<Exit, Failure> {
    if global.aws.is_some() {
        return in_aws(global, backfill).await;
    }
    let session = Session::open(global).await?;
    let read = here(global, backfill, &session).await;
    session.close().await;
    read
}

/// Syncs until nothing is paused any more.
async fn here(global: &Global, backfill: &Backfill, session: &Session) -> Result<Exit, Failure> {
    let selection = backfill.selection();
    session.require_secrets(&selection).await?;
    let mut rounds = Vec::new();
    let (runs, paused) = loop {
        let watch = Watch::new(global);
        let runs = until_interrupted(session, &selection, Budget::unlimited(), &watch).await?;
        let Some(runs) = runs else { return Ok(interrupted()) };
        let committed = commit(&session.lake()?).await?;
        rounds.push(json!({ "runs": runs, "committed": committed }));
        if !global.json {
            summary(&runs);
            told(&committed).iter().for_each(say);
        }
        let paused = paused(&runs);
        if paused.is_empty() || rounds.len() >= backfill.rounds.into() {
            break (runs, paused);
        }
        tell(&format!("still paused: {}", paused.join(", ")));
        tokio::select! {
            () = tokio::time::sleep(BREATH) => {}
            () = interrupt() => return Ok(interrupted()),
        }
    };
    if global.json {
        say_json(&json!({ "rounds": rounds }))?;
    }
    if paused.is_empty() {
        return Ok(Exit::of(&runs));
    }
    Err(Failure::failed(
        format!("not caught up after {} rounds: {}", backfill.rounds, paused.join(", ")),
        "run it again, it goes on from there; `tributary status` says what is paused",
    ))
}

fn interrupted() -> Exit {
    tell("interrupted; the next `tributary backfill` goes on from the saved cursors");
    Exit::Interrupted
}

fn paused(runs: &[Run]) -> Vec<String> {
    let paused = runs.iter().filter(|run| run.outcome == Outcome::Paused);
    paused.map(|run| format!("{}/{}", run.connection, run.stream)).collect()
}

/// Starts the deployment's state machine and says how it goes.
async fn in_aws(global: &Global, backfill: &Backfill) -> Result<Exit, Failure> {
    let deployment = Deployment::find(global).await?;
    let input = input(global, &deployment, backfill).await?;
    let name = format!("tributary-{}", Uuid::new_v4());
    let mut execution = Execution::start(&deployment, &name, &input).await?;
    let arn = execution.arn.clone();
    tell(&format!("started {arn}"));
    tokio::select! {
        ended = follow(global, &deployment, &mut execution) => ended,
        () = interrupt() => {
            tell(&format!(
                "it goes on without being watched; to end it: \
                 aws stepfunctions stop-execution --execution-arn {arn}"
            ));
            Ok(Exit::Interrupted)
        }
    }
}

/// What the state machine is told, by names that the deployment's settings have.
async fn input(
    global: &Global,
    deployment: &Deployment,
    backfill: &Backfill,
) -> Result<Value, Failure> {
    let Selection { connection, stream, .. } = backfill.selection();
    let name = connection.unwrap_or_default();
    let settings = deployment.settings(global).await?;
    let Some(connection) = settings.connections.get(&name) else {
        let known: Vec<&str> = settings.connections.keys().map(String::as_str).collect();
        return Err(Failure::misuse(
            format!("there is no connection {name:?} in the deployment's settings"),
            format!("one of {}", known.join(", ")),
        ));
    };
    let streams: Vec<&str> =
        connection.connector.streams.iter().map(|stream| stream.facts().name).collect();
    if let Some(wrong) = stream.as_deref().filter(|stream| !streams.contains(stream)) {
        return Err(Failure::misuse(
            format!("{name} has no stream {wrong:?}"),
            format!("one of {}", streams.join(", ")),
        ));
    }
    let mut input = json!({
        "system": connection.source.system, "connection": name, "rounds": backfill.rounds,
    });
    if let Some(stream) = stream {
        input["stream"] = stream.into();
    }
    Ok(input)
}

async fn follow(
    global: &Global,
    deployment: &Deployment,
    execution: &mut Execution,
) -> Result<Exit, Failure> {
    let mut all = Vec::new();
    loop {
        // In this order: what ended between the two questions is in the history.
        let standing = execution.standing(deployment).await?;
        for round in execution.rounds(deployment).await? {
            if !global.json {
                say(line(&round));
            }
            all.push(round);
        }
        if standing.status != "RUNNING" {
            return ended(global, execution, &standing, &all);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn line(round: &Round) -> String {
    let Round { number, landed, paused } = round;
    let state = match paused.len() {
        0 => "caught up".to_owned(),
        _ => format!("still paused: {}", paused.join(", ")),
    };
    format!("round {number}: {} landed, {state}", grouped(*landed))
}

fn ended(
    global: &Global,
    execution: &Execution,
    standing: &Standing,
    rounds: &[Round],
) -> Result<Exit, Failure> {
    let Standing { status, error, cause } = standing;
    if global.json {
        let landed: u64 = rounds.iter().map(|round| round.landed).sum();
        say_json(&json!({
            "execution": execution.arn, "status": status, "error": error, "cause": cause,
            "rounds": rounds.len(), "landed": landed,
        }))?;
    }
    if status == "SUCCEEDED" {
        return Ok(Exit::Success);
    }
    let why = [error, cause].into_iter().flatten().cloned().collect::<Vec<_>>().join(": ");
    Err(Failure::failed(
        format!("the backfill ended {status}: {why}"),
        "`tributary status --aws` names each stream's reason; start it again, it goes on from there",
    ))
}

//! The main of the `lake` function: a schedule every few minutes commits, one every night keeps house.

use std::time::{Duration, SystemTime};

use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::budget::Budget;

use crate::error::LakeError;
use crate::place::Place;
use crate::{commit, housekeep};

/// Kept back from an invocation's time for the answer.
const RESERVE: Duration = Duration::from_secs(5);

/// Queries that began so long ago may still read the files of then.
const KEEP: Duration = Duration::from_hours(24);

/// What a schedule says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Task {
    /// Bring what has landed into the tables.
    #[default]
    Commit,
    /// Merge small files, shorten logs, remove what nothing refers to.
    Housekeeping,
}

#[derive(Debug, Default, Deserialize)]
struct Event {
    #[serde(default)]
    task: Task,
}

/// Runs the function. Environment: `TRIBUTARY_BUCKET`.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    shared::lambda::log();
    let bucket = std::env::var("TRIBUTARY_BUCKET").map_err(|_| {
        LakeError::Setting("the environment variable TRIBUTARY_BUCKET is not set".to_owned())
    })?;
    let place = Place::bucket(&shared::stores::aws_config().await, &bucket)?;
    let place = &place;
    lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<Value>| async move {
        let deadline =
            event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        // An event that cannot be read must not be taken for the one that names nothing and commits.
        let event: Option<Event> = serde_json::from_value(event.payload)
            .map_err(|error| LakeError::Event(shared::error::json_reason(&error)))?;
        let event = event.unwrap_or_default();
        answer(place, &event, Budget::of(deadline.saturating_sub(RESERVE))).await
    }))
    .await
}

async fn answer(
    place: &Place,
    event: &Event,
    budget: Budget,
) -> Result<Value, lambda_runtime::Error> {
    match event.task {
        Task::Commit => match commit(place, budget).await {
            Ok(committed) => Ok(json!({"committed": committed})),
            // Nothing is wrong: another invocation is at work.
            Err(error @ LakeError::Overtaken { .. }) => {
                tracing::warn!(%error, "stopping");
                Ok(json!({"committed": [], "overtaken": true}))
            }
            Err(error) => Err(failed(error)),
        },
        Task::Housekeeping => {
            let kept = housekeep(place, KEEP, budget).await.map_err(failed)?;
            Ok(json!({"housekept": kept}))
        }
    }
}

fn failed(error: LakeError) -> lambda_runtime::Error {
    tracing::error!(%error, cause = ?std::error::Error::source(&error).map(ToString::to_string), "failed");
    error.into()
}

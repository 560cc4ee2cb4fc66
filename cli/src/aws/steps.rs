//! The state machine that reads a long history, by the few calls of Step Functions that it takes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::call::{Service, call};
use super::{Deployment, Refusal};
use crate::failure::Failure;

const STEP_FUNCTIONS: Service = Service { id: "SFN", name: "states" };

/// One run of the state machine.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) arn: String,
    /// The last event of its history that was looked at.
    seen: u64,
    /// How many rounds have ended.
    rounds: u64,
}

/// A round that has ended: the function ran once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Round {
    /// Counted from one.
    pub(crate) number: u64,
    /// Records with a new or newer row.
    pub(crate) landed: u64,
    /// Streams that the next round goes on with.
    pub(crate) paused: Vec<String>,
}

/// How an execution stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Standing {
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) cause: Option<String>,
}

impl Execution {
    /// Starts the state machine. The name makes a repeated request start nothing twice.
    pub(crate) async fn start(
        deployment: &Deployment,
        name: &str,
        input: &Value,
    ) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Started {
            execution_arn: String,
        }
        let machine = deployment.output("BackfillArn")?;
        let what = format!("starting the backfill of {}", deployment.stack);
        let input = json!({ "stateMachineArn": machine, "name": name, "input": input.to_string() });
        let started: Started = ask(deployment, "StartExecution", &input, &what).await?;
        Ok(Self { arn: started.execution_arn, seen: 0, rounds: 0 })
    }

    /// How it stands now.
    pub(crate) async fn standing(&self, deployment: &Deployment) -> Result<Standing, Failure> {
        let input = json!({ "executionArn": self.arn });
        ask(deployment, "DescribeExecution", &input, "asking how the backfill stands").await
    }

    /// The rounds that have ended since this was last asked.
    pub(crate) async fn rounds(&mut self, deployment: &Deployment) -> Result<Vec<Round>, Failure> {
        // Newest first; a round has about nine events, so that a look every other second misses none.
        let input = json!({ "executionArn": self.arn, "reverseOrder": true, "maxResults": 200 });
        let what = "asking what the backfill did";
        let mut history: History = ask(deployment, "GetExecutionHistory", &input, what).await?;
        history.events.retain(|event| event.id > self.seen);
        history.events.reverse();
        self.seen = history.events.last().map_or(self.seen, |event| event.id);
        let ended = history.events.into_iter().filter_map(Event::round);
        Ok(ended
            .map(|(landed, paused)| {
                self.rounds += 1;
                Round { number: self.rounds, landed, paused }
            })
            .collect())
    }
}

/// A backfill that is under way.
#[derive(Debug, Serialize)]
pub(crate) struct Running {
    /// The connection, or one stream of it.
    pub(crate) of: String,
    /// When it was started.
    pub(crate) since: Timestamp,
    pub(crate) execution: String,
}

/// The backfills of a deployment that are under way, the newest ten; none where there is nothing to read.
pub(crate) async fn running(deployment: &Deployment) -> Result<Vec<Running>, Failure> {
    #[derive(Deserialize)]
    struct Listed {
        executions: Vec<Started>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Started {
        execution_arn: String,
        start_date: f64,
    }
    #[derive(Deserialize)]
    struct Described {
        input: String,
    }
    let Ok(machine) = deployment.output("BackfillArn") else { return Ok(Vec::new()) };
    let what = "asking for the backfills that are under way";
    let input = json!({ "stateMachineArn": machine, "statusFilter": "RUNNING", "maxResults": 10 });
    let listed: Listed = ask(deployment, "ListExecutions", &input, what).await?;
    let mut running = Vec::new();
    for Started { execution_arn, start_date } in listed.executions {
        let input = json!({ "executionArn": execution_arn });
        let described: Described = ask(deployment, "DescribeExecution", &input, what).await?;
        let told: Value = serde_json::from_str(&described.input).unwrap_or_default();
        let names = ["system", "connection", "stream"].map(|key| told[key].as_str());
        let of = match names {
            [_, Some(connection), Some(stream)] => format!("{connection}/{stream}"),
            [_, Some(connection), None] => connection.to_owned(),
            [system, None, _] => format!("all of {}", system.unwrap_or("a system")),
        };
        let since = jiff::SignedDuration::try_from_secs_f64(start_date).unwrap_or_default();
        let since = Timestamp::from_duration(since).unwrap_or_default();
        running.push(Running { of, since, execution: execution_arn });
    }
    Ok(running)
}

async fn ask<T: for<'de> Deserialize<'de>>(
    deployment: &Deployment,
    operation: &str,
    input: &Value,
    what: &str,
) -> Result<T, Failure> {
    let target = format!("AWSStepFunctions.{operation}");
    let headers = [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", &target)];
    let answer = call(&deployment.aws, STEP_FUNCTIONS, &headers, &input.to_string()).await;
    let answer = answer.map_err(|refusal: Refusal| refusal.during(what))?;
    serde_json::from_str(&answer).map_err(|_| {
        Failure::failed(
            format!("{what}: the answer cannot be read"),
            "run it again with -vv, and report what it says",
        )
    })
}

#[derive(Deserialize)]
struct History {
    events: Vec<Event>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: u64,
    #[serde(default)]
    state_exited_event_details: Option<Exited>,
}

#[derive(Deserialize)]
struct Exited {
    name: String,
    #[serde(default)]
    output: String,
}

impl Event {
    /// What the state `Sync` of the template put out: records and paused streams.
    fn round(self) -> Option<(u64, Vec<String>)> {
        #[derive(Deserialize)]
        struct Output {
            #[serde(default)]
            landed: u64,
            #[serde(default)]
            paused: Vec<String>,
        }
        let exited = self.state_exited_event_details.filter(|exited| exited.name == "Sync")?;
        let output: Output = serde_json::from_str(&exited.output).ok()?;
        Some((output.landed, output.paused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_what_the_sync_state_put_out() {
        let history = json!({ "events": [
            { "id": 9, "type": "TaskStateExited", "timestamp": 1.5, "stateExitedEventDetails":
                { "name": "Sync", "output": "{\"paused\":[\"desk/tickets\"],\"landed\":12}", "outputDetails": { "truncated": false } } },
            { "id": 8, "type": "TaskSucceeded", "timestamp": 1.4, "taskSucceededEventDetails": { "resource": "invoke" } },
            { "id": 3, "type": "PassStateExited", "timestamp": 1.1, "stateExitedEventDetails": { "name": "Begin", "output": "{}" } },
        ]});
        let history: History = serde_json::from_value(history).expect("it is read");
        let rounds: Vec<_> = history.events.into_iter().filter_map(Event::round).collect();
        assert_eq!(rounds, [(12, vec!["desk/tickets".to_owned()])]);
    }
}

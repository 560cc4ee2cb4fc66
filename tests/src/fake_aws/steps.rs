//! Step Functions: executions that go by a script, one round further each time somebody asks how they stand.

use std::sync::{Mutex, MutexGuard};

use serde_json::{Value, json};

use super::Answer;
use super::error::AwsError;

/// When every execution began, in seconds.
const STARTED: f64 = 1_700_000_000.5;

/// What a state machine is to do.
#[derive(Clone, Debug)]
pub struct Script {
    /// Records that land and streams that stay paused, round by round.
    pub rounds: Vec<(u64, Vec<&'static str>)>,
    /// The error and its cause with which it fails; none if it succeeds.
    pub failure: Option<(&'static str, &'static str)>,
}

/// State machines, and what they were started with.
#[derive(Default)]
pub(super) struct Steps(Mutex<Machine>);

#[derive(Default)]
struct Machine {
    arn: String,
    script: Option<Script>,
    executions: Vec<Execution>,
}

struct Execution {
    arn: String,
    name: String,
    input: Value,
    /// Rounds that are over.
    done: usize,
}

impl Steps {
    pub(super) fn set(&self, arn: &str, script: Script) {
        *self.machine() =
            Machine { arn: arn.to_owned(), script: Some(script), executions: Vec::new() };
    }

    /// The inputs of all executions.
    pub(super) fn inputs(&self) -> Vec<Value> {
        self.machine().executions.iter().map(|execution| execution.input.clone()).collect()
    }

    pub(super) fn answer(&self, operation: &str, input: &Value) -> Answer {
        let mut machine = self.machine();
        let Machine { arn, script: Some(script), executions } = &mut *machine else {
            return Err(AwsError::new("StateMachineDoesNotExist", "State Machine Does Not Exist"));
        };
        if operation == "StartExecution" {
            return start(arn, executions, input);
        }
        if operation == "ListExecutions" {
            let running = executions.iter().filter(|one| one.done <= script.rounds.len());
            let listed =
                running.map(|one| json!({ "executionArn": one.arn, "startDate": STARTED }));
            return Ok(json!({ "executions": listed.collect::<Vec<_>>() }));
        }
        let found = executions.iter_mut().find(|one| input["executionArn"] == one.arn.as_str());
        let execution = found
            .ok_or_else(|| AwsError::new("ExecutionDoesNotExist", "Execution Does Not Exist"))?;
        match operation {
            "DescribeExecution" => {
                execution.done = (execution.done + 1).min(script.rounds.len() + 1);
                Ok(described(execution, script))
            }
            "GetExecutionHistory" => Ok(history(execution, script, input)),
            _ => Err(AwsError::unknown_operation(operation)),
        }
    }

    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.0.lock().expect("the lock is never poisoned")
    }
}

/// The same name and input are the same execution.
fn start(arn: &str, executions: &mut Vec<Execution>, input: &Value) -> Answer {
    if input["stateMachineArn"] != *arn {
        return Err(AwsError::new("StateMachineDoesNotExist", "State Machine Does Not Exist"));
    }
    let name = input["name"].as_str().unwrap_or_default().to_owned();
    let text = input["input"].as_str().unwrap_or_default();
    let input: Value = serde_json::from_str(text)
        .map_err(|_| AwsError::new("InvalidExecutionInput", "Invalid Execution Input"))?;
    let execution = format!("{}:{name}", arn.replace(":stateMachine:", ":execution:"));
    if !executions.iter().any(|one| one.name == name) {
        executions.push(Execution { arn: execution.clone(), name, input, done: 0 });
    }
    Ok(json!({ "executionArn": execution, "startDate": STARTED }))
}

fn described(execution: &Execution, script: &Script) -> Value {
    let over = execution.done > script.rounds.len();
    let (status, (error, cause)) = match script.failure {
        _ if !over => ("RUNNING", Default::default()),
        None => ("SUCCEEDED", Default::default()),
        Some((error, cause)) => ("FAILED", (Some(error), Some(cause))),
    };
    let mut described = json!({
        "executionArn": execution.arn, "status": status, "startDate": STARTED,
        "input": execution.input.to_string(),
    });
    // What there is not is left out.
    for (field, value) in [("error", error), ("cause", cause)] {
        if let Some(value) = value {
            described[field] = value.into();
        }
    }
    described
}

fn history(execution: &Execution, script: &Script, input: &Value) -> Value {
    let mut events = vec![json!({ "id": 1, "type": "ExecutionStarted", "timestamp": 1.5 })];
    for (landed, paused) in script.rounds.iter().take(execution.done) {
        let output = json!({ "landed": landed, "paused": paused }).to_string();
        let id = events.len() + 1;
        events.push(json!({ "id": id, "type": "TaskSucceeded", "timestamp": 2.5 }));
        events.push(json!({
            "id": id + 1, "type": "TaskStateExited", "timestamp": 2.5,
            "stateExitedEventDetails": { "name": "Sync", "output": output },
        }));
    }
    if input["reverseOrder"] == true {
        events.reverse();
    }
    json!({ "events": events })
}

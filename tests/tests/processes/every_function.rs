//! Every function of the template through all that Lambda does to it: ticks, batches, requests, deadlines, ends, nonsense.
//!
//! What they ask AWS for meanwhile is what `tests/policies.py` compares with the template.

mod customers;
mod deliveries;
mod systems;
mod tables;

use std::time::Duration;

use e2e::lambda_runtime::Function;
use e2e::permissions::Asked;
use e2e::process::terminate;
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_mins(1);

/// Events that are nobody's.
fn nonsense() -> [Value; 3] {
    [json!("a word"), json!([1, 2]), json!({"task": "dance", "connection": 7, "no": "request"})]
}

/// Hands an event over; the function has to answer it.
async fn answered(function: &Function, event: &Value, deadline: Duration) -> Value {
    let answer = function.invoke(event, deadline).await;
    answer.unwrap_or_else(|error| panic!("{error} {:#?}", function.logs()))
}

/// Waits until the process has asked AWS for this.
async fn has_asked(asked: &Asked, action: &str, resource: &str) {
    let begun = std::time::Instant::now();
    while !asked.has(action, resource) {
        let waited = begun.elapsed();
        assert!(waited < MINUTE, "{action} on {resource} never came: {:#?}", asked.all());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ends the function by SIGTERM as soon as its work on this event has come so far; the event fails with it.
async fn ended_while(
    (function, asked): &(Function, Asked),
    event: &Value,
    deadline: Duration,
    (action, resource): (&str, &str),
) {
    function.first_next().await;
    let end = async {
        has_asked(asked, action, resource).await;
        terminate(function.id()).await;
    };
    let (ended, ()) = tokio::join!(function.invoke(event, deadline), end);
    assert_eq!(ended.expect_err("it is gone").error_type, "Runtime.ExitError");
}

/// Events that cannot be read fail, each on its own, and the function lives on.
async fn refuses_nonsense(function: &Function) {
    for event in nonsense() {
        let answer = function.invoke(&event, MINUTE).await;
        let error = answer.expect_err("an event that cannot be read is no success");
        assert_ne!(error.error_type, "Runtime.ExitError", "{event}: {:#?}", function.logs());
    }
}

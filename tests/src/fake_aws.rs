//! SQS, Secrets Manager, `CloudFormation` and Step Functions on loopback, in memory: the parts of AWS that have no
//! embeddable twin.
//!
//! ```no_run
//! # use e2e::fake_aws::{FakeAws, Failure};
//! # async fn example() {
//! let aws = FakeAws::start().await;
//! let dead = aws.create_queue("dead");
//! let queue = aws.create_queue("deliveries").redrive_to(&dead, 5);
//! aws.set_secret("zendesk", "token");
//! aws.fail_next(2, "SendMessage", Failure::Internal);
//! // give aws.env() and queue.url() to a function, call it, then:
//! assert_eq!(queue.messages().len(), 1);
//! # }
//! ```

mod error;
mod handle;
mod queue;
mod secrets;
mod signed;
mod sqs;
mod stacks;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::no_delay;
use error::AwsError;
pub use handle::Queue;
pub use queue::Message;
use queue::Queues;
use secrets::Secrets;
use stacks::Stacks;
pub use steps::Script;
use steps::Steps;

type Answer = Result<Value, AwsError>;

/// The service; it stops, and forgets everything, when dropped.
pub struct FakeAws {
    aws: Arc<Aws>,
    _server: JoinSet<()>,
}

/// How a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A 500, before anything is applied.
    Internal,
    /// The request rate is too high.
    Throttled,
    /// The caller may not use the key that encrypts the queue or secret.
    AccessDenied,
    /// The caller's session is over.
    ExpiredToken,
}

struct Aws {
    url: String,
    queues: Queues,
    secrets: Secrets,
    stacks: Stacks,
    steps: Steps,
    calls: Mutex<HashMap<String, usize>>,
    failures: Mutex<Vec<Armed>>,
}

/// A failure, and how many calls it still hits.
struct Armed {
    operation: String,
    failure: Failure,
    fired: usize,
    times: usize,
}

impl FakeAws {
    /// Listens on a free loopback port, with no queues and no secrets.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket");
        let aws = Arc::new(Aws {
            url: format!("http://{address}"),
            queues: Queues::default(),
            secrets: Secrets::default(),
            stacks: Stacks::default(),
            steps: Steps::default(),
            calls: Mutex::default(),
            failures: Mutex::default(),
        });
        let app = Router::new()
            .fallback(call)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&aws));
        let mut server = JoinSet::new();
        server.spawn(async {
            axum::serve(listener.tap_io(no_delay), app)
                .await
                .expect("a loopback listener serves for ever");
        });
        Self { aws, _server: server }
    }

    /// The endpoint of all services.
    pub fn url(&self) -> &str {
        &self.aws.url
    }

    /// What points an SDK client in another process here.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        ["AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_SECRETS_MANAGER"]
            .map(|name| (name, self.aws.url.clone()))
            .into()
    }

    /// Creates a queue with AWS's defaults, if there is none of that name.
    pub fn create_queue(&self, name: &str) -> Queue {
        self.aws.queues.create(name);
        self.queue(name)
    }

    /// The queue of that name, which need not exist yet.
    pub fn queue(&self, name: &str) -> Queue {
        Queue::new(Arc::clone(&self.aws), name)
    }

    /// The current text of a secret.
    pub fn secret(&self, name: &str) -> Option<String> {
        self.aws.secrets.current(name)
    }

    /// Creates the secret, or gives it a new current version.
    pub fn set_secret(&self, name: &str, text: &str) {
        self.aws.secrets.set(name, text);
    }

    /// Deploys a stack with these parameters and outputs, in place of what it was.
    pub fn set_stack(&self, name: &str, parameters: &[(&str, &str)], outputs: &[(&str, &str)]) {
        self.aws.stacks.set(name, parameters, outputs);
    }

    /// Makes a state machine that goes by a script.
    pub fn set_state_machine(&self, arn: &str, script: Script) {
        self.aws.steps.set(arn, script);
    }

    /// The inputs with which the state machine was started.
    pub fn executions(&self) -> Vec<Value> {
        self.aws.steps.inputs()
    }

    /// Refuses the next `times` calls of an operation: `SendMessage`, `GetSecretValue`.
    pub fn fail_next(&self, times: usize, operation: &str, failure: Failure) {
        self.aws.failures().push(Armed {
            operation: operation.to_owned(),
            failure,
            fired: 0,
            times,
        });
    }

    /// Ends every failure still to come.
    pub fn stop_failures(&self) {
        for armed in self.aws.failures().iter_mut() {
            armed.times = armed.fired;
        }
    }

    /// How many calls of an operation were refused on purpose.
    pub fn failed(&self, operation: &str) -> usize {
        let failures = self.aws.failures();
        let of_it = failures.iter().filter(|armed| armed.operation == operation);
        of_it.map(|armed| armed.fired).sum()
    }

    /// Fails the test if a failure never fired.
    pub fn assert_all_fired(&self) {
        let failures = self.aws.failures();
        for Armed { operation, failure, fired, .. } in failures.iter() {
            assert!(*fired > 0, "{failure:?} on {operation} never fired");
        }
    }

    /// How many calls of an operation arrived, refused ones included.
    pub fn calls(&self, operation: &str) -> usize {
        let calls = self.aws.calls.lock().expect("the lock is never poisoned");
        calls.get(operation).copied().unwrap_or_default()
    }
}

impl Aws {
    fn failures(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.failures.lock().expect("the lock is never poisoned")
    }

    fn count(&self, operation: &str) {
        let mut calls = self.calls.lock().expect("the lock is never poisoned");
        *calls.entry(operation.to_owned()).or_default() += 1;
    }

    fn failure(&self, operation: &str) -> Option<Failure> {
        let mut failures = self.failures();
        let armed = failures
            .iter_mut()
            .find(|armed| armed.operation == operation && armed.fired < armed.times)?;
        armed.fired += 1;
        Some(armed.failure)
    }

    async fn answer(&self, headers: &HeaderMap, target: &str, body: &Bytes) -> Answer {
        let (service, operation) = target.split_once('.').unwrap_or_default();
        self.count(operation);
        let sqs = service == "AmazonSQS";
        if let Some(failure) = self.failure(operation) {
            return Err(AwsError::injected(failure, sqs));
        }
        let input: Value = serde_json::from_slice(body)
            .map_err(|error| AwsError::new("SerializationException", error.to_string()))?;
        match service {
            "AmazonSQS" => sqs::answer(self, operation, &input).await,
            "AWSStepFunctions" => {
                signed::verify(headers, "states", body)?;
                self.steps.answer(operation, &input)
            }
            _ => self.secrets.answer(operation, &input),
        }
    }

    /// Answers a form, as services of the query protocol take it.
    fn answer_form(&self, headers: &HeaderMap, body: &Bytes) -> Result<String, AwsError> {
        let form: HashMap<String, String> =
            url::form_urlencoded::parse(body).into_owned().collect();
        let operation = form.get("Action").map_or("", String::as_str);
        self.count(operation);
        if let Some(failure) = self.failure(operation) {
            return Err(AwsError::injected(failure, false));
        }
        signed::verify(headers, "cloudformation", body)?;
        self.stacks.answer(&form)
    }
}

async fn call(State(aws): State<Arc<Aws>>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) else {
        return match aws.answer_form(&headers, &body) {
            Ok(xml) => ([(http::header::CONTENT_TYPE, "text/xml")], xml).into_response(),
            Err(error) => error.into_xml(),
        };
    };
    match aws.answer(&headers, target, &body).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

//! The Runtime API (2018-06-01) of one execution environment.

use std::collections::HashMap;
use std::fmt;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::no_delay;

/// Lambda's limit for a synchronous answer.
const LARGEST_ANSWER: usize = 6 * 1024 * 1024;

/// Why an invocation has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvokeError {
    /// The function's own error type, or Lambda's: `Sandbox.Timedout`, `Runtime.ExitError`.
    pub error_type: String,
    /// What it says.
    pub message: String,
}

impl InvokeError {
    pub(super) fn new(error_type: &str, message: impl Into<String>) -> Self {
        Self { error_type: error_type.to_owned(), message: message.into() }
    }

    fn reported(headers: &HeaderMap, body: &[u8]) -> Self {
        let error: Value = serde_json::from_slice(body).unwrap_or_default();
        let header = headers.get("lambda-runtime-function-error-type");
        let header = header.and_then(|name| name.to_str().ok());
        let error_type = error["errorType"].as_str().or(header);
        Self::new(
            error_type.unwrap_or("Unhandled"),
            error["errorMessage"].as_str().unwrap_or_default(),
        )
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, self.message)
    }
}

impl std::error::Error for InvokeError {}

/// What is known of a function so far.
#[derive(Clone, Default)]
pub(super) struct Status {
    pub(super) first_next: Option<Duration>,
    pub(super) init_error: Option<InvokeError>,
    pub(super) exit: Option<ExitStatus>,
}

/// An answer, or why there is none.
pub(super) type Answer = Result<Value, InvokeError>;

struct Invocation {
    id: String,
    event: Bytes,
    deadline: SystemTime,
}

/// One function's Runtime API and the invocations that pass through it.
pub(super) struct Api {
    arn: String,
    started: Instant,
    pub(super) status: watch::Sender<Status>,
    submit: mpsc::UnboundedSender<Invocation>,
    submitted: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    open: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Api {
    pub(super) fn new(arn: String) -> Arc<Self> {
        let (submit, submitted) = mpsc::unbounded_channel();
        Arc::new(Self {
            arn,
            started: Instant::now(),
            status: watch::Sender::default(),
            submit,
            submitted: tokio::sync::Mutex::new(submitted),
            open: Mutex::default(),
        })
    }

    pub(super) async fn serve(self: Arc<Self>, listener: tokio::net::TcpListener) {
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::disable())
            .with_state(self);
        axum::serve(listener.tap_io(no_delay), app)
            .await
            .expect("a loopback listener serves for ever");
    }

    /// Queues the event for the next `next`.
    pub(super) fn submit(&self, event: &Value, deadline: Duration) -> oneshot::Receiver<Answer> {
        let (settle, answer) = oneshot::channel();
        let invocation = Invocation {
            id: Uuid::new_v4().to_string(),
            event: event.to_string().into(),
            deadline: SystemTime::now() + deadline,
        };
        self.open().insert(invocation.id.clone(), settle);
        self.submit.send(invocation).expect("the queue lives as long as its API");
        answer
    }

    fn open(&self) -> std::sync::MutexGuard<'_, HashMap<String, oneshot::Sender<Answer>>> {
        self.open.lock().expect("the lock is never poisoned")
    }

    fn settle(&self, id: &str, answer: Answer) -> (StatusCode, Json<Value>) {
        let Some(waiting) = self.open().remove(id) else {
            let refusal =
                json!({"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"});
            return (StatusCode::BAD_REQUEST, Json(refusal));
        };
        // Nobody waits for an answer after the deadline.
        let _ = waiting.send(answer);
        (StatusCode::ACCEPTED, Json(json!({"status": "OK"})))
    }
}

async fn next(State(api): State<Arc<Api>>) -> Response<axum::body::Body> {
    api.status.send_if_modified(|status| {
        let first = status.first_next.is_none();
        status.first_next.get_or_insert(api.started.elapsed());
        first
    });
    let invocation = api.submitted.lock().await.recv().await;
    let invocation = invocation.expect("the queue lives as long as its API");
    let since_epoch = invocation.deadline.duration_since(UNIX_EPOCH);
    let deadline = since_epoch.expect("today is after 1970").as_millis();
    let trace = Uuid::new_v4().simple().to_string();
    let trace = format!("Root=1-{}-{};Parent={};Sampled=0", &trace[..8], &trace[8..], &trace[16..]);
    Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", invocation.id)
        .header("lambda-runtime-deadline-ms", deadline.to_string())
        .header("lambda-runtime-invoked-function-arn", &api.arn)
        .header("lambda-runtime-trace-id", trace)
        .body(invocation.event.into())
        .expect("ids, numbers and names make valid headers")
}

async fn response(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    if body.len() > LARGEST_ANSWER {
        let message = format!("Response payload size ({} bytes) is over the limit", body.len());
        let error = InvokeError::new("Function.ResponseSizeTooLarge", &message);
        // The function hears of it too, in this answer.
        let _ = api.settle(&id, Err(error));
        let refusal = json!({"errorType": "RequestEntityTooLarge", "errorMessage": message});
        return (StatusCode::PAYLOAD_TOO_LARGE, Json(refusal));
    }
    let answer = if body.is_empty() {
        Ok(Value::Null)
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| InvokeError::new("Runtime.InvalidResponse", error.to_string()))
    };
    api.settle(&id, answer)
}

async fn error(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    api.settle(&id, Err(InvokeError::reported(&headers, &body)))
}

async fn init_error(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let error = InvokeError::reported(&headers, &body);
    api.status.send_modify(|status| status.init_error = Some(error));
    (StatusCode::ACCEPTED, Json(json!({"status": "OK"})))
}

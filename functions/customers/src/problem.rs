//! Errors as problem details (RFC 9457): what is wrong with which field, never anybody's data.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use shared::customers::CustomersError;
use shared::error::Error;

/// The media type of problem details.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[serde(serialize_with = "code")]
    #[schemars(with = "u16")]
    pub(crate) status: StatusCode,
    /// What to do about it.
    detail: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn code<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self { r#type: "about:blank", title, status, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        (self.status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
    }
}

/// A failed answer, on its way to become a problem.
pub(crate) struct Failed(CustomersError);

impl<E: Into<CustomersError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self.0 {
            CustomersError::Invalid(invalid) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, invalid.to_string()).into_response()
            }
            error @ CustomersError::Nobody => {
                Problem::new(StatusCode::NOT_FOUND, error.to_string()).into_response()
            }
            CustomersError::Failed(error) => {
                tracing::error!(kind = error.kind(), error = error.chain(), "a lookup failed");
                broken(&error)
            }
        }
    }
}

/// What is told of our own failures: the log says more.
fn broken(error: &Error) -> Response {
    match error {
        Error::Landing { .. } => {
            let problem = Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer; try again in a moment",
            );
            ([(header::RETRY_AFTER, "5")], problem).into_response()
        }
        _ => Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the deployment is not set up for this; its log says why",
        )
        .into_response(),
    }
}

/// Makes a problem of every refusal that is none yet, such as those of the framework, whose words may quote the request.
pub(crate) async fn explain(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || kind == Some(MEDIA_TYPE.as_bytes()) {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let body = serde_json::to_vec(&Problem::new(status, advice(status))).unwrap_or_default();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body))
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            "the path, query or body does not fit its schema; GET /openapi.json shows it"
        }
        StatusCode::NOT_FOUND => {
            "there is nothing at this path; GET /openapi.json lists what there is"
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            "this path does not take this method; see the header Allow"
        }
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than 64 KiB",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "send JSON, with Content-Type: application/json",
        _ => "the request was refused",
    }
}

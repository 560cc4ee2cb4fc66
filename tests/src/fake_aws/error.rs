//! Errors worded so that the SDK reads them as its typed ones.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::Failure;

/// An error answer of either service.
pub(super) struct AwsError {
    status: StatusCode,
    kind: &'static str,
    /// SQS spoke another protocol once, and its SDK still asks for the codes of then.
    query_code: Option<&'static str>,
    message: String,
}

impl AwsError {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind, query_code: None, message: message.into() }
    }

    pub(super) fn sqs(kind: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self { query_code: Some(code), ..Self::new(kind, message) }
    }

    /// With the status of those that may not do what they asked for.
    pub(super) fn forbidden(self) -> Self {
        Self { status: StatusCode::FORBIDDEN, ..self }
    }

    /// As a service of the query protocol says it.
    pub(super) fn into_xml(self) -> Response {
        let Self { status, kind, message, .. } = self;
        let xml = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{kind}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        (status, [(http::header::CONTENT_TYPE, "text/xml")], xml).into_response()
    }

    pub(super) fn injected(failure: Failure, sqs: bool) -> Self {
        match (failure, sqs) {
            (Failure::Internal, _) => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                ..Self::new(
                    if sqs { "InternalFailure" } else { "InternalServiceError" },
                    "An error occurred on the server side.",
                )
            },
            (Failure::Throttled, true) => {
                Self::sqs("RequestThrottled", "RequestThrottled", "Rate exceeded")
            }
            (Failure::Throttled, false) => Self::new("ThrottlingException", "Rate exceeded"),
            (Failure::AccessDenied, true) => Self::sqs(
                "KmsAccessDenied",
                "KMS.AccessDeniedException",
                "The caller doesn't have the required KMS access.",
            ),
            (Failure::AccessDenied, false) => {
                Self::new("AccessDeniedException", "Access to KMS is not allowed")
            }
            (Failure::ExpiredToken, _) => {
                let message = "The security token included in the request is expired";
                Self::new("ExpiredTokenException", message).forbidden()
            }
        }
    }

    pub(super) fn unknown_operation(operation: &str) -> Self {
        Self::new("UnknownOperationException", format!("{operation} is not faked"))
    }

    /// Its code and text, as a batch answer lists the entries that failed.
    pub(super) fn as_entry(&self, id: &str) -> serde_json::Value {
        let code = self.query_code.unwrap_or(self.kind);
        json!({"Id": id, "SenderFault": true, "Code": code, "Message": self.message})
    }
}

impl IntoResponse for AwsError {
    fn into_response(self) -> Response {
        let body = Json(json!({"__type": self.kind, "message": self.message}));
        match self.query_code {
            Some(code) => {
                let header = [("x-amzn-query-error", format!("{code};Sender"))];
                (self.status, header, body).into_response()
            }
            None => (self.status, body).into_response(),
        }
    }
}

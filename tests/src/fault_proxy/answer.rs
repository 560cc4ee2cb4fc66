//! Refusals in the words of each store, so that the SDK reads them as its typed errors.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::injection::{Seen, StoreFault};

const REQUEST_ID: &str = "FAULTPROXY000000";

/// The answer to a fault that refuses a call outright.
pub(super) fn refusal(fault: &StoreFault, seen: &Seen) -> Response<Full<Bytes>> {
    match fault {
        StoreFault::ProvisionedThroughputExceeded => dynamodb(
            StatusCode::BAD_REQUEST,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        StoreFault::Throttling => dynamodb(
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.availability#ThrottlingException",
            "Rate exceeded",
        ),
        StoreFault::TransactionCanceled(reasons) => transaction_canceled(reasons, seen),
        StoreFault::SlowDown => s3(
            StatusCode::SERVICE_UNAVAILABLE,
            "SlowDown",
            "Please reduce your request rate.",
            seen,
        ),
        StoreFault::ConditionalRequestConflict => s3(
            StatusCode::CONFLICT,
            "ConditionalRequestConflict",
            "The conditional request cannot succeed due to a conflicting operation against this resource.",
            seen,
        ),
        StoreFault::AccessDenied => {
            s3(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied", seen)
        }
        _ => internal_error(seen),
    }
}

/// A 500 from whichever store the call was for.
pub(super) fn internal_error(seen: &Seen) -> Response<Full<Bytes>> {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    match seen.target {
        Some(_) => dynamodb(
            status,
            "com.amazonaws.dynamodb.v20120810#InternalServerError",
            "The request processing has failed because of an unknown error.",
        ),
        None => {
            s3(status, "InternalError", "We encountered an internal error. Please try again.", seen)
        }
    }
}

/// A 502: the store itself could not be reached.
pub(super) fn bad_gateway(cause: &str) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(cause.to_owned().into()));
    *reply.status_mut() = StatusCode::BAD_GATEWAY;
    reply
}

pub(super) fn json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amzn-requestid", REQUEST_ID)
        .body(Full::new(body.to_string().into()))
        .expect("constant headers are valid")
}

fn dynamodb(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, &json!({"__type": kind, "message": message}))
}

/// One reason per item, in the items' order, as the real service answers.
fn transaction_canceled(reasons: &[&str], seen: &Seen) -> Response<Full<Bytes>> {
    let request: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let items = request["TransactItems"].as_array().map_or(0, Vec::len);
    let codes: Vec<&str> = (0..items.max(reasons.len()))
        .map(|item| reasons.get(item).copied().unwrap_or("None"))
        .collect();
    let details: Vec<Value> = codes
        .iter()
        .map(|code| match *code {
            "None" => json!({"Code": "None"}),
            "TransactionConflict" => {
                json!({"Code": code, "Message": "Transaction is ongoing for the item"})
            }
            "ConditionalCheckFailed" => {
                json!({"Code": code, "Message": "The conditional request failed"})
            }
            _ => json!({"Code": code, "Message": code}),
        })
        .collect();
    json(
        StatusCode::BAD_REQUEST,
        &json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            ),
            "CancellationReasons": details,
        }),
    )
}

fn s3(status: StatusCode, code: &str, message: &str, seen: &Seen) -> Response<Full<Bytes>> {
    let path = seen.path.split('?').next().unwrap_or_default();
    let resource = path.replace('&', "&amp;").replace('<', "&lt;");
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <Resource>{resource}</Resource><RequestId>{REQUEST_ID}</RequestId></Error>"
    );
    Response::builder()
        .status(status)
        .header("content-type", "application/xml")
        .header("x-amz-request-id", REQUEST_ID)
        .body(Full::new(body.into()))
        .expect("constant headers are valid")
}

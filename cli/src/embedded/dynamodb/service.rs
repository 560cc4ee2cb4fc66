//! `DynamoDB`'s protocol: every request is a `POST` whose target header names the operation.
//!
//! dynoxide brings a server, but that one takes any key and tells browsers that every page may read its answers
//! (`Access-Control-Allow-Origin: *`). Answers here are the same; only for some malformed requests the message, not
//! the name of the error, is worded less exactly as in AWS.

use axum::body::{Body, to_bytes};
use dynoxide::Database;
use dynoxide::auth_material::{self, AuthMaterial};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::operations;
use crate::embedded::clients::KEY;
use crate::embedded::http::Store;

/// What `DynamoDB` takes at most.
const MAX_BODY: usize = 16 << 20;
const VERSIONS: [&str; 2] = ["DynamoDB_20120810", "DynamoDBStreams_20120810"];

impl Store for Database {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (status, json) = match answer(self, request).await {
            Ok(json) => (StatusCode::OK, json),
            Err(refused) => refused,
        };
        let mut answer = Response::new(Body::from(json));
        *answer.status_mut() = status;
        let json = HeaderValue::from_static("application/x-amz-json-1.0");
        answer.headers_mut().insert(CONTENT_TYPE, json);
        answer
    }
}

type Refused = (StatusCode, Vec<u8>);

async fn answer(database: &Database, request: Request<Incoming>) -> Result<Vec<u8>, Refused> {
    let (head, body) = request.into_parts();
    let unknown = || refused("UnknownOperationException", "no such operation");
    let operation = operation(&head.headers).filter(|_| head.method == Method::POST);
    let operation = operation.ok_or_else(unknown)?;
    check_key(&head.headers)?;
    let body = to_bytes(Body::new(body), MAX_BODY).await.map_err(|error| {
        refused("SerializationException", &format!("no readable body: {error}"))
    })?;
    operations::run(database, operation, &body).ok_or_else(unknown)?.map_err(|error| {
        let status = StatusCode::from_u16(error.status_code());
        (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error.to_json().into())
    })
}

fn operation(headers: &HeaderMap) -> Option<&str> {
    let (version, operation) = headers.get("x-amz-target")?.to_str().ok()?.split_once('.')?;
    VERSIONS.contains(&version).then_some(operation)
}

/// Wants a signature's header with our key id, as a program with the wrong environment must not write here; the
/// signature proves nothing, as the secret is none.
fn check_key(headers: &HeaderMap) -> Result<(), Refused> {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let has_date_header = headers.contains_key("x-amz-date") || headers.contains_key(DATE);
    let material = AuthMaterial { authorization, query: "", has_date_header };
    if let Some(json) = auth_material::validate(material) {
        return Err((StatusCode::BAD_REQUEST, json.into()));
    }
    let ours = format!("Credential={KEY}/");
    if !authorization.is_some_and(|authorization| authorization.contains(&ours)) {
        return Err(refused(
            "UnrecognizedClientException",
            "the local tables know one access key id: local",
        ));
    }
    Ok(())
}

fn refused(error: &str, message: &str) -> Refused {
    let kind = format!("com.amazon.coral.service#{error}");
    let json = serde_json::json!({ "__type": kind, "message": message });
    (StatusCode::BAD_REQUEST, json.to_string().into())
}

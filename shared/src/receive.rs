//! The door for webhooks: cap the body, verify it on its raw bytes, make it durable, answer.
//!
//! Mapping happens behind the door ([`crate::inbox`]): at once on a laptop, behind a queue in AWS.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::clock;
use crate::config::{Connection, Settings, WEBHOOK_HARD_CAP, default_webhook_max_bytes};
use crate::error::Error;
use crate::schema::Timestamp;
use crate::secrets::Secrets;
use crate::signature::{self, Check};

/// When a sender should repeat a delivery that could not be stored.
const RETRY_AFTER_SECONDS: &str = "15";

/// One webhook call, as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The connection that it was sent to.
    pub connection: String,
    /// `POST`, or `GET` for challenges.
    pub method: String,
    /// The query of the address, undecoded.
    pub query: String,
    /// Headers with lower-case names; of several with one name, the first.
    pub headers: BTreeMap<String, String>,
    /// The body, exactly as received.
    pub body: Bytes,
    /// When the last byte arrived.
    pub received_at: Timestamp,
}

impl Delivery {
    /// A header by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// A delivery on its way from the door to the inbox: what the mapping needs, without credentials and signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The connection that it was sent to.
    pub connection: String,
    /// The headers that the source's facts say to keep, and the content encoding.
    pub headers: BTreeMap<String, String>,
    /// When the last byte arrived.
    pub received_at: Timestamp,
    /// The body in base64: JSON has no bytes.
    #[serde(with = "base64_bytes")]
    pub body: Bytes,
}

mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Bytes,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(|_| D::Error::custom("not base64"))
    }
}

/// Where a verified delivery is made durable.
#[async_trait]
pub trait Inlet: Send + Sync {
    /// Stores a delivery; when this returns, it survives anything. An error makes the sender try again.
    async fn accept(&self, delivery: Envelope) -> Result<(), Error>;
}

/// The door of all connections.
pub struct Receiver {
    settings: Arc<Settings>,
    secrets: Secrets,
    inlet: Arc<dyn Inlet>,
}

impl Receiver {
    /// A door to the settings' connections.
    pub fn new(settings: Arc<Settings>, secrets: Secrets, inlet: Arc<dyn Inlet>) -> Self {
        Self { settings, secrets, inlet }
    }

    /// `POST /webhooks/{connection}`, the same in Lambda and on a laptop; also `/webhooks/{system}/{connection}`, by which
    /// one API in AWS tells the functions of the systems apart.
    pub fn router(self) -> Router {
        Router::new()
            .route("/webhooks/{connection}", any(receive))
            .route("/webhooks/{system}/{connection}", any(receive_of_system))
            .route("/healthz", axum::routing::get(|| async { "ok\n" }))
            .with_state(Arc::new(self))
    }

    async fn take(&self, connection: &Connection, delivery: Delivery) -> Result<Response, Error> {
        let Some(webhook) = &connection.connector.webhook else {
            return Err(Error::Unverified("the source sends no webhooks"));
        };
        let facts = webhook.facts();
        if delivery.method != "POST" {
            return Ok(match webhook.challenge(&delivery) {
                Some(reply) if reply.body.len() <= 1024 => {
                    ([(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response()
                }
                _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            });
        }
        let mut secrets = Vec::new();
        for reference in &connection.common.webhook_secrets {
            secrets.push(self.secrets.read(reference).await?);
        }
        let check = Check {
            secrets: &secrets,
            tolerance: connection.common.webhook_tolerance,
            url: connection.common.webhook_url.as_deref(),
            now: clock::now(),
        };
        signature::verify(facts.signatures, &delivery, check)?;
        if let Some(reply) = webhook.challenge(&delivery) {
            return Ok(([(header::CONTENT_TYPE, reply.content_type)], reply.body).into_response());
        }
        let kept = facts.keep_headers.iter().copied().chain([header::CONTENT_ENCODING.as_str()]);
        let headers = kept
            .filter_map(|name| Some((name.to_owned(), delivery.header(name)?.to_owned())))
            .collect();
        let Delivery { connection, body, received_at, .. } = delivery;
        self.inlet.accept(Envelope { connection, headers, received_at, body }).await?;
        Ok(StatusCode::ACCEPTED.into_response())
    }
}

async fn receive_of_system(
    receiver: State<Arc<Receiver>>,
    Path((_, name)): Path<(String, String)>,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    receive(receiver, Path(name), method, uri, headers, body).await
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    Path(name): Path<String>,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let started = std::time::Instant::now();
    let connection = receiver.settings.connections.get(&name);
    let connection = connection.filter(|connection| connection.connector.webhook.is_some());
    // An unknown connection reads and refuses like a wrong signature, so that nobody learns which names exist.
    let cap = connection
        .map_or_else(default_webhook_max_bytes, |connection| connection.common.webhook_max_bytes)
        .min(WEBHOOK_HARD_CAP);
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > cap as u64) {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map_or(b"identity".as_slice(), |value| value.as_bytes());
    if ![b"identity".as_slice(), b"gzip", b"zstd", b""].contains(&encoding) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let body = match Limited::new(body, cap).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return StatusCode::PAYLOAD_TOO_LARGE.into_response();
        }
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let Some(connection) = connection else {
        let posted = method == Method::POST;
        let refusal =
            if posted { StatusCode::UNAUTHORIZED } else { StatusCode::METHOD_NOT_ALLOWED };
        return refusal.into_response();
    };
    let mut first = BTreeMap::new();
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            first.entry(name.as_str().to_owned()).or_insert_with(|| value.to_owned());
        }
    }
    let delivery = Delivery {
        connection: name,
        method: method.as_str().to_owned(),
        query: uri.query().unwrap_or_default().to_owned(),
        headers: first,
        body,
        received_at: clock::now(),
    };
    let bytes = delivery.body.len();
    match receiver.take(connection, delivery).await {
        Ok(response) => {
            let ms = started.elapsed().as_millis();
            info!(
                connection = connection.name,
                bytes,
                status = response.status().as_u16(),
                ms,
                "delivery received"
            );
            response
        }
        Err(error) => {
            let status = match &error {
                Error::Unverified(_) => StatusCode::UNAUTHORIZED,
                Error::Config(_) | Error::Invariant(_) | Error::Miscounted(_) => {
                    StatusCode::INTERNAL_SERVER_ERROR
                }
                _ => StatusCode::SERVICE_UNAVAILABLE,
            };
            warn!(
                connection = connection.name,
                bytes,
                status = status.as_u16(),
                kind = error.kind(),
                error = error.chain(),
                "delivery refused"
            );
            if status == StatusCode::SERVICE_UNAVAILABLE {
                // Zendesk, for one, repeats a delivery after a 503 only if told when, and within a minute.
                return (status, [(header::RETRY_AFTER, RETRY_AFTER_SECONDS)]).into_response();
            }
            status.into_response()
        }
    }
}

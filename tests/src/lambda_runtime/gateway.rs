//! API Gateway before a function: requests become events, answers become responses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Function, http_v2_event};

/// What the template gives the functions behind the API.
const TIME_OUT: Duration = Duration::from_secs(10);
/// What API Gateway lets through.
const LARGEST_BODY: usize = 10 << 20;

/// The API; it stops when dropped.
pub struct Gateway {
    url: String,
    _server: JoinSet<()>,
}

impl Gateway {
    /// Listens on a free loopback port, and asks the function whatever it is asked.
    pub async fn before(function: Arc<Function>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket"));
        let router = Router::new().fallback(ask).with_state(function);
        let mut server = JoinSet::new();
        server.spawn(async {
            axum::serve(listener, router).await.expect("a loopback listener serves for ever");
        });
        Self { url, _server: server }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }
}

async fn ask(State(function): State<Arc<Function>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let headers = parts.headers.iter();
    let headers: Vec<_> =
        headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let event = http_v2_event(parts.method.as_str(), path, &headers, &body);
    match function.invoke(&event, TIME_OUT).await {
        Ok(answer) => response(&answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn response(answer: &Value) -> Response {
    let status = answer["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        BASE64_STANDARD.decode(body).unwrap_or_default()
    } else {
        body.as_bytes().to_vec()
    };
    (status.unwrap_or(StatusCode::BAD_GATEWAY), body).into_response()
}

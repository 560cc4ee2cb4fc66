//! The paths of the API, and what every request passes through.

use std::time::Instant;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use shared::customers::Customers;

use crate::auth::{Auth, admit};
use crate::problem::explain;
use crate::{answers, openapi};

/// The largest body: a hundred record keys, and reasons.
const LARGEST_BODY: usize = 64 * 1024;

/// The customer API, the same in Lambda and on a laptop.
pub fn router(customers: Customers, auth: Auth) -> Router {
    let document = openapi::document().to_string();
    let guarded = Router::new()
        .route("/customers", get(answers::find))
        .route("/customers/lookup", post(answers::lookup))
        .route("/customers/link", post(answers::link))
        .route("/customers/{id}", get(answers::customer))
        .route("/customers/{id}/timeline", get(answers::timeline))
        .route("/customers/{id}/records", get(answers::records))
        .route("/customers/{id}/never-link", post(answers::never_link))
        .route("/customers/{id}/split", post(answers::split))
        .with_state(customers)
        .route_layer(from_fn_with_state(auth, admit));
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }),
        )
        .merge(guarded)
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn(explain))
        .layer(from_fn(record))
}

/// Logs what was answered: the route as it is written above, never the path or the query of the request.
async fn record(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    tracing::info!(
        method = method.as_str(),
        route = route.as_ref().map_or("none", MatchedPath::as_str),
        status = response.status().as_u16(),
        ms = started.elapsed().as_millis(),
        "customers asked"
    );
    response.into_response()
}

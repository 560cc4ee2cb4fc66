//! What needs no store: who is let in, how refusals read, and whether the description describes.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Json, Path, Query};
use axum::http::{Request, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use lambda_http::tower::ServiceExt as _;
use proptest::prelude::*;
use serde_json::Value;
use uuid::Uuid;

use crate::auth::{Auth, admit};
use crate::openapi;
use crate::problem::{Failed, MEDIA_TYPE, explain};
use crate::questions::{PageOf, Who};

const KEY: &str = "a-key-of-some-length-for-tests";

async fn lookup(Json(who): Json<Who>) -> Result<(), Failed> {
    who.lookup()?;
    Ok(())
}

async fn page(Query(page): Query<PageOf>) -> Result<(), Failed> {
    page.parts()?;
    Ok(())
}

async fn person(Path(_): Path<Uuid>) {}

fn router(auth: Auth) -> Router {
    Router::new()
        .route("/lookup", post(lookup))
        .route("/page", get(page))
        .route("/person/{id}", get(person))
        .route_layer(from_fn_with_state(auth, admit))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(DefaultBodyLimit::max(1024))
        .layer(from_fn(explain))
}

async fn ask(auth: Auth, request: Request<Body>) -> (StatusCode, Value, Response<()>) {
    let response = router(auth).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let problem = serde_json::from_slice(&body).unwrap_or(Value::Null);
    (parts.status, problem, Response::from_parts(parts, ()))
}

fn posted(kind: Option<&str>, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post("/lookup");
    if let Some(kind) = kind {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    request.body(body.into()).unwrap()
}

fn got(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_refusal_is_a_problem_and_repeats_nothing() {
    let json = Some("application/json");
    let canary = "canary@example.org";
    let requests = [
        (404, got(&format!("/nowhere/{canary}"))),
        (405, got("/lookup")),
        (413, posted(json, "x".repeat(2_000))),
        (415, posted(Some("text/plain"), canary)),
        (415, posted(None, canary)),
        (400, posted(json, format!("{{\"email\": \"{canary}\""))),
        (422, posted(json, format!("{{\"email\": [\"{canary}\"]}}"))),
        (422, posted(json, format!("{{\"{canary}\": 1}}"))),
        (422, posted(json, "{\"email\": \"canary at example\"}")),
        (422, posted(json, format!("{{\"email\": \"{canary}\", \"phone\": \"1\"}}"))),
        (422, posted(json, "{}")),
        (400, got(&format!("/person/{canary}"))),
        (400, got("/page?limit=many")),
        (422, got("/page?limit=0")),
        (422, got("/page?before=canary")),
    ];
    for (expected, request) in requests {
        let what = format!("{} {}", request.method(), request.uri());
        let (status, problem, response) = ask(Auth::Trusted, request).await;
        assert_eq!(status.as_u16(), expected, "{what}: {problem}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE, "{what}");
        assert_eq!(problem["status"], expected, "{what}");
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        assert!(!problem.to_string().contains("canary"), "{problem}");
        assert_eq!(response.headers().contains_key(header::ALLOW), expected == 405, "{what}");
    }
}

#[tokio::test]
async fn only_whoever_shows_a_key_is_let_in() {
    let keys = Auth::keys(&["an-older-key-still-in-use".into(), KEY.into()]);
    let ask = async |value: Option<&str>| {
        let mut request = got("/page");
        if let Some(value) = value {
            request.headers_mut().insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        crate::tests::ask(keys.clone(), request).await
    };
    for right in [format!("Bearer {KEY}"), format!("bearer {KEY}")] {
        assert_eq!(ask(Some(&right)).await.0, 200);
    }
    assert_eq!(ask(Some("Bearer an-older-key-still-in-use")).await.0, 200);
    let basic = format!("Basic {KEY}");
    for wrong in [None, Some(KEY), Some("Bearer"), Some("Bearer "), Some("Bearer x"), Some(&*basic)]
    {
        let (status, problem, response) = ask(wrong).await;
        assert_eq!(status, 401, "{problem}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
    }
}

#[tokio::test]
async fn without_keys_this_machine_is_answered_under_its_own_name() {
    let ask = async |auth: Auth, host: &str| {
        let mut request = got("/page");
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        crate::tests::ask(auth, request).await.0.as_u16()
    };
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "localhost"] {
        assert_eq!(ask(Auth::Loopback, host).await, 200, "{host}");
    }
    for host in ["rebound.example", "rebound.example:8080", "localhost.example:80", ""] {
        assert_eq!(ask(Auth::Loopback, host).await, 403, "{host}");
    }
    assert_eq!(ask(Auth::Nobody, "localhost").await, 401);
    assert_eq!(ask(Auth::Trusted, "api.example").await, 200);
}

#[test]
fn the_description_refers_to_nothing_that_is_not_in_it() {
    let document = openapi::document();
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    for name in schemas.keys() {
        assert!(name.chars().all(plain), "{name} is no name of a component");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), 8);
    assert_eq!(document["paths"]["/customers"]["get"]["parameters"].as_array().unwrap().len(), 5);
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "$ref" => references.push(text.clone()),
                    value => collect(value, references),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_key_but_the_right_one_opens(shown in "[!-~]{0,40}") {
        prop_assume!(shown != KEY);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut request = got("/page");
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {shown}").parse().unwrap());
        let (status, _, _) = runtime.block_on(ask(Auth::keys(&[KEY.into()]), request));
        prop_assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
}

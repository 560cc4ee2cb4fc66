//! A reverse proxy that remembers what passed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The parameters in order, decoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) status: u16,
    /// Without its parameters.
    pub(crate) answer_type: String,
    pub(crate) answer: Bytes,
}

#[derive(Default)]
struct Book {
    target: String,
    exchanges: Vec<Exchange>,
}

type Shared = Arc<Mutex<Book>>;

/// A running proxy; what it points to is said later, because that starts later.
pub(crate) struct Recorder {
    url: String,
    book: Shared,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let book = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = Router::new().fallback(pass).with_state(Arc::clone(&book));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, book }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn point_to(&self, target: &str) {
        target.clone_into(&mut lock(&self.book).target);
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.book).exchanges.clone()
    }
}

fn lock(book: &Shared) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(State(book): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a request is read");
    let target = lock(&book).target.clone();
    let path_and_query = head.uri.path_and_query().map_or("/", |it| it.as_str());
    let mut headers = head.headers.clone();
    // The host stays, for links in answers repeat it; the answer must be readable here.
    headers.remove(header::ACCEPT_ENCODING);
    headers.remove(header::CONTENT_LENGTH);
    let call = reqwest::Client::new()
        .request(head.method.clone(), format!("{target}{path_and_query}"))
        .headers(headers)
        .body(body.clone());
    let Ok(answer) = call.send().await else {
        return refused();
    };
    let (status, headers) = (answer.status(), answer.headers().clone());
    let Ok(bytes) = answer.bytes().await else {
        return refused();
    };
    let text = |name: header::HeaderName| headers.get(name).and_then(|it| it.to_str().ok());
    let answer_type = text(header::CONTENT_TYPE).and_then(|it| it.split(';').next());
    let query = head.uri.query().unwrap_or_default();
    lock(&book).exchanges.push(Exchange {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: head.headers,
        body,
        status: status.as_u16(),
        answer_type: answer_type.unwrap_or_default().trim().to_owned(),
        answer: bytes.clone(),
    });
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    response
}

fn refused() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response
}

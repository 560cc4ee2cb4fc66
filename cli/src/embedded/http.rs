//! The HTTP of both stores: accepts connections, lets the guard look at every request, ends them with the server.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderValue, ORIGIN};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard;

/// A store as seen from HTTP; clones share it.
pub(super) trait Store: Clone + Send + Sync + 'static {
    /// Answers a request that the guard let pass.
    fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Serves until `finish`, then until the requests running on open connections are answered.
pub(super) async fn serve(listener: TcpListener, store: impl Store, finish: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = finish.cancelled() => break,
        };
        match accepted {
            Ok((socket, _)) => {
                connections.spawn(serve_connection(socket, store.clone(), finish.clone()));
            }
            Err(error) => {
                // Out of file descriptors, mostly: it passes when connections close.
                tracing::warn!(%error, "could not accept a connection to the embedded stores");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

async fn serve_connection(socket: TcpStream, store: impl Store, finish: CancellationToken) {
    let service = service_fn(move |request| {
        let store = store.clone();
        async move { Ok::<_, Infallible>(answer(&store, request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = finish.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(error, "a connection to the embedded stores broke off");
    }
}

async fn answer(store: &impl Store, request: Request<Incoming>) -> Response<Body> {
    let waits_for_nothing =
        request.headers().contains_key(EXPECT) && request.body().is_end_stream();
    let mut answer = match guard::refusal(request.headers()) {
        Some(reason) => refused(&request, reason),
        None => store.answer(request).await,
    };
    guard::seal(answer.headers_mut());
    // boto3 asks for `100 Continue` even before an empty body. Hyper rightly sends none, and boto3 would then misread
    // the next answer on this connection.
    if waits_for_nothing {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

fn refused(request: &Request<Incoming>, reason: &'static str) -> Response<Body> {
    let (host, origin) = (request.headers().get(HOST), request.headers().get(ORIGIN));
    tracing::warn!(?host, ?origin, "the embedded stores refused a request: {reason}");
    let mut answer = Response::new(Body::from(reason));
    *answer.status_mut() = StatusCode::FORBIDDEN;
    answer
}

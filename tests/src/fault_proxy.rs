//! An HTTP proxy between the AWS clients and a store that fails as told, and proves that it did.
//!
//! ```no_run
//! # use e2e::fault_proxy::{FaultProxy, Injection, Operation, StoreFault};
//! # async fn example() {
//! let proxy = FaultProxy::start("http://127.0.0.1:8000").await;
//! proxy.inject(Injection::new(Operation::dynamodb("PutItem"), StoreFault::Throttling).times(3).skip(1));
//! // point AWS_ENDPOINT_URL_DYNAMODB at proxy.url(), sync, then:
//! proxy.assert_all_fired();
//! # }
//! ```

mod answer;
mod batch;
mod injection;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::uri::Authority;
use http::{HeaderMap, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) use injection::decoded;
pub use injection::{Injection, Operation, StoreFault};
use injection::{Plan, Seen};

type Reply = Response<Full<Bytes>>;

type Witness = Box<dyn Fn(&Request<Bytes>) + Send + Sync>;

/// The proxy; it stops when dropped.
pub struct FaultProxy {
    url: String,
    proxy: Arc<Proxy>,
    _server: JoinSet<()>,
}

/// One request that reached the proxy.
#[derive(Clone, Debug)]
pub struct Call {
    /// `PutItem`, or `PUT /bucket/key`.
    pub operation: String,
    /// The label of the injection that hit it.
    pub fault: Option<String>,
    /// The answer's status; none when the connection was dropped, or not yet answered.
    pub status: Option<u16>,
    seen: Seen,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards to the store at `upstream`, an `http://host:port`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        Self::on(listener, upstream, None)
    }

    /// The same, and shows every request to a witness before anything is done with it.
    pub fn watched(
        upstream: &str,
        witness: impl Fn(&Request<Bytes>) + Send + Sync + 'static,
    ) -> Self {
        let listener =
            std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let listener = TcpListener::from_std(listener).expect("inside a Tokio runtime");
        Self::on(listener, upstream, Some(Box::new(witness)))
    }

    fn on(listener: TcpListener, upstream: &str, witness: Option<Witness>) -> Self {
        let upstream: Uri = upstream.parse().expect("upstream is a URL");
        let address = listener.local_addr().expect("a bound socket");
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let proxy = Arc::new(Proxy {
            upstream: upstream.authority().expect("a host and port").clone(),
            client: Client::builder(TokioExecutor::new()).build(connector),
            witness,
            plan: Mutex::default(),
            log: Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, Arc::clone(&proxy)));
        Self { url: format!("http://{address}"), proxy, _server: server }
    }

    /// The endpoint to give to the AWS client.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Arms a fault; of several that match a call, the earliest armed fires.
    pub fn inject(&self, injection: Injection) {
        self.proxy.plan().arm(injection);
    }

    /// Ends every fault; the counts remain.
    pub fn stop_faults(&self) {
        self.proxy.plan().disarm();
    }

    /// How often the injections with this label fired; without a label of its own, the fault's name.
    pub fn fired(&self, label: &str) -> usize {
        self.proxy.plan().fired(label)
    }

    /// Fails the test if an injection never fired: such a test would have proven nothing.
    pub fn assert_all_fired(&self) {
        let unfired = self.proxy.plan().unfired();
        assert!(
            unfired.is_empty(),
            "faults that never fired: {unfired:?}; calls seen: {:?}",
            self.log().iter().map(|call| &call.operation).collect::<Vec<_>>()
        );
    }

    /// How many calls matched, failed ones included.
    pub fn calls(&self, on: &Operation) -> usize {
        self.proxy.log().iter().filter(|call| on.matches(&call.seen)).count()
    }

    /// Every call so far, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.proxy.log().clone()
    }
}

struct Proxy {
    upstream: Authority,
    client: Client<HttpConnector, Full<Bytes>>,
    witness: Option<Witness>,
    plan: Mutex<Plan>,
    log: Mutex<Vec<Call>>,
}

/// The connection ends here, without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the fault proxy dropped the connection")
    }
}

impl std::error::Error for Dropped {}

impl Proxy {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("the plan's lock is never poisoned")
    }

    fn log(&self) -> MutexGuard<'_, Vec<Call>> {
        self.log.lock().expect("the log's lock is never poisoned")
    }

    async fn call(&self, request: Request<Incoming>) -> Result<Reply, Dropped> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(|_| Dropped)?.to_bytes();
        let request = Request::from_parts(parts, body);
        if let Some(witness) = &self.witness {
            witness(&request);
        }
        let seen = Seen::of(&request);
        let hit = self.plan().hit(&seen);
        let place = {
            let mut log = self.log();
            log.push(Call {
                operation: seen.name(),
                fault: hit.as_ref().map(|injection| injection.label().to_owned()),
                status: None,
                seen: seen.clone(),
            });
            log.len() - 1
        };
        let reply = match hit {
            None => Ok(self.forward(request).await),
            Some(injection) => self.fail(injection.fault(), &seen, request).await,
        };
        self.log()[place].status = reply.as_ref().ok().map(|reply| reply.status().as_u16());
        reply
    }

    async fn fail(
        &self,
        fault: &StoreFault,
        seen: &Seen,
        mut request: Request<Bytes>,
    ) -> Result<Reply, Dropped> {
        match fault {
            StoreFault::ConnectionReset => Err(Dropped),
            StoreFault::ApplyThenTimeout => {
                self.forward(request).await;
                Err(Dropped)
            }
            StoreFault::ApplyThen500 => {
                self.forward(request).await;
                Ok(answer::internal_error(seen))
            }
            StoreFault::Delay(time) => {
                tokio::time::sleep(*time).await;
                Ok(self.forward(request).await)
            }
            StoreFault::UnprocessedKeys { keep } | StoreFault::UnprocessedItems { keep } => {
                let (kept, rest) = batch::split(request.body(), *keep);
                request.headers_mut().remove(header::CONTENT_LENGTH);
                let reply = match kept {
                    Some(kept) => self.forward(request.map(|_| kept)).await,
                    None => answer::json(StatusCode::OK, &serde_json::json!({"Responses": {}})),
                };
                Ok(batch::add_unprocessed(reply, fault.name(), rest).await)
            }
            refusal => Ok(answer::refusal(refusal, seen)),
        }
    }

    /// Passes the request on byte for byte, its `Host` included: the signature covers it.
    async fn forward(&self, request: Request<Bytes>) -> Reply {
        let (mut parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().expect("a request has a path");
        parts.uri = Uri::builder()
            .scheme("http")
            .authority(self.upstream.clone())
            .path_and_query(path.clone())
            .build()
            .expect("a path and an authority make a URL");
        parts.version = http::Version::HTTP_11;
        // These are between two neighbours, and the body is whole by now.
        let dropped = [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT];
        remove(&mut parts.headers, &dropped);
        let request = Request::from_parts(parts, Full::new(body));
        match self.receive(request).await {
            Ok(reply) => reply,
            Err(error) => answer::bad_gateway(&error.to_string()),
        }
    }

    async fn receive(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Reply, Box<dyn std::error::Error + Send + Sync>> {
        let (mut parts, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        remove(&mut parts.headers, &[header::CONNECTION, header::TRANSFER_ENCODING]);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

fn remove(headers: &mut HeaderMap, names: &[header::HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

async fn accept(listener: TcpListener, proxy: Arc<Proxy>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((socket, _)) = accepted {
                connections.spawn(serve(socket, Arc::clone(&proxy)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(socket: TcpStream, proxy: Arc<Proxy>) {
    // A client already gone is found out when it is read from.
    let _ = socket.set_nodelay(true);
    let service = service_fn(move |request| {
        let proxy = Arc::clone(&proxy);
        // A task of its own: what a client sent is applied even if it does not wait for the answer.
        let call = tokio::spawn(async move { proxy.call(request).await });
        Box::pin(async { call.await.unwrap_or(Err(Dropped)) })
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if ended.is_err() {
        // An RST, as from a peer that is gone, where a plain close would be a polite goodbye.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

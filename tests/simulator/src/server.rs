//! A loopback HTTP server for one face: it logs requests, fires faults and compresses.

mod answer;
mod call;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::poll_fn;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

use crate::clock::Clock;
use crate::faults::{Fault, Faults};

pub(crate) use answer::Answer;
pub(crate) use call::Call;
pub use call::{AuthKind, SeenRequest};

/// A response body that may fail on purpose.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// One vendor's behaviour, apart from the network.
pub(crate) trait Face: Send + Sync + 'static {
    /// What the vendor answers to this call.
    fn answer(&self, call: &Call) -> Answer;
}

impl<F: Face> Face for Arc<F> {
    fn answer(&self, call: &Call) -> Answer {
        self.as_ref().answer(call)
    }
}

/// A face being served; it stops when dropped.
pub(crate) struct Server {
    port: u16,
    log: Arc<Mutex<Vec<SeenRequest>>>,
    task: AbortHandle,
}

impl Server {
    /// Serves a face on a free port of the loopback address.
    pub(crate) async fn start(face: impl Face, faults: Faults, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let log = Arc::default();
        let desk = Arc::new(Desk { face, faults, clock, log: Arc::clone(&log) });
        let task = tokio::spawn(accept(listener, desk)).abort_handle();
        Ok(Self { port, log, task })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Every request so far, in the order of their answers.
    pub(crate) fn requests(&self) -> Vec<SeenRequest> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Where requests are met: a face with its faults and log.
struct Desk<F> {
    face: F,
    faults: Faults,
    clock: Clock,
    log: Arc<Mutex<Vec<SeenRequest>>>,
}

/// Accepts until aborted; the connections end with it.
async fn accept<F: Face>(listener: TcpListener, desk: Arc<Desk<F>>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, Arc::clone(&desk)));
            }
            Err(error) => tracing::warn!(%error, "the simulator could not accept a connection"),
        }
    }
}

async fn serve<F: Face>(stream: TcpStream, desk: Arc<Desk<F>>) {
    let reset = AtomicBool::new(false);
    let service = service_fn(|request| Box::pin(desk.respond(request, &reset)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error is a client that left, or a fault at work: neither is ours to handle.
    let outcome = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    tracing::trace!(?outcome, "connection over");
    let stream = connection.into_parts().io.into_inner();
    if reset.load(Ordering::SeqCst) {
        // Without lingering, closing sends RST instead of FIN.
        let _ = stream.set_zero_linger();
    }
}

/// The connection ends here, without an answer.
#[derive(Debug)]
struct Reset;

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection reset on purpose")
    }
}

impl std::error::Error for Reset {}

impl<F: Face> Desk<F> {
    async fn respond(
        &self,
        request: Request<Incoming>,
        reset: &AtomicBool,
    ) -> Result<Response<Body>, Reset> {
        let call = Call::read(request, self.clock.now()).await;
        let mut fault = self.faults.take(call.target(), Fault::replaces_answer);
        let replaced = fault.as_ref().map(|fault| Answer::to_fault(fault, self.faults.elsewhere()));
        let answer = match replaced {
            None => self.face.answer(&call),
            Some(Some(answer)) => answer,
            Some(None) => {
                self.note(&call, None, fault);
                reset.store(true, Ordering::SeqCst);
                return Err(Reset);
            }
        };
        if answer.is_page() && fault.is_none() {
            fault = self.faults.take(call.target(), Fault::spoils_delivery);
        }
        self.note(&call, Some(answer.status()), fault.clone());
        Ok(answer.into_response(call.accepts_gzip(), fault.as_ref()))
    }

    fn note(&self, call: &Call, status: Option<u16>, fault: Option<Fault>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push(call.seen(status, fault));
    }
}

//! Serves both stores from threads of their own, so that their disk work never holds up the program around them.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use s3s::service::S3Service;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::lock::FolderLock;
use super::{EmbeddedError, Endpoints, Options, dynamodb, http, s3};

/// More than cores: a worker that waits for the disk computes nothing.
const WORKERS: usize = 4;
/// How long running requests may take once a shutdown has begun.
const DRAIN: Duration = Duration::from_secs(2);

/// The running stores of a folder that this process owns.
#[derive(Debug)]
pub(super) struct Server {
    finish: CancellationToken,
    abort: CancellationToken,
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Opens both stores and their listeners; the endpoints are published when it returns.
    pub(super) async fn start(
        data: &Path,
        options: Options,
        lock: FolderLock,
    ) -> Result<(Self, Endpoints), EmbeddedError> {
        let data = data.to_owned();
        let (finish, abort) = (CancellationToken::new(), CancellationToken::new());
        let (ready, started) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let stop = (finish.clone(), abort.clone());
        let thread = thread::Builder::new()
            .name("tributary-stores".into())
            .spawn(move || {
                run(&data, &options, stop, ready);
                // In this order: whoever takes the lock finds closed files.
                drop(lock);
                let _ = end.send(());
            })
            .map_err(|source| EmbeddedError::Thread { source })?;
        let server = Self { finish, abort, ended: Some(ended), thread: Some(thread) };
        let endpoints = started.await.map_err(|_| EmbeddedError::Stopped)??;
        Ok((server, endpoints))
    }

    /// Lets running requests finish, then closes the stores and releases the folder.
    pub(super) async fn shutdown(mut self) {
        self.finish.cancel();
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.abort.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the stores ended in a panic");
        }
    }
}

type Ready = oneshot::Sender<Result<Endpoints, EmbeddedError>>;

fn run(
    data: &Path,
    options: &Options,
    (finish, abort): (CancellationToken, CancellationToken),
    ready: Ready,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("tributary-stores")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => return drop(ready.send(Err(EmbeddedError::Thread { source }))),
    };
    let stores = match runtime.block_on(async { Stores::open(data, options) }) {
        Ok(stores) => stores,
        Err(error) => return drop(ready.send(Err(error))),
    };
    if ready.send(Ok(stores.endpoints.clone())).is_err() {
        // Whoever asked has gone: `open` was cancelled.
        abort.cancel();
    }
    runtime.block_on(async {
        tokio::select! {
            () = stores.serve(data, options, finish) => {}
            () = abort.cancelled() => {}
        }
    });
    if let Err(error) = Endpoints::withdraw(data) {
        tracing::warn!(%error, "could not remove endpoints.json; it is ignored while nobody serves the folder");
    }
}

struct Stores {
    endpoints: Endpoints,
    database: dynoxide::Database,
    dynamodb: TcpListener,
    service: S3Service,
    s3: TcpListener,
}

impl Stores {
    fn open(data: &Path, options: &Options) -> Result<Self, EmbeddedError> {
        let unwritable = |source| EmbeddedError::Folder { path: data.into(), source };
        Endpoints::withdraw(data).map_err(unwritable)?;
        let service = s3::service(data, options.durability)?;
        let database = dynamodb::open(data, options.durability)?;
        let (s3, s3_url) = listen("S3", options.s3_port)?;
        let (dynamodb, dynamodb_url) = listen("DynamoDB", options.dynamodb_port)?;
        let endpoints = Endpoints {
            s3: s3_url,
            dynamodb: dynamodb_url,
            pid: std::process::id(),
            attached: false,
        };
        endpoints.publish(data).map_err(unwritable)?;
        Ok(Self { endpoints, database, dynamodb, service, s3 })
    }

    /// Serves until `finish`, then for as long as running requests take, within bounds.
    async fn serve(self, data: &Path, options: &Options, finish: CancellationToken) {
        let sweeper = tokio::spawn(dynamodb::sweep(self.database.clone(), options.sweep_every));
        let dynamodb = tokio::spawn(http::serve(self.dynamodb, self.database, finish.clone()));
        let s3 = tokio::spawn(http::serve(self.s3, self.service, finish.clone()));
        finish.cancelled().await;
        // Before the listeners close, so that nobody attaches to a process on its way out.
        if let Err(error) = Endpoints::withdraw(data) {
            tracing::warn!(%error, "could not remove endpoints.json");
        }
        sweeper.abort();
        let drained = async { tokio::join!(dynamodb, s3) };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!(
                "requests to the embedded stores were still running after {DRAIN:?} and were cut off"
            );
        }
    }
}

fn listen(store: &'static str, port: u16) -> Result<(TcpListener, String), EmbeddedError> {
    let open = || -> io::Result<(TcpListener, String)> {
        let socket = TcpSocket::new_v4()?;
        // Without Nagle's delay; accepted connections inherit it.
        socket.set_nodelay(true)?;
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        let listener = socket.listen(1024)?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok((listener, url))
    };
    open().map_err(|source| EmbeddedError::Port { store, port, source })
}

//! `tributary serve`: receives webhooks, reads on a schedule what they missed, and answers who a customer is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use customers::Auth;
use serde_json::json;
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::Outcome;
use shared::receive::{Inlet, Receiver};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::arguments::{Global, Serve};
use crate::command::tables::{commit, told};
use crate::display::{grouped, say};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::progress::Watch;
use crate::session::Session;

/// Deliveries under way get this long when the process is asked to end.
const DRAIN: Duration = Duration::from_secs(25);

pub(crate) async fn run(global: &Global, serve: &Serve) -> Result<Exit, Failure> {
    let listener = listen(serve.listen).await?;
    let session = Session::open(global).await?;
    let served = receive(global, serve, &session, listener).await;
    session.close().await;
    served
}

async fn receive(
    global: &Global,
    serve: &Serve,
    session: &Session,
    listener: TcpListener,
) -> Result<Exit, Failure> {
    session.require_secrets(&Selection::default()).await?;
    for connection in session.connections(&Selection::default())? {
        // A delivery could never be verified; better found out now than by the first one.
        for reference in &connection.common.webhook_secrets {
            session.hub.secrets().read(reference).await?;
        }
    }
    let stop = CancellationToken::new();
    let inlet: Arc<dyn Inlet> = Arc::clone(&session.hub) as _;
    let address = listener.local_addr().map_err(broken)?;
    let auth = auth(session, address).await?;
    let api = session.customers().map(|customers| customers::router(customers, auth.clone()));
    let closed = api.as_ref().err().map(|failure| format!("no customer API: {failure}"));
    let api = api.unwrap_or_default();
    let door = Door::open(session, listener, inlet, api, stop.clone())?;
    announce(global, serve, session, door.address);
    if !global.quiet {
        tell(&closed.unwrap_or_else(|| of_customers(address, &auth)));
    }
    let watch = Watch::new(&Global { quiet: true, ..global.clone() });
    let schedule = keep_reading(global, session, serve, &watch);
    tokio::select! {
        () = schedule => {}
        () = super::interrupt() => tell("stopping: deliveries under way are finished first"),
    }
    stop.cancel();
    session.give_up(&watch.running()).await;
    door.closed().await?;
    Ok(Exit::Success)
}

/// Reads all streams, commits, waits, and so on; what is cut off by the end of the process goes on with the next one.
async fn keep_reading(global: &Global, session: &Session, serve: &Serve, watch: &Watch) {
    loop {
        if !serve.no_sync {
            read(global, session, watch).await;
        }
        if !serve.no_tables {
            match bring(session).await {
                Ok(Some(line)) if !global.quiet => tell(&line),
                Ok(_) => {}
                Err(failure) => tell(&failure.to_string()),
            }
        }
        tokio::time::sleep(serve.every).await;
    }
}

async fn bring(session: &Session) -> Result<Option<String>, Failure> {
    Ok(told(&commit(&session.lake()?).await?))
}

async fn read(global: &Global, session: &Session, watch: &Watch) {
    match session.hub.sync(&Selection::default(), Budget::unlimited(), watch).await {
        Err(error) => tell(&format!("sync failed: {}", error.chain())),
        Ok(runs) => {
            let landed: u64 = runs.iter().map(|run| run.ledger.landed).sum();
            let failed = runs.iter().filter(|run| run.outcome == Outcome::Failed).count();
            if !global.quiet {
                tell(&format!(
                    "synced {} streams: {} records landed, {failed} failed",
                    runs.len(),
                    grouped(landed)
                ));
            }
            for remark in crate::display::remarks(&runs) {
                tell(&remark);
            }
        }
    }
}

fn announce(global: &Global, serve: &Serve, session: &Session, address: SocketAddr) {
    let url = format!("http://{address}");
    let endpoints = session.endpoints();
    if global.json {
        let (s3, dynamodb) =
            endpoints.map(|endpoints| (&endpoints.s3, &endpoints.dynamodb)).unzip();
        say(json!({ "listening": url, "s3": s3, "dynamodb": dynamodb }).to_string());
    } else {
        say(format!("listening on {url}"));
    }
    if global.quiet {
        return;
    }
    for (name, connection) in &session.hub.settings().connections {
        if connection.connector.webhook.is_some() {
            let unsigned = connection.common.webhook_secrets.is_empty();
            let remark = if unsigned { "  (refuses all: set webhook_secrets)" } else { "" };
            tell(&format!("webhooks of {name}: POST {url}/webhooks/{name}{remark}"));
        }
    }
    if endpoints.is_some() {
        tell("any AWS SDK or tool reads the stores with:");
        for (name, value) in session.env() {
            tell(&format!("  export {name}={value}"));
        }
    }
    if serve.no_sync {
        tell("no syncs are scheduled");
    } else {
        tell(&format!(
            "syncing now, and {} after each sync; Ctrl-C stops",
            crate::display::human(serve.every)
        ));
    }
}

/// Who may ask the customer API: holders of the settings' keys; without keys, this machine.
async fn auth(session: &Session, address: SocketAddr) -> Result<Auth, Failure> {
    let keys = Auth::of(session.hub.settings(), session.hub.secrets()).await?;
    let local = address.ip().is_loopback();
    Ok(keys.unwrap_or(if local { Auth::Loopback } else { Auth::Nobody }))
}

fn of_customers(address: SocketAddr, auth: &Auth) -> String {
    let who = match auth {
        Auth::Keys(_) => "with an API key",
        Auth::Loopback | Auth::Trusted => {
            "from this machine only: there are no [customers] api_keys"
        }
        Auth::Nobody => "refuses all: set [customers] api_keys",
    };
    format!(
        "customers: POST http://{address}/customers/lookup  ({who}); GET /openapi.json tells more"
    )
}

/// Takes the address, so that a port in use is found out before anything else is opened.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::misuse(
            format!("cannot listen on {address}: {error}"),
            "choose another address with --listen, e.g. --listen 127.0.0.1:0 for any free port",
        )
    })
}

/// The door for webhooks, open until its token is cancelled.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Door {
    /// Begins to serve deliveries for the session's connections, and what else there is.
    pub(super) fn open(
        session: &Session,
        listener: TcpListener,
        inlet: Arc<dyn Inlet>,
        beside: Router,
        stop: CancellationToken,
    ) -> Result<Self, Failure> {
        let address = listener.local_addr().map_err(broken)?;
        let receiver =
            Receiver::new(Arc::clone(session.hub.settings()), session.hub.secrets().clone(), inlet);
        let serving = axum::serve(listener, receiver.router().merge(beside))
            .with_graceful_shutdown(stop.cancelled_owned());
        let server = tokio::spawn(async move { serving.await });
        Ok(Self { address, server })
    }

    /// Waits for the deliveries under way.
    pub(super) async fn closed(self) -> Result<(), Failure> {
        let abort = self.server.abort_handle();
        match tokio::time::timeout(DRAIN, self.server).await {
            Ok(Ok(served)) => served.map_err(broken),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => {
                abort.abort();
                tell("warning: some deliveries were cut off; their senders try again");
                Ok(())
            }
        }
    }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!("serving webhooks stopped: {error}"), "start `tributary serve` again")
}

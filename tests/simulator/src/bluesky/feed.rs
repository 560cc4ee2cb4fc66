//! The Jetstream: a WebSocket with all that happens on the network, most of which concerns nobody here.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::xrpc::Shared;
use crate::clock::Clock;
use crate::faults::Fault;

/// Strangers do something this often.
const STRANGERS_EVERY: i64 = 20_000_000;
/// How often a subscriber who has heard everything is told of news.
const NEWS: Duration = Duration::from_millis(25);

/// A feed being served; it stops when dropped.
pub(super) struct Jetstream {
    port: u16,
    subscriptions: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl Jetstream {
    pub(super) async fn start(shared: Arc<Shared>, clock: Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let subscriptions: Arc<Mutex<Vec<String>>> = Arc::default();
        let desk = Arc::new(Desk { shared, clock, subscriptions: Arc::clone(&subscriptions) });
        let task = tokio::spawn(async move {
            let mut subscribers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while subscribers.try_join_next().is_some() {}
                let desk = Arc::clone(&desk);
                subscribers.spawn(async move { desk.serve(stream).await });
            }
        });
        Ok(Self { port, subscriptions, task: task.abort_handle() })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn subscriptions(&self) -> Vec<String> {
        self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Jetstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Desk {
    shared: Arc<Shared>,
    clock: Clock,
    subscriptions: Arc<Mutex<Vec<String>>>,
}

/// What a subscriber asked for.
#[derive(Clone, Default)]
struct Wish {
    collections: Vec<String>,
    cursor: Option<i64>,
}

impl Wish {
    /// Unknown parameters are refused loudly here: production ignores them, and tells everything.
    fn read(query: &str) -> Result<Self, String> {
        let mut wish = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "wantedCollections" => wish.collections.push(value.into_owned()),
                "cursor" => {
                    let cursor = value.parse().map_err(|_| format!("invalid cursor: {value}"))?;
                    wish.cursor = Some(cursor);
                }
                other => return Err(format!("unknown parameter: {other}")),
            }
        }
        Ok(wish)
    }
}

impl Desk {
    async fn serve(&self, stream: TcpStream) {
        let (mut wish, mut fault) = (None, None);
        // A large error type is what the crate asks for.
        #[expect(clippy::result_large_err, reason = "the callback's type is not ours")]
        let door = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
            let target = request.uri().to_string();
            let refuse = |status: u16, why: String| {
                let mut refusal = ErrorResponse::new(Some(why));
                *refusal.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
                Err(refusal)
            };
            self.subscriptions.lock().unwrap_or_else(PoisonError::into_inner).push(target.clone());
            fault = self.shared.faults.take(&target, |fault| {
                fault.replaces_answer() || matches!(fault, Fault::TruncatedPage)
            });
            if let Some(Fault::Status(status)) = fault {
                return refuse(status, "injected".to_owned());
            }
            if request.uri().path() != "/subscribe" {
                return refuse(404, "not found".to_owned());
            }
            match Wish::read(request.uri().query().unwrap_or_default()) {
                Ok(read) => wish = Some(read),
                Err(why) => return refuse(400, why),
            }
            Ok(response)
        };
        let Ok(mut socket) = accept_hdr_async(stream, door).await else { return };
        let Some(wish) = wish else { return };
        if fault == Some(Fault::ConnectionReset) {
            return;
        }
        let mut at = self.from(&wish);
        let mut left = usize::MAX;
        loop {
            let (frames, heard) = self.frames(&wish, at);
            at = heard;
            if fault == Some(Fault::TruncatedPage) {
                // Half of it, then nothing more: without a farewell.
                left = frames.len() / 2;
            }
            for frame in frames.into_iter().take(left) {
                if socket.feed(Message::text(frame)).await.is_err() {
                    return;
                }
            }
            if socket.flush().await.is_err() || left < usize::MAX {
                return;
            }
            // Nobody sends us anything but pings and a farewell.
            if let Ok(None | Some(Err(_) | Ok(Message::Close(_)))) =
                tokio::time::timeout(NEWS, socket.next()).await
            {
                return;
            }
        }
    }

    /// Where a subscription begins: too old a cursor is moved forward without a word.
    fn from(&self, wish: &Wish) -> i64 {
        let now = self.clock.now().as_microsecond();
        let kept = i64::try_from(self.shared.lock().feed_keeps.as_micros()).unwrap_or(i64::MAX);
        wish.cursor.map_or(now, |cursor| cursor.max(now.saturating_sub(kept)))
    }

    /// What happened from `from` to now, and where to go on.
    fn frames(&self, wish: &Wish, from: i64) -> (Vec<String>, i64) {
        let state = self.shared.lock();
        let log = &state.network.log;
        // The last change may carry a time just ahead of the clock, to keep the order.
        let last = log.last().map_or(0, |event| event.time_us);
        let now = self.clock.now().as_microsecond().max(last);
        let known = log.iter().skip(log.partition_point(|event| event.time_us < from));
        let mut told: Vec<(i64, String)> =
            known.map(|event| (event.time_us, event.body.to_string())).collect();
        let ticks = from.div_euclid(STRANGERS_EVERY)..=now.div_euclid(STRANGERS_EVERY);
        for tick in ticks {
            let at = tick * STRANGERS_EVERY;
            if (from..=now).contains(&at) {
                told.extend(strangers(tick, at, wish).map(|frame| (at, frame)));
            }
        }
        told.sort();
        (told.into_iter().map(|(_, frame)| frame).collect(), now + 1)
    }
}

/// What somebody whom nobody here knows did at that time.
fn strangers(tick: i64, at: i64, wish: &Wish) -> impl Iterator<Item = String> {
    let did = format!("did:plc:stranger{:016}", tick.rem_euclid(1_000));
    let commit = |collection: &str, operation: &str, record: serde_json::Value| {
        let mut commit = json!({ "rev": "3mptbypuw3t2q", "operation": operation, "collection": collection,
            "rkey": format!("3stranger{}", tick % 100_000) });
        if operation == "create" {
            commit["record"] = record;
            commit["cid"] = "bafyreistranger".into();
        }
        json!({ "did": did, "time_us": at, "kind": "commit", "commit": commit })
    };
    let post = "app.bsky.feed.post";
    let mut events = Vec::new();
    let wants =
        |name: &str| wish.collections.is_empty() || wish.collections.iter().any(|it| it == name);
    if wants(post) {
        let operation = if tick % 5 == 0 { "delete" } else { "create" };
        let said = json!({ "$type": post, "text": "good morning from the other side", "langs": ["en"],
            "createdAt": "2026-03-02T12:00:00.000Z" });
        events.push(commit(post, operation, said));
    }
    if wants("app.bsky.feed.like") {
        events.push(commit(
            "app.bsky.feed.like",
            "create",
            json!({ "$type": "app.bsky.feed.like" }),
        ));
    }
    if tick % 7 == 0 {
        let told = json!({ "did": did, "active": false, "status": "deleted", "seq": tick, "time": "2026-03-02T12:00:00.000Z" });
        events.push(json!({ "did": did, "time_us": at, "kind": "account", "account": told }));
    }
    events.into_iter().map(|event| event.to_string())
}

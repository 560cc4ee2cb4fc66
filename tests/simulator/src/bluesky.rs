//! Bluesky as its XRPC endpoints and its Jetstream show it.

mod bulk;
mod feed;
mod history;
mod json;
mod network;
mod session;
#[cfg(test)]
mod tests;
mod truth;
mod xrpc;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bulk::bulk_posts;
pub use network::{Account, Post, Status};
pub use truth::{AuthorTruth, PostTruth, Truth};

use feed::Jetstream;
use network::Network;
use session::Sessions;
use xrpc::Shared;

const HANDLE: &str = "sync.ember-oak.example";
const APP_PASSWORD: &str = "simu-late-dapp-pass";
/// What a connection looks for; every customer's post fits one of these, but not every answer to us.
pub const QUERIES: [&str; 2] = ["\"Ember & Oak\"", "#emberoak"];

/// The account that searches, its network and its limits.
struct State {
    network: Network,
    sessions: Sessions,
    /// Cursors of earlier generations have expired.
    cursor_generation: u32,
    /// How far back the feed goes.
    feed_keeps: Duration,
}

/// A running Bluesky.
pub struct Bluesky {
    shared: Arc<Shared>,
    server: Server,
    feed: Jetstream,
    clock: Clock,
}

impl Bluesky {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let mut network = Network::new(dice(settings.seed, 60));
        history::write(&mut network, company, settings.days, until);
        let state = State {
            network,
            sessions: Sessions::default(),
            cursor_generation: 0,
            // About what production keeps.
            feed_keeps: Duration::from_hours(36),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), faults: faults.clone() });
        let server = Server::start(Arc::clone(&shared), faults, clock.clone()).await?;
        let feed = Jetstream::start(Arc::clone(&shared), clock.clone()).await?;
        Ok(Self { shared, server, feed, clock })
    }

    /// Where the XRPC endpoints are.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// Where the feed is.
    pub fn jetstream_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.feed.port())
    }

    /// What a settings file says of a connection to it.
    pub fn connection(&self) -> ConnectionKeys {
        let own = self.shared.lock().network.own.clone();
        ConnectionKeys {
            source: "bluesky",
            keys: format!(
                "base_url = {:?}\nhandle = {HANDLE:?}\n\
                 app_password = {{ file = \"bluesky-app-password\" }}\n\
                 queries = {QUERIES:?}\nown_dids = [{own:?}]\njetstream_url = {:?}\npace = \"unlimited\"",
                self.base_url(),
                self.jetstream_url(),
            ),
            secrets: vec![("bluesky-app-password", APP_PASSWORD.to_owned())],
        }
    }

    /// The faults to inject here; those that replace an answer also meet the feed, at `/subscribe`.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }

    /// The path and query of every subscription to the feed so far.
    pub fn subscriptions(&self) -> Vec<String> {
        self.feed.subscriptions()
    }

    /// Whose an account is, by index into the company's people.
    pub(crate) fn people(&self) -> std::collections::BTreeMap<String, usize> {
        self.shared.lock().network.people.clone()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        Truth::of(&self.lock().network)
    }

    /// Makes this many random changes now.
    pub fn live(&self, changes: usize) {
        let now = self.clock.now();
        let mut state = self.lock();
        for _ in 0..changes {
            state.network.live(now);
        }
    }

    /// Somebody says something about the company, on a date of their choice.
    pub fn post(&self, text: &str, created_at: Option<Timestamp>) -> String {
        let now = self.clock.now();
        self.lock().network.somebody_posts(text, created_at.unwrap_or(now), now)
    }

    /// Somebody answers one of the company's posts, without its name.
    pub fn answer_us(&self, text: &str) -> String {
        let now = self.clock.now();
        self.lock().network.somebody_answers(text, now)
    }

    /// The author of a post deletes it.
    pub fn delete_post(&self, uri: &str) {
        let now = self.clock.now();
        self.lock().network.delete(uri, now);
    }

    /// The author of a post changes it.
    pub fn edit_post(&self, uri: &str, text: &str) {
        let now = self.clock.now();
        self.lock().network.edit(uri, text, now);
    }

    /// An account is deleted, hidden, or there again.
    pub fn set_account(&self, did: &str, status: Status) {
        let now = self.clock.now();
        self.lock().network.set_status(did, status, now);
    }

    /// An account takes another handle.
    pub fn rename_account(&self, did: &str, handle: &str) {
        let now = self.clock.now();
        self.lock().network.rename(did, handle, now);
    }

    /// Ends every access token; refresh tokens stay good.
    pub fn expire_access_tokens(&self) {
        self.lock().sessions.expire_access();
    }

    /// Ends every token: somebody has to sign in again.
    pub fn end_sessions(&self) {
        self.lock().sessions.end();
    }

    /// How many sessions were opened with the password.
    pub fn sessions_opened(&self) -> usize {
        self.lock().sessions.opened()
    }

    /// How many were renewed.
    pub fn sessions_renewed(&self) -> usize {
        self.lock().sessions.renewed()
    }

    /// Allows so many requests in five minutes.
    pub fn set_rate_limit(&self, requests: u32) {
        self.lock().sessions.limit(requests);
    }

    /// Refuses every search cursor given out so far.
    pub fn expire_cursors(&self) {
        self.lock().cursor_generation += 1;
    }

    /// Lets the feed forget what is older; an older cursor is moved forward without a word.
    pub fn set_feed_keeps(&self, time: Duration) {
        self.lock().feed_keeps = time;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Shared {
    /// The network, even when a test panicked with it in hand.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

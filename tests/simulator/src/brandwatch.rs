//! Social listening: Brandwatch Consumer Research as its API shows it.

mod archive;
mod bulk;
mod face;
mod history;
mod json;
mod limits;
mod pages;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use archive::{Author, Mention};
pub use bulk::bulk_mentions;

use archive::Archive;
use face::{Shared, State};
use limits::Limits;

const PROJECT: u64 = 398_748_937;
const OTHER_PROJECT: u64 = 32_092_327;
const USERNAME: &str = "listening@ember-oak.example";
const PASSWORD: &str = "simulated-listening-password";

/// A running Brandwatch with one project of interest.
pub struct Brandwatch {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

/// What a faithful copy must contain now.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The project.
    pub project: u64,
    /// The names of its active queries by id.
    pub queries: BTreeMap<u64, &'static str>,
    /// Every mention by query and resource id; a vanished one says so.
    pub mentions: BTreeMap<(u64, String), Mention>,
}

impl Brandwatch {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let mut archive = Archive::new(dice(settings.seed, 70));
        history::write(&mut archive, company, settings.days, until);
        let state = State {
            archive,
            company: Arc::clone(company),
            limits: Limits::default(),
            tokens: dice(settings.seed, 71),
            token: None,
            sign_ins: 0,
            page_size: pages::LARGEST,
            generation: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), faults: faults.clone() });
        let server = Server::start(Arc::clone(&shared), faults, clock.clone()).await?;
        Ok(Self { shared, server, clock })
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// What a settings file says of a connection to it.
    pub fn connection(&self) -> ConnectionKeys {
        let base = self.base_url();
        let keys = format!(
            "base_url = {base:?}\nproject = {PROJECT}\nusername = {USERNAME:?}\n\
             password = {{ file = \"brandwatch-password\" }}\npace = \"unlimited\"\n"
        );
        let secrets = vec![("brandwatch-password", PASSWORD.to_owned())];
        ConnectionKeys { source: "brandwatch", keys, secrets }
    }

    /// The faults to inject here.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        let state = self.shared.lock();
        Truth {
            project: PROJECT,
            queries: archive::QUERIES.iter().copied().collect(),
            mentions: state.archive.mentions.clone(),
        }
    }

    /// Makes this many random changes now: new posts, old ones found late, edits.
    pub fn live(&self, changes: usize) {
        self.shared.lock().live(changes, self.clock.now());
    }

    /// Lets this many mentions vanish, as when their authors delete them; returns their keys.
    pub fn vanish(&self, mentions: usize) -> Vec<(u64, String)> {
        self.shared.lock().archive.vanish(mentions)
    }

    /// Adds a post of so many days ago now, as the crawler or a backfill finds it; returns its key.
    pub fn add_late(&self, days: u32) -> (u64, String) {
        self.shared.lock().add_late(days, self.clock.now())
    }

    /// Adds a post of so many days ago that claims to have been there since: no pass by clock sees it.
    pub fn add_unseen(&self, days: u32) -> (u64, String) {
        self.shared.lock().add_unseen(days, self.clock.now())
    }

    /// Gives fewer rows a page than are asked for.
    pub fn set_page_size(&self, rows: usize) {
        self.shared.lock().page_size = rows.clamp(1, pages::LARGEST);
    }

    /// Refuses every cursor given out so far.
    pub fn expire_cursors(&self) {
        self.shared.lock().generation += 1;
    }

    /// Allows so many calls in any span of this length, and tells of it; none allows all.
    pub fn set_rate_limit(&self, calls: Option<u32>, span: Duration) {
        self.shared.lock().limits.set(calls, span);
    }

    /// Ends the current access token.
    pub fn expire_token(&self) {
        self.shared.lock().token = None;
    }

    /// How often somebody signed in.
    pub fn sign_ins(&self) -> usize {
        self.shared.lock().sign_ins
    }
}

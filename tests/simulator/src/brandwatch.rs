//! Brandwatch as its API shows it.

use std::sync::Arc;

use jiff::Timestamp;

use crate::Settings;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::server::{Answer, Call, Face, SeenRequest, Server};
use crate::world::Company;

/// A running Brandwatch.
pub struct Brandwatch {
    faults: Faults,
    server: Server,
}

impl Brandwatch {
    pub(crate) async fn start(
        _settings: &Settings,
        _until: Timestamp,
        _company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let server = Server::start(Nothing, faults.clone(), clock).await?;
        Ok(Self { faults, server })
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The faults to inject here.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }
}

struct Nothing;

impl Face for Nothing {
    fn answer(&self, _: &Call) -> Answer {
        Answer::json(404, "{}")
    }
}

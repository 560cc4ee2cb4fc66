//! The CRM: HubSpot as its API and webhooks show it.

mod bulk;
mod face;
mod history;
mod json;
mod lists;
mod live;
mod oauth;
mod records;
mod search;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport};
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bulk::bulk_contacts;
pub use records::{Kind, Object, Place};
pub use webhooks::{signature_v1, signature_v3};

use face::{Limits, Shared, State};
use oauth::OAuth;
use records::Portal;
use webhooks::Outbox;

const TOKEN: &str = "pat-eu1-simulated-0001";
const WEBHOOK_SECRET: &str = "simulated-app-secret-0001";
/// A proxy stands before the receiver, and the address has an escape.
const WEBHOOK_URL: &str = "https://hooks.ember-oak.example/webhooks/hubspot?app=crm%3Aeu";

/// A running HubSpot.
pub struct HubSpot {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

/// What a faithful copy of the CRM must contain.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Every object by type and id, the ones in the bin too.
    pub objects: BTreeMap<Kind, BTreeMap<u64, Object>>,
    /// Who is linked to whom, both ways; true for the primary one.
    pub links: BTreeMap<Place, BTreeMap<Place, bool>>,
    /// Who was ever linked to whom.
    pub ever_linked: BTreeSet<(Place, Place)>,
    /// What was erased or merged into another.
    pub erased: BTreeSet<Place>,
}

impl HubSpot {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let outbox = Outbox::new(dice(settings.seed, 51));
        let mut portal = Portal::new(dice(settings.seed, 50), outbox);
        history::write(&mut portal, company, settings.days, until);
        portal.outbox.open = true;
        let state = State {
            portal,
            company: Arc::clone(company),
            token: TOKEN.to_owned(),
            oauth: OAuth::default(),
            limits: None,
            search_wall: 10_000,
            link_page: 500,
            links_as_text: false,
            cursor_generation: 1,
            backdate: SignedDuration::ZERO,
            webhook_url: WEBHOOK_URL.to_owned(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), faults: faults.clone() });
        let server = Server::start(Arc::clone(&shared), faults, clock.clone()).await?;
        Ok(Self { shared, server, clock })
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// The faults to inject here.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }

    /// What a settings file says of a connection that signs in with a private app's token.
    pub fn connection(&self) -> ConnectionKeys {
        let token = "token = { file = \"hubspot-token\" }";
        self.keys(token, vec![("hubspot-token", TOKEN.to_owned())])
    }

    /// The same with an OAuth client.
    pub fn oauth_connection(&self) -> ConnectionKeys {
        let oauth = format!(
            "oauth = {{ client_id = {:?}, client_secret = {{ file = \"hubspot-client\" }}, refresh_token = {{ file = \"hubspot-refresh\" }} }}",
            oauth::CLIENT_ID
        );
        let secrets = vec![
            ("hubspot-client", oauth::CLIENT_SECRET.to_owned()),
            ("hubspot-refresh", oauth::REFRESH_TOKEN.to_owned()),
        ];
        self.keys(&oauth, secrets)
    }

    fn keys(&self, sign_in: &str, mut secrets: Vec<(&'static str, String)>) -> ConnectionKeys {
        let url = self.shared.lock().webhook_url.clone();
        let keys = format!(
            "base_url = {:?}\n{sign_in}\npace = \"unlimited\"\nregion = \"GB\"\nwebhook_url = {url:?}\n\
             webhook_secrets = [{{ file = \"hubspot-webhook\" }}]\n",
            self.base_url()
        );
        secrets.push(("hubspot-webhook", WEBHOOK_SECRET.to_owned()));
        ConnectionKeys { source: "hubspot", keys, secrets }
    }

    /// Ends the current access token; the next refresh gives a new one.
    pub fn expire_access_token(&self) {
        self.shared.lock().oauth.expire();
    }

    /// How many refreshes succeeded.
    pub fn refreshes(&self) -> usize {
        self.shared.lock().oauth.refreshes()
    }

    /// Whom a contact is about, by index into the company's people.
    pub(crate) fn people(&self) -> std::collections::BTreeMap<u64, usize> {
        self.shared.lock().portal.people.clone()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        let state = self.shared.lock();
        let Portal { objects, links, ever_linked, erased, .. } = &state.portal;
        Truth {
            objects: objects.clone(),
            links: links.clone(),
            ever_linked: ever_linked.clone(),
            erased: erased.clone(),
        }
    }

    /// Makes this many random changes now.
    pub fn live(&self, changes: usize) {
        let (at, now) = self.moment();
        let mut state = self.shared.lock();
        let company = Arc::clone(&state.company);
        for _ in 0..changes {
            state.portal.live(&company, at, now);
        }
    }

    /// Dates the changes to come so much into the past: whoever reads up to a minute ago sees them at once.
    pub fn set_backdate(&self, by: Duration) {
        self.shared.lock().backdate = SignedDuration::try_from(by).unwrap_or_default();
    }

    /// Lets the search see changes so much later.
    pub fn set_search_lag(&self, lag: Duration) {
        self.shared.lock().portal.lag = SignedDuration::try_from(lag).unwrap_or_default();
    }

    /// Lets a search reach so many rows in place of 10,000.
    pub fn set_search_wall(&self, rows: u64) {
        self.shared.lock().search_wall = rows;
    }

    /// Tells at most so many links of one object in one answer, and their ids as text if asked.
    pub fn set_links(&self, at_once: usize, as_text: bool) {
        let mut state = self.shared.lock();
        (state.link_page, state.links_as_text) = (at_once.max(1), as_text);
    }

    /// Limits requests in ten seconds and searches in one; none lifts the limits.
    pub fn set_rate_limit(&self, limits: Option<(usize, usize)>) {
        let limits =
            limits.map(|(requests, searches)| Limits { requests, searches, seen: Vec::new() });
        self.shared.lock().limits = limits;
    }

    /// Refuses every token of a list given out so far.
    pub fn expire_cursors(&self) {
        self.shared.lock().cursor_generation += 1;
    }

    /// The address that signatures cover.
    pub fn set_webhook_url(&self, url: &str) {
        url.clone_into(&mut self.shared.lock().webhook_url);
    }

    /// Every event so far, sent or not.
    pub fn events(&self) -> Vec<serde_json::Value> {
        self.shared.lock().portal.outbox.events().to_vec()
    }

    /// Sends what has not been sent before to a receiver.
    pub async fn send_webhooks(&self, url: &str, plan: &DeliveryPlan) -> DeliveryReport {
        let (lists, signed) = {
            let mut state = self.shared.lock();
            (state.portal.outbox.take(), state.webhook_url.clone())
        };
        webhooks::send_all(lists, url, &signed, plan, WEBHOOK_SECRET, self.clock.now()).await
    }

    /// Adds objects with this one property, all in the same millisecond.
    pub fn import(&self, kind: Kind, count: usize, name: &'static str, value: &str) -> Vec<u64> {
        let (at, now) = self.moment();
        let mut state = self.shared.lock();
        let mut add = || {
            let properties = [(name, Some(value.to_owned()))].into();
            state.portal.create(kind, at, now, properties)
        };
        (0..count).map(|_| add()).collect()
    }

    /// Sets a property.
    pub fn set(&self, place: Place, name: &'static str, value: Option<&str>) {
        let (at, now) = self.moment();
        self.shared.lock().portal.set(place, at, now, name, value.map(str::to_owned));
    }

    /// Links two objects, which touches neither.
    pub fn link(&self, one: Place, other: Place) {
        let (at, _) = self.moment();
        let mut state = self.shared.lock();
        state.portal.link(one, other, false);
        state.portal.announce_link(one, other, at, false);
    }

    /// Takes a link away, which touches neither end.
    pub fn unlink(&self, one: Place, other: Place) {
        let (at, _) = self.moment();
        let mut state = self.shared.lock();
        state.portal.unlink(one, other);
        state.portal.announce_link(one, other, at, true);
    }

    /// Puts an object into the bin.
    pub fn archive(&self, place: Place) {
        let (at, _) = self.moment();
        self.shared.lock().portal.archive(place, at);
    }

    /// Takes an object out of the bin.
    pub fn restore(&self, place: Place) {
        let (at, now) = self.moment();
        self.shared.lock().portal.restore(place, at, now);
    }

    /// Erases a contact for good: no list has it any more.
    pub fn erase(&self, contact: u64) {
        let (at, _) = self.moment();
        self.shared.lock().portal.erase(contact, at);
    }

    /// Merges a contact into another.
    pub fn merge(&self, winner: u64, loser: u64) {
        let (at, now) = self.moment();
        self.shared.lock().portal.merge(winner, loser, at, now);
    }

    /// The date of a change made now, and the real time of it.
    fn moment(&self) -> (Timestamp, Timestamp) {
        let now = self.clock.now();
        (now - self.shared.lock().backdate, now)
    }
}

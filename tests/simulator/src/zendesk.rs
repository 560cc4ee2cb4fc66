//! The helpdesk: Zendesk Support as its REST API and webhooks show it.

mod bad;
mod bulk;
mod changes;
mod desk;
mod exports;
mod face;
mod history;
mod json;
mod limits;
mod lists;
mod live;
mod oauth;
mod pages;
mod prose;
mod records;
mod sender;
#[cfg(test)]
mod tests;
mod timeline;
mod truth;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport};
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bad::{BadRecord, BadTruth};
pub use bulk::bulk_tickets;
pub use changes::NewTicket;
pub use oauth::OAuthCredentials;
pub use records::{Deletion, Organization, Rating, Role, Score, Status, Ticket, User};
pub use truth::{EventKind, EventTruth, Truth};
pub use webhooks::{Delivery, Subject, signature};

use desk::Desk;
use face::{EXPORT_PAGE, Shared, State};
use limits::Limits;
use oauth::OAuth;
use webhooks::Outbox;

const EMAIL: &str = "owner@ember-oak.example";
const API_TOKEN: &str = "simulated-api-token-0001";
const WEBHOOK_SECRET: &str = "c2ltdWxhdGVkLXNlY3JldC1vZi10b2RheQ==";
const OLD_WEBHOOK_SECRET: &str = "c2ltdWxhdGVkLXNlY3JldC1vZi1sYXN0LXllYXI=";

/// A running helpdesk.
pub struct Zendesk {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

impl Zendesk {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let outbox = Outbox::new(dice(settings.seed, 12), WEBHOOK_SECRET.to_owned());
        let mut desk = Desk::new(dice(settings.seed, 10), outbox);
        history::write(&mut desk, company, settings.days, until);
        desk.outbox.open = true;
        let state = State {
            desk,
            company: Arc::clone(company),
            oauth: OAuth::new(dice(settings.seed, 11)),
            limits: Limits::default(),
            email: EMAIL.to_owned(),
            api_token: API_TOKEN.to_owned(),
            admin: true,
            csat: true,
            page_size: EXPORT_PAGE,
            duplicate_rows: false,
            cursor_generation: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), faults: faults.clone() });
        let server = Server::start(Arc::clone(&shared), faults, clock.clone()).await?;
        Ok(Self { shared, server, clock })
    }

    /// The account's address, without `/api/v2`.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// What a settings file says of a connection to this account.
    pub fn connection(&self) -> ConnectionKeys {
        let keys = format!(
            "base_url = {:?}\nemail = {EMAIL:?}\ntoken = {{ file = \"zendesk-token\" }}\n\
             webhook_secrets = [{{ file = \"zendesk-webhook-secret\" }}]\npace = \"unlimited\"\nregion = \"GB\"\n",
            self.base_url()
        );
        let secrets = vec![
            ("zendesk-token", API_TOKEN.to_owned()),
            ("zendesk-webhook-secret", WEBHOOK_SECRET.to_owned()),
        ];
        ConnectionKeys { source: "zendesk", keys, secrets }
    }

    /// The admin whom the API token belongs to.
    pub fn email(&self) -> &str {
        EMAIL
    }

    /// The admin's API token.
    pub fn api_token(&self) -> &str {
        API_TOKEN
    }

    /// What deliveries are signed with.
    pub fn webhook_secret(&self) -> &str {
        WEBHOOK_SECRET
    }

    /// What deliveries were signed with before the last rotation.
    pub fn old_webhook_secret(&self) -> &str {
        OLD_WEBHOOK_SECRET
    }

    /// What an app needs to sign in now.
    pub fn oauth(&self) -> OAuthCredentials {
        self.shared.lock().oauth.credentials(&self.base_url())
    }

    /// Ends the current access token; the next refresh gives a new one.
    pub fn expire_access_token(&self) {
        self.shared.lock().oauth.expire();
    }

    /// Lets access tokens live for a time, or serve a number of requests, beginning now.
    pub fn limit_access_tokens(&self, life: Option<Duration>, requests: Option<usize>) {
        self.shared.lock().oauth.limit(self.clock.now(), life, requests);
    }

    /// How many refreshes succeeded.
    pub fn refreshes(&self) -> usize {
        self.shared.lock().oauth.refreshes()
    }

    /// How often somebody tried a refresh token that was already used.
    pub fn spent_refreshes(&self) -> usize {
        self.shared.lock().oauth.spent_uses()
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
        Truth::of(&self.shared.lock().desk)
    }

    /// Sets the most records on a page of an export.
    pub fn set_page_size(&self, records: usize) {
        self.shared.lock().page_size = records.clamp(1, EXPORT_PAGE);
    }

    /// Lets each page of a cursor export begin with the last record of the one before.
    pub fn set_duplicate_rows(&self, on: bool) {
        self.shared.lock().duplicate_rows = on;
    }

    /// Refuses every cursor given out so far.
    pub fn expire_cursors(&self) {
        self.shared.lock().cursor_generation += 1;
    }

    /// Limits exports to so many per window, and everything else as an Enterprise plan does.
    pub fn set_rate_limit(&self, exports: Option<u32>, window: Duration) {
        self.shared.lock().limits.set(exports, window);
    }

    /// Switches satisfaction ratings off or on.
    pub fn set_csat(&self, on: bool) {
        self.shared.lock().csat = on;
    }

    /// Makes the credentials an admin's, or a mere agent's.
    pub fn set_admin(&self, on: bool) {
        self.shared.lock().admin = on;
    }

    /// Makes this many random changes now.
    pub fn live(&self, changes: usize) {
        self.shared.lock().live(changes, self.clock.now());
    }

    /// Adds a malformed record to an export, as of now.
    pub fn add_bad_record(&self, kind: BadRecord) {
        self.change(|desk, at| desk.add_bad(at, kind));
    }

    /// Every delivery since the start, sent or not.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().desk.outbox.deliveries().to_vec()
    }

    /// Sends what has not been sent before to a receiver.
    pub async fn send_webhooks(&self, url: &str, plan: &DeliveryPlan) -> DeliveryReport {
        let deliveries = self.shared.lock().desk.outbox.take();
        sender::send_all(deliveries, url, plan, WEBHOOK_SECRET, self.clock.now()).await
    }

    /// Opens a ticket now.
    pub fn create_ticket(&self, ticket: NewTicket) -> u64 {
        self.change(|desk, at| desk.open_ticket(at, ticket))
    }

    /// Adds a comment, or a private note.
    pub fn comment(&self, ticket: u64, author: u64, public: bool, text: &str) {
        self.change(|desk, at| desk.comment(at, ticket, author, public, text));
    }

    /// Moves a ticket to a status, by an agent.
    pub fn set_status(&self, ticket: u64, status: Status) {
        self.by_agent(|desk, at, agent| desk.set_status(at, ticket, agent, status));
    }

    /// Solves a ticket, by an agent.
    pub fn solve(&self, ticket: u64) {
        self.set_status(ticket, Status::Solved);
    }

    /// Rates a ticket, by its requester.
    pub fn rate(&self, ticket: u64, score: Score, comment: Option<&str>) {
        self.change(|desk, at| desk.rate(at, ticket, score, comment.map(str::to_owned)));
    }

    /// Tags all these tickets in the same second.
    pub fn bulk_tag(&self, tickets: &[u64], tag: &str) {
        self.by_agent(|desk, at, agent| desk.tag_all(at, tickets, agent, tag));
    }

    /// Puts a ticket into the bin.
    pub fn delete_ticket(&self, ticket: u64) {
        self.by_agent(|desk, at, agent| desk.delete_ticket(at, ticket, agent));
    }

    /// Scrubs a ticket.
    pub fn permanently_delete_ticket(&self, ticket: u64) {
        self.by_agent(|desk, at, agent| desk.permanently_delete_ticket(at, ticket, agent));
    }

    /// Blackens everything said in a ticket.
    pub fn redact(&self, ticket: u64) {
        self.by_agent(|desk, at, agent| desk.redact(at, ticket, agent));
    }

    /// Lets the system touch a ticket: `generated_timestamp` moves, `updated_at` does not.
    pub fn silent_update(&self, ticket: u64) {
        self.change(|desk, at| desk.silent_update(at, ticket));
    }

    /// Adds a customer whom the world does not know.
    pub fn create_user(&self, name: &str, email: Option<&str>, phone: Option<&str>) -> u64 {
        self.change(|desk, at| {
            let id = desk.new_id();
            desk.add_user(User {
                id,
                person: None,
                name: name.to_owned(),
                email: email.map(str::to_owned),
                phone: phone.map(str::to_owned),
                shared_phone_number: false,
                role: Role::EndUser,
                organization_id: None,
                external_id: None,
                tags: Vec::new(),
                notes: String::new(),
                time_zone: "London",
                iana_time_zone: "Europe/London",
                locale: "en-GB",
                created_at: at,
                updated_at: at,
                deletion: Deletion::No,
            });
            id
        })
    }

    /// Renames a user.
    pub fn rename_user(&self, user: u64, name: &str) {
        self.change(|desk, at| desk.rename_user(at, user, name));
    }

    /// Changes a user's address.
    pub fn change_email(&self, user: u64, email: &str) {
        self.change(|desk, at| desk.change_email(at, user, email));
    }

    /// Deactivates a user.
    pub fn delete_user(&self, user: u64) {
        self.change(|desk, at| desk.delete_user(at, user));
    }

    /// Scrubs a user.
    pub fn permanently_delete_user(&self, user: u64) {
        self.change(|desk, at| desk.permanently_delete_user(at, user));
    }

    /// Renames an organisation.
    pub fn rename_organization(&self, organization: u64, name: &str) {
        self.change(|desk, at| desk.rename_organization(at, organization, name));
    }

    /// Fires a trigger whose webhook body an admin wrote: no envelope, no event id.
    pub fn fire_trigger(&self, ticket: u64) {
        self.change(|desk, at| desk.fire_trigger(at, ticket));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Desk, Timestamp) -> T) -> T {
        let at = Desk::second(self.clock.now());
        change(&mut self.shared.lock().desk, at)
    }

    fn by_agent(&self, change: impl FnOnce(&mut Desk, Timestamp, u64)) {
        self.change(|desk, at| {
            let agent = desk.agent();
            change(desk, at, agent);
        });
    }
}

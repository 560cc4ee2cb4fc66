//! SendGrid as its API shows it: lists of addresses, contacts that are exported, and an Event Webhook.

mod account;
mod api;
mod bulk;
mod exports;
mod history;
mod live;
mod marketing;
mod records;
#[cfg(test)]
mod tests;
mod truth;
mod webhooks;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Clock;
use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport};
use crate::server::{Answer, Call, Face, SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bulk::bulk_events;
pub use records::{Contact, Entry, GroupEntry, ListName, SingleSend};
pub use truth::{EventTruth, Truth};
pub use webhooks::{Delivery, public_key, sign};

use account::Account;

const API_KEY: &str = "SG.simulated-id-0001.simulated-secret-0001";
/// Private keys of P-256, base64 of 32 bytes.
const PRIVATE_KEY: &str = "c2ltdWxhdGVkIGtleSBvZiBzZW5kZ3JpZCAwMDAwMDE=";
const OTHER_PRIVATE_KEY: &str = "c2ltdWxhdGVkIGtleSBvZiBzZW5kZ3JpZCAwMDAwMDI=";

/// A running SendGrid.
pub struct SendGrid {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

/// What the face and its handle share.
struct Shared {
    account: Mutex<Account>,
    faults: Faults,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        self.lock().answer(call, &self.faults)
    }
}

impl SendGrid {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let mut account = Account::new(dice(settings.seed, 30), API_KEY, Arc::clone(company));
        history::write(&mut account, settings.days, until);
        let shared = Arc::new(Shared { account: Mutex::new(account), faults: faults.clone() });
        let server = Server::start(Arc::clone(&shared), faults, clock.clone()).await?;
        Ok(Self { shared, server, clock })
    }

    /// Where it answers.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port())
    }

    /// What a settings file says to connect to it.
    pub fn connection(&self) -> ConnectionKeys {
        let keys = format!(
            "base_url = {:?}\napi_key = {{ file = \"sendgrid-key\" }}\n\
             webhook_secrets = [{{ file = \"sendgrid-webhook\" }}]\npace = \"unlimited\"\n\
             export_poll_seconds = 1\nregion = \"GB\"\n",
            self.base_url()
        );
        let secrets = vec![
            ("sendgrid-key", API_KEY.to_owned()),
            ("sendgrid-webhook", public_key(PRIVATE_KEY)),
        ];
        ConnectionKeys { source: "sendgrid", keys, secrets }
    }

    /// The faults to inject here.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }

    /// Whom a contact is about, by index into the company's people.
    pub(crate) fn people(&self) -> std::collections::BTreeMap<String, usize> {
        self.shared.lock().people.clone()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        Truth::of(&self.shared.lock())
    }

    /// The API key.
    pub fn api_key(&self) -> &str {
        API_KEY
    }

    /// The private key of somebody else, for deliveries that must be refused.
    pub fn other_private_key(&self) -> &str {
        OTHER_PRIVATE_KEY
    }

    /// Answers only to calls on behalf of this subuser.
    pub fn set_subuser(&self, name: Option<&str>) {
        self.shared.lock().subuser = name.map(str::to_owned);
    }

    /// Gives the account Marketing Campaigns, or takes them away.
    pub fn set_marketing(&self, on: bool) {
        self.shared.lock().marketing = on;
    }

    /// Allows so many requests per endpoint and window.
    pub fn set_rate_limit(&self, requests: Option<u32>, window: Duration) {
        self.shared.lock().limits.set(requests, window);
    }

    /// Splits exports into files of so many contacts.
    pub fn set_contacts_per_file(&self, contacts: usize) {
        self.shared.lock().exports.per_file = contacts.max(1);
    }

    /// Lets an export be asked for so often before it is ready.
    pub fn set_export_polls(&self, polls: usize) {
        self.shared.lock().exports.polls = polls;
    }

    /// Lets the next exports fail.
    pub fn fail_exports(&self, exports: usize) {
        self.shared.lock().exports.failures = exports;
    }

    /// Forgets all exports and refuses the links to their files.
    pub fn expire_exports(&self) {
        self.shared.lock().exports.expire();
    }

    /// Makes this many random changes now.
    pub fn live(&self, changes: usize) {
        let at = self.now();
        let mut account = self.shared.lock();
        for _ in 0..changes {
            account.live(at);
        }
    }

    /// Puts an address on a list, as if that had happened so long ago and were shown only now.
    pub fn add_late(&self, list: ListName, email: &str, ago: Duration) {
        let at = self.now() - jiff::SignedDuration::try_from(ago).unwrap_or_default();
        self.shared.lock().add_entry(list, email, at);
    }

    /// Takes an address off a list; that leaves no trace.
    pub fn remove(&self, list: ListName, email: &str) -> bool {
        self.shared.lock().remove_entry(list, email)
    }

    /// Deletes a contact; that leaves no trace.
    pub fn delete_contact(&self, id: &str) {
        self.shared.lock().delete_contact(id);
    }

    /// Deletes a single send; that leaves no trace.
    pub fn delete_single_send(&self, id: &str) {
        self.shared.lock().delete_single_send(id);
    }

    /// Sends an email to an address, which is read by a machine and then by a person who clicks.
    pub fn send_and_click(&self, email: &str) {
        self.shared.lock().send_and_click(email, self.now());
    }

    /// Lets a recipient leave a group of emails.
    pub fn leave_group(&self, email: &str, group: u64) {
        self.shared.lock().leave_group(email, group, self.now());
    }

    /// Lets a recipient come back to a group of emails.
    pub fn come_back(&self, email: &str, group: u64) {
        self.shared.lock().come_back(email, group, self.now());
    }

    /// Pushes what happened before, as if the webhook had been there always.
    pub fn push_history(&self) {
        self.shared.lock().outbox.push_history();
    }

    /// Every delivery since the start, sent or not.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().outbox.deliveries().to_vec()
    }

    /// Sends what has not been sent before to a receiver.
    pub async fn send_webhooks(&self, url: &str, plan: &DeliveryPlan) -> DeliveryReport {
        let deliveries = self.shared.lock().outbox.take();
        webhooks::send_all(deliveries, url, plan, PRIVATE_KEY, self.clock.now()).await
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }
}

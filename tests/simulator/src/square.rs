//! The tills: Square as its API and its webhooks show it.

mod bulk;
mod face;
mod history;
mod json;
mod live;
mod pages;
mod search;
mod shop;
#[cfg(test)]
mod tests;
mod tokens;
mod truth;
mod webhooks;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport, Parcel, send};
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bulk::bulk_orders;
pub use shop::{Location, Record};
pub use tokens::OAuthCredentials;
pub use truth::Truth;
pub use webhooks::{Delivery, signature};

use face::{Shared, State};
use shop::Shop;
use tokens::Tokens;
use webhooks::Outbox;

const WEBHOOK_KEY: &str = "Sim_5AKakO-3qeNVR61Dw";
/// The address at which the webhook subscription is registered, and which every signature covers.
const NOTIFICATION_URL: &str = "https://hub.ember-oak.example/webhooks/square";
/// A change is dated this long before it shows: lists run behind, and offline tills behind those.
const BEHIND: SignedDuration = SignedDuration::from_secs(150);

/// A running Square.
pub struct Square {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

impl Square {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let mut shop =
            Shop::new(dice(settings.seed, 40), Outbox::new(dice(settings.seed, 41)), company);
        history::write(&mut shop, company, settings.days, until);
        shop.outbox.open = true;
        let state = State {
            shop,
            company: Arc::clone(company),
            tokens: Tokens::new(dice(settings.seed, 42)),
            page_size: usize::MAX,
            cursor_generation: 0,
            withheld_scopes: Vec::new(),
            notification_url: NOTIFICATION_URL.to_owned(),
            unanswered: None,
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
        ConnectionKeys {
            source: "square",
            keys: format!(
                "base_url = {:?}\naccess_token = {{ file = \"square-token\" }}\nwebhook_secrets = [{{ file = \
                 \"square-webhook\" }}]\nwebhook_url = {:?}\nregion = \"GB\"\npace = \"unlimited\"",
                self.base_url(),
                self.shared.lock().notification_url,
            ),
            secrets: vec![
                ("square-token", tokens::PERSONAL.to_owned()),
                ("square-webhook", WEBHOOK_KEY.to_owned()),
            ],
        }
    }

    /// The same, signing in with an OAuth application.
    pub fn oauth_connection(&self) -> ConnectionKeys {
        let OAuthCredentials { client_id, client_secret, refresh_token } = self.oauth();
        let oauth = format!(
            "oauth = {{ client_id = {client_id:?}, client_secret = {{ file = \"square-secret\" }}, refresh_token = {{ \
             file = \"square-refresh\" }} }}"
        );
        let ConnectionKeys { source, keys, mut secrets } = self.connection();
        secrets.push(("square-secret", client_secret));
        secrets.push(("square-refresh", refresh_token));
        let keys = keys.replace("access_token = { file = \"square-token\" }", &oauth);
        ConnectionKeys { source, keys, secrets }
    }

    /// The access token of the seller's own application.
    pub fn access_token(&self) -> &str {
        tokens::PERSONAL
    }

    /// What an application needs to sign in.
    pub fn oauth(&self) -> OAuthCredentials {
        self.shared.lock().tokens.credentials()
    }

    /// Ends the access token of the OAuth application; the next refresh gives a new one.
    pub fn expire_access_token(&self) {
        self.shared.lock().tokens.expire();
    }

    /// How many refreshes succeeded.
    pub fn refreshes(&self) -> usize {
        self.shared.lock().tokens.refreshes()
    }

    /// What deliveries are signed with.
    pub fn webhook_secret(&self) -> &str {
        WEBHOOK_KEY
    }

    /// The faults to inject here.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.server.requests()
    }

    /// Whom a customer is about, by index into the company's people.
    pub(crate) fn people(&self) -> std::collections::BTreeMap<String, usize> {
        self.shared.lock().shop.people.clone()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        Truth::of(&self.shared.lock().shop)
    }

    /// Makes this many random changes, dated a little before now.
    pub fn live(&self, changes: usize) {
        let at = self.lately();
        self.shared.lock().live(changes, at);
    }

    /// Sets the most records on a page of any list.
    pub fn set_page_size(&self, records: usize) {
        self.shared.lock().page_size = records.max(1);
    }

    /// Refuses every page cursor given out so far.
    pub fn expire_cursors(&self) {
        self.shared.lock().cursor_generation += 1;
    }

    /// Withholds a scope, such as `LOYALTY_READ`, from every token.
    pub fn withhold_scope(&self, scope: &'static str) {
        self.shared.lock().withheld_scopes.push(scope);
    }

    /// Answers bulk questions about this customer with an error that says nothing about them.
    pub fn leave_unanswered(&self, customer: Option<&str>) {
        self.shared.lock().unanswered = customer.map(str::to_owned);
    }

    /// Registers the webhook subscription at another address: the one that signatures cover.
    pub fn set_webhook_url(&self, url: &str) {
        url.clone_into(&mut self.shared.lock().notification_url);
    }

    /// Every delivery since the start, sent or not.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().shop.outbox.deliveries().to_vec()
    }

    /// Sends what has not been sent before to a receiver at `url`, signed for the registered address.
    pub async fn send_webhooks(&self, url: &str, plan: &DeliveryPlan) -> DeliveryReport {
        let (deliveries, registered) = {
            let mut state = self.shared.lock();
            (state.shop.outbox.take(), state.notification_url.clone())
        };
        let key = plan.secret.as_deref().unwrap_or(WEBHOOK_KEY);
        let parcels = deliveries.into_iter().map(|delivery| Parcel {
            headers: delivery.headers(key, &registered),
            id: delivery.id,
            body: delivery.body,
        });
        // The first of its retries come after one minute, two, four and eight.
        send(parcels.collect(), url, plan, |_, _| 4).await
    }

    /// Adds a customer whom the world does not know.
    pub fn create_customer(&self, given_name: &str, email: Option<&str>) -> String {
        let at = self.lately();
        let mut fields =
            serde_json::json!({ "given_name": given_name, "creation_source": "DIRECTORY" });
        if let Some(email) = email {
            fields["email_address"] = email.into();
        }
        self.shared.lock().shop.add_customer(at, fields, true)
    }

    /// Adds a profile without anything that is public, which no list shows.
    pub fn create_instant_profile(&self) -> String {
        let at = self.lately();
        let fields = serde_json::json!({ "creation_source": "INSTANT_PROFILE" });
        self.shared.lock().shop.add_customer(at, fields, false)
    }

    /// Changes a customer's address.
    pub fn change_email(&self, customer: &str, email: &str) {
        let at = self.lately();
        let fields = [("email_address", email.into())];
        self.shared.lock().shop.change_customer(at, customer, &fields);
    }

    /// Deletes a customer.
    pub fn delete_customer(&self, customer: &str) {
        let at = self.lately();
        self.shared.lock().shop.delete_customer(at, customer, None);
    }

    /// Merges two customers into a new one.
    pub fn merge_customers(&self, one: &str, other: &str) -> String {
        let at = self.lately();
        self.shared.lock().shop.merge(at, one, other)
    }

    /// Deletes a loyalty account.
    pub fn delete_loyalty_account(&self, account: &str) {
        let at = self.lately();
        self.shared.lock().shop.delete_account(at, account);
    }

    /// Transmits an order that was taken offline so long ago.
    pub fn transmit_offline_order(&self, taken: Duration) -> String {
        let at = self.lately();
        let taken = at - SignedDuration::try_from(taken).unwrap_or(BEHIND);
        self.shared.lock().shop.sell(taken, at, 0, None, None)
    }

    /// Lets the seller revoke the application's access, as far as its webhook tells of it.
    pub fn revoke(&self) {
        let at = self.lately();
        self.shared.lock().shop.revoke(at);
    }

    fn lately(&self) -> Timestamp {
        self.shared.lock().moment(self.clock.now() - BEHIND)
    }
}

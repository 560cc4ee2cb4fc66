//! The email platform for marketing: Klaviyo as its API and system webhooks show it.

mod account;
mod bulk;
mod face;
mod history;
mod json;
mod limits;
mod lists;
mod live;
mod oauth;
mod records;
#[cfg(test)]
mod tests;
mod webhooks;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::sender::{DeliveryPlan, DeliveryReport, Parcel, send};
use crate::server::{SeenRequest, Server};
use crate::world::Company;
use crate::{ConnectionKeys, Settings, dice};

pub use bulk::bulk_events;
pub use oauth::OAuthCredentials;
pub use records::{Campaign, Decision, Event, METRICS, Metric, Profile, SUPPRESSIONS};
pub use webhooks::{Delivery, signature};

use account::Account;
use face::{Shared, State};
use limits::Limits;
use oauth::OAuth;

const API_KEY: &str = "pk_simulated0000000000000000000000001";
const WEBHOOK_SECRET: &str = "simulated-secret-of-the-webhook";

/// A running Klaviyo.
pub struct Klaviyo {
    shared: Arc<Shared>,
    server: Server,
    clock: Clock,
}

/// What a faithful copy must contain now.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Profiles by id, those that are gone too.
    pub profiles: BTreeMap<String, Profile>,
    /// Campaigns by id, those that are gone too.
    pub campaigns: BTreeMap<String, Campaign>,
    /// Events by id; those of a profile that is gone can be asked for no more.
    pub events: BTreeMap<String, Event>,
    /// The profile of the household that gets far more mail than it orders.
    pub pizza: Option<String>,
}

impl Klaviyo {
    pub(crate) async fn start(
        settings: &Settings,
        until: Timestamp,
        company: &Arc<Company>,
        clock: Clock,
        faults: Faults,
    ) -> std::io::Result<Self> {
        let mut account = Account::new(dice(settings.seed, 20));
        history::write(&mut account, company, settings.days, until);
        account.outbox_is_open = true;
        let state = State {
            account,
            api_key: API_KEY.to_owned(),
            oauth: OAuth::new(dice(settings.seed, 21)),
            limits: Limits::default(),
            cursor_generation: 0,
            largest_page: None,
            scopes_missing: None,
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

    /// The private key.
    pub fn api_key(&self) -> &str {
        API_KEY
    }

    /// What deliveries are signed with.
    pub fn webhook_secret(&self) -> &str {
        WEBHOOK_SECRET
    }

    /// What an app needs to sign in now.
    pub fn oauth(&self) -> OAuthCredentials {
        self.shared.lock().oauth.credentials(&self.base_url())
    }

    /// Ends the current access token; a refresh gives a new one.
    pub fn expire_access_token(&self) {
        self.shared.lock().oauth.expire();
    }

    /// How many refreshes succeeded.
    pub fn refreshes(&self) -> usize {
        self.shared.lock().oauth.refreshes()
    }

    /// A connection that signs in with the private key and takes webhooks.
    pub fn connection(&self) -> ConnectionKeys {
        let keys = format!(
            "base_url = {:?}\napi_key = {{ file = \"klaviyo-key\" }}\npace = \"unlimited\"\nregion = \"GB\"\n\
             webhook_secrets = [{{ file = \"klaviyo-webhook\" }}]\n",
            self.base_url()
        );
        let secrets = vec![
            ("klaviyo-key", API_KEY.to_owned()),
            ("klaviyo-webhook", WEBHOOK_SECRET.to_owned()),
        ];
        ConnectionKeys { source: "klaviyo", keys, secrets }
    }

    /// The same, signed in as an OAuth app.
    pub fn connection_with_oauth(&self) -> ConnectionKeys {
        let OAuthCredentials { client_id, client_secret, refresh_token, .. } = self.oauth();
        let keys = format!(
            "base_url = {:?}\npace = \"unlimited\"\nregion = \"GB\"\noauth = {{ client_id = {client_id:?}, \
             client_secret = {{ file = \"klaviyo-client\" }}, refresh_token = {{ file = \"klaviyo-refresh\" }} }}\n",
            self.base_url()
        );
        let secrets = vec![("klaviyo-client", client_secret), ("klaviyo-refresh", refresh_token)];
        ConnectionKeys { source: "klaviyo", keys, secrets }
    }

    /// Whom a profile is about, by index into the company's people.
    pub(crate) fn people(&self) -> std::collections::BTreeMap<String, usize> {
        self.shared.lock().account.people.clone()
    }

    /// What a faithful copy must contain now.
    pub fn truth(&self) -> Truth {
        let state = self.shared.lock();
        let account = &state.account;
        Truth {
            profiles: account.profiles.clone(),
            campaigns: account.campaigns.clone(),
            events: account.events.clone(),
            pizza: account.pizza.clone(),
        }
    }

    /// Makes this many random changes now.
    pub fn live(&self, changes: usize) {
        let at = self.clock.now();
        self.change(|account| {
            for _ in 0..changes {
                account.live(at);
            }
            account.pack(at);
        });
    }

    /// Records an event that happened so long ago, visible from now on.
    pub fn late_event(&self, ago: SignedDuration) -> String {
        let at = self.clock.now() - ago;
        self.change(|account| account.some_event(at))
    }

    /// Records an event of the future.
    pub fn future_event(&self, ahead: SignedDuration) -> String {
        self.late_event(-ahead)
    }

    /// Deletes a profile, or merges it into another: either way it is shown no more.
    pub fn delete_profile(&self, id: &str) {
        self.change(|account| account.delete_profile(id));
    }

    /// Deletes a campaign.
    pub fn delete_campaign(&self, id: &str) {
        self.change(|account| {
            if let Some(campaign) = account.campaigns.get_mut(id) {
                campaign.deleted = true;
            }
        });
    }

    /// Shows at most so many records a page, whatever is asked for.
    pub fn set_largest_page(&self, records: usize) {
        self.shared.lock().largest_page = Some(records.max(1));
    }

    /// Refuses every cursor given out so far.
    pub fn expire_cursors(&self) {
        self.shared.lock().cursor_generation += 1;
    }

    /// Allows every endpoint so many requests a second and a minute; none switches the limits off.
    pub fn set_rate_limit(&self, limit: Option<(u32, u32)>) {
        self.shared.lock().limits.set(limit);
    }

    /// Takes a scope such as `campaigns:read` away from the credentials.
    pub fn take_scope(&self, scope: &'static str) {
        self.shared.lock().scopes_missing = Some(scope);
    }

    /// Every delivery since the start, sent or not.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.shared.lock().account.deliveries.clone()
    }

    /// Sends what has not been sent before to a receiver.
    pub async fn send_webhooks(&self, url: &str, plan: &DeliveryPlan) -> DeliveryReport {
        let fresh = {
            let mut state = self.shared.lock();
            let account = &mut state.account;
            let fresh = account.deliveries[account.taken..].to_vec();
            account.taken = account.deliveries.len();
            fresh
        };
        let secret = plan.secret.as_deref().unwrap_or(WEBHOOK_SECRET);
        let at = plan.stamp.unwrap_or(self.clock.now());
        let parcels = fresh.into_iter().map(|delivery| Parcel {
            headers: delivery.signed(secret, at),
            id: delivery.id,
            body: delivery.body,
        });
        // Whether the vendor repeats system webhooks is not documented.
        send(parcels.collect(), url, plan, |_, _| 0).await
    }

    fn change<T>(&self, change: impl FnOnce(&mut Account) -> T) -> T {
        change(&mut self.shared.lock().account)
    }
}

//! Klaviyo: its profiles with what they agreed to, its campaigns, and what people did with them.

mod campaigns;
mod consents;
mod events;
mod ids;
mod listing;
mod mark;
mod meanings;
mod names;
mod profiles;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, within};
use shared::connector::{AnyStream, Api, Auth, ClientAuth, Connector, Source, TokenBody};
use shared::error::Error;
use shared::facts::{Fact, Pace, Quota, SourceFacts, fact};
use shared::oauth::{OAuthSettings, TokenEndpoint};
use shared::schema::Timestamp;

pub use meanings::Meaning;
use meanings::Meanings;

/// Klaviyo.
pub struct Klaviyo;

/// The settings of a Klaviyo connection; sign in with `api_key`, or with `oauth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KlaviyoSettings {
    /// A private API key with read access, `pk_…`.
    pub api_key: Option<SecretRef>,
    /// An OAuth app whose refresh token an admin of the account obtained once (PKCE), in place of the private key; tokens are
    /// refreshed at `/oauth/token` of the API's host.
    // The host www.klaviyo.com was shut for this in March 2025.
    pub oauth: Option<OAuthSettings>,
    /// Events per page, 1 to 1000.
    // The specification's prose says 200 at most, its schema 1,000.
    #[serde(default = "largest_page")]
    #[schemars(range(min = 1, max = 1000))]
    pub event_page_size: u16,
    /// How many days `late_events` reads again once a week, for events that were given an old date; 0 never does.
    #[serde(default = "a_month")]
    #[schemars(range(max = 366))]
    pub reread_days: u16,
    /// What further metrics mean, by their names as Klaviyo shows them, e.g. `{ "Bounced Mail" = "bounced" }`.
    // Which names and topics an account has depends on its age and language.
    #[serde(default)]
    pub metrics: BTreeMap<String, Meaning>,
}

const HOME: &str = "https://a.klaviyo.com";
const REVISION: &str = "2026-07-15";
const LARGEST_PAGE: u16 = 1000;
const LONGEST_REREAD: u16 = 366;
const TOKENS: TokenEndpoint =
    TokenEndpoint { path: "/oauth/token", body: TokenBody::Form, client: ClientAuth::Basic };

const fn largest_page() -> u16 {
    LARGEST_PAGE
}

const fn a_month() -> u16 {
    30
}

const NO_LAG: Fact<Duration> =
    fact(Duration::ZERO, "a list of what there is now, not a window of time");
const NO_LOOKBACK: Fact<Duration> = fact(Duration::ZERO, "every pass reads all of it");
/// A filter time closer to the present is refused.
const SETTLING: Fact<Duration> = fact(
    Duration::from_secs(10),
    "filter times closer than about 5 s are refused: github.com/estuary/connectors, source-klaviyo-native",
);

/// The steady window of an endpoint; whatever asks it draws on the same requests.
const fn quota(name: &'static str, a_minute: u32, evidence: &'static str) -> Fact<Quota> {
    fact(Quota { name, pace: Pace::per_minute(a_minute) }, evidence)
}

static FACTS: SourceFacts = SourceFacts {
    name: "klaviyo",
    system: "email",
    title: "Klaviyo",
    api_version: fact(
        REVISION,
        "header `revision`, required by every operation of the OpenAPI file",
    ),
    sunset: Some(fact(
        "2028-07-15",
        "a revision stays usable for two years: developers.klaviyo.com, versioning",
    )),
    setup: "A private API key with read access to campaigns, events, lists, metrics, profiles and segments, or an OAuth \
            app whose refresh token an admin obtained. For events within seconds, where the plan has them (Advanced KDP, \
            app partners), a system webhook with the topics of email and consent events; its secret key goes into \
            `webhook_secrets`. The webhook action of a flow is another thing, and not signed.",
};

impl Source for Klaviyo {
    type Settings = KlaviyoSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: KlaviyoSettings,
    ) -> Result<Connector, Error> {
        let base = common.base_url_or(HOME)?;
        let name = "authorization";
        let prefix = "Klaviyo-API-Key ";
        let key = own.api_key.map(|secret| Auth::Header { name, prefix, secret });
        let auth = TOKENS.auth_or(&base, own.oauth, "api_key", key)?;
        within("event_page_size", own.event_page_size, 1..=LARGEST_PAGE)?;
        within("reread_days", own.reread_days, 0..=LONGEST_REREAD)?;
        let meanings = Arc::new(Meanings::new(&own.metrics));
        let events = |reader| events::Events {
            reader,
            page_size: own.event_page_size,
            reread_days: own.reread_days,
            meanings: Arc::clone(&meanings),
        };
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(profiles::Profiles),
            Box::new(ids::profile_ids()),
            Box::new(names::lists()),
            Box::new(names::segments()),
            Box::new(campaigns::Campaigns),
            Box::new(names::metrics()),
            Box::new(events(events::Reader::Prompt)),
            Box::new(events(events::Reader::Late)),
        ];
        let api = Api {
            base,
            auth,
            // The smallest burst window of the endpoints that are read; none of them is asked faster.
            pace: Some(Pace { requests: 10, per: Duration::from_secs(1) }),
            headers: vec![
                ("revision", REVISION.to_owned()),
                ("accept", "application/vnd.api+json".to_owned()),
            ],
            other_hosts: Vec::new(),
            // The headers tell of one endpoint's windows; a refusal says how long to wait.
            quota: None,
        };
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::SystemWebhook { meanings })) })
    }
}

fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(seconds).ok()
}

/// A time as filters want it: RFC 3339 without quotes, whole seconds.
fn written(seconds: i64) -> String {
    let at = instant(seconds).unwrap_or_default().to_string();
    format!("{}Z", &at[..at.len().min(19)])
}

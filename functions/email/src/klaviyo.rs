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
use shared::config::{ConnectionSettings, SecretRef, is_loopback};
use shared::connector::{AnyStream, Api, Auth, ClientAuth, Connector, OAuth, Source, TokenBody};
use shared::error::Error;
use shared::facts::{Fact, Pace, Quota, SourceFacts, fact};
use shared::schema::Timestamp;
use url::Url;

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
    /// An OAuth app, in place of the private key.
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

/// An OAuth app, with a refresh token that an admin of the account obtained once (PKCE).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthSettings {
    /// The app's client id.
    pub client_id: String,
    /// The app's client secret.
    pub client_secret: SecretRef,
    /// The first refresh token; later ones are kept in the token vault.
    pub refresh_token: SecretRef,
    /// Where tokens are refreshed; `/oauth/token` of the API's host when absent.
    // The host www.klaviyo.com was shut for this in March 2025.
    #[schemars(with = "Option<String>")]
    pub token_url: Option<Url>,
}

const HOME: &str = "https://a.klaviyo.com";
const REVISION: &str = "2026-07-15";
const LARGEST_PAGE: u16 = 1000;
const LONGEST_REREAD: u16 = 366;

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
        let base = base_url(common)?;
        let auth = auth(&base, &own)?;
        if !(1..=LARGEST_PAGE).contains(&own.event_page_size) {
            return Err(wrong("event_page_size: write a number from 1 to 1000"));
        }
        if own.reread_days > LONGEST_REREAD {
            return Err(wrong("reread_days: write a number from 0 to 366"));
        }
        let meanings = Arc::new(Meanings::new(&own.metrics));
        let events = |reader| events::Events {
            reader,
            page_size: own.event_page_size,
            reread_days: own.reread_days,
            meanings: Arc::clone(&meanings),
        };
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(profiles::Profiles),
            Box::new(ids::ProfileIds),
            Box::new(names::LISTS),
            Box::new(names::SEGMENTS),
            Box::new(campaigns::Campaigns),
            Box::new(names::METRICS),
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

fn wrong(what: &str) -> Error {
    Error::Config(what.to_owned())
}

fn base_url(common: &ConnectionSettings) -> Result<Url, Error> {
    let base = match &common.base_url {
        Some(base) => base.clone(),
        None => Url::parse(HOME).map_err(|_| wrong("base_url is missing"))?,
    };
    if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("base_url: end it after the host, e.g. \"https://a.klaviyo.com\""));
    }
    Ok(base)
}

fn auth(base: &Url, own: &KlaviyoSettings) -> Result<Auth, Error> {
    match (&own.api_key, &own.oauth) {
        (Some(key), None) => Ok(Auth::Header {
            name: "authorization",
            prefix: "Klaviyo-API-Key ",
            secret: key.clone(),
        }),
        (None, Some(oauth)) => {
            let token_url = match &oauth.token_url {
                None => base
                    .join("/oauth/token")
                    .map_err(|_| wrong("base_url: tokens cannot be asked for there"))?,
                Some(url) if url.scheme() == "https" || is_loopback(url) => url.clone(),
                Some(_) => return Err(wrong("oauth.token_url must begin with https://")),
            };
            Ok(Auth::OAuth(OAuth {
                token_url,
                client_id: oauth.client_id.clone(),
                client_secret: oauth.client_secret.clone(),
                refresh_token: oauth.refresh_token.clone(),
                body: TokenBody::Form,
                client: ClientAuth::Basic,
            }))
        }
        (None, None) => Err(wrong("credentials are missing: write api_key, or oauth")),
        (Some(_), Some(_)) => Err(wrong("write either api_key or oauth, not both")),
    }
}

/// Whole seconds since 1970: what cursors are kept in.
fn unix(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(seconds).ok()
}

/// A time as filters want it: RFC 3339 without quotes, whole seconds.
fn written(seconds: i64) -> String {
    let at = instant(seconds).unwrap_or_default().to_string();
    format!("{}Z", &at[..at.len().min(19)])
}

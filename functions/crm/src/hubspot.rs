//! HubSpot: its contacts, companies, deals and tickets, and what colleagues did about them.

mod all;
mod batch;
mod changes;
mod companies;
mod contacts;
mod deals;
mod engagements;
mod kinds;
mod objects;
mod tickets;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, is_loopback};
use shared::connector::{
    AnyStream, Api, Auth, ClientAuth, Connector, Left, OAuth, QuotaHeaders, Reset, Source,
    TokenBody,
};
use shared::error::Error;
use shared::facts::{Pace, SourceFacts, fact};
use shared::schema::{Currency, TicketStatus, Timestamp};
use url::Url;

use kinds::{Account, KINDS, Reader};

/// HubSpot.
pub struct HubSpot;

/// The settings of a HubSpot connection; sign in with `token`, or with `oauth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubSpotSettings {
    /// The access token of a private app.
    pub token: Option<SecretRef>,
    /// An OAuth client, in place of a token.
    pub oauth: Option<OAuthSettings>,
    /// Properties to read beyond the usual ones, by type: `{ contacts = ["shoe_size"], deals = ["region"] }`. They land
    /// in `ext`.
    #[serde(default)]
    pub properties: BTreeMap<String, Vec<String>>,
    /// The currency of deals that name none, e.g. `EUR`; without it their amounts stay in `ext`.
    pub currency: Option<String>,
    /// What the stages of tickets mean, by the stage's id: `{ 1234567 = "pending" }`, with the words new, open, pending,
    /// hold, solved, closed. The stages of the default pipeline are known.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub ticket_stages: BTreeMap<String, TicketStatus>,
}

/// An OAuth client, with a refresh token that an admin of the account obtained once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthSettings {
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// The first refresh token; later ones are kept in the token vault.
    pub refresh_token: SecretRef,
    /// Where tokens are refreshed; `/oauth/v3/token` of the API when absent.
    #[schemars(with = "Option<String>")]
    pub token_url: Option<Url>,
}

const HOST: &str = "https://api.hubapi.com";
const OBJECTS: &str = "/crm/v3/objects";
const ASSOCIATIONS: &str = "/crm/v4/associations";
const TOKENS: &str = "/oauth/v3/token";

/// The stages that every new account has for tickets: new, waiting on contact, waiting on us, closed.
const DEFAULT_STAGES: [(&str, TicketStatus); 4] = [
    ("1", TicketStatus::New),
    ("2", TicketStatus::Pending),
    ("3", TicketStatus::Open),
    ("4", TicketStatus::Closed),
];

static FACTS: SourceFacts = SourceFacts {
    name: "hubspot",
    system: "crm",
    title: "HubSpot",
    api_version: fact(
        "v3, associations v4",
        "developers.hubspot.com: numbered paths beside the dated ones, which end after 18 months",
    ),
    sunset: None,
    setup: "A private app with the read scopes of its objects, or an OAuth client of a public app. For changes within \
            seconds, webhook subscriptions of the app: creation, deletion, merge, restore and propertyChange of \
            contacts and companies, deletion and merge of deals and tickets, and contact.privacyDeletion. Its client \
            secret goes into `webhook_secrets`, the target address into `webhook_url`.",
};

impl Source for HubSpot {
    type Settings = HubSpotSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: HubSpotSettings,
    ) -> Result<Connector, Error> {
        let base = base_url(common)?;
        let auth = auth(&base, &own)?;
        let account = Arc::new(account(&own)?);
        if let Some(name) = own.properties.keys().find(|name| !is_type(name)) {
            let types: Vec<&str> = KINDS.iter().map(|kind| kind.path).collect();
            let known = types.join(", ");
            return Err(wrong(format!("properties.{name}: no type that is read; write {known}")));
        }
        let mut streams: [Vec<Box<dyn AnyStream>>; 3] = Default::default();
        for kind in KINDS {
            let more = own.properties.get(kind.path).into_iter().flatten().cloned();
            let mut properties: Vec<String> =
                kind.properties.iter().map(|name| (*name).to_owned()).chain(more).collect();
            properties.sort_unstable();
            properties.dedup();
            let account = Arc::clone(&account);
            let reader = Reader { kind, properties: properties.into(), account };
            streams[0].push(Box::new(changes::Changes(reader.clone())));
            streams[1].push(Box::new(all::All(reader)));
            if let Some(facts) = &kind.archived {
                streams[2].push(Box::new(all::Archived { kind, facts }));
            }
        }
        let api = Api {
            base,
            auth,
            // The smallest plan's; larger plans say so in `pace`.
            pace: Some(Pace { requests: 100, per: Duration::from_secs(10) }),
            headers: Vec::new(),
            other_hosts: Vec::new(),
            quota: Some(QuotaHeaders {
                left: Left::Remaining("x-hubspot-ratelimit-remaining"),
                // A refusal need not say when to come back; the limit is one of ten seconds.
                reset: Reset::After(Duration::from_secs(10)),
            }),
        };
        let streams = streams.into_iter().flatten().collect();
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::HubSpotEvents)) })
    }
}

fn wrong(what: impl Into<String>) -> Error {
    Error::Config(what.into())
}

fn is_type(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.path == name)
}

fn base_url(common: &ConnectionSettings) -> Result<Url, Error> {
    let base = match &common.base_url {
        Some(base) => base.clone(),
        None => Url::parse(HOST).map_err(|_| Error::Invariant("the host is none".to_owned()))?,
    };
    if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("base_url: end it after the host, e.g. \"https://api.hubapi.com\""));
    }
    Ok(base)
}

fn auth(base: &Url, own: &HubSpotSettings) -> Result<Auth, Error> {
    match (&own.token, &own.oauth) {
        (Some(token), None) => Ok(Auth::Bearer(token.clone())),
        (None, Some(oauth)) => {
            let token_url = match &oauth.token_url {
                None => base
                    .join(TOKENS)
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
                client: ClientAuth::Parameters,
            }))
        }
        (None, None) => Err(wrong("credentials are missing: write token, or oauth")),
        (Some(_), Some(_)) => Err(wrong("write either token or oauth, not both")),
    }
}

fn account(own: &HubSpotSettings) -> Result<Account, Error> {
    let currency = own.currency.as_deref().map(str::parse::<Currency>).transpose();
    let currency =
        currency.map_err(|_| wrong("currency: write an ISO 4217 code such as \"EUR\""))?;
    let mut ticket_stages: BTreeMap<String, TicketStatus> =
        DEFAULT_STAGES.iter().map(|(id, status)| ((*id).to_owned(), *status)).collect();
    for (stage, status) in &own.ticket_stages {
        if *status == TicketStatus::Unknown {
            let words = "new, open, pending, hold, solved or closed";
            return Err(wrong(format!("ticket_stages.{stage}: write {words}")));
        }
        ticket_stages.insert(stage.clone(), *status);
    }
    Ok(Account { currency, ticket_stages })
}

/// Milliseconds since 1970: how HubSpot writes the times in its questions.
fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000)
}

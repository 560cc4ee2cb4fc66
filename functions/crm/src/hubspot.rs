//! HubSpot: its contacts, companies, deals and tickets, and what colleagues did about them.

mod all;
mod batch;
mod changes;
mod companies;
mod contacts;
mod deals;
mod engagements;
mod kinds;
mod links;
mod objects;
mod owners;
mod pipelines;
mod stages;
mod tickets;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef};
use shared::connector::{
    AnyStream, Api, Auth, ClientAuth, Connector, Left, QuotaHeaders, Reset, Source, TokenBody,
};
use shared::error::Error;
use shared::facts::{Pace, SourceFacts, fact};
use shared::oauth::{OAuthSettings, TokenEndpoint};
use shared::schema::{Currency, StageCategory, TicketStatus, Timestamp};

use kinds::{Account, KINDS, Kind, Names, Reader};

/// HubSpot.
pub struct HubSpot;

/// The settings of a HubSpot connection; sign in with `token`, or with `oauth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HubSpotSettings {
    /// The access token of a private app.
    pub token: Option<SecretRef>,
    /// An OAuth client, in place of a token, with a refresh token that an admin of the account obtained once; tokens are
    /// refreshed at `/oauth/v3/token` of the same host.
    pub oauth: Option<OAuthSettings>,
    /// Properties to read beyond the usual ones, by type: `{ contacts = ["shoe_size"], deals = ["region"] }`. They land
    /// in `ext`.
    #[serde(default)]
    pub properties: BTreeMap<String, Vec<String>>,
    /// The currency of deals that name none, e.g. `EUR`; without it their amounts stay in `ext`.
    pub currency: Option<String>,
    /// What the stages of tickets mean, by the stage's id: `{ 1234567 = "pending" }`, with the words new, open, pending,
    /// hold, solved, closed. Without it the account's pipelines say which stages are closed, and of the stages of the
    /// default pipeline which one is new, pending or open.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub ticket_stages: BTreeMap<String, TicketStatus>,
    /// What the stages of deals mean, by the stage's id: `{ 1234567 = "won" }`, with the words open, won, lost. Without
    /// it deals say themselves whether they are closed, and won.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    pub deal_stages: BTreeMap<String, StageCategory>,
    /// Properties that have another name in this account than HubSpot gives them, by type, the usual name first:
    /// `{ tickets = { source_type = "origin" } }`.
    #[serde(default)]
    pub property_names: BTreeMap<String, BTreeMap<String, String>>,
}

const HOST: &str = "https://api.hubapi.com";
const OBJECTS: &str = "/crm/v3/objects";
const ASSOCIATIONS: &str = "/crm/v4/associations";
const OWNERS: &str = "/crm/v3/owners";
const PIPELINES: &str = "/crm/v3/pipelines";
const TOKENS: TokenEndpoint = TokenEndpoint {
    path: "/oauth/v3/token",
    body: TokenBody::Form,
    client: ClientAuth::Parameters,
};

/// The properties that are called so in every account: questions are asked by them.
const FIXED: [&str; 5] =
    ["createdate", "hs_createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_object_id"];

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
            contacts, companies, deals and tickets, associationChange of deals and tickets, and \
            contact.privacyDeletion. Its client secret goes into `webhook_secrets`, the target address into \
            `webhook_url`.",
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
        let base = common.base_url_or(HOST)?;
        let token = own.token.clone().map(Auth::Bearer);
        let auth = TOKENS.auth_or(&base, own.oauth.clone(), "token", token)?;
        let account = Arc::new(account(&own)?);
        check_types("properties", own.properties.keys())?;
        check_types("property_names", own.property_names.keys())?;
        let mut streams: [Vec<Box<dyn AnyStream>>; 3] = Default::default();
        for kind in KINDS {
            let names = names(kind, &own)?;
            let asked = kind.properties.iter().map(|name| *names.get(name).unwrap_or(name));
            let more = own.properties.get(kind.path).into_iter().flatten().cloned();
            let mut properties: Vec<String> = asked.map(str::to_owned).chain(more).collect();
            properties.sort_unstable();
            properties.dedup();
            let (account, names) = (Arc::clone(&account), Arc::new(names));
            let reader = Reader { kind, properties: properties.into(), names, account };
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
        let mut streams: Vec<_> = streams.into_iter().flatten().collect();
        streams.push(Box::new(owners::Owners));
        streams.push(Box::new(pipelines::Pipelines));
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::HubSpotEvents)) })
    }
}

fn check_types<'n>(
    setting: &str,
    mut names: impl Iterator<Item = &'n String>,
) -> Result<(), Error> {
    let types: Vec<&str> = KINDS.iter().map(|kind| kind.path).collect();
    let Some(name) = names.find(|name| !types.contains(&name.as_str())) else { return Ok(()) };
    let known = types.join(", ");
    Err(Error::config(format!("{setting}.{name}: no type that is read; write {known}")))
}

/// What this account calls the properties of a type.
fn names(kind: &'static Kind, own: &HubSpotSettings) -> Result<Names, Error> {
    let mut names = Names::new();
    for (usual, name) in own.property_names.get(kind.path).into_iter().flatten() {
        let known = kind.properties.iter().find(|known| **known == usual.as_str());
        let Some(known) = known.filter(|known| !FIXED.contains(*known)) else {
            let what = format!("property_names.{}.{usual}", kind.path);
            return Err(Error::config(format!("{what}: no property that may have another name")));
        };
        // Settings are read once, and mappings name fields for as long as the program runs.
        names.insert(*known, Box::leak(name.clone().into_boxed_str()));
    }
    Ok(names)
}

fn account(own: &HubSpotSettings) -> Result<Account, Error> {
    let currency = own.currency.as_deref().map(str::parse::<Currency>).transpose();
    let currency =
        currency.map_err(|_| Error::config("currency: write an ISO 4217 code such as \"EUR\""))?;
    let (ticket_stages, deal_stages) = (own.ticket_stages.clone(), own.deal_stages.clone());
    let unknown = ticket_stages.iter().find(|(_, status)| **status == TicketStatus::Unknown);
    if let Some((stage, _)) = unknown {
        let words = "new, open, pending, hold, solved or closed";
        return Err(Error::config(format!("ticket_stages.{stage}: write {words}")));
    }
    let unknown = deal_stages.iter().find(|(_, category)| **category == StageCategory::Unknown);
    if let Some((stage, _)) = unknown {
        return Err(Error::config(format!("deal_stages.{stage}: write open, won or lost")));
    }
    Ok(Account { currency, ticket_stages, deal_stages })
}

/// Milliseconds since 1970: how HubSpot writes the times in its questions.
fn millis(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000)
}

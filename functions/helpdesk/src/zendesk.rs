//! Zendesk Support: its users, organisations, tickets and what happened in them.

mod events;
mod export;
mod listing;
mod organizations;
mod ratings;
mod tickets;
mod timed;
mod users;
mod webhook;
mod words;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, is_loopback};
use shared::connector::{
    AnyStream, Api, Auth, ClientAuth, Connector, Horizon, Left, OAuth, QuotaHeaders, Reset, Source,
    TokenBody,
};
use shared::error::Error;
use shared::facts::{Fact, Pace, Quota, SourceFacts, fact};
use shared::schema::Timestamp;
use url::Url;

/// Zendesk Support.
pub struct Zendesk;

/// The settings of a Zendesk connection; sign in with `email` and `token`, or with `oauth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZendeskSettings {
    /// The address of the admin to whom the API token belongs, e.g. `sync@acme.example`.
    pub email: Option<String>,
    /// The API token.
    pub token: Option<SecretRef>,
    /// An OAuth client, in place of email and token.
    pub oauth: Option<OAuthSettings>,
    /// Records per page of the ticket and user exports, 1 to 1000.
    // That 1,000 is the most is not documented where we could read it; hence a setting.
    #[serde(default = "largest_page")]
    #[schemars(range(min = 1, max = 1000))]
    pub export_page_size: u16,
    /// How many days each run reads satisfaction ratings back; 0 trusts the filter to go by last change.
    // The vendor does not say whether `start_time` means when a rating was offered or when it was given.
    #[serde(default = "a_week")]
    #[schemars(range(max = 366))]
    pub csat_lookback_days: u16,
}

/// An OAuth client of the account, with a refresh token that an admin obtained once.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuthSettings {
    /// The client's unique identifier.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// The first refresh token; each is good for one use, the later ones are kept in the token vault.
    pub refresh_token: SecretRef,
    /// Where tokens are refreshed; `/oauth/tokens` of the account when absent.
    #[schemars(with = "Option<String>")]
    pub token_url: Option<Url>,
}

const LARGEST_PAGE: u16 = 1000;
const LONGEST_LOOKBACK: u16 = 366;

const fn largest_page() -> u16 {
    LARGEST_PAGE
}

const fn a_week() -> u16 {
    7
}

const EXPORT_GUIDE: &str = "developer.zendesk.com/documentation/ticketing/managing-tickets/using-the-incremental-export-api";
const EXPORT_REFERENCE: &str =
    "developer.zendesk.com/api-reference/ticketing/ticket-management/incremental_exports";
const RATE_LIMITS: &str = "developer.zendesk.com/api-reference/introduction/rate-limits";

/// What one minute's records are excluded from, in every incremental export.
const EXPORT_LAG: Fact<Duration> = fact(Duration::from_mins(1), EXPORT_GUIDE);
/// Ten a minute for all incremental exports together; thirty with the High Volume add-on.
const EXPORT_QUOTA: Fact<Quota> =
    fact(Quota { name: "incremental-exports", pace: Pace::per_minute(10) }, RATE_LIMITS);
const NO_LAG: Fact<Duration> =
    fact(Duration::ZERO, "a list of what there is now, not a window of time");
const NO_LOOKBACK: Fact<Duration> = fact(Duration::ZERO, EXPORT_GUIDE);

static FACTS: SourceFacts = SourceFacts {
    name: "zendesk",
    system: "helpdesk",
    title: "Zendesk Support",
    api_version: fact(
        "v2",
        "every path of developer.zendesk.com/api-reference begins with /api/v2",
    ),
    sunset: None,
    setup: "An API token of an admin, or an OAuth client with the scope `read` whose refresh token an admin \
            obtained. For changes within seconds, a webhook that is connected to Zendesk events of tickets, users \
            and organizations (not to a trigger), with its signing secret in `webhook_secrets`.",
};

impl Source for Zendesk {
    type Settings = ZendeskSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: ZendeskSettings,
    ) -> Result<Connector, Error> {
        let base = base_url(common)?;
        let auth = auth(&base, &own)?;
        if !(1..=LARGEST_PAGE).contains(&own.export_page_size) {
            return Err(wrong("export_page_size: write a number from 1 to 1000"));
        }
        if own.csat_lookback_days > LONGEST_LOOKBACK {
            return Err(wrong("csat_lookback_days: write a number from 0 to 366"));
        }
        let page_size = own.export_page_size;
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(users::Users { page_size }),
            Box::new(organizations::Organizations),
            Box::new(tickets::Tickets { page_size }),
            Box::new(events::TicketEvents),
            Box::new(ratings::SatisfactionRatings { lookback_days: own.csat_lookback_days }),
            Box::new(users::DeletedUsers),
            Box::new(tickets::DeletedTickets),
        ];
        let api = Api {
            base,
            auth,
            // The smallest plan's; larger plans say so in `pace`.
            pace: Some(Pace::per_minute(200)),
            headers: Vec::new(),
            other_hosts: Vec::new(),
            quota: Some(QuotaHeaders {
                left: Left::Remaining("ratelimit-remaining"),
                reset: Reset::Seconds("ratelimit-reset"),
            }),
        };
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::ZendeskEvents)) })
    }
}

fn wrong(what: &str) -> Error {
    Error::Config(what.to_owned())
}

fn base_url(common: &ConnectionSettings) -> Result<Url, Error> {
    let base = common.base_url.clone().ok_or_else(|| {
        wrong("base_url is missing; write the account's address, e.g. base_url = \"https://acme.zendesk.com\"")
    })?;
    if base.path() != "/" || base.query().is_some() || base.fragment().is_some() {
        return Err(wrong("base_url: end it after the host, e.g. \"https://acme.zendesk.com\""));
    }
    Ok(base)
}

fn auth(base: &Url, own: &ZendeskSettings) -> Result<Auth, Error> {
    match (&own.email, &own.token, &own.oauth) {
        (Some(email), Some(token), None) if !email.trim().is_empty() => {
            Ok(Auth::Basic { user: format!("{}/token", email.trim()), password: token.clone() })
        }
        (None, None, Some(oauth)) => {
            let token_url = match &oauth.token_url {
                None => base
                    .join("/oauth/tokens")
                    .map_err(|_| wrong("base_url: tokens cannot be asked for there"))?,
                Some(url) if url.scheme() == "https" || is_loopback(url) => url.clone(),
                Some(_) => return Err(wrong("oauth.token_url must begin with https://")),
            };
            Ok(Auth::OAuth(OAuth {
                token_url,
                client_id: oauth.client_id.clone(),
                client_secret: oauth.client_secret.clone(),
                refresh_token: oauth.refresh_token.clone(),
                body: TokenBody::Json,
                client: ClientAuth::Parameters,
            }))
        }
        (None, None, None) => {
            Err(wrong("credentials are missing: write email and token, or oauth"))
        }
        (_, _, Some(_)) => Err(wrong("write either email and token, or oauth, not both")),
        (_, None, None) => Err(wrong("token is missing: email needs the API token beside it")),
        (_, Some(_), None) => {
            Err(wrong("email is missing: token needs the address of its admin beside it"))
        }
    }
}

/// Whole seconds since 1970: how Zendesk writes the times in its questions.
fn unix(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(seconds).ok()
}

/// The second to ask from on the first run: never before 1970 and never in the future, which Zendesk refuses.
fn first_second(horizon: &Horizon) -> i64 {
    unix(horizon.start.min(horizon.until)).max(0)
}

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
use shared::config::{ConnectionSettings, SecretRef, within};
use shared::connector::{
    AnyStream, Api, Auth, ClientAuth, Connector, Left, QuotaHeaders, Reset, Source, TokenBody,
};
use shared::error::Error;
use shared::facts::{Fact, Pace, Quota, SourceFacts, fact};
use shared::oauth::{OAuthSettings, TokenEndpoint};
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
    /// An OAuth client of the account, in place of email and token; tokens are refreshed at `/oauth/tokens` of the account,
    /// and each refresh token is good for one use.
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

const LARGEST_PAGE: u16 = 1000;
const LONGEST_LOOKBACK: u16 = 366;
const TOKENS: TokenEndpoint =
    TokenEndpoint { path: "/oauth/tokens", body: TokenBody::Json, client: ClientAuth::Parameters };

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
        let base = common.account_url("https://acme.zendesk.com")?;
        let auth = auth(&base, own.email.as_deref(), own.token, own.oauth)?;
        within("export_page_size", own.export_page_size, 1..=LARGEST_PAGE)?;
        within("csat_lookback_days", own.csat_lookback_days, 0..=LONGEST_LOOKBACK)?;
        let page_size = own.export_page_size;
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(users::users(page_size)),
            Box::new(organizations::organizations()),
            Box::new(tickets::tickets(page_size)),
            Box::new(events::ticket_events()),
            Box::new(ratings::SatisfactionRatings { lookback_days: own.csat_lookback_days }),
            Box::new(users::deleted()),
            Box::new(tickets::deleted()),
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

fn auth(
    base: &Url,
    email: Option<&str>,
    token: Option<SecretRef>,
    oauth: Option<OAuthSettings>,
) -> Result<Auth, Error> {
    match (email.map(str::trim), token, oauth) {
        (Some(email), Some(password), None) if !email.is_empty() => {
            Ok(Auth::Basic { user: format!("{email}/token"), password })
        }
        (None, None, Some(oauth)) => TOKENS.auth(base, oauth),
        (None, None, None) => {
            Err(Error::config("credentials are missing: write email and token, or oauth"))
        }
        (_, _, Some(_)) => Err(Error::config("write either email and token, or oauth, not both")),
        (_, None, None) => {
            Err(Error::config("token is missing: email needs the API token beside it"))
        }
        (_, Some(_), None) => {
            Err(Error::config("email is missing: token needs the address of its admin beside it"))
        }
    }
}

fn instant(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_unix_seconds(seconds).ok()
}

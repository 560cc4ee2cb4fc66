//! Square: the customers, orders, payments and loyalty points of a seller's tills and online shop.

mod answer;
mod customers;
mod loyalty;
mod money;
mod orders;
mod payments;
mod webhook;
mod window;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, within};
use shared::connector::{AnyStream, Api, Auth, ClientAuth, Connector, Source, TokenBody};
use shared::error::Error;
use shared::facts::{Fact, Granularity, Pace, SourceFacts, fact};
use shared::oauth::{OAuthSettings, TokenEndpoint};
use shared::schema::Timestamp;
use url::Url;

/// Square.
pub struct Square;

/// The settings of a Square connection; sign in with `access_token`, or with `oauth`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SquareSettings {
    /// A personal access token of the seller's own application.
    pub access_token: Option<SecretRef>,
    /// An OAuth application that the seller authorised (code flow), in place of a personal access token; tokens are
    /// refreshed at `/oauth2/token` of the same host, and the refresh token stays good until the seller revokes it.
    pub oauth: Option<OAuthSettings>,
    /// The version of the API to ask for, as a date; the application's default would apply without it.
    #[serde(default = "known_version")]
    pub api_version: String,
    /// Orders per page, 1 to 1000.
    #[serde(default = "usual_page")]
    #[schemars(range(min = 1, max = 1000))]
    pub order_page_size: u16,
    /// How many hours each run reads loyalty events back; they can be searched by the time of their creation only.
    // Orders taken offline come up to 72 hours late; that their points do too is likely, but written nowhere.
    #[serde(default = "longest_offline")]
    #[schemars(range(max = 720))]
    pub loyalty_lookback_hours: u16,
}

const HOST: &str = "https://connect.squareup.com";
const API_VERSION: &str = "2025-08-20";
const LARGEST_PAGE: u16 = 1000;
const LONGEST_LOOKBACK: u16 = 720;
const TOKENS: TokenEndpoint =
    TokenEndpoint { path: "/oauth2/token", body: TokenBody::Json, client: ClientAuth::Parameters };

fn known_version() -> String {
    API_VERSION.to_owned()
}

const fn usual_page() -> u16 {
    500
}

const fn longest_offline() -> u16 {
    72
}

/// Customers show up "well under 30 seconds" after a change, at times after a minute or longer.
const LAG: Fact<Duration> = fact(
    Duration::from_mins(2),
    "OpenAPI: SearchCustomers, \"occasionally closer to one minute or longer\"; ListPayments, \"several seconds\"",
);
/// For the changes that took longer still.
const LOOKBACK: Fact<Duration> = fact(
    Duration::from_mins(10),
    "OpenAPI: SearchCustomers names no longest delay, so each run reads ten minutes again",
);
const MILLISECONDS: Fact<Granularity> = fact(
    Granularity::Millisecond,
    "OpenAPI examples: `2020-04-20T10:02:43.083Z`; whole seconds are written without a fraction",
);

static FACTS: SourceFacts = SourceFacts {
    name: "square",
    system: "pos",
    title: "Square",
    api_version: fact(API_VERSION, "developer.squareup.com/docs/build-basics/versioning-overview"),
    sunset: None,
    setup: "A personal access token of the seller's application, or an OAuth application that the seller authorised \
            with MERCHANT_PROFILE_READ, CUSTOMERS_READ, ORDERS_READ, PAYMENTS_READ and LOYALTY_READ. For changes \
            within seconds, a webhook subscription to the customer, order, payment, refund and loyalty events, with \
            its signature key in `webhook_secrets` and its notification URL, byte for byte, in `webhook_url`.",
};

impl Source for Square {
    type Settings = SquareSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: SquareSettings,
    ) -> Result<Connector, Error> {
        check(common, &own)?;
        let base = common.base_url_or(HOST)?;
        let token = own.access_token.map(Auth::Bearer);
        let auth = TOKENS.auth_or(&base, own.oauth, "access_token", token)?;
        let lookback = Duration::from_hours(own.loyalty_lookback_hours.into());
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(customers::customers()),
            Box::new(customers::directory()),
            Box::new(orders::orders(own.order_page_size)),
            Box::new(payments::payments()),
            Box::new(payments::refunds()),
            Box::new(loyalty::accounts()),
            Box::new(loyalty::events(lookback)),
        ];
        let api = Api {
            base,
            auth,
            // Square publishes no limits; this stays far from where sellers report refusals, and `pace` changes it.
            pace: Some(Pace::per_minute(300)),
            headers: vec![("square-version", own.api_version)],
            other_hosts: Vec::new(),
            quota: None,
        };
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::SquareEvents)) })
    }
}

fn check(common: &ConnectionSettings, own: &SquareSettings) -> Result<(), Error> {
    within("order_page_size", own.order_page_size, 1..=LARGEST_PAGE)?;
    within("loyalty_lookback_hours", own.loyalty_lookback_hours, 0..=LONGEST_LOOKBACK)?;
    let is_date = |text: &str| {
        text.len() == 10 && Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok()
    };
    if !is_date(&own.api_version) {
        return Err(Error::config("api_version: write a date, e.g. \"2025-08-20\""));
    }
    // The signature covers these characters: a blank or padded address refuses every delivery.
    let is_address = |text: &String| text.trim() == text && Url::parse(text).is_ok();
    if common.webhook_url.as_ref().is_some_and(|url| !is_address(url)) {
        return Err(Error::config(
            "webhook_url: write the notification URL of the webhook subscription, byte for byte",
        ));
    }
    Ok(())
}

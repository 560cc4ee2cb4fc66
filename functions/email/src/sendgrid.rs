//! Twilio SendGrid: who must not be written to, whom it writes to, and what became of each email.

mod address;
mod collections;
mod contacts;
mod csv;
mod exports;
mod groups;
mod suppressions;
mod times;
mod webhook;
mod window;

use std::borrow::Cow;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::config::{ConnectionSettings, SecretRef, within};
use shared::connector::{AnyStream, Api, Auth, Connector, Left, QuotaHeaders, Reset, Source};
use shared::error::Error;
use shared::facts::{Fact, SourceFacts, fact};
use url::Url;

use suppressions::Reader;

/// Twilio SendGrid.
pub struct SendGrid;

/// The settings of a SendGrid connection. Subusers pinned to the European Union answer at
/// `base_url = "https://api.eu.sendgrid.com"`; all others at the default, `https://api.sendgrid.com`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendGridSettings {
    /// The API key; it needs read access to suppressions, unsubscribe groups and marketing.
    pub api_key: SecretRef,
    /// Reads this subuser (`its-name`) or customer account (`account-id 1234`) with the key of its parent account.
    pub on_behalf_of: Option<String>,
    /// Suppressions per page, 1 to 500.
    #[serde(default = "largest_page")]
    #[schemars(range(min = 1, max = 500))]
    pub page_size: u16,
    /// The hosts from which exported contacts are downloaded, without `https://`; SendGrid does not document them, so the
    /// first export fails with the name of the host to write here.
    #[serde(default)]
    pub download_hosts: Vec<String>,
    /// The format of exported contacts.
    // That both have all fields is seen, not documented; hence a setting.
    #[serde(default)]
    pub export_format: ExportFormat,
    /// The largest file of an export in megabytes, 1 to 100: each is in memory whole, several times its size.
    #[serde(default = "small_file")]
    #[schemars(range(min = 1, max = 100))]
    pub export_file_mb: u16,
    /// Seconds between two questions whether an export is ready, 1 to 3600.
    #[serde(default = "ten_seconds")]
    #[schemars(range(min = 1, max = 3600))]
    pub export_poll_seconds: u16,
}

/// Formats of exported contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// A line of column names, then a line for each contact.
    #[default]
    Csv,
    /// An object on each line.
    Json,
}

const LARGEST_PAGE: u16 = 500;

const fn largest_page() -> u16 {
    LARGEST_PAGE
}

const fn small_file() -> u16 {
    4
}

const fn ten_seconds() -> u16 {
    10
}

const HOME: &str = "https://api.sendgrid.com";
const NO_LAG: Fact<Duration> =
    fact(Duration::ZERO, "a list of what there is now, not a window of time");
const NO_LOOKBACK: Fact<Duration> = fact(Duration::ZERO, "every pass reads the whole list");
const A_DAY: Duration = Duration::from_hours(24);
const NO_MARKETING: &str =
    "the account has no Marketing Campaigns, or the API key lacks read access to marketing";

static FACTS: SourceFacts = SourceFacts {
    name: "sendgrid",
    system: "email",
    title: "Twilio SendGrid",
    api_version: fact("v3", "github.com/twilio/sendgrid-oai: every path begins with /v3"),
    sunset: None,
    setup: "An API key with read access to suppressions, unsubscribe groups and marketing. What happens to each email \
            is only pushed: create an Event Webhook with all events and Signature Verification on, and put its public \
            key into `webhook_secrets`.",
};

impl Source for SendGrid {
    type Settings = SendGridSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: SendGridSettings,
    ) -> Result<Connector, Error> {
        let base = common.base_url_or(HOME)?;
        within("page_size", own.page_size, 1..=LARGEST_PAGE)?;
        within("export_file_mb", own.export_file_mb, 1..=100)?;
        within("export_poll_seconds", own.export_poll_seconds, 1..=3600)?;
        let other_hosts = hosts(own.download_hosts)?;
        let lists = |reader| {
            suppressions::LISTS.iter().map(move |list| -> Box<dyn AnyStream> {
                Box::new(suppressions::Suppressions { list, reader, page_size: own.page_size })
            })
        };
        let mut streams: Vec<Box<dyn AnyStream>> = lists(Reader::Additions).collect();
        streams.push(Box::new(groups::group_suppressions()));
        streams.extend(lists(Reader::Pass));
        streams.push(Box::new(contacts::Contacts {
            format: own.export_format,
            file_mb: own.export_file_mb,
            poll: Duration::from_secs(own.export_poll_seconds.into()),
            base: base.clone(),
            hosts: other_hosts.clone(),
        }));
        streams.push(Box::new(collections::LISTS));
        streams.push(Box::new(collections::SEGMENTS));
        streams.push(Box::new(collections::SINGLE_SENDS));
        let api = Api {
            base,
            auth: Auth::Bearer(own.api_key),
            // Limits are per endpoint and their numbers are not published: the headers tell.
            pace: None,
            headers: on_behalf_of(own.on_behalf_of)?,
            other_hosts,
            quota: Some(QuotaHeaders {
                left: Left::Remaining("x-ratelimit-remaining"),
                reset: Reset::UnixSeconds("x-ratelimit-reset"),
            }),
        };
        Ok(Connector { api, streams, webhook: Some(Box::new(webhook::SendGridEvents)) })
    }
}

fn on_behalf_of(account: Option<String>) -> Result<Vec<(&'static str, String)>, Error> {
    let Some(account) = account else { return Ok(Vec::new()) };
    let account = account.trim().to_owned();
    if account.is_empty() || !account.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Error::config("on_behalf_of: write a subuser's name, or \"account-id 1234\""));
    }
    Ok(vec![("on-behalf-of", account)])
}

fn hosts(written: Vec<String>) -> Result<Vec<Cow<'static, str>>, Error> {
    let host = |host: String| {
        let host = host.trim().to_ascii_lowercase();
        let is_host =
            Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.host_str() == Some(&host));
        if !is_host {
            return Err(Error::config(
                "download_hosts: write hosts only, without https:// and path",
            ));
        }
        Ok(Cow::Owned(host))
    };
    written.into_iter().map(host).collect()
}

//! `tributary.toml`: connections, stores and references to secrets, checked key by key before anything runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use url::{Host, Url};

use crate::connector::{Connector, Source};
use crate::error::Error;
use crate::facts::{Pace, SourceFacts};
use crate::identity::{IdentitySettings, Recognition};
use crate::pseudonym::Pseudonyms;
use crate::schema::Timestamp;
pub use crate::secrets::SecretRef;
use crate::secrets::Secrets;
use crate::signature::Part;

/// The whole settings file.
pub struct Settings {
    /// Where data goes; absent: embedded stores.
    pub store: Option<StoreSettings>,
    /// The configured accounts, by name.
    pub connections: BTreeMap<String, Connection>,
    /// The secret under which addresses and the like become keys. Absent: a file among the embedded stores' secrets.
    pub identity_key: Option<SecretRef>,
    /// How people are recognised.
    pub identity: IdentitySettings,
    /// Who may look customers up.
    pub customers: CustomersSettings,
    /// The secret itself, once unlocked.
    pub pseudonyms: Option<Pseudonyms>,
    /// The folder of the settings file: secrets' files are relative to it.
    pub folder: PathBuf,
}

/// Where data goes in AWS.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// The S3 bucket of raw, landing, quarantine and lake.
    pub bucket: String,
    /// The DynamoDB table that answers "who is this person, now?".
    pub customers_table: String,
    /// The DynamoDB table of cursors, leases and ledgers.
    pub state_table: String,
}

/// The table `[customers]` of the settings: the customer API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomersSettings {
    /// The keys that open it; several during a rotation.
    pub api_keys: Vec<SecretRef>,
}

/// One configured account of a source.
pub struct Connection {
    /// Its name: part of every key, never renamed.
    pub name: String,
    /// The source's facts.
    pub source: &'static SourceFacts,
    /// The settings that every connection has.
    pub common: ConnectionSettings,
    /// The configured connector, with the selected streams only.
    pub connector: Connector,
    /// The objects whose deletion only their absence shows.
    pub kept: BTreeSet<&'static str>,
    /// Makes keys of values that must not stand in a key; empty until [`Settings::unlock`].
    pub pseudonyms: Pseudonyms,
}

/// The settings that every connection has, whatever its source.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub struct ConnectionSettings {
    /// The source's name, e.g. `zendesk`; `tributary streams` lists them.
    pub source: String,
    /// Where the account answers, e.g. `https://acme.zendesk.com`; plain http only for loopback addresses.
    #[schemars(with = "Option<String>")]
    pub base_url: Option<Url>,
    /// The streams to read; all of them when absent.
    pub streams: Option<Vec<String>>,
    /// The first day to read (`2025-01-01`) or an instant; everything when absent.
    #[serde(default, deserialize_with = "day_or_instant")]
    #[schemars(with = "Option<String>")]
    pub start: Option<Timestamp>,
    /// `"unlimited"`, or `{ requests = 30, per = "1m" }`; what the source's documentation allows when absent.
    pub pace: Option<PaceSetting>,
    /// Whether records also go to DynamoDB; false lands them in S3 only, for large backfills.
    #[serde(default = "yes")]
    pub customers: bool,
    /// Secrets that sign the source's webhooks; several during a rotation.
    #[serde(default)]
    pub webhook_secrets: Vec<SecretRef>,
    /// The address of this connection's webhook exactly as it is registered at the source; for sources that sign it.
    pub webhook_url: Option<String>,
    /// How far a signed time may be from ours, e.g. `"5m"`; the source's own rule when absent.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<String>")]
    pub webhook_tolerance: Option<Duration>,
    /// The largest webhook body in bytes; 1 MiB when absent, 6 MiB at most.
    #[serde(default = "default_webhook_max_bytes")]
    pub webhook_max_bytes: usize,
    /// The region of phone numbers written without a country, e.g. `GB`.
    pub region: Option<String>,
}

impl ConnectionSettings {
    /// Where the API answers: the operator's address, or else `home`.
    pub fn base_url_or(&self, home: &str) -> Result<Url, Error> {
        let home = Url::parse(home)
            .map_err(|error| Error::Invariant(format!("the source's own address: {error}")))?;
        let base = self.base_url.as_ref().unwrap_or(&home);
        ends_after_the_host("base_url", base, home.as_str())?;
        Ok(base.clone())
    }

    /// Where the API answers, for sources at which each account has an address of its own, such as `example`.
    pub fn account_url(&self, example: &str) -> Result<Url, Error> {
        let Some(base) = &self.base_url else {
            return Err(Error::config(format!(
                "base_url is missing; write the account's address, e.g. base_url = {example:?}"
            )));
        };
        ends_after_the_host("base_url", base, example)?;
        Ok(base.clone())
    }
}

fn ends_after_the_host(key: &str, url: &Url, example: &str) -> Result<(), Error> {
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        let example = example.trim_end_matches('/');
        return Err(Error::config(format!("{key}: end it after the host, e.g. {example:?}")));
    }
    Ok(())
}

/// Refuses a number that is out of the range of its key.
pub fn within(key: &str, number: u16, range: RangeInclusive<u16>) -> Result<(), Error> {
    if range.contains(&number) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(Error::config(format!("{key}: write a number from {least} to {most}")))
}

/// The rate of requests to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaceSetting {
    /// No limit of our own; the source's refusals still count.
    Unlimited,
    /// At most this rate.
    Limited(Pace),
}

const fn yes() -> bool {
    true
}

pub(crate) const fn default_webhook_max_bytes() -> usize {
    1024 * 1024
}

/// The largest webhook body that any connection may ask for.
pub const WEBHOOK_HARD_CAP: usize = 6 * 1024 * 1024;

fn parse_duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| {
        format!("{text:?} is not a duration; write for example \"30s\", \"5m\" or \"1h\"")
    })?;
    Duration::try_from(span).map_err(|_| format!("{text:?} is negative"))
}

fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(serde::de::Error::custom)
}

fn day_or_instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Timestamp>, D::Error> {
    let value = toml::Value::deserialize(deserializer)?;
    let text = match &value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Datetime(moment) => moment.to_string(),
        _ => return Err(serde::de::Error::custom("write a day such as \"2025-01-01\"")),
    };
    let instant = match text.parse::<jiff::civil::Date>() {
        Ok(day) if !text.contains('T') => {
            Timestamp::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()
        }
        _ => Timestamp::parse_rfc3339(&text).ok(),
    };
    instant.map(Some).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is neither a day such as \"2025-01-01\" nor an RFC 3339 instant"
        ))
    })
}

impl<'de> Deserialize<'de> for PaceSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Rate {
            requests: u32,
            per: String,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            Word(String),
            Rate(Rate),
        }
        let wrong =
            || serde::de::Error::custom("pace is \"unlimited\" or { requests = 30, per = \"1m\" }");
        match Shape::deserialize(deserializer).map_err(|_| wrong())? {
            Shape::Word(word) if word == "unlimited" => Ok(Self::Unlimited),
            Shape::Rate(Rate { requests, per }) if requests > 0 => {
                let per = parse_duration(&per).map_err(serde::de::Error::custom)?;
                Ok(Self::Limited(Pace { requests, per }))
            }
            _ => Err(wrong()),
        }
    }
}

impl schemars::JsonSchema for PaceSetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pace".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "oneOf": [
                { "const": "unlimited" },
                { "type": "object", "required": ["requests", "per"], "additionalProperties": false,
                  "properties": { "requests": { "type": "integer", "minimum": 1 }, "per": { "type": "string" } } },
            ]
        })
    }
}

/// A [`Source`] whose settings are still a table: what lists of sources hold. Every source is one.
pub trait AnySource: Send + Sync {
    /// See [`Source::facts`].
    fn facts(&self) -> &'static SourceFacts;
    /// JSON Schema of the source's own settings, with help texts.
    fn settings_schema(&self) -> serde_json::Value;
    /// Reads the source's own settings and connects.
    fn open(&self, common: &ConnectionSettings, own: toml::Table) -> Result<Connector, Error>;
}

impl<S: Source> AnySource for S {
    fn facts(&self) -> &'static SourceFacts {
        Source::facts(self)
    }

    fn settings_schema(&self) -> serde_json::Value {
        schemars::schema_for!(S::Settings).to_value()
    }

    fn open(&self, common: &ConnectionSettings, own: toml::Table) -> Result<Connector, Error> {
        let own = S::Settings::deserialize(own)
            .map_err(|error| Error::Config(error.message().to_owned()))?;
        self.connect(common, own)
    }
}

/// A list of sources, as each system function keeps one.
pub type Sources = [&'static dyn AnySource];

/// What to do with connections of sources that this binary does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// Refuse: the command line knows every source, so the name is wrong.
    Refuse,
    /// Pass over: a system's function reads the one settings file of all systems.
    Skip,
}

impl Settings {
    /// Reads the settings file.
    pub fn load(path: &Path, sources: &Sources, foreign: Foreign) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::Config(format!(
                "{} cannot be read: {error}; `tributary init` writes a first one",
                path.display()
            ))
        })?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::parse(&text, folder, sources, foreign).map_err(|error| match error {
            Error::Config(what) => Error::Config(format!("{}: {what}", path.display())),
            other => other,
        })
    }

    /// Reads settings from text; `folder` is what secrets' files are relative to.
    pub fn parse(
        text: &str,
        folder: impl Into<PathBuf>,
        sources: &Sources,
        foreign: Foreign,
    ) -> Result<Self, Error> {
        let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's own rendering quotes the line, which may hold a secret put there by mistake.
            let line = error
                .span()
                .map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            Error::Config(format!("line {line}: {}", error.message()))
        })?;
        let store = section(&mut table, "store")?;
        let connections = match table.remove("connections") {
            None => toml::Table::new(),
            Some(toml::Value::Table(connections)) => connections,
            Some(_) => {
                return Err(Error::Config(
                    "connections: write [connections.NAME] tables".to_owned(),
                ));
            }
        };
        let identity_key = section(&mut table, "identity_key")?;
        let identity = section::<IdentitySettings>(&mut table, "identity")?.unwrap_or_default();
        let customers = section::<CustomersSettings>(&mut table, "customers")?.unwrap_or_default();
        if let Some(key) = table.keys().next() {
            let known = ["store", "identity_key", "identity", "customers", "connections"];
            return Err(unknown_key(key, &known));
        }
        let connections = connections
            .into_iter()
            .filter(|(_, value)| {
                let source = value.get("source").and_then(toml::Value::as_str);
                foreign == Foreign::Refuse
                    || sources.iter().any(|known| Some(known.facts().name) == source)
            })
            .map(|(name, value)| {
                let connection =
                    open_connection(&name, value, sources).map_err(|error| match error {
                        Error::Config(what) => Error::Config(format!("connections.{name}: {what}")),
                        other => other,
                    })?;
                Ok((name, connection))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            store,
            connections,
            identity_key,
            identity,
            customers,
            pseudonyms: None,
            folder: folder.into(),
        })
    }

    /// Reads the secret under which addresses and the like become keys; without one, rows that need it are quarantined.
    pub async fn unlock(&mut self, secrets: &Secrets) -> Result<(), Error> {
        if let Some(reference) = &self.identity_key {
            let key = secrets.read(reference).await?;
            self.unlock_with(&Pseudonyms::new(key));
        }
        Ok(())
    }

    /// The same, with the secret at hand.
    pub fn unlock_with(&mut self, pseudonyms: &Pseudonyms) {
        self.pseudonyms = Some(pseudonyms.clone());
        for connection in self.connections.values_mut() {
            connection.pseudonyms = pseudonyms.clone();
        }
    }
}

impl Settings {
    /// How people are recognised; none before [`Settings::unlock`] or without a secret.
    pub fn recognition(&self) -> Option<Recognition> {
        let pseudonyms = self.pseudonyms.clone()?;
        Some(Recognition::new(self.identity.clone(), pseudonyms))
    }
}

/// Takes a key out of the settings; an error names it.
fn section<T: DeserializeOwned>(table: &mut toml::Table, key: &str) -> Result<Option<T>, Error> {
    let read = table.remove(key).map(T::deserialize).transpose();
    read.map_err(|error| Error::Config(format!("{key}: {}", error.message())))
}

fn open_connection(name: &str, value: toml::Value, sources: &Sources) -> Result<Connection, Error> {
    let well_named = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        });
    if !well_named {
        return Err(Error::Config("names are 1 to 64 characters of a–z, 0–9, - and _".to_owned()));
    }
    let toml::Value::Table(table) = value else {
        return Err(Error::Config("is not a table".to_owned()));
    };
    let known: Vec<&str> = sources.iter().map(|source| source.facts().name).collect();
    let source = match table.get("source").and_then(toml::Value::as_str) {
        None => {
            return Err(Error::Config(format!("source is missing; one of {}", known.join(", "))));
        }
        Some(wanted) => {
            sources.iter().find(|source| source.facts().name == wanted).ok_or_else(|| {
                Error::Config(format!("unknown source {wanted:?}{}", suggestion(wanted, &known)))
            })?
        }
    };
    let common_keys = properties(&schemars::schema_for!(ConnectionSettings).to_value());
    let own_keys = properties(&source.settings_schema());
    let all: Vec<&str> = common_keys.iter().chain(&own_keys).map(String::as_str).collect();
    if let Some(key) = table.keys().find(|key| !all.contains(&key.as_str())) {
        return Err(unknown_key(key, &all));
    }
    let (own, common): (toml::Table, toml::Table) =
        table.into_iter().partition(|(key, _)| own_keys.contains(key));
    let common = ConnectionSettings::deserialize(common)
        .map_err(|error| Error::Config(error.message().to_owned()))?;
    if common.webhook_max_bytes > WEBHOOK_HARD_CAP {
        return Err(Error::Config(format!("webhook_max_bytes is at most {WEBHOOK_HARD_CAP}")));
    }
    if let Some(base) = &common.base_url {
        check_base_url(base)?;
    }
    let connector = source.open(&common, own)?;
    check_base_url(&connector.api.base)?;
    if let Some(selected) = &common.streams {
        let known: Vec<&str> = connector.streams.iter().map(|stream| stream.facts().name).collect();
        if let Some(wrong) = selected.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(Error::Config(format!(
                "streams: unknown stream {wrong:?}{}",
                suggestion(wrong, &known)
            )));
        }
    }
    if let Some(webhook) =
        connector.webhook.as_deref().filter(|_| !common.webhook_secrets.is_empty())
    {
        let parts = webhook.facts().signatures.iter().flat_map(|scheme| scheme.signed);
        if parts.copied().any(Part::needs_url) && common.webhook_url.is_none() {
            return Err(Error::Config(
                "webhook_url is missing: this source signs the address that it calls; write it as it is registered there"
                    .to_owned(),
            ));
        }
    }
    Ok(Connection {
        name: name.to_owned(),
        source: source.facts(),
        common,
        kept: crate::roster::kept_of(&connector),
        connector,
        pseudonyms: Pseudonyms::default(),
    })
}

impl Connection {
    /// Whether the operator selected this stream.
    pub fn selects(&self, stream: &str) -> bool {
        self.common
            .streams
            .as_ref()
            .is_none_or(|selected| selected.iter().any(|name| name == stream))
    }
}

/// Whether a host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(domain)) => domain == "localhost",
        None => false,
    }
}

fn check_base_url(url: &Url) -> Result<(), Error> {
    let plain_allowed = url.scheme() == "http" && is_loopback(url);
    if url.scheme() != "https" && !plain_allowed {
        return Err(Error::Config(format!("base_url {:?} must begin with https://", url.as_str())));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Config("base_url must not hold credentials".to_owned()));
    }
    Ok(())
}

fn properties(schema: &serde_json::Value) -> Vec<String> {
    schema["properties"]
        .as_object()
        .map(|properties| properties.keys().cloned().collect())
        .unwrap_or_default()
}

/// The known name that was probably meant, or else all of them.
fn suggestion(wanted: &str, known: &[&str]) -> String {
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map_or_else(
            || format!("; one of {}", known.join(", ")),
            |(_, name)| format!("; did you mean {name:?}?"),
        )
}

fn unknown_key(key: &str, known: &[&str]) -> Error {
    Error::Config(format!("unknown key {key:?}{}", suggestion(key, known)))
}

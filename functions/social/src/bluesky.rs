//! Bluesky: what people say about us on the AT Protocol network, by search, by the live feed, and looked up again.

mod author;
mod jetstream;
mod post;
mod recheck;
mod search;
mod session;
mod wanted;
mod words;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, is_loopback};
use shared::connector::{AnyStream, Api, Auth, Connector, Left, QuotaHeaders, Reset, Source};
use shared::error::Error;
use shared::facts::{Pace, SourceFacts, fact};
use url::Url;

use session::AppPassword;
use wanted::{Query, Wanted};

/// Bluesky.
pub struct Bluesky;

/// The settings of a Bluesky connection.
///
/// An account is required: without one, a search shows its first page only, and more would be missing than anybody sees.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlueskySettings {
    /// The handle of the account that searches, e.g. `sync.acme.example`.
    pub handle: String,
    /// An app password of that account (Settings → Privacy and security → App passwords), not its own password.
    pub app_password: SecretRef,
    /// What to look for: words that must all occur, and phrases in quotation marks, e.g. `"Ember & Oak"`; a post is read
    /// that fits any of them.
    #[schemars(length(min = 1, max = 50))]
    pub queries: Vec<String>,
    /// The DIDs of our own accounts: their posts are left out, and answers to them are told from mentions.
    #[serde(default)]
    pub own_dids: Vec<String>,
    /// Whether to listen to the feed of the whole network as well: it has what search passes over, edits, and deletions
    /// within minutes, for some 3 MB a minute.
    #[serde(default = "yes")]
    pub jetstream: bool,
    /// The server of that feed, one of the public ones.
    // Positions in the feed are times, so another server of the list goes on where the first one was.
    #[schemars(with = "Option<String>")]
    pub jetstream_url: Option<Url>,
}

const fn yes() -> bool {
    true
}

/// What public Jetstream servers are called.
const JETSTREAM_HOSTS: [&str; 6] = [
    "jetstream.us-east.bsky.network",
    "jetstream.us-west.bsky.network",
    "jetstream1.us-east.bsky.network",
    "jetstream2.us-east.bsky.network",
    "jetstream1.us-west.bsky.network",
    "jetstream2.us-west.bsky.network",
];
/// More would take longer than a run.
const MOST_QUERIES: usize = 50;

/// The network's name in handles and posts.
const NETWORK: &str = "bluesky";
/// What a post is called in the network.
const COLLECTION: &str = "app.bsky.feed.post";

const LEXICON_SEARCH: &str = "lexicon app.bsky.feed.searchPosts";
const LEXICON_POST_VIEW: &str = "lexicon app.bsky.feed.defs#postView";
const JETSTREAM_README: &str = "github.com/bluesky-social/jetstream, README";

static FACTS: SourceFacts = SourceFacts {
    name: "bluesky",
    system: "social",
    title: "Bluesky",
    api_version: fact("app.bsky lexicon 1", "github.com/bluesky-social/atproto, lexicons/app/bsky"),
    sunset: None,
    setup: "An account of its own with an app password. The search index is made for people: keep to a few queries, and \
            let `jetstream` find the rest. Deleted posts are buried within minutes by `jetstream`, and within twelve \
            hours by `known_posts`; so are the posts of deleted accounts.",
};

impl Source for Bluesky {
    type Settings = BlueskySettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: BlueskySettings,
    ) -> Result<Connector, Error> {
        let base = common.base_url_or("https://bsky.social")?;
        let handle = own.handle.trim().trim_start_matches('@').to_owned();
        if handle.is_empty() {
            return Err(Error::config(
                "handle: write the account's handle, e.g. \"sync.acme.example\"",
            ));
        }
        let wanted = Arc::new(wanted(&own)?);
        let session = AppPassword::new(&base, handle, own.app_password)?;
        let mut streams: Vec<Box<dyn AnyStream>> =
            vec![Box::new(search::Posts { wanted: Arc::clone(&wanted) })];
        if own.jetstream {
            let server = jetstream_url(own.jetstream_url, &base)?;
            streams.push(Box::new(jetstream::Jetstream { server, wanted: Arc::clone(&wanted) }));
        }
        streams.push(Box::new(recheck::KnownPosts { wanted }));
        let api = Api {
            base,
            auth: Auth::Session(Arc::new(session)),
            // docs.bsky.app/docs/advanced-guides/rate-limits: 3000 in five minutes for each address.
            pace: Some(Pace::per_minute(600)),
            headers: Vec::new(),
            other_hosts: JETSTREAM_HOSTS.map(Cow::Borrowed).to_vec(),
            quota: Some(QuotaHeaders {
                left: Left::Remaining("ratelimit-remaining"),
                reset: Reset::UnixSeconds("ratelimit-reset"),
            }),
        };
        Ok(Connector { api, streams, webhook: None })
    }
}

fn wanted(own: &BlueskySettings) -> Result<Wanted, Error> {
    if own.queries.is_empty() || own.queries.len() > MOST_QUERIES {
        return Err(Error::config(format!("queries: write one to {MOST_QUERIES} of them")));
    }
    let mut queries: Vec<Query> = Vec::new();
    for text in &own.queries {
        let query =
            Query::parse(text).map_err(|why| Error::config(format!("queries: {text:?} {why}")))?;
        if queries.iter().any(|other| other.text == query.text) {
            return Err(Error::config(format!("queries: {text:?} is there twice")));
        }
        queries.push(query);
    }
    let own_dids: BTreeSet<String> = own.own_dids.iter().map(|did| did.trim().to_owned()).collect();
    if let Some(did) = own_dids.iter().find(|did| !did.starts_with("did:")) {
        return Err(Error::config(format!("own_dids: {did:?} is no DID, e.g. \"did:plc:4smm…\"")));
    }
    Ok(Wanted { queries, own: own_dids })
}

fn jetstream_url(configured: Option<Url>, base: &Url) -> Result<Url, Error> {
    let url = match configured {
        Some(url) => url,
        None => Url::parse(&format!("wss://{}", JETSTREAM_HOSTS[0]))
            .map_err(|error| Error::Invariant(format!("the address of the feed: {error}")))?,
    };
    let public = url.scheme() == "wss"
        && url.port().is_none()
        && url.host_str().is_some_and(|host| JETSTREAM_HOSTS.contains(&host));
    let of_a_test = url.scheme() == "ws" && is_loopback(&url) && is_loopback(base);
    if !public && !of_a_test {
        let hosts = JETSTREAM_HOSTS.join(", ");
        return Err(Error::config(format!("jetstream_url: write wss:// and one of {hosts}")));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(Error::config("jetstream_url: end it after the host"));
    }
    Ok(url)
}

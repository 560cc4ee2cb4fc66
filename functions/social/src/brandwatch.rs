//! Brandwatch Consumer Research: what is said in public about the subjects of an account's queries.

mod days;
mod latest;
mod mention;
mod project;
mod queries;
mod session;

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use shared::config::{ConnectionSettings, SecretRef, within};
use shared::connector::{
    AnyStream, Api, Auth, Connector, Left, QuotaHeaders, Reset, Session, Source,
};
use shared::error::Error;
use shared::facts::{Fact, Pace, SourceFacts, fact};
use url::Url;

use project::Project;
use session::Password;

/// Brandwatch Consumer Research.
pub struct Brandwatch;

/// The settings of a Brandwatch connection, one for each project; sign in with `username` and `password`, or `token`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BrandwatchSettings {
    /// The id of the project to read; `GET /projects/summary` lists them.
    pub project: u64,
    /// The ids of the queries to read; all active queries of the project when absent.
    pub queries: Option<Vec<u64>>,
    /// The address of a Regular or Admin user of Consumer Research.
    pub username: Option<String>,
    /// That user's password; an access token, good for a year, is asked for with it.
    pub password: Option<SecretRef>,
    /// An access token, in place of user name and password.
    pub token: Option<SecretRef>,
    /// The platform client id, where the account has organisation switching.
    pub platform_client_id: Option<String>,
    /// How old a post may be, in days, and still turn up as new or as changed, 1 to 366.
    // Brandwatch filters by the date of the post, not by when it was added; how late it adds posts is not documented.
    #[serde(default = "a_month")]
    #[schemars(range(min = 1, max = 366))]
    pub lookback_days: u16,
    /// Mentions per page, 1 to 5000.
    #[serde(default = "largest_page")]
    #[schemars(range(min = 1, max = 5000))]
    pub page_size: u16,
    /// Queries per request, 1 to 200; the account's 30 requests in ten minutes go further with more.
    // `queryId` may be repeated; how often is not documented.
    #[serde(default = "fifty")]
    #[schemars(range(min = 1, max = 200))]
    pub queries_per_request: u16,
}

const LARGEST_PAGE: u16 = 5000;
const LONGEST_LOOKBACK: u16 = 366;
const MOST_QUERIES: u16 = 200;

const fn a_month() -> u16 {
    30
}

const fn largest_page() -> u16 {
    LARGEST_PAGE
}

const fn fifty() -> u16 {
    50
}

const MENTIONS: &str = "developers.brandwatch.com/docs/retrieving-mentions";
const BEST_PRACTICES: &str = "developers.brandwatch.com/docs/best-practices";

/// Queries may share a request; every client has 30 requests in ten minutes, whoever makes them.
const WINDOW: Duration = Duration::from_mins(10);
/// Requests in a window; five are left to others.
const REQUESTS: u32 = 25;

const NO_LAG: Fact<Duration> = fact(
    Duration::ZERO,
    "not documented; each pass reads two hours over what the one before it has read",
);

static FACTS: SourceFacts = SourceFacts {
    name: "brandwatch",
    system: "social",
    title: "Brandwatch Consumer Research",
    api_version: fact(
        "unversioned",
        "no path of developers.brandwatch.com/reference has a version",
    ),
    sunset: None,
    setup: "A user of Consumer Research with the role Regular or Admin, and the id of one project; connect each project \
            on its own. All connections of a client share 30 requests in ten minutes: where there are several, give \
            each a part of them as `pace`. Texts and authors of posts on X are not in the API; which other fields \
            are depends on the account's data packs. A document that two queries find is two mentions, one of each \
            query: count by `queryId`.",
};

impl Source for Brandwatch {
    type Settings = BrandwatchSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(
        &self,
        common: &ConnectionSettings,
        own: BrandwatchSettings,
    ) -> Result<Connector, Error> {
        let base = common.base_url_or("https://api.brandwatch.com")?;
        let auth = auth(&base, &own)?;
        let project = Arc::new(project(own)?);
        let streams: Vec<Box<dyn AnyStream>> = vec![
            Box::new(queries::queries(Arc::clone(&project))),
            Box::new(latest::Latest::mentions(&project)),
            Box::new(latest::Latest::edits(&project)),
            Box::new(days::Days { project }),
        ];
        let api = Api {
            base,
            auth,
            pace: Some(Pace { requests: REQUESTS, per: WINDOW }),
            headers: Vec::new(),
            other_hosts: Vec::new(),
            // A refusal says neither when to come back nor when the window began.
            quota: Some(QuotaHeaders {
                left: Left::UsedUpTo("x-rate-limit-used", u64::from(REQUESTS)),
                reset: Reset::After(WINDOW),
            }),
        };
        Ok(Connector { api, streams, webhook: None })
    }
}

fn auth(base: &Url, own: &BrandwatchSettings) -> Result<Auth, Error> {
    match (&own.username, &own.password, &own.token) {
        (Some(username), Some(password), None) if !username.trim().is_empty() => {
            let session = Password::new(
                base,
                username.trim(),
                password.clone(),
                own.platform_client_id.as_deref(),
            )?;
            Ok(Auth::Session(Arc::new(session) as Arc<dyn Session>))
        }
        (None, None, Some(token)) => Ok(Auth::Bearer(token.clone())),
        (None, None, None) => {
            Err(Error::config("credentials are missing: write username and password, or token"))
        }
        (_, _, Some(_)) => {
            Err(Error::config("write either username and password, or token, not both"))
        }
        (_, None, None) => Err(Error::config("password is missing: username needs it beside it")),
        (_, Some(_), None) => {
            Err(Error::config("username is missing: password needs it beside it"))
        }
    }
}

fn project(own: BrandwatchSettings) -> Result<Project, Error> {
    let BrandwatchSettings {
        project, queries, lookback_days, page_size, queries_per_request, ..
    } = own;
    if project == 0 {
        return Err(Error::config("project: write the id of a project"));
    }
    if queries.as_ref().is_some_and(|ids| ids.is_empty() || ids.contains(&0)) {
        return Err(Error::config("queries: name at least one, or leave the key out to read all"));
    }
    within("lookback_days", lookback_days, 1..=LONGEST_LOOKBACK)?;
    within("page_size", page_size, 1..=LARGEST_PAGE)?;
    within("queries_per_request", queries_per_request, 1..=MOST_QUERIES)?;
    Ok(Project {
        id: project,
        queries,
        page_size: page_size.into(),
        at_once: queries_per_request.into(),
        lookback_days: lookback_days.into(),
    })
}

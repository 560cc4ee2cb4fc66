//! Acme: its people.
//!
//! A skeleton to begin with: every `TODO` is a fact to find in the vendor's documentation.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::config::{ConnectionSettings, SecretRef};
use shared::connector::{AnyStream, Api, Auth, Connector, Horizon, Source, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, Pace, SourceFacts, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{PersonName, PersonRecord, Timestamp};

/// Acme.
pub struct Acme;

/// The settings of an Acme connection.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeSettings {
    /// The API token.
    pub token: SecretRef,
}

const REFERENCE: &str = "TODO: the page of the vendor's documentation that says so";

static FACTS: SourceFacts = SourceFacts {
    name: "acme",
    system: "helpdesk",
    title: "Acme",
    api_version: fact("v1", REFERENCE),
    sunset: None,
    setup: "TODO: what an operator creates on the vendor's side, and what it must be allowed.",
};

impl Source for Acme {
    type Settings = AcmeSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(&self, common: &ConnectionSettings, own: AcmeSettings) -> Result<Connector, Error> {
        let missing = || {
            let example = "base_url = \"https://api.acme.example\"";
            Error::Config(format!("base_url is missing; write e.g. {example}"))
        };
        let api = Api {
            base: common.base_url.clone().ok_or_else(missing)?,
            auth: Auth::Bearer(own.token),
            // TODO: what the vendor allows.
            pace: Some(Pace::per_minute(60)),
            headers: Vec::new(),
            other_hosts: Vec::new(),
            quota: None,
        };
        let streams: Vec<Box<dyn AnyStream>> = vec![Box::new(People)];
        Ok(Connector { api, streams, webhook: None })
    }
}

/// Every person, oldest change first.
struct People;

static PEOPLE: StreamFacts = StreamFacts {
    name: "people",
    object: "person",
    reads: "Every person with their name.",
    // TODO: how long a change takes to show up; a window ends at now − lag.
    lag: fact(Duration::from_mins(1), REFERENCE),
    lookback: fact(Duration::from_mins(1), REFERENCE),
    granularity: fact(Granularity::Second, REFERENCE),
    order: fact(Order::ByChange, REFERENCE),
    deletes: fact(Deletes::None, REFERENCE),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &["people:read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// How far the people have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The start of this window.
    since: Timestamp,
    /// The end of it: what is younger has not settled.
    until: Timestamp,
    /// The page within the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(borrow)]
    people: Vec<&'a RawValue>,
    next: Option<String>,
}

impl Stream for People {
    type Cursor = Position;

    fn facts(&self) -> &'static StreamFacts {
        &PEOPLE
    }

    fn begin(&self, horizon: &Horizon) -> Position {
        Position { since: horizon.start, until: horizon.until, page: None }
    }

    fn resume(&self, saved: Position, horizon: &Horizon) -> Position {
        // A window that was left in its middle goes on; a finished one makes place for the next.
        if saved.page.is_some() {
            return saved;
        }
        let since = shared::clock::before(saved.since, PEOPLE.lookback.value);
        Position { since: since.max(horizon.start), until: horizon.until, page: None }
    }

    fn request(&self, at: &Position, _: &Horizon) -> Request {
        let request = Request::get("/v1/people")
            .query("updated_after", at.since)
            .query("updated_before", at.until);
        match &at.page {
            Some(page) => request.query("page", page),
            None => request,
        }
    }

    fn page<'r>(
        &self,
        at: &Position,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Position>, Error> {
        let List { people, next } = response.json()?;
        let next = match next {
            Some(page) => Next::More(Position { page: Some(page), ..at.clone() }),
            None => Next::Done(Position { since: at.until, until: at.until, page: None }),
        };
        Ok(Page::new(people, next))
    }

    fn watermark(&self, at: &Position) -> Option<Timestamp> {
        at.page.is_none().then_some(at.since)
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let id = record.required_id("id")?;
        let changed_at = record.required_time("updated_at")?;
        let name = PersonName { full: record.text("name")?, ..PersonName::default() };
        // TODO: identifiers and contact points; `tributary schema person_record` lists the fields.
        let person = PersonRecord { name, ext: record.into_ext(rows), ..PersonRecord::default() };
        rows.push(Draft::new(PEOPLE.object, id, changed_at, person, rows));
        Ok(())
    }
}

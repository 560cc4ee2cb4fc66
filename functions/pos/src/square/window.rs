//! Reading by time: one closed window a run, location by location where the API asks for it, page by page.
//!
//! Page tokens are short-lived, so they count within a run only. What outlives the run is how far the order of the
//! answers has been read: a later run asks for the rest of the window.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::clock::before;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, StreamFacts};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::paging::{Bury, Lookup, Map};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::LOOKBACK;
use super::answer::listed;

/// A collection that is read window by window; one whose passes show what is gone is read whole each time.
pub(super) struct Windowed<A> {
    pub(super) facts: &'static StreamFacts,
    pub(super) asks: Asks,
    /// Puts a question.
    pub(super) ask: A,
    /// How far a later run reads back.
    pub(super) lookback: Duration,
    pub(super) map: Map,
    pub(super) lookup: Option<Lookup>,
    pub(super) bury: Option<Bury>,
}

/// How the questions about a collection are put.
pub(super) struct Asks {
    /// The name of the list in the answers.
    pub(super) list: &'static str,
    /// The time by which the answers are ordered.
    pub(super) sorted_by: &'static str,
    /// Whether the newest come first.
    pub(super) newest_first: bool,
    /// How many locations a question may name; none where it is about all of them.
    pub(super) locations: Option<usize>,
}

/// One question about a window.
pub(super) struct Question<'c> {
    /// Where the window begins.
    pub(super) from: Timestamp,
    /// Where it ends.
    pub(super) until: Timestamp,
    /// How far its answers were read by an earlier run, by the time that orders them.
    pub(super) edge: Option<Timestamp>,
    /// The locations asked about.
    pub(super) locations: &'c [String],
    /// The token of the page before.
    pub(super) token: Option<&'c str>,
}

/// How far a collection has been read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// Everything before this is read.
    from: Timestamp,
    /// The end of the last window that was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_to: Option<Timestamp>,
    /// The window that is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    window: Option<Window>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Window {
    until: Timestamp,
    /// The locations that are left, those under way first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locations: Vec<String>,
    /// Where the question under way begins, or ends if the newest come first. The token is good for this question only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edge: Option<Timestamp>,
    /// How far the answers have come, by the time that orders them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reached: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

impl Window {
    fn of(until: Timestamp, locations: Vec<String>) -> Self {
        Self { until, locations, edge: None, reached: None, token: None }
    }
}

impl<A: Fn(&Question<'_>) -> Request> Windowed<A> {
    pub(super) fn new(facts: &'static StreamFacts, asks: Asks, ask: A, map: Map) -> Self {
        Self { facts, asks, ask, lookback: LOOKBACK.value, map, lookup: None, bury: None }
    }

    fn is_pass(&self) -> bool {
        self.facts.deletes.value == Deletes::FullPass
    }
}

impl<A: Fn(&Question<'_>) -> Request + Send + Sync + 'static> Stream for Windowed<A> {
    type Cursor = Mark;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    /// Whatever the operator's `start` is, a pass begins at the first instant: it would bury what it leaves out.
    fn begin(&self, horizon: &Horizon) -> Mark {
        let start = if self.is_pass() { Timestamp::UNIX_EPOCH } else { horizon.start };
        let from = start.max(first_instant()).min(horizon.until);
        Mark { from, read_to: None, window: None }
    }

    /// A later run reads the lookback again, or goes on in a window that was left unread.
    fn resume(&self, mark: Mark, horizon: &Horizon) -> Mark {
        if mark.window.is_some() {
            return mark.without_token();
        }
        if self.is_pass() {
            return self.begin(horizon);
        }
        let from = before(mark.from, self.lookback).max(horizon.start).min(mark.from);
        Mark { from, ..mark }
    }

    fn restart(&self, mark: &Mark, _: &Horizon) -> Mark {
        mark.clone().without_token()
    }

    fn request(&self, mark: &Mark, horizon: &Horizon) -> Request {
        match mark.question(&self.asks, horizon) {
            Some(asked) => (self.ask)(&asked),
            None => Request::get("/v2/locations"),
        }
    }

    fn page<'r>(
        &self,
        mark: &Mark,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Mark>, Error> {
        mark.page(&self.asks, horizon, response)
    }

    fn watermark(&self, mark: &Mark) -> Option<Timestamp> {
        mark.read_to.filter(|_| !self.is_pass())
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        (self.map)(record, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        self.lookup.map(|lookup| (lookup.ask)(ids))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        self.lookup.map_or_else(|| Ok(Vec::new()), |lookup| (lookup.read)(response))
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        if let Some(bury) = self.bury {
            bury(id, rows);
        }
    }
}

impl Mark {
    /// The same place, where the source no longer knows the token.
    fn without_token(mut self) -> Self {
        if let Some(window) = &mut self.window {
            window.edge = window.reached.or(window.edge);
            window.token = None;
        }
        self
    }

    /// The question at this place; none before the locations are known: their list has no pages.
    fn question(&self, asks: &Asks, horizon: &Horizon) -> Option<Question<'_>> {
        let Some(window) = &self.window else {
            let until = horizon.until.max(self.from);
            return asks.locations.is_none().then_some(Question {
                from: self.from,
                until,
                edge: None,
                locations: &[],
                token: None,
            });
        };
        let at_once = asks.locations.unwrap_or(0).min(window.locations.len());
        Some(Question {
            from: self.from,
            until: window.until,
            edge: window.edge,
            locations: &window.locations[..at_once],
            token: window.token.as_deref(),
        })
    }

    fn page<'r>(
        &self,
        asks: &Asks,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Self>, Error> {
        let until = horizon.until.max(self.from);
        let window = match &self.window {
            Some(window) => window.clone(),
            None if asks.locations.is_some() => return self.locations(until, response),
            None => Window::of(until, Vec::new()),
        };
        let (records, token) = listed(response, asks.list)?;
        let next = match token {
            Some(token) if window.token.as_ref() == Some(&token) => {
                return Err(Error::Stuck(
                    "the page's cursor is the one that asked for it".to_owned(),
                ));
            }
            Some(token) => {
                let reached = reached(asks, window.reached.or(window.edge), &records);
                let window = Window { reached, token: Some(token), ..window };
                Next::More(Self { window: Some(window), ..self.clone() })
            }
            None => self.past(&window, asks, horizon),
        };
        Ok(Page::new(records, next))
    }

    /// What comes after the last page of a question.
    fn past(&self, window: &Window, asks: &Asks, horizon: &Horizon) -> Next<Self> {
        let at_once = asks.locations.unwrap_or(0).min(window.locations.len());
        let left = window.locations[at_once..].to_vec();
        if !left.is_empty() {
            let window = Some(Window::of(window.until, left));
            return Next::More(Self { window, ..self.clone() });
        }
        let read_to = Some(window.until).max(self.read_to);
        let mark = Self { from: window.until, read_to, window: None };
        // The window may be one that an earlier run left.
        if window.until < horizon.until { Next::More(mark) } else { Next::Done(mark) }
    }

    /// Opens the window for every location, the inactive ones too: their orders may still change.
    fn locations<'r>(
        &self,
        until: Timestamp,
        response: &'r Response,
    ) -> Result<Page<'r, Self>, Error> {
        let (locations, _) = listed(response, "locations")?;
        let id = |location: &RawValue| Fields::parse(location)?.required_id("id");
        let ids = locations.into_iter().map(id).collect::<Result<Vec<String>, _>>();
        let ids = ids.map_err(|invalid| Error::Decode(format!("a location: {invalid}")))?;
        // Without locations there is nothing to ask, and nothing is read: the window stays where it is.
        if ids.is_empty() {
            return Ok(Page::empty(Next::Done(self.clone())));
        }
        let window = Some(Window::of(until, ids));
        Ok(Page::empty(Next::More(Self { window, ..self.clone() })))
    }
}

/// How far the answers have come with this page; no further than before if they are not in order.
fn reached(asks: &Asks, before: Option<Timestamp>, records: &[&RawValue]) -> Option<Timestamp> {
    let times = records
        .iter()
        .map(|record| Fields::parse(record).ok()?.time(asks.sorted_by).ok().flatten());
    let Some(times) = times.collect::<Option<Vec<Timestamp>>>() else { return before };
    let all: Vec<Timestamp> = before.into_iter().chain(times).collect();
    let in_order = if asks.newest_first {
        all.is_sorted_by(|earlier, later| earlier >= later)
    } else {
        all.is_sorted()
    };
    if in_order { all.last().copied() } else { before }
}

/// A time as Square writes it.
pub(super) fn rfc3339(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The first instant that a record can be of: Square opened in 2009.
pub(super) fn first_instant() -> Timestamp {
    const FIRST: i64 = 1_230_768_000;
    Timestamp::from_unix_seconds(FIRST).unwrap_or(Timestamp::UNIX_EPOCH)
}

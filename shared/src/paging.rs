//! Lists that every pass reads from the first page to the last: what their streams have in common.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::connector::{Horizon, Stream};
use crate::error::{Error, Invalid};
use crate::facts::StreamFacts;
use crate::fields::Fields;
use crate::page::{Next, Page, Response};
use crate::request::Request;
use crate::rows::Rows;

/// Maps one record onto the shared schema.
pub type Map = fn(Fields<'_>, &mut Rows<'_>) -> Result<(), Invalid>;
/// Buries a record that is not there any more, by its id.
pub type Bury = fn(&str, &mut Rows<'_>);
/// The records of a page, and the token of the page behind it if there is one.
pub type Listed<'r> = (Vec<&'r RawValue>, Option<String>);

/// How records are read by their ids.
#[derive(Clone, Copy)]
pub struct Lookup {
    /// The question for these ids.
    pub ask: fn(&[String]) -> Request,
    /// The records in its answer.
    pub read: for<'r> fn(&'r Response) -> Result<Vec<&'r RawValue>, Error>,
}

/// A stream that is a list: each pass reads it from its first page to its last, and later runs begin it again.
pub struct List<A> {
    facts: &'static StreamFacts,
    ask: A,
    read: for<'r> fn(&'r Response) -> Result<Listed<'r>, Error>,
    map: Map,
    lookup: Option<Lookup>,
    bury: Option<Bury>,
    tokens_last: bool,
}

impl<A: Fn(Option<&str>) -> Request> List<A> {
    /// A list; `ask` makes the question for the page behind a token, or for the first one.
    pub fn new(
        facts: &'static StreamFacts,
        ask: A,
        read: for<'r> fn(&'r Response) -> Result<Listed<'r>, Error>,
        map: Map,
    ) -> Self {
        Self { facts, ask, read, map, lookup: None, bury: None, tokens_last: true }
    }

    /// The same, of which single records can be read.
    #[must_use]
    pub fn with_lookup(self, lookup: Lookup) -> Self {
        Self { lookup: Some(lookup), ..self }
    }

    /// The same, with what is left of a record that is not listed any more.
    #[must_use]
    pub fn burying(self, bury: Bury) -> Self {
        Self { bury: Some(bury), ..self }
    }

    /// The same, with tokens that do not outlive a run: a later one begins the pass again.
    #[must_use]
    pub fn with_short_lived_tokens(self) -> Self {
        Self { tokens_last: false, ..self }
    }
}

/// The place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// The token of the page before, within a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl<A: Fn(Option<&str>) -> Request + Send + Sync + 'static> Stream for List<A> {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn resume(&self, place: Place, _: &Horizon) -> Place {
        if self.tokens_last { place } else { Place::default() }
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        (self.ask)(place.after.as_deref())
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let (records, after) = (self.read)(response)?;
        let next = match after {
            None => Next::Done(Place::default()),
            Some(_) if after == place.after => {
                return Err(Error::Stuck("the page leads back to itself".to_owned()));
            }
            Some(_) => Next::More(Place { after }),
        };
        Ok(Page::new(records, next))
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

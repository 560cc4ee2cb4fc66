//! Everything there is, page by page: shows what is gone, and the links that were made without touching their object.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::StreamFacts;
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::batch::{self, AT_ONCE, Batch, Paging, Step};
use super::kinds::Reader;
use super::objects::tombstone;
use super::{OBJECTS, kinds::Maps};

/// By how much HubSpot's clock may be behind ours, in microseconds: ten minutes.
const CLOCKS_DIFFER: i64 = 600_000_000;

/// Every object of one type.
pub(super) struct All(pub(super) Reader);

/// The place in a list that every pass reads from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// The token of the page to come, within a pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// Listed, and not read yet; `after` is behind it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<Batch>,
}

#[derive(Deserialize)]
struct List<T> {
    results: Vec<T>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

impl<T> List<T> {
    fn after(&self) -> Option<String> {
        let next = self.paging.as_ref().and_then(|paging| paging.next.as_ref());
        next.map(|next| next.after.clone())
    }
}

impl Place {
    fn behind(after: Option<String>) -> Next<Self> {
        match after {
            Some(_) => Next::More(Self { after, batch: None }),
            None => Next::Done(Self::default()),
        }
    }

    fn list(&self, path: &str) -> Request {
        let request = Request::get(format!("{OBJECTS}/{path}")).query("limit", AT_ONCE);
        match &self.after {
            Some(after) => request.query("after", after),
            None => request,
        }
    }
}

impl Stream for All {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        &self.0.kind.all
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        let Reader { kind, properties, .. } = &self.0;
        match &place.batch {
            Some(batch) => batch.request(kind.path, kind.linked, properties),
            None => place.list(kind.path).query("archived", "false"),
        }
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let Some(batch) = &place.batch else {
            let list: List<Row> = response.json()?;
            let after = list.after();
            if after.is_some() && after == place.after {
                return Err(Error::Stuck("the list goes on where it was".to_owned()));
            }
            let ids: Vec<String> = list.results.into_iter().map(|row| row.id).collect();
            if ids.is_empty() {
                return Ok(Page::empty(Place::behind(after)));
            }
            return Ok(Page::empty(Next::More(Place { after, batch: Some(Batch::new(ids)) })));
        };
        match batch.page(self.0.kind.linked, response)? {
            Step::On(batch) => {
                Ok(Page::empty(Next::More(Place { batch: Some(batch), ..place.clone() })))
            }
            Step::Read(records) => Ok(Page { records, next: Place::behind(place.after.clone()) }),
        }
    }

    /// Links may be new although the object is not, so what a pass read of an object with links wins over what was read
    /// of it before. Not over a change meanwhile, though our clocks may differ.
    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let read_at = rows.received_at().as_micros() - CLOCKS_DIFFER;
        self.0.map(record, Timestamp::from_micros(read_at).ok(), rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        self.0.lookup(ids)
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        batch::found(response)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        if !matches!(self.0.kind.maps, Maps::Engagement(_)) {
            let draft = tombstone(self.0.kind, id, rows.received_at(), rows);
            rows.push(draft);
        }
    }
}

/// Every object of one type in the recycling bin.
pub(super) struct Archived {
    pub(super) kind: &'static super::kinds::Kind,
    pub(super) facts: &'static StreamFacts,
}

impl Stream for Archived {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        place.list(self.kind.path).query("archived", "true")
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        #[derive(Deserialize)]
        struct Bin<'a> {
            #[serde(borrow)]
            results: Vec<&'a RawValue>,
            paging: Option<Paging>,
        }
        let Bin { results, paging } = response.json()?;
        let after = paging.and_then(|paging| paging.next).map(|next| next.after);
        if after.is_some() && after == place.after {
            return Err(Error::Stuck("the list goes on where it was".to_owned()));
        }
        Ok(Page::new(results, Place::behind(after)))
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let id = record.required_id("id")?;
        let archived_at = record.time("archivedAt")?;
        let at = archived_at.or(record.time("updatedAt")?);
        let at = at.ok_or_else(|| Invalid::new("archivedAt", "is missing or not a time"))?;
        record.report(rows);
        let draft = tombstone(self.kind, &id, at, rows);
        rows.push(draft);
        Ok(())
    }
}

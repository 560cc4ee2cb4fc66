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

use super::OBJECTS;
use super::batch::{self, Batch, Paging, Step};
use super::kinds::{Kind, Maps, Read, Reader};
use super::objects::tombstone;
use super::stages::Stages;

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
    /// What the account says of its stages, once the pass has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stages: Option<Stages>,
}

/// A page of any of the account's lists.
#[derive(Deserialize)]
pub(super) struct List<T> {
    pub(super) results: Vec<T>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

impl<T> List<T> {
    /// The token of the next page, which is not the one that this page was asked for with.
    pub(super) fn after(&self, asked: Option<&str>) -> Result<Option<String>, Error> {
        let next = self.paging.as_ref().and_then(|paging| paging.next.as_ref());
        let after = next.map(|next| next.after.clone());
        if after.is_some() && after.as_deref() == asked {
            return Err(Error::Stuck("the list goes on where it was".to_owned()));
        }
        Ok(after)
    }
}

impl Place {
    fn behind(after: Option<String>, stages: Option<Stages>) -> Next<Self> {
        match after {
            Some(_) => Next::More(Self { after, batch: None, stages }),
            None => Next::Done(Self::default()),
        }
    }

    fn list(&self, kind: &Kind) -> Request {
        let request = Request::get(format!("{OBJECTS}/{}", kind.path)).query("limit", kind.at_once);
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
        match &place.batch {
            Some(batch) => batch.request(&self.0),
            None => place.list(self.0.kind).query("archived", "false"),
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
            let after = list.after(place.after.as_deref())?;
            let ids: Vec<String> = list.results.into_iter().map(|row| row.id).collect();
            if ids.is_empty() {
                return Ok(Page::empty(Place::behind(after, place.stages.clone())));
            }
            let stages = place.stages.clone();
            let batch = Some(Batch::new(ids, stages.clone()));
            return Ok(Page::empty(Next::More(Place { after, batch, stages })));
        };
        match batch.page(self.0.kind, response)? {
            Step::On(batch) => {
                Ok(Page::empty(Next::More(Place { batch: Some(batch), ..place.clone() })))
            }
            Step::Read(records) => {
                let next = Place::behind(place.after.clone(), batch.stages.clone());
                Ok(Page { records, next })
            }
        }
    }

    fn noted(&self, place: &Place) -> Place {
        match &place.batch {
            Some(batch) => Place { batch: Some(batch.noted(self.0.kind)), ..Place::default() },
            None => place.clone(),
        }
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        self.0.map(record, Read::Listed, rows)
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
    pub(super) kind: &'static Kind,
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
        place.list(self.kind).query("archived", "true")
    }

    fn page<'r>(
        &self,
        place: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let list: List<&RawValue> = response.json()?;
        let after = list.after(place.after.as_deref())?;
        Ok(Page::new(list.results, Place::behind(after, None)))
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

//! What changed in a window of time, by search: ids in their order, then the objects by id.
//!
//! A search reaches 10,000 rows, and a bulk update can give more rows than that one millisecond. So the window stays
//! the same while it is read, rows come by id, and every question begins after the last id: none is ever deep.

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::StreamFacts;
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::batch::{self, Batch, Paging, Step};
use super::kinds::{Kind, LOOKBACK, Read, Reader};
use super::stages::Stages;
use super::{OBJECTS, millis};

/// The changes of one type of objects.
pub(super) struct Changes(pub(super) Reader);

/// How far the changes have been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Progress {
    /// Every change before this millisecond is read.
    ReadTo(i64),
    /// A window is being read.
    In(Window),
}

/// A span of changes, in milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    since: i64,
    /// Not in the window any more.
    until: i64,
    /// The smallest id that has not been found yet.
    from: u64,
    /// Found, and not read yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<Batch>,
    /// Whether the batch is the last of the window.
    #[serde(default, skip_serializing_if = "is_no")]
    last: bool,
    /// What the account says of its stages, once the window has asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stages: Option<Stages>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_no(value: &bool) -> bool {
    !*value
}

#[derive(Deserialize)]
struct Found {
    results: Vec<Row>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Row {
    id: String,
}

impl Window {
    /// A filter at 1970 itself is answered with 500 (estuary's connector), hence the 1.
    fn open(since: i64, horizon: &Horizon) -> Progress {
        let until = millis(horizon.until).max(1);
        Progress::In(Self::new(since.clamp(1, until), until))
    }

    fn new(since: i64, until: i64) -> Self {
        Self { since, until, from: 0, batch: None, last: false, stages: None }
    }

    fn search(&self, kind: &Kind) -> Request {
        let filter = |property: &str, operator: &str, value: String| json!({ "propertyName": property, "operator": operator, "value": value });
        let filters = [
            filter(kind.changed, "GTE", self.since.to_string()),
            filter(kind.changed, "LT", self.until.to_string()),
            filter("hs_object_id", "GTE", self.from.to_string()),
        ];
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
            "properties": [kind.changed],
            "limit": kind.at_once,
        });
        Request::post(format!("{OBJECTS}/{}/search", kind.path), body)
    }

    fn found(&self, response: &Response) -> Result<Next<Progress>, Error> {
        let Found { results, paging } = response.json()?;
        let last = paging.and_then(|paging| paging.next).is_none();
        let ids: Vec<String> = results.into_iter().map(|row| row.id).collect();
        if ids.is_empty() {
            return if last {
                Ok(Next::Done(Progress::ReadTo(self.until)))
            } else {
                // Asked the same again it would answer the same; better to fail than to skip.
                Err(Error::Decode("the search found nothing, but it goes on".to_owned()))
            };
        }
        let mut from = self.from;
        for id in &ids {
            let id: u64 =
                id.parse().map_err(|_| Error::Decode("an object's id is no number".to_owned()))?;
            if id < from {
                return Err(Error::Stuck("the search does not go by hs_object_id".to_owned()));
            }
            from = id.saturating_add(1);
        }
        let batch = Some(Batch::new(ids, self.stages.clone()));
        Ok(Next::More(Progress::In(Self { from, batch, last, ..self.clone() })))
    }

    /// The window after its batch was read.
    fn on(&self, batch: &Batch) -> Next<Progress> {
        if self.last {
            return Next::Done(Progress::ReadTo(self.until));
        }
        let stages = batch.stages.clone();
        Next::More(Progress::In(Self { batch: None, stages, ..self.clone() }))
    }
}

impl Stream for Changes {
    type Cursor = Progress;

    fn facts(&self) -> &'static StreamFacts {
        &self.0.kind.changes
    }

    fn begin(&self, horizon: &Horizon) -> Progress {
        Window::open(millis(horizon.start), horizon)
    }

    fn resume(&self, progress: Progress, horizon: &Horizon) -> Progress {
        match progress {
            Progress::ReadTo(until) => {
                let back = i64::try_from(LOOKBACK.as_millis()).unwrap_or(i64::MAX);
                let since = until.saturating_sub(back).max(millis(horizon.start));
                Window::open(since, horizon)
            }
            unfinished @ Progress::In(_) => unfinished,
        }
    }

    fn request(&self, progress: &Progress, _: &Horizon) -> Request {
        match progress {
            Progress::In(Window { batch: Some(batch), .. }) => batch.request(&self.0),
            Progress::In(window) => window.search(self.0.kind),
            // Not asked for: `resume` opens a window first. An empty one finds nothing.
            Progress::ReadTo(at) => Window::new(*at, *at).search(self.0.kind),
        }
    }

    fn page<'r>(
        &self,
        progress: &Progress,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Progress>, Error> {
        let Progress::In(window) = progress else {
            return Err(Error::Invariant("no window is open".to_owned()));
        };
        let Some(batch) = &window.batch else {
            return Ok(Page::empty(window.found(response)?));
        };
        match batch.page(self.0.kind, response)? {
            Step::On(batch) => {
                let window = Window { batch: Some(batch), ..window.clone() };
                Ok(Page::empty(Next::More(Progress::In(window))))
            }
            Step::Read(records) => Ok(Page { records, next: window.on(batch) }),
        }
    }

    fn watermark(&self, progress: &Progress) -> Option<Timestamp> {
        match progress {
            Progress::ReadTo(at) => Timestamp::from_millis(*at).ok(),
            Progress::In(_) => None,
        }
    }

    fn noted(&self, progress: &Progress) -> Progress {
        match progress {
            Progress::In(Window { batch: Some(batch), .. }) => {
                let batch = Some(batch.noted(self.0.kind));
                Progress::In(Window { batch, ..Window::new(0, 0) })
            }
            other => other.clone(),
        }
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        self.0.map(record, Read::Changed, rows)
    }

    /// The one object that an event named, with its links; of several, no single question tells those.
    fn lookup(&self, ids: &[String]) -> Option<Request> {
        match ids {
            [id] if !self.0.kind.linked.is_empty() => batch::whole(&self.0, id),
            _ => None,
        }
        .or_else(|| self.0.lookup(ids))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        batch::found(response)
    }
}

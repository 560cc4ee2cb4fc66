//! What was added or changed since the last run: read from the newest back to where the last run had come.
//!
//! The source filters by the date of a post and sorts by when it was added or changed, so a pass goes downwards and ends
//! at the first page with nothing new on it. Only a whole pass moves the mark.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::project::{DAY_MILLIS, Project, Span, millis, queries_in};
use super::{BEST_PRACTICES, MENTIONS, NO_LAG, mention};

/// How far a pass reads over what the one before it has read.
const OVERLAP: Duration = Duration::from_hours(2);
const OVERLAP_MILLIS: i64 = 2 * 60 * 60 * 1_000;

/// The clock by which news are told from what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// When a mention entered its query: crawled just now, or found in the past.
    Added,
    /// When its metadata changed: sentiment, tags, categories, workflow.
    Updated,
}

/// The mentions that are the latest by one of the clocks.
pub(super) struct Latest {
    project: Arc<Project>,
    facts: &'static StreamFacts,
    clock: Clock,
}

static MENTIONS_FACTS: StreamFacts = facts(
    "mentions",
    "Public posts that the project's queries found, who wrote them, and that they mentioned us; on the first run all \
     since `start`.",
);

static EDITS_FACTS: StreamFacts = facts(
    "mention_edits",
    "The same posts again after an edit of their sentiment, tags, categories or workflow.",
);

const fn facts(name: &'static str, reads: &'static str) -> StreamFacts {
    StreamFacts {
        name,
        object: mention::OBJECT,
        reads,
        lag: NO_LAG,
        lookback: fact(OVERLAP, BEST_PRACTICES),
        granularity: fact(Granularity::Millisecond, MENTIONS),
        order: fact(Order::Unordered, "newest first: the mark moves after the last page of a pass"),
        deletes: mention::DELETES,
        every: None,
        page_ceiling: None,
        quota: None,
        // What a cursor that ended is answered with is not documented.
        expired_cursor: &[400],
        scopes: &["Regular or Admin user"],
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

/// How far the project's queries have been read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marks {
    /// The newest that was read of each query, in milliseconds.
    read_to: BTreeMap<u64, i64>,
    /// When the last whole pass began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complete: Option<i64>,
    /// The pass under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pass: Option<Pass>,
}

/// One way down from the newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    project: u64,
    began: i64,
    /// What is still to be read, the first under way; none before the queries are known.
    scans: Option<Vec<Scan>>,
}

/// Queries that are read together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Scan {
    queries: Vec<u64>,
    /// The date of the oldest posts that are asked for.
    from: i64,
    /// The newest that was read of them before; none on the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_to: Option<i64>,
    /// The newest so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    /// The page to read next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// How often its cursor expired: tells the same page of two tries apart.
    #[serde(default, skip_serializing_if = "is_zero")]
    restarts: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[derive(Deserialize)]
struct Clocks<'a> {
    #[serde(borrow)]
    added: Option<Cow<'a, str>>,
    #[serde(borrow)]
    updated: Option<Cow<'a, str>>,
}

impl Clock {
    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Updated => "updated",
        }
    }

    fn of(self, record: &RawValue) -> Option<i64> {
        let clocks: Clocks<'_> = serde_json::from_str(record.get()).ok()?;
        let told = match self {
            Self::Added => clocks.added,
            Self::Updated => clocks.updated,
        };
        mention::parse_time(&told?).map(millis)
    }
}

impl Scan {
    /// Whether a page holds nothing but what was read before; a mention without the time might be news.
    fn knows_all(&self, times: &[Option<i64>]) -> bool {
        let Some(read_to) = self.read_to else { return false };
        let floor = read_to - OVERLAP_MILLIS;
        times.iter().all(|time| time.is_some_and(|time| time < floor))
    }

    /// The mark that the scan leaves when it is through.
    fn mark(&self, began: i64) -> i64 {
        // By what was seen, not by our clock: what the source shows later than it says is met again.
        let newest = self.newest.map(|newest| newest.min(began));
        newest.max(self.read_to).unwrap_or(began)
    }
}

impl Latest {
    pub(super) fn mentions(project: &Arc<Project>) -> Self {
        let project = Arc::clone(project);
        Self { project, facts: &MENTIONS_FACTS, clock: Clock::Added }
    }

    pub(super) fn edits(project: &Arc<Project>) -> Self {
        let project = Arc::clone(project);
        Self { project, facts: &EDITS_FACTS, clock: Clock::Updated }
    }

    fn open(&self, mut marks: Marks, horizon: &Horizon) -> Marks {
        let began = millis(horizon.until);
        let named = self.project.queries.as_deref();
        let scans = named.map(|queries| self.plan(queries, &marks.read_to, began, horizon));
        marks.pass = Some(Pass { project: self.project.id, began, scans });
        marks
    }

    /// Queries that were read before are read back to their marks, others from the start.
    fn plan(
        &self,
        queries: &[u64],
        read_to: &BTreeMap<u64, i64>,
        began: i64,
        horizon: &Horizon,
    ) -> Vec<Scan> {
        let start = millis(horizon.start);
        let recent = (began - self.project.lookback_days * DAY_MILLIS).max(start).min(began);
        let (known, new): (Vec<u64>, Vec<u64>) =
            queries.iter().partition(|query| read_to.contains_key(query));
        // Edits of what the first run of `mentions` is about to read are in it.
        let first = if self.clock == Clock::Added { start.min(began) } else { recent };
        let scan = |queries: Vec<u64>, from| {
            let read_to = queries.iter().filter_map(|query| read_to.get(query)).min().copied();
            Scan { queries, from, read_to, newest: None, after: None, restarts: 0 }
        };
        let known = self.project.portions(&known).map(|queries| scan(queries, recent));
        let new = self.project.portions(&new).map(|queries| scan(queries, first));
        known.chain(new).collect()
    }

    /// What is left of the pass; without anything it is over.
    fn go_on(mut marks: Marks, pass: Pass) -> Next<Marks> {
        if pass.scans.as_ref().is_some_and(Vec::is_empty) {
            marks.complete = Some(pass.began);
            marks.pass = None;
            return Next::Done(marks);
        }
        marks.pass = Some(pass);
        Next::More(marks)
    }
}

impl Stream for Latest {
    type Cursor = Marks;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, horizon: &Horizon) -> Marks {
        self.open(Marks::default(), horizon)
    }

    fn resume(&self, marks: Marks, horizon: &Horizon) -> Marks {
        match &marks.pass {
            Some(pass) if pass.project == self.project.id => marks,
            _ => self.open(marks, horizon),
        }
    }

    fn restart(&self, marks: &Marks, _: &Horizon) -> Marks {
        let mut marks = marks.clone();
        let scans = marks.pass.as_mut().and_then(|pass| pass.scans.as_mut());
        if let Some(scan) = scans.and_then(|scans| scans.first_mut()) {
            scan.after = None;
            scan.restarts += 1;
        }
        marks
    }

    fn request(&self, marks: &Marks, _: &Horizon) -> Request {
        let pass = marks.pass.as_ref();
        let first = pass.and_then(|pass| Some((pass.began, pass.scans.as_ref()?.first()?)));
        let Some((began, Scan { queries, from, after, .. })) = first else {
            return self.project.list_queries();
        };
        let posts = Span { queries, from: *from, to: began };
        self.project.list_mentions(posts, self.clock.word(), after.as_deref())
    }

    fn page<'r>(
        &self,
        marks: &Marks,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Marks>, Error> {
        let mut marks = marks.clone();
        let Some(mut pass) = marks.pass.take() else {
            return Err(Error::Invariant("no pass is under way".to_owned()));
        };
        let Some(scans) = pass.scans.as_mut().filter(|scans| !scans.is_empty()) else {
            let queries = queries_in(response)?;
            pass.scans = Some(self.plan(&queries, &marks.read_to, pass.began, horizon));
            return Ok(Page::empty(Self::go_on(marks, pass)));
        };
        let scan = &mut scans[0];
        let mentions = self.project.mentions_in(scan.after.as_deref(), response)?;
        let times: Vec<Option<i64>> =
            mentions.records.iter().map(|record| self.clock.of(record)).collect();
        scan.newest = times.iter().flatten().copied().max().max(scan.newest);
        match mentions.after {
            Some(after) if !scan.knows_all(&times) => scan.after = Some(after),
            _ => {
                let done = scans.remove(0);
                let mark = done.mark(pass.began);
                marks.read_to.extend(done.queries.iter().map(|query| (*query, mark)));
            }
        }
        Ok(Page::new(mentions.records, Self::go_on(marks, pass)))
    }

    fn watermark(&self, marks: &Marks) -> Option<Timestamp> {
        Timestamp::from_millis(marks.complete?).ok()
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        mention::map(self.project.id, record, rows)
    }
}

//! The days of the last month counted again, and read again where the count moved: what the passes by clock overlooked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Timestamp;

use super::project::{DAY_MILLIS, Project, Span, count_in, millis, queries_in};
use super::{MENTIONS, NO_LAG, mention};

/// The mentions of the last days, by the date of the post.
pub(super) struct Days {
    pub(super) project: Arc<Project>,
}

static FACTS: StreamFacts = StreamFacts {
    name: "mention_days",
    object: mention::OBJECT,
    reads: "The posts of each day of the last `lookback_days` days whose count is another than a day before.",
    lag: NO_LAG,
    lookback: fact(Duration::from_hours(30 * 24), "lookback_days changes it"),
    granularity: fact(Granularity::Millisecond, MENTIONS),
    order: fact(Order::Unordered, "newest first within a day"),
    deletes: mention::DELETES,
    every: Some(Duration::from_hours(24)),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["Regular or Admin user"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// How many mentions each day had.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counts {
    /// By the days since 1970, one count for each portion of queries.
    days: BTreeMap<i64, Vec<u64>>,
    /// When the last whole pass began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    complete: Option<i64>,
    /// The pass under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pass: Option<Pass>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pass {
    project: u64,
    began: i64,
    /// The queries in portions; none before they are known.
    portions: Option<Vec<Vec<u64>>>,
    day: i64,
    portion: usize,
    /// The counts of this day so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    counted: Vec<u64>,
    /// Whether the portion is being listed; else it is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    listing: Option<Listing>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Listing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    restarts: u32,
}

impl Days {
    fn open(&self, mut counts: Counts, horizon: &Horizon) -> Counts {
        let began = millis(horizon.until);
        let first = (began - self.project.lookback_days * DAY_MILLIS).max(millis(horizon.start));
        let day = first.min(began).div_euclid(DAY_MILLIS);
        let named = self.project.queries.as_deref();
        let portions = named.map(|queries| self.project.portions(queries).collect());
        counts.days.retain(|counted, _| *counted >= day);
        counts.pass = Some(Pass {
            project: self.project.id,
            began,
            portions,
            day,
            portion: 0,
            counted: Vec::new(),
            listing: None,
        });
        counts
    }
}

impl Pass {
    fn span(&self) -> Option<Span<'_>> {
        let queries = self.portions.as_ref()?.get(self.portion)?;
        let from = self.day * DAY_MILLIS;
        Some(Span { queries, from, to: (from + DAY_MILLIS).min(self.began) })
    }

    /// The next portion of the day, or the first of the next day.
    fn go_on(mut self, mut counts: Counts) -> Next<Counts> {
        self.listing = None;
        self.portion += 1;
        let portions = self.portions.as_ref().map_or(0, Vec::len);
        if self.portion >= portions {
            counts.days.insert(self.day, std::mem::take(&mut self.counted));
            self.portion = 0;
            self.day += 1;
        }
        if portions == 0 || self.day * DAY_MILLIS >= self.began {
            counts.complete = Some(self.began);
            return Next::Done(counts);
        }
        counts.pass = Some(self);
        Next::More(counts)
    }
}

impl Stream for Days {
    type Cursor = Counts;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, horizon: &Horizon) -> Counts {
        self.open(Counts::default(), horizon)
    }

    fn resume(&self, counts: Counts, horizon: &Horizon) -> Counts {
        match &counts.pass {
            Some(pass) if pass.project == self.project.id => counts,
            _ => self.open(counts, horizon),
        }
    }

    fn restart(&self, counts: &Counts, _: &Horizon) -> Counts {
        let mut counts = counts.clone();
        if let Some(listing) = counts.pass.as_mut().and_then(|pass| pass.listing.as_mut()) {
            *listing = Listing { after: None, restarts: listing.restarts + 1 };
        }
        counts
    }

    fn request(&self, counts: &Counts, _: &Horizon) -> Request {
        let pass = counts.pass.as_ref();
        let Some((pass, span)) = pass.and_then(|pass| Some((pass, pass.span()?))) else {
            return self.project.list_queries();
        };
        match &pass.listing {
            Some(listing) => self.project.list_mentions(span, "date", listing.after.as_deref()),
            None => self.project.count_mentions(span),
        }
    }

    fn page<'r>(
        &self,
        counts: &Counts,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Counts>, Error> {
        let mut counts = counts.clone();
        let Some(mut pass) = counts.pass.take() else {
            return Err(Error::Invariant("no pass is under way".to_owned()));
        };
        if pass.span().is_none() {
            let portions: Vec<_> = self.project.portions(&queries_in(response)?).collect();
            if portions.is_empty() {
                return Ok(Page::empty(pass.go_on(counts)));
            }
            counts.pass = Some(Pass { portions: Some(portions), ..pass });
            return Ok(Page::empty(Next::More(counts)));
        }
        let Some(listing) = &mut pass.listing else {
            let count = count_in(response)?;
            let before = counts.days.get(&pass.day).and_then(|day| day.get(pass.portion));
            let moved = count > 0 && before != Some(&count);
            pass.counted.push(count);
            if moved {
                counts.pass = Some(Pass { listing: Some(Listing::default()), ..pass });
                return Ok(Page::empty(Next::More(counts)));
            }
            return Ok(Page::empty(pass.go_on(counts)));
        };
        let mentions = self.project.mentions_in(listing.after.as_deref(), response)?;
        let next = if mentions.after.is_some() {
            listing.after = mentions.after;
            counts.pass = Some(pass);
            Next::More(counts)
        } else {
            pass.go_on(counts)
        };
        Ok(Page::new(mentions.records, next))
    }

    fn watermark(&self, counts: &Counts) -> Option<Timestamp> {
        Timestamp::from_millis(counts.complete?).ok()
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        mention::map(self.project.id, record, rows)
    }
}

//! Reads the first pages of a stream and measures what landing them would take; lands nothing.
//!
//! It goes the way of [`crate::sync`], page by page, over tables that are only imagined. So what a sample says follows
//! from the code that lands and from the source's own records.

use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::budget::Budget;
use crate::clock;
use crate::config::Connection;
use crate::connector::{AnyStream, Horizon};
use crate::error::Error;
use crate::facts::Deletes;
use crate::http::{Client, Meter, sift};
use crate::items::write_units;
use crate::landing::{Batch, Imagined, Landing, Place, Weight, attempts};
use crate::ledger::Ledger;
use crate::page::{Next, Response};
use crate::rows::{MapContext, Origin};
use crate::schema::Timestamp;
use crate::usage::Usage;

/// A stream's item in the state table, without its cursor and its last run, in bytes.
const POSITION: u64 = 220;
/// A run as it is stored, in bytes.
const RUN: u64 = 450;
/// A source that is still preparing its answer is waited for this long at a time.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What the first pages of a stream showed.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Sample {
    /// Reading from the beginning.
    pub first: Walked,
    /// Reading on from there, or the last hour where the end was not reached: what a run finds that has little to do.
    pub again: Walked,
    /// What every run takes beside its pages, whatever it finds: lease, ledger, report.
    pub run: Usage,
    /// What a run takes that finds its full pass not due.
    pub idle: Usage,
}

/// What some pages of a stream showed.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Walked {
    /// Answers read.
    pub calls: u64,
    /// Those that were not the last one, which may be shorter than the others.
    pub full_calls: u64,
    /// Records in those.
    pub in_full_calls: u64,
    /// Whether the end was reached.
    pub ended: bool,
    /// The records by what would become of them.
    pub ledger: Ledger,
    /// What it takes to read the answers and keep them: calls, raw objects, cursors.
    pub pages: Usage,
    /// What it takes to land what is in them: objects of rows and of quarantine, items, people.
    pub records: Usage,
    /// Rows that are new or newer.
    pub rows: u64,
    /// Bytes that they would add to DynamoDB's tables.
    pub item_bytes: u64,
    /// Records to be landed that changed or happened in the last thirty days, as the source says.
    pub recent: u64,
}

/// One look at a stream.
pub(crate) struct Sampler<'a> {
    pub(crate) client: &'a Client,
    pub(crate) landing: &'a Landing,
    pub(crate) connection: &'a Connection,
    pub(crate) stream: &'a dyn AnyStream,
    /// Answers to read at the most, each time.
    pub(crate) most: u64,
}

impl Sampler<'_> {
    /// Reads the first pages, then those that a run right afterwards would read.
    pub(crate) async fn sample(&self, tables: &mut Imagined) -> Result<Sample, Error> {
        let start = self.connection.common.start.unwrap_or(Timestamp::UNIX_EPOCH);
        let (first, cursor) = match self.facts().deletes.value {
            // All streams begin at the same time, so nobody is known yet who could be asked for again.
            Deletes::Recheck(at_once) => self.recheck(at_once, &Imagined::default()),
            _ => self.walk(None, start, tables).await?,
        };
        let again = if let Deletes::Recheck(at_once) = self.facts().deletes.value {
            self.recheck(at_once, tables).0
        } else if first.ended {
            self.walk(Some(&cursor), start, tables).await?.0
        } else {
            let hour_ago = clock::before(clock::now(), Duration::from_hours(1));
            self.walk(None, hour_ago, &mut Imagined::default()).await?.0
        };
        let position = position_units(&cursor);
        let writes = |write_units| Usage { write_units, ..Usage::default() };
        // Taking the lease and giving it back write the position, the ledger is an item of its own.
        let idle = writes(2 * position + write_units(RUN));
        Ok(Sample { first, again, run: idle + report(), idle })
    }

    fn facts(&self) -> &'static crate::facts::StreamFacts {
        self.stream.facts()
    }

    async fn walk(
        &self,
        from: Option<&RawValue>,
        start: Timestamp,
        tables: &mut Imagined,
    ) -> Result<(Walked, Box<RawValue>), Error> {
        let horizon = Horizon { start, until: clock::before(clock::now(), self.facts().lag.value) };
        let mut cursor = self.stream.start(from, &horizon)?;
        let mut walked = Walked::default();
        loop {
            let response = self.ask(&cursor, &horizon).await?;
            let page = self.stream.page(&cursor, &horizon, &response)?;
            let (raw, weight) = self.weigh(&page.records, &response, tables)?;
            walked.add(&weight);
            walked.pages += raw;
            walked.pages.api_calls += 1;
            walked.pages.write_units += position_units(page.next.cursor());
            walked.calls += 1;
            page.next.cursor().clone_into(&mut cursor);
            match page.next {
                Next::Done(_) => {
                    walked.ended = true;
                    if self.facts().deletes.value == Deletes::FullPass {
                        walked.pages.read_units +=
                            tables.roster_units(&self.connection.name, self.facts().object);
                    }
                }
                Next::More(_) | Next::Later(..) => {
                    walked.full_calls += 1;
                    walked.in_full_calls += weight.ledger.fetched;
                }
            }
            if walked.ended || walked.calls >= self.most {
                return Ok((walked, cursor));
            }
            if let Next::Later(_, wait) = page.next {
                tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
            }
        }
    }

    async fn ask(&self, cursor: &RawValue, horizon: &Horizon) -> Result<Response, Error> {
        let request = self.stream.request(cursor, horizon)?;
        let response = self
            .client
            .send(&request, self.facts(), Budget::unlimited(), &Meter::default())
            .await?;
        Ok(sift(response, &request, |frame| self.stream.keeps(frame)))
    }

    fn weigh(
        &self,
        records: &[crate::page::Record<'_>],
        response: &Response,
        tables: &mut Imagined,
    ) -> Result<(Usage, Weight), Error> {
        let place = Place::of(self.connection, self.facts().name);
        let received_at = response.received_at;
        let (raw_key, raw) = Landing::weigh_raw(place, &response.body, received_at)?;
        let context =
            MapContext::of_stream(self.connection, self.stream, Origin::Page, received_at);
        let records = records.iter().map(AsRef::as_ref);
        let attempts = attempts(records, &context, |fields, rows| self.stream.map(fields, rows));
        let batch = Batch {
            full_pass: self.facts().deletes.value == Deletes::FullPass,
            ..Batch::of(self.connection, self.facts().name, &raw_key, received_at)
        };
        Ok((raw, self.landing.weigh(batch, attempts, tables)?))
    }

    /// Asking again for everybody who is known, so many at once; nothing is asked, because the imagined are unchanged.
    fn recheck(&self, at_once: usize, tables: &Imagined) -> (Walked, Box<RawValue>) {
        let known = tables.rostered(&self.connection.name, self.facts().object) as u64;
        let calls = known.div_ceil(at_once as u64);
        let cursor = RawValue::NULL.to_owned();
        let pages = Usage {
            api_calls: calls,
            s3_puts: calls,
            read_units: calls + 1,
            write_units: (calls + 1) * position_units(&cursor),
            ..Usage::default()
        };
        let walked = Walked {
            calls,
            full_calls: calls,
            in_full_calls: calls * at_once as u64,
            ended: true,
            ledger: Ledger { pages: calls, fetched: known, unchanged: known, ..Ledger::default() },
            pages,
            records: Usage { read_units: known, ..Usage::default() },
            ..Walked::default()
        };
        (walked, cursor)
    }
}

impl Walked {
    /// What reading and landing these pages takes.
    pub fn usage(&self) -> Usage {
        self.pages + self.records
    }

    fn add(&mut self, weight: &Weight) {
        self.ledger.add(&weight.ledger);
        self.records += weight.usage;
        self.rows += weight.rows;
        self.item_bytes += weight.item_bytes;
        self.recent += weight.recent;
    }
}

/// The units that writing a stream's position takes.
fn position_units(cursor: &RawValue) -> u64 {
    write_units(POSITION + RUN + cursor.get().len() as u64)
}

/// The object that reports a run to the tables.
fn report() -> Usage {
    Usage { s3_puts: 1, s3_bytes: RUN / 2, ..Usage::default() }
}

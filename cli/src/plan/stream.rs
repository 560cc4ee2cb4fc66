//! One stream: what its first sync, a month and a certain run take.

use std::time::Duration;

use serde::Serialize;
use shared::facts::{Deletes, StreamFacts};
use shared::ledger::Ledger;
use shared::sample::{Sample, Walked};
use shared::usage::Usage;

use super::assumed::{MONTH, WRITES};
use super::{Amounts, Charge, float};

/// What is known or assumed of how much there is to read.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Volumes {
    /// Records that the source has already; those of the sample when nobody says.
    pub backlog: Option<f64>,
    /// Records that are new or change in a month.
    pub changed: f64,
    /// Where that number is from.
    pub basis: Basis,
}

/// Where a number of changed records is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The operator said it.
    Given,
    /// What the last runs landed.
    Runs,
    /// The records of the sample that changed in the last thirty days.
    #[default]
    Sample,
    /// What the source showed of the last hour, as if each hour were like that.
    LastHour,
}

/// A stream with all that its arithmetic needs.
#[derive(Debug, Clone, Copy)]
pub struct StreamPlan {
    /// The stream's name.
    pub stream: &'static str,
    /// What its first pages showed.
    pub sample: Sample,
    /// How much there is.
    pub volumes: Volumes,
    /// How long a pass is good for, if it is for some time.
    every: Option<Duration>,
    /// Whether each run lists all there is.
    lists_all: bool,
}

/// What some reading comes to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Load {
    /// Records read.
    pub fetched: f64,
    /// Records landed.
    pub landed: f64,
    /// Rows landed: a record can be several.
    pub rows: f64,
    /// Calls and units.
    #[serde(flatten)]
    pub amounts: Amounts,
    /// GB that DynamoDB's tables grow by.
    pub table_gb: f64,
    /// GB that the bucket grows by.
    pub s3_gb: f64,
}

impl StreamPlan {
    /// A stream by its facts, a sample of it and how much there is.
    pub fn new(facts: &StreamFacts, sample: Sample, volumes: Volumes) -> Self {
        let lists_all = facts.deletes.value == Deletes::FullPass;
        Self { stream: facts.name, sample, volumes, every: facts.every, lists_all }
    }

    /// Whether the first sync is known to its end: the sample reached it, or somebody said how much there is.
    pub fn is_whole(&self) -> bool {
        self.sample.first.ended || self.volumes.backlog.is_some()
    }

    /// How often the sample's pages are in the first sync.
    fn times(&self) -> f64 {
        match (self.volumes.backlog, self.sample.first.ledger.fetched) {
            (Some(backlog), fetched @ 1..) => backlog / float(fetched),
            _ => 1.0,
        }
    }

    /// The first sync: the sample, as many times as it takes.
    pub fn first(&self) -> Load {
        let walked = &self.sample.first;
        let times = self.times();
        Load {
            fetched: float(walked.ledger.fetched) * times,
            landed: float(walked.ledger.landed) * times,
            rows: float(walked.rows) * times,
            amounts: Amounts::from(walked.usage()) * times + self.of_a_run(walked.calls).into(),
            table_gb: gb(walked.item_bytes) * times,
            s3_gb: gb(walked.usage().s3_bytes) * times,
        }
    }

    /// What a run of so many pages takes beside them.
    fn of_a_run(&self, pages: u64) -> Usage {
        if pages == 0 { self.sample.idle } else { self.sample.run }
    }

    /// Runs that read, and runs that find their pass not due, of so many.
    fn passes(&self, ticks: f64) -> (f64, f64) {
        let passes = match self.every {
            Some(every) => ticks.min(MONTH * 60.0 / every.as_secs_f64()),
            None => ticks,
        };
        (passes, ticks - passes)
    }

    /// Calls of a run that finds nothing new, and the records that it reads again.
    pub fn quiet(&self) -> (f64, f64) {
        let again = &self.sample.again;
        // A pass that begins anew each time, and whose end the sample did not reach, is as long as the first sync.
        if self.every.is_some() && !again.ended {
            let (first, times) = (&self.sample.first, self.times());
            return (float(first.calls) * times, float(first.ledger.fetched) * times);
        }
        (float(again.calls), float(again.ledger.fetched - again.ledger.landed))
    }

    /// The part of so many runs that reads.
    pub fn pass_share(&self, ticks: f64) -> f64 {
        self.passes(ticks).0 / ticks
    }

    /// A month of so many runs.
    pub fn month(&self, ticks: f64) -> Load {
        let (passes, idle) = self.passes(ticks);
        let (calls, again) = self.quiet();
        let changed = self.volumes.changed;
        let per_pass = if passes > 0.0 { changed / passes } else { 0.0 };
        // Whoever lists everything needs no further page for what has changed.
        let more = if self.lists_all { 0.0 } else { passes * (per_pass / self.page()).floor() };
        let pages = passes * calls + more;
        let fetched = passes * again + changed;
        let objects = passes * objects(per_pass, 1.0) + more;
        let load = self.load(&self.sample.again, pages, fetched, changed, objects);
        let runs = Amounts::from(self.sample.run) * passes + Amounts::from(self.sample.idle) * idle;
        Load { amounts: load.amounts + runs, ..load }
    }

    /// A run that came to this.
    pub fn run(&self, ledger: &Ledger) -> Load {
        let Ledger { pages, fetched, landed, quarantined, .. } = *ledger;
        let quarantine = if quarantined > 0 { 2.0 } else { 0.0 };
        // The records stand in the pages that are full; the last one of a stream is often empty.
        let with_records = (float(fetched) / self.page()).ceil().min(float(pages));
        let objects = objects(float(landed), with_records) + quarantine;
        let walked = &self.sample.first;
        let load = self.load(walked, float(pages), float(fetched), float(landed), objects);
        Load { amounts: load.amounts + self.of_a_run(pages).into(), ..load }
    }

    /// So many pages like these with so many records, of which so many land in so many objects.
    fn load(&self, like: &Walked, pages: f64, fetched: f64, landed: f64, objects: f64) -> Load {
        // Where one of the two walks finds nothing to do, the other says what a page takes.
        let Sample { first, again, .. } = &self.sample;
        let sample = if first.calls > 0 { first } else { again };
        let like = if like.calls > 0 { like } else { sample };
        let calls = like.calls.max(1);
        let (of_page, of_record) = (Amounts::from(like.pages), sample.records);
        let per_fetched = |count: u64| share(count, sample.ledger.fetched);
        let per_landed = |count: u64| share(count, sample.ledger.landed);
        // A sample without a record says nothing of records.
        let (writes, reads) = match sample.ledger.fetched {
            0 => (WRITES, 1.0),
            _ => (per_landed(of_record.write_units), per_fetched(of_record.read_units)),
        };
        let noted = if self.lists_all { (fetched - landed).max(0.0) } else { 0.0 };
        let amounts = of_page * (pages / float(calls))
            + Amounts::default()
                .with(Charge::WriteUnits, writes * landed + noted)
                .with(Charge::ReadUnits, reads * fetched)
                .with(Charge::S3Puts, objects);
        let bytes = |usage: Usage| usage.s3_bytes;
        Load {
            fetched,
            landed,
            rows: per_landed(sample.rows) * landed,
            amounts,
            table_gb: per_landed(sample.item_bytes) * landed / 1e9,
            s3_gb: (per_landed(bytes(of_record)) * landed
                + share(bytes(like.pages), calls) * pages)
                / 1e9,
        }
    }

    /// Records that a page holds.
    fn page(&self) -> f64 {
        let (first, fewest) = (&self.sample.first, 100.0);
        match first.full_calls {
            1.. if first.in_full_calls > 0 => share(first.in_full_calls, first.full_calls),
            _ => float(first.ledger.fetched).max(fewest),
        }
    }
}

/// Objects of rows when so many records fall on so many pages at random: pages that have any.
fn objects(landed: f64, pages: f64) -> f64 {
    if pages > 0.0 { pages * (1.0 - (-landed / pages).exp()) } else { 0.0 }
}

/// One part of a whole that may be nothing.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

fn gb(bytes: u64) -> f64 {
    float(bytes) / 1e9
}

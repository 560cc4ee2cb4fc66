//! The count of a run: what was fetched is landed, unchanged, quarantined or filtered, and nothing else.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::schema::Timestamp;
use crate::usage::{Usage, UsageMeter};

/// Records of one run and stream, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// Answers read.
    pub pages: u64,
    /// Records in them.
    pub fetched: u64,
    /// Records with at least one new or newer row.
    pub landed: u64,
    /// Records whose rows are all known already.
    pub unchanged: u64,
    /// Records that do not map.
    pub quarantined: u64,
    /// Records left out on purpose.
    pub filtered: u64,
    /// Landed records that a webhook should have reported before the poll found them.
    pub missed_by_webhook: u64,
    /// Fields that came with another type than documented.
    pub drifted: u64,
}

impl Ledger {
    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.pages += other.pages;
        self.fetched += other.fetched;
        self.landed += other.landed;
        self.unchanged += other.unchanged;
        self.quarantined += other.quarantined;
        self.filtered += other.filtered;
        self.missed_by_webhook += other.missed_by_webhook;
        self.drifted += other.drifted;
    }

    /// Refuses a count that does not add up: a record would be lost without anybody knowing.
    pub fn check(&self) -> Result<(), Error> {
        if self.fetched == self.explained() { Ok(()) } else { Err(Error::Miscounted(*self)) }
    }

    /// Records of which it is known what became of them.
    pub fn explained(&self) -> u64 {
        self.landed + self.unchanged + self.quarantined + self.filtered
    }
}

/// Requests of one run to its source; signing in is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Calls {
    /// Requests, repeated ones too.
    pub api_calls: u64,
    /// Answers that asked us to slow down: 429, and refusals that name a time to wait.
    pub throttles: u64,
}

impl Calls {
    /// Adds another count.
    pub fn add(&mut self, other: Self) {
        self.api_calls += other.api_calls;
        self.throttles += other.throttles;
    }
}

/// How a run of a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything settled has been read.
    CaughtUp,
    /// Time ran out or the source asked to wait; the next run goes on from here.
    Paused,
    /// Something has to be done first; the cursor stands where it stood.
    Failed,
}

/// One run of one stream, as stored and shown.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Run {
    /// The connection's name.
    pub connection: String,
    /// The stream's name.
    pub stream: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Its count.
    #[serde(flatten)]
    pub ledger: Ledger,
    /// What it asked of the source.
    #[serde(flatten)]
    pub calls: Calls,
    /// How long it took.
    pub seconds: f64,
    /// What it took, the calls to the source among it; as stored, without the two writes that store it.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
    /// When it started.
    pub started_at: Timestamp,
    /// The change time up to which the stream has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Timestamp>,
    /// Why it failed, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When the next full pass is due, if this run found none to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When the source may be called again, if it is the source that the pause waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Whether another run was reading the stream, or took it over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_other_hands: bool,
    /// What else an operator should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Run {
    /// A run that has brought nothing yet, and as good as failed as long as nothing says how it ended.
    pub fn begun(connection: &str, stream: &str, started_at: Timestamp) -> Self {
        Self {
            connection: connection.to_owned(),
            stream: stream.to_owned(),
            outcome: Outcome::Failed,
            ledger: Ledger::default(),
            calls: Calls::default(),
            seconds: 0.0,
            usage: Usage::default(),
            started_at,
            watermark: None,
            error: None,
            due_at: None,
            not_before: None,
            in_other_hands: false,
            note: None,
        }
    }

    /// The run with what it took so far by the meter of its work.
    pub(crate) fn took(self, meter: &UsageMeter) -> Self {
        let usage = Usage { api_calls: self.calls.api_calls, ..meter.usage() };
        Self { usage, ..self }
    }
}

/// When reading goes on: the earliest time at which a source may be called again, if all that is paused waits for its source.
pub fn not_before(runs: &[Run]) -> Option<Timestamp> {
    let paused = runs.iter().filter(|run| run.outcome == Outcome::Paused);
    let waits: Option<Vec<Timestamp>> = paused.map(|run| run.not_before).collect();
    waits?.into_iter().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_not_accounted_for_is_an_error() {
        let mut ledger = Ledger {
            fetched: 4,
            landed: 1,
            unchanged: 1,
            quarantined: 1,
            filtered: 1,
            ..Ledger::default()
        };
        assert!(ledger.check().is_ok());
        ledger.fetched = 5;
        let error = ledger.check().expect_err("one is lost");
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (
                "ledger_mismatch",
                "internal rule broken: 5 records were fetched but 4 are accounted for"
            )
        );
        // Added to the count of a run, it shows there.
        let Error::Miscounted(lost) = error else { panic!("{error}") };
        let mut run = Ledger { fetched: 7, landed: 7, ..Ledger::default() };
        run.add(&lost);
        assert!(run.check().is_err());
    }

    fn ended(outcome: Outcome, not_before: Option<i64>) -> Run {
        let not_before = not_before.map(|at| Timestamp::from_unix_seconds(at).unwrap());
        let run = serde_json::json!({
            "connection": "helpdesk-eu", "stream": "tickets", "outcome": outcome, "seconds": 1.5,
            "started_at": "2026-01-02T03:04:05Z", "not_before": not_before,
        });
        serde_json::from_value(run).expect("a run as earlier versions stored it")
    }

    #[test]
    fn reading_goes_on_when_the_first_source_that_all_wait_for_may_be_called() {
        let at = |seconds| Some(Timestamp::from_unix_seconds(seconds).unwrap());
        let done = || ended(Outcome::CaughtUp, None);
        let waits = |seconds| ended(Outcome::Paused, Some(seconds));
        assert_eq!(not_before(&[]), None);
        assert_eq!(not_before(&[done()]), None);
        assert_eq!(not_before(&[done(), waits(90), waits(60)]), at(60));
        let out_of_time = ended(Outcome::Paused, None);
        assert_eq!(not_before(&[waits(90), out_of_time]), None, "that one can go on now");
    }
}

//! The count of a run: what was fetched is landed, unchanged, quarantined or filtered, and nothing else.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::schema::Timestamp;

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
        let explained = self.landed + self.unchanged + self.quarantined + self.filtered;
        if self.fetched == explained {
            return Ok(());
        }
        Err(Error::Invariant(format!(
            "{} records were fetched but {explained} are accounted for",
            self.fetched
        )))
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
    /// How long it took.
    pub seconds: f64,
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
    /// What else an operator should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
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
        assert!(ledger.check().is_err());
    }
}

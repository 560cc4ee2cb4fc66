//! What work takes, in the units that AWS and the sources charge by: counted call by call, wherever it happens.
//!
//! A [`UsageMeter`] counts what happens inside the future that it measures, so that streams which run at the same time are
//! told apart. DynamoDB says itself what it charges (`ReturnConsumedCapacity`).

use std::iter::Sum;
use std::ops::{Add, AddAssign};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

mod interceptor;

pub(crate) use interceptor::Counting;

/// Calls and units that something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Requests to the source, repeated ones too; without those that open sessions or renew tokens.
    pub api_calls: u64,
    /// DynamoDB write units: 1 KB each, twice as many in a transaction.
    pub write_units: u64,
    /// DynamoDB read units: 4 KB each, strongly consistent.
    pub read_units: u64,
    /// S3 requests that create objects.
    pub s3_puts: u64,
    /// S3 requests that read objects.
    pub s3_gets: u64,
    /// S3 requests that list objects.
    pub s3_lists: u64,
    /// Bytes of objects sent to S3, compressed as they are stored.
    pub s3_bytes: u64,
}

impl Usage {
    /// Whether nothing was taken at all.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.api_calls += other.api_calls;
        self.write_units += other.write_units;
        self.read_units += other.read_units;
        self.s3_puts += other.s3_puts;
        self.s3_gets += other.s3_gets;
        self.s3_lists += other.s3_lists;
        self.s3_bytes += other.s3_bytes;
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

tokio::task_local! {
    static METER: UsageMeter;
}

/// Counts what one piece of work takes.
#[derive(Debug, Clone, Default)]
pub struct UsageMeter(Arc<Mutex<Usage>>);

impl UsageMeter {
    /// Does the work, counting what it takes; what it spawns is not counted.
    pub async fn measure<F: Future>(&self, work: F) -> F::Output {
        METER.scope(self.clone(), work).await
    }

    /// The count so far.
    pub fn usage(&self) -> Usage {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, usage: Usage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += usage;
    }
}

/// Adds to the count of the work that is being measured, if any is.
pub(crate) fn count(usage: Usage) {
    // Outside of measured work nobody asks.
    let _ = METER.try_with(|meter| meter.add(usage));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_meter_counts_its_own_work_only() {
        let (one, other) = (UsageMeter::default(), UsageMeter::default());
        let work = |times: usize| async move {
            for _ in 0..times {
                count(Usage { s3_puts: 1, ..Usage::default() });
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(one.measure(work(3)), other.measure(work(4)), work(5));
        assert_eq!(one.usage().s3_puts, 3);
        assert_eq!(other.usage().s3_puts, 4);
    }
}

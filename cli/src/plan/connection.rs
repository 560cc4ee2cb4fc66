//! One connection: its streams together, the functions that read them, and its shares of the source's quotas.

use std::time::Duration;

use serde::Serialize;
use shared::facts::Pace;

use super::assumed::{
    LOG_BYTES, MONTH, PAGE, POLLS, RECORD, SYNC_GB, SYSTEM_ALARMS, SYSTEM_METRICS, TICK,
};
use super::million::{self, MILLION};
use super::{Amounts, Charge, Load, StreamPlan, float};

/// How often is read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Schedule {
    /// Minutes between two runs.
    pub every_minutes: f64,
}

impl Schedule {
    /// Runs in a month.
    pub fn ticks(self) -> f64 {
        MONTH / self.every_minutes
    }
}

/// A connection with all that its arithmetic needs.
#[derive(Debug, Clone)]
pub struct ConnectionPlan {
    /// Its name.
    pub connection: String,
    /// Its streams.
    pub streams: Vec<StreamPlan>,
    /// The rates to keep, with the streams that draw on them.
    pub quotas: Vec<Quota>,
    /// Secrets that it has in the store of secrets.
    pub secrets: usize,
    /// Whether it takes webhooks, and how many deliveries a month.
    pub deliveries: Option<f64>,
}

/// A rate and who draws on it.
#[derive(Debug, Clone)]
pub struct Quota {
    /// What it is called.
    pub name: String,
    /// The rate.
    pub pace: Pace,
    /// The streams that draw on it.
    pub streams: Vec<&'static str>,
}

impl Quota {
    /// Seconds from one call to the next.
    fn seconds_a_call(&self) -> f64 {
        self.pace.per.as_secs_f64() / f64::from(self.pace.requests)
    }

    /// Seconds that so many calls wait for it at least: the first ones may go at once.
    fn wait(&self, calls: f64) -> f64 {
        (calls - f64::from(self.pace.requests)).max(0.0) * self.seconds_a_call()
    }
}

/// What is drawn on a quota.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuotaShare {
    /// What it is called.
    pub quota: String,
    /// Calls that it allows in a month.
    pub allowed_a_month: f64,
    /// Calls that a month takes.
    pub calls_a_month: f64,
    /// The shortest time in which it lets the first sync be read, in seconds.
    pub first_sync_seconds: f64,
}

impl ConnectionPlan {
    /// The first sync, with the invocations that it takes.
    pub fn first(&self) -> Load {
        let loads: Vec<(&str, Load)> =
            self.streams.iter().map(|stream| (stream.stream, stream.first())).collect();
        // Streams wait for the source side by side; what they read goes through one processor.
        let slowest = loads
            .iter()
            .map(|(stream, load)| self.seconds(stream, load.amounts.api_calls))
            .fold(0.0, f64::max);
        let load: Load = loads.into_iter().map(|(_, load)| load).sum();
        let seconds = TICK + slowest + load.fetched * RECORD;
        let amounts = load.amounts.clone()
            + Amounts::default()
                .with(Charge::LambdaGbSeconds, seconds * SYNC_GB)
                .with(Charge::LambdaRequests, (seconds / 240.0).ceil());
        Load { amounts, ..load }
    }

    /// Seconds of so many calls of a stream: their own, and the waits for its quotas.
    fn seconds(&self, stream: &str, calls: f64) -> f64 {
        let quotas = self.quotas.iter().filter(|quota| quota.streams.contains(&stream));
        quotas.map(|quota| quota.wait(calls)).fold(calls * PAGE, f64::max)
    }

    /// A month: its runs and their invocations, deliveries, and what there is to pay for a system that does nothing.
    pub fn month(&self, schedule: Schedule) -> Load {
        let ticks = schedule.ticks();
        let load: Load = self.streams.iter().map(|stream| stream.month(ticks)).sum();
        let slowest = self
            .streams
            .iter()
            .map(|stream| stream.quiet().0 * stream.pass_share(ticks))
            .fold(0.0, f64::max);
        let seconds = ticks * (TICK + slowest * PAGE) + load.fetched * RECORD;
        let logs = ticks * LOG_BYTES * (float(self.streams.len() as u64) + 1.0);
        let mut amounts = load.amounts.clone()
            + Amounts::default()
                .with(Charge::LambdaGbSeconds, seconds * SYNC_GB)
                .with(Charge::LambdaRequests, ticks)
                .with(Charge::Schedules, ticks)
                .with(Charge::LogGb, logs / 1e9)
                .with(Charge::Metrics, SYSTEM_METRICS)
                .with(Charge::Alarms, SYSTEM_ALARMS)
                .with(Charge::Secrets, float(self.secrets as u64));
        if let Some(deliveries) = self.deliveries {
            amounts += self.pushed(deliveries);
        }
        Load { amounts, ..load }
    }

    /// So many deliveries of one event each, in a month, and the polling for them.
    fn pushed(&self, deliveries: f64) -> Amounts {
        let million: Amounts = million::pushed(self.writes_of_a_record())
            .into_iter()
            .map(|(_, amounts)| amounts)
            .sum();
        million * (deliveries / MILLION) + Amounts::default().with(Charge::QueueRequests, POLLS)
    }

    /// Write units of a landed record, over all streams.
    fn writes_of_a_record(&self) -> f64 {
        let firsts = || self.streams.iter().map(|stream| &stream.sample.first);
        let landed: u64 = firsts().map(|first| first.ledger.landed).sum();
        let units: u64 = firsts().map(|first| first.records.write_units).sum();
        if landed == 0 { 1.0 } else { float(units) / float(landed) }
    }

    /// What is drawn on each quota.
    pub fn shares(&self, schedule: Schedule) -> Vec<QuotaShare> {
        let share = |quota: &Quota| {
            let drawing = || self.streams.iter().filter(|s| quota.streams.contains(&s.stream));
            let first: f64 = drawing().map(|stream| stream.first().amounts.api_calls).sum();
            let ticks = schedule.ticks();
            QuotaShare {
                quota: quota.name.clone(),
                allowed_a_month: MONTH * 60.0 / quota.seconds_a_call(),
                calls_a_month: drawing().map(|s| s.month(ticks).amounts.api_calls).sum(),
                first_sync_seconds: quota.wait(first),
            }
        };
        self.quotas.iter().map(share).collect()
    }
}

impl QuotaShare {
    /// The part of what is allowed that a month takes, from 0 to 1 and above.
    pub fn share(&self) -> f64 {
        self.calls_a_month / self.allowed_a_month
    }

    /// The shortest time in which the quota lets the first sync be read.
    pub fn first_sync(&self) -> Duration {
        Duration::try_from_secs_f64(self.first_sync_seconds).unwrap_or(Duration::MAX)
    }
}

impl std::iter::Sum for Load {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, load| {
            sum.fetched += load.fetched;
            sum.landed += load.landed;
            sum.rows += load.rows;
            sum.amounts += load.amounts;
            sum.table_gb += load.table_gb;
            sum.s3_gb += load.s3_gb;
            sum
        })
    }
}

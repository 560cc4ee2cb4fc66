//! Amounts of what AWS and the sources count, and what they cost.

use std::collections::BTreeMap;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};

use serde::{Deserialize, Serialize};
use shared::usage::Usage;

use super::Prices;

/// What AWS charges for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Charge {
    /// DynamoDB write units, on demand: 1 KB each; twice as many in a transaction.
    WriteUnits,
    /// DynamoDB read units, on demand: 4 KB each, strongly consistent.
    ReadUnits,
    /// GB in DynamoDB's tables, for a month.
    TableGb,
    /// GB that point-in-time recovery covers, for a month.
    RecoveryGb,
    /// S3 requests that create or list.
    S3Puts,
    /// S3 requests that read.
    S3Gets,
    /// GB in S3 Standard, for a month.
    S3Gb,
    /// Lambda, arm64.
    LambdaGbSeconds,
    /// Invocations.
    LambdaRequests,
    /// SQS requests.
    QueueRequests,
    /// Requests to the HTTP API of webhooks.
    ApiRequests,
    /// Invocations by a schedule.
    Schedules,
    /// GB of logs taken in.
    LogGb,
    /// Metrics, for a month.
    Metrics,
    /// Alarms, for a month.
    Alarms,
    /// Secrets, for a month.
    Secrets,
}

impl Charge {
    /// Every one, in the order in which they are shown.
    pub const ALL: [Self; 16] = [
        Self::WriteUnits,
        Self::ReadUnits,
        Self::TableGb,
        Self::RecoveryGb,
        Self::S3Puts,
        Self::S3Gets,
        Self::S3Gb,
        Self::LambdaGbSeconds,
        Self::LambdaRequests,
        Self::QueueRequests,
        Self::ApiRequests,
        Self::Schedules,
        Self::LogGb,
        Self::Metrics,
        Self::Alarms,
        Self::Secrets,
    ];

    /// What is counted, in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::WriteUnits => "DynamoDB write units",
            Self::ReadUnits => "DynamoDB read units",
            Self::TableGb => "DynamoDB storage, GB-months",
            Self::RecoveryGb => "DynamoDB recovery, GB-months",
            Self::S3Puts => "S3 PUT and LIST",
            Self::S3Gets => "S3 GET",
            Self::S3Gb => "S3 storage, GB-months",
            Self::LambdaGbSeconds => "Lambda GB-seconds",
            Self::LambdaRequests => "Lambda requests",
            Self::QueueRequests => "SQS requests",
            Self::ApiRequests => "HTTP API requests",
            Self::Schedules => "EventBridge schedules",
            Self::LogGb => "CloudWatch logs, GB",
            Self::Metrics => "CloudWatch metrics",
            Self::Alarms => "CloudWatch alarms",
            Self::Secrets => "secrets",
        }
    }
}

/// How much of everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Amounts {
    /// Calls of the source's API, which AWS does not charge for.
    pub api_calls: f64,
    /// What AWS charges for; what is not there is nothing.
    #[serde(flatten)]
    charges: BTreeMap<Charge, f64>,
}

impl Amounts {
    /// The same with so much more of one thing.
    #[must_use]
    pub fn with(mut self, charge: Charge, amount: f64) -> Self {
        *self.charges.entry(charge).or_default() += amount;
        self
    }

    /// Of one thing.
    pub fn of(&self, charge: Charge) -> f64 {
        self.charges.get(&charge).copied().unwrap_or_default()
    }

    /// What they cost, in USD.
    pub fn dollars(&self, prices: &Prices) -> f64 {
        self.charges.iter().map(|(charge, amount)| amount * prices.one(*charge)).sum()
    }
}

impl From<Usage> for Amounts {
    fn from(usage: Usage) -> Self {
        let Usage { api_calls, write_units, read_units, s3_puts, s3_gets, s3_lists, .. } = usage;
        Self { api_calls: float(api_calls), ..Self::default() }
            .with(Charge::WriteUnits, float(write_units))
            .with(Charge::ReadUnits, float(read_units))
            .with(Charge::S3Puts, float(s3_puts + s3_lists))
            .with(Charge::S3Gets, float(s3_gets))
    }
}

impl AddAssign for Amounts {
    fn add_assign(&mut self, other: Self) {
        self.api_calls += other.api_calls;
        for (charge, amount) in other.charges {
            *self.charges.entry(charge).or_default() += amount;
        }
    }
}

impl Add for Amounts {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl Sum for Amounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::add)
    }
}

impl Mul<f64> for Amounts {
    type Output = Self;

    fn mul(mut self, times: f64) -> Self {
        self.api_calls *= times;
        self.charges.values_mut().for_each(|amount| *amount *= times);
        self
    }
}

/// Counts as amounts; those here stay far below where a float is no longer exact.
#[expect(clippy::cast_precision_loss, reason = "counts of calls and bytes stay below 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

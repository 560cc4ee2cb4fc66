//! Metrics of runs and deliveries, as the JSON records that `CloudWatch` reads out of logs: the [embedded metric format].
//!
//! `docs/operations.md` says what each metric means; `tests/template.py` holds the template's alarms against this file.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::error::Error;
use crate::facts::SourceFacts;
use crate::landing::DELIVERIES;
use crate::ledger::{Calls, Ledger, Outcome, Run};
use crate::schema::Timestamp;

const NAMESPACE: &str = "Tributary";
const OF_SYSTEM: &[&str] = &["deployment", "system"];
const OF_STREAM: &[&str] = &["deployment", "connection", "stream"];

/// Whose metrics are told, and how finely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// The deployment's name.
    pub deployment: String,
    /// `helpdesk`, `email`, `pos`, `crm` or `social`.
    pub system: String,
    /// What is told apart.
    pub detail: Detail,
}

/// What is told apart: `CloudWatch` charges for every metric of every set of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Systems.
    Systems,
    /// Systems, and streams besides.
    Streams,
}

impl Detail {
    /// Reads `systems` or `streams`; none, so that nothing is told, for `none` and where nothing is said.
    pub fn parse(text: &str) -> Result<Option<Self>, Error> {
        match text {
            "" | "none" => Ok(None),
            "systems" => Ok(Some(Self::Systems)),
            "streams" => Ok(Some(Self::Streams)),
            _ => Err(Error::config(format!(
                "TRIBUTARY_METRICS is {text:?}; write none, systems or streams"
            ))),
        }
    }

    fn dimensions(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::Systems => &[OF_SYSTEM],
            Self::Streams => &[OF_SYSTEM, OF_STREAM],
        }
    }
}

/// What one record tells of: a run of a stream, or a batch of deliveries.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    connection: &'a str,
    stream: &'a str,
    ledger: Ledger,
    calls: Calls,
    time: Duration,
    /// The change time up to which the source has been read.
    watermark: Option<Timestamp>,
    /// Whether it shows that polling works, or that it does not.
    success: Option<bool>,
    /// The day on which the vendor ends the version of the API in use.
    sunset: Option<&'static str>,
}

impl<'a> Work<'a> {
    /// A run of a stream of `source`.
    pub fn of_run(run: &'a Run, source: &SourceFacts) -> Self {
        Self {
            connection: &run.connection,
            stream: &run.stream,
            ledger: run.ledger,
            calls: run.calls,
            time: Duration::try_from_secs_f64(run.seconds).unwrap_or_default(),
            // A pass that is not due is not behind.
            watermark: run.watermark.filter(|_| run.due_at.is_none()),
            success: success(run),
            sunset: source.sunset.map(|day| day.value),
        }
    }

    /// The deliveries of one batch to a connection of `source`.
    pub fn of_deliveries(
        connection: &'a str,
        source: &SourceFacts,
        ledger: Ledger,
        calls: Calls,
        time: Duration,
    ) -> Self {
        let sunset = source.sunset.map(|day| day.value);
        let (watermark, success) = (None, None);
        Self { connection, stream: DELIVERIES, ledger, calls, time, watermark, success, sunset }
    }

    /// Every metric with its unit and value; none where it does not apply.
    fn values(&self, now: Timestamp) -> [(&'static str, Unit, Option<i64>); 12] {
        let Self { ledger, calls, .. } = self;
        let whole = |number: u64| Some(i64::try_from(number).unwrap_or(i64::MAX));
        let behind = |at: Timestamp| (now.as_unix_seconds() - at.as_unix_seconds()).max(0);
        let milliseconds = i64::try_from(self.time.as_millis()).unwrap_or(i64::MAX);
        [
            ("fetched", Unit::Count, whole(ledger.fetched)),
            ("landed", Unit::Count, whole(ledger.landed)),
            ("unchanged", Unit::Count, whole(ledger.unchanged)),
            ("quarantined", Unit::Count, whole(ledger.quarantined)),
            ("filtered", Unit::Count, whole(ledger.filtered)),
            ("lag_seconds", Unit::Seconds, self.watermark.map(behind)),
            ("api_calls", Unit::Count, whole(calls.api_calls)),
            ("throttles", Unit::Count, whole(calls.throttles)),
            ("duration_ms", Unit::Milliseconds, Some(milliseconds)),
            ("success", Unit::Count, self.success.map(i64::from)),
            ("ledger_mismatch", Unit::Count, Some(i64::from(ledger.check().is_err()))),
            ("sunset_days", Unit::Count, self.sunset.and_then(|day| days_until(day, now))),
        ]
    }
}

/// Polling works where a run has read, or found nothing due; a run that found the stream in another's hands, or had to wait
/// before it could read, does not tell.
fn success(run: &Run) -> Option<bool> {
    match run.outcome {
        Outcome::Failed => Some(false),
        _ if run.in_other_hands => None,
        Outcome::CaughtUp => Some(true),
        Outcome::Paused => (run.ledger.pages > 0).then_some(true),
    }
}

/// Whole days from today to a day such as `2027-07-15`; below zero when it has passed.
fn days_until(day: &str, now: Timestamp) -> Option<i64> {
    let today = now.to_jiff().to_zoned(TimeZone::UTC).date();
    let days = day.parse::<Date>().ok()?.since(today).ok()?.get_days();
    Some(days.into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Unit {
    Count,
    Seconds,
    Milliseconds,
}

/// One record; as JSON on a line of its own it is a log event in the embedded metric format.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    #[serde(rename = "_aws")]
    aws: Metadata,
    deployment: &'a str,
    system: &'a str,
    connection: &'a str,
    stream: &'a str,
    #[serde(flatten)]
    values: BTreeMap<&'static str, i64>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds after 1970.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: &'static [&'static [&'static str]],
    metrics: Vec<Definition>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: Unit,
}

impl Metrics {
    /// The record that tells of work that ended `now`.
    pub fn record<'a>(&'a self, work: &Work<'a>, now: Timestamp) -> Record<'a> {
        let mut metrics = Vec::new();
        let mut values = BTreeMap::new();
        for (name, unit, value) in work.values(now) {
            if let Some(value) = value {
                metrics.push(Definition { name, unit });
                values.insert(name, value);
            }
        }
        let dimensions = self.detail.dimensions();
        Record {
            aws: Metadata {
                timestamp: now.as_micros().div_euclid(1_000),
                cloud_watch_metrics: [Directive { namespace: NAMESPACE, dimensions, metrics }],
            },
            deployment: &self.deployment,
            system: &self.system,
            connection: work.connection,
            stream: work.stream,
            values,
        }
    }
}

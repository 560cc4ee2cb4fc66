//! Finds out what a plan needs: samples of the streams, how much there is, and what the last runs took.

use std::collections::BTreeMap;

use shared::config::{Connection, PaceSetting};
use shared::connector::AnyStream;
use shared::error::Error;
use shared::facts::StreamFacts;
use shared::hub::{Hub, Selection};
use shared::landing::{DELIVERIES, Imagined};
use shared::ledger::{Outcome, Run};
use shared::sample::Sample;

use super::{Basis, ConnectionPlan, Load, Plan, Quota, Schedule, StreamPlan, Volumes, float};
use crate::session::credentials;

/// Runs that are looked at, the last ones.
const RUNS: i32 = 500;
const MONTH_SECONDS: f64 = 30.0 * 86_400.0;
/// The shortest time that says anything about a month.
const TELLING_SECONDS: f64 = 3_600.0;

/// What is asked of a survey.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Which connections and streams.
    pub selection: Selection,
    /// How often they are read.
    pub schedule: Schedule,
    /// Answers that each stream's sample has at the most, from the beginning and again from its end.
    pub pages: u64,
    /// Records that a stream (`connection/stream` or `stream`) has already.
    pub rows: BTreeMap<String, f64>,
    /// Records of a stream that are new or change in a month; deliveries are those of `webhook`.
    pub rows_per_month: BTreeMap<String, f64>,
}

/// What was found out.
#[derive(Debug)]
pub struct Survey {
    /// What the arithmetic needs.
    pub plan: Plan,
    /// What the last run of each stream took, where there was one.
    pub past: Vec<Past>,
    /// What could not be found out: the stream, and why.
    pub silent: Vec<(String, Error)>,
    /// Streams that the account does not offer, and why not.
    pub not_offered: Vec<(String, &'static str)>,
}

/// A run of the past beside what the model says of it.
#[derive(Debug)]
pub struct Past {
    /// The run as it was.
    pub run: Run,
    /// What the model says that reading and landing so many records takes.
    pub planned: Load,
}

/// Asks the sources for samples, and the state for what has been.
pub async fn survey(hub: &Hub, asked: &Asked) -> Result<Survey, Error> {
    let plan = Plan { schedule: asked.schedule, connections: Vec::new() };
    let mut found = Survey { plan, past: Vec::new(), silent: Vec::new(), not_offered: Vec::new() };
    let mut tables = Imagined::default();
    for (connection, streams) in hub.selected(&asked.selection)? {
        let mut plans = Vec::new();
        for stream in &streams {
            let name = format!("{}/{}", connection.name, stream.facts().name);
            let facts = stream.facts();
            match hub.sample(connection, *stream, asked.pages, &mut tables).await {
                Ok(sample) => {
                    let runs = hub.state().runs(&connection.name, facts.name, RUNS).await?;
                    let volumes = volumes(asked, connection, facts, &sample, &runs);
                    let plan = StreamPlan::new(facts, sample, volumes);
                    if let Some(run) = runs.into_iter().next() {
                        let planned = plan.run(&run.ledger);
                        found.past.push(Past { run, planned });
                    }
                    plans.push(plan);
                }
                Err(
                    Error::Unauthorized { status: 403, .. } | Error::Rejected { status: 404, .. },
                ) if facts.optional.is_some() => {
                    found.not_offered.push((name, facts.optional.unwrap_or_default()));
                }
                Err(error) => found.silent.push((name, error)),
            }
        }
        found.plan.connections.push(ConnectionPlan {
            connection: connection.name.clone(),
            quotas: quotas(connection, &streams),
            streams: plans,
            secrets: credentials(connection).len() + connection.common.webhook_secrets.len(),
            deliveries: (!connection.common.webhook_secrets.is_empty()).then(|| {
                said_of(&asked.rows_per_month, connection, DELIVERIES).unwrap_or_default()
            }),
        });
    }
    Ok(found)
}

/// What was said of a stream, under its full name or under its own.
fn said_of(said: &BTreeMap<String, f64>, connection: &Connection, stream: &str) -> Option<f64> {
    let full = format!("{}/{stream}", connection.name);
    said.get(&full).or_else(|| said.get(stream)).copied()
}

/// How much there is to read of a stream: as was said, else as its runs (the newest first) or its sample show.
fn volumes(
    asked: &Asked,
    connection: &Connection,
    facts: &StreamFacts,
    sample: &Sample,
    runs: &[Run],
) -> Volumes {
    let past = Rate::of(runs);
    let backlog = said_of(&asked.rows, connection, facts.name).or(past.backlog);
    let given = said_of(&asked.rows_per_month, connection, facts.name);
    let (changed, basis) = match (given, past.changed) {
        (Some(changed), _) => (changed, Basis::Given),
        (None, Some(changed)) => (changed, Basis::Runs),
        (None, None) if sample.first.ended => (float(sample.first.recent), Basis::Sample),
        (None, None) => (float(sample.again.ledger.landed) * 24.0 * 30.0, Basis::LastHour),
    };
    Volumes { backlog, changed, basis }
}

/// What past runs say about volumes.
#[derive(Debug, PartialEq)]
struct Rate {
    /// Records of the runs up to the first that was caught up, if it is among them.
    backlog: Option<f64>,
    /// Records that later runs landed, as many as that makes in a month.
    changed: Option<f64>,
}

impl Rate {
    /// Of runs with the newest first.
    fn of(runs: &[Run]) -> Self {
        let complete = runs.len() < usize::try_from(RUNS).unwrap_or(usize::MAX);
        let first = runs.iter().rposition(|run| run.outcome == Outcome::CaughtUp);
        let (later, earlier) = match first {
            Some(first) if complete => runs.split_at(first),
            _ => (runs, &[][..]),
        };
        let backlog: u64 = earlier.iter().map(|run| run.ledger.fetched).sum();
        let began = earlier.first().or(later.last());
        let seconds = later.first().zip(began).map(|(newest, began)| {
            (newest.started_at.as_micros() - began.started_at.as_micros()) / 1_000_000
        });
        let seconds = seconds.map(|seconds| float(u64::try_from(seconds).unwrap_or_default()));
        let landed: u64 = later.iter().map(|run| run.ledger.landed).sum();
        Self {
            backlog: (!earlier.is_empty()).then(|| float(backlog)),
            changed: seconds
                .filter(|seconds| *seconds >= TELLING_SECONDS)
                .map(|seconds| float(landed) * MONTH_SECONDS / seconds),
        }
    }
}

/// The rates that a connection keeps, as the client does that sends its requests.
fn quotas(connection: &Connection, streams: &[&dyn AnyStream]) -> Vec<Quota> {
    let names = || streams.iter().map(|stream| stream.facts().name);
    let account = |pace| Quota { name: "account".to_owned(), pace, streams: names().collect() };
    match connection.common.pace {
        Some(PaceSetting::Unlimited) => Vec::new(),
        Some(PaceSetting::Limited(pace)) => vec![account(pace)],
        None => {
            let mut quotas: Vec<Quota> =
                connection.connector.api.pace.map(account).into_iter().collect();
            let mut by_name = BTreeMap::<&str, Quota>::new();
            for facts in streams.iter().map(|stream| stream.facts()) {
                let Some(quota) = facts.quota.map(|fact| fact.value) else { continue };
                let (name, pace) = (quota.name.to_owned(), quota.pace);
                let new = || Quota { name, pace, streams: Vec::new() };
                by_name.entry(quota.name).or_insert_with(new).streams.push(facts.name);
            }
            quotas.extend(by_name.into_values());
            quotas
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::ledger::Ledger;
    use shared::schema::Timestamp;

    use super::*;

    fn run(hour: i64, outcome: Outcome, fetched: u64, landed: u64) -> Run {
        let started_at = Timestamp::from_micros(hour * 3_600_000_000).unwrap();
        let ledger = Ledger { fetched, landed, ..Ledger::default() };
        Run { outcome, ledger, ..Run::begun("desk", "tickets", started_at) }
    }

    #[test]
    fn what_the_first_runs_read_is_the_backlog_and_what_later_ones_landed_is_the_rate() {
        use Outcome::{CaughtUp, Paused};
        let newest_first = [
            run(12, CaughtUp, 9, 5),
            run(7, CaughtUp, 4, 1),
            run(2, CaughtUp, 300, 300),
            run(1, Paused, 1_000, 1_000),
        ];
        let six_in_ten_hours = 6.0 / 10.0 * 24.0 * 30.0;
        let said = Rate::of(&newest_first);
        assert_eq!(said.backlog, Some(1_300.0));
        assert!((said.changed.unwrap() - six_in_ten_hours).abs() < 1e-9, "{said:?}");
    }

    #[test]
    fn runs_within_an_hour_say_nothing_about_a_month() {
        let runs = [run(2, Outcome::CaughtUp, 0, 0), run(2, Outcome::CaughtUp, 7, 7)];
        assert_eq!(Rate::of(&runs), Rate { backlog: Some(7.0), changed: None });
        assert_eq!(Rate::of(&[]), Rate { backlog: None, changed: None });
    }
}

//! `tributary status`: how fresh each stream is, and how its last run went.

use std::collections::HashMap;

use comfy_table::Cell;
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::config::Connection;
use shared::error::Error;
use shared::http::Patience;
use shared::hub::{Hub, Selection};
use shared::landing::DELIVERIES;
use shared::ledger::Run;
use shared::schema::Timestamp;
use shared::state::Standing;

use crate::arguments::Global;
use crate::aws::Deployment;
use crate::aws::steps::{Running, running};
use crate::display::{
    count, grouped, human, instant, outcome, say, say_json, short, since, table, until,
};
use crate::embedded::Endpoints;
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

#[derive(Serialize)]
struct Report<'a> {
    store: Store<'a>,
    /// Backfills that are under way in AWS.
    backfills: Vec<Running>,
    connections: Vec<ConnectionReport>,
}

#[derive(Serialize)]
struct Store<'a> {
    bucket: &'a str,
    state_table: &'a str,
    customers_table: &'a str,
    /// Where the embedded stores answer while another process serves them.
    served_by: Option<&'a Endpoints>,
}

#[derive(Serialize)]
struct ConnectionReport {
    connection: String,
    source: &'static str,
    needs_reauthorisation: bool,
    quarantined_deliveries: u64,
    streams: Vec<StreamReport>,
}

#[derive(Serialize)]
struct StreamReport {
    stream: &'static str,
    freshness_seconds: Option<u64>,
    watermark: Option<Timestamp>,
    caught_up_at: Option<Timestamp>,
    saved_at: Option<Timestamp>,
    cursor: Option<String>,
    leased_until: Option<Timestamp>,
    not_before: Option<Timestamp>,
    quarantined: u64,
    last_run: Option<Run>,
}

pub(crate) async fn run(global: &Global, selection: &Selection) -> Result<Exit, Failure> {
    let (session, backfills) = if global.aws.is_some() {
        let deployment = Deployment::find(global).await?;
        let session = Session::open_deployment(global, &deployment, Patience::default()).await?;
        let backfills = running(&deployment).await.unwrap_or_else(|failure| {
            tell(&format!("warning: {}", failure.what()));
            Vec::new()
        });
        (session, backfills)
    } else {
        (Session::open(global).await?, Vec::new())
    };
    let shown = show(global, &session, selection, backfills).await;
    session.close().await;
    shown
}

async fn show(
    global: &Global,
    session: &Session,
    selection: &Selection,
    backfills: Vec<Running>,
) -> Result<Exit, Failure> {
    session.connections(selection)?;
    let quarantined = quarantined(&session.hub, selection).await?;
    let selected = session.hub.selected(selection)?;
    let connections = selected.into_iter().map(|(connection, streams)| {
        let names = streams.iter().map(|stream| stream.facts().name).collect();
        connection_report(&session.hub, connection, names, &quarantined)
    });
    let names = session.names();
    let report = Report {
        store: Store {
            bucket: &names.bucket,
            state_table: &names.state_table,
            customers_table: &names.customers_table,
            served_by: session.endpoints().filter(|endpoints| endpoints.attached),
        },
        backfills,
        connections: try_join_all(connections).await?,
    };
    if global.json {
        say_json(&report)?;
    } else {
        print(&report);
    }
    Ok(Exit::Success)
}

/// Records in quarantine by connection and stream.
type Counts = HashMap<(String, String), u64>;

async fn quarantined(hub: &Hub, selection: &Selection) -> Result<Counts, Error> {
    let mut counts = Counts::new();
    for record in hub.quarantine(selection).await?.into_iter().flat_map(|object| object.records) {
        *counts.entry((record.connection, record.stream)).or_default() += 1;
    }
    Ok(counts)
}

async fn connection_report(
    hub: &Hub,
    connection: &Connection,
    streams: Vec<&'static str>,
    quarantined: &Counts,
) -> Result<ConnectionReport, Error> {
    let name = &connection.name;
    let waiting =
        |stream: &str| quarantined.get(&(name.clone(), stream.to_owned())).copied().unwrap_or(0);
    let standings =
        try_join_all(streams.iter().map(|stream| hub.state().standing(name, stream))).await?;
    let streams = streams.into_iter().zip(standings).map(|(stream, standing)| {
        let Standing {
            cursor,
            saved_at,
            caught_up_at,
            watermark,
            lease_until,
            not_before,
            last_run,
        } = standing;
        StreamReport {
            stream,
            freshness_seconds: watermark.map(|at| since(at).as_secs()),
            watermark,
            caught_up_at,
            saved_at,
            cursor,
            leased_until: lease_until.filter(|at| until(*at).is_some()),
            not_before: not_before.filter(|at| until(*at).is_some()),
            quarantined: waiting(stream),
            last_run,
        }
    });
    Ok(ConnectionReport {
        connection: name.clone(),
        source: connection.source.name,
        needs_reauthorisation: hub.state().needs_reauthorisation(name).await?,
        quarantined_deliveries: waiting(DELIVERIES),
        streams: streams.collect(),
    })
}

fn print(report: &Report<'_>) {
    for connection in &report.connections {
        say(format!("{} ({})", connection.connection, connection.source));
        if connection.needs_reauthorisation {
            say("✗ the source no longer accepts the saved tokens: authorise the connection again");
        }
        let mut streams = table([
            "stream",
            "behind by",
            "caught up",
            "last run",
            "landed",
            "in quarantine",
            "cursor",
            "now",
        ]);
        for stream in &connection.streams {
            let run = stream.last_run.as_ref();
            streams.add_row(vec![
                Cell::new(stream.stream),
                Cell::new(stream.watermark.map_or("–".to_owned(), |at| human(since(at)))),
                Cell::new(
                    stream
                        .caught_up_at
                        .map_or("never".to_owned(), |at| format!("{} ago", human(since(at)))),
                ),
                Cell::new(run.map_or("never", |run| outcome(run.outcome))),
                count(run.map_or(0, |run| run.ledger.landed)),
                count(stream.quarantined),
                Cell::new(
                    stream.cursor.as_deref().map_or("–".to_owned(), |cursor| short(cursor, 24)),
                ),
                Cell::new(now(stream)),
            ]);
        }
        say(streams.to_string());
        for stream in &connection.streams {
            if let Some(error) = stream.last_run.as_ref().and_then(|run| run.error.as_ref()) {
                say(format!("✗ {}/{}: {error}", connection.connection, stream.stream));
            }
        }
        if connection.quarantined_deliveries > 0 {
            say(format!(
                "in quarantine from webhooks: {}",
                grouped(connection.quarantined_deliveries)
            ));
        }
    }
    for Running { of, since, .. } in &report.backfills {
        say(format!("a backfill of {of} is under way since {}", since.strftime("%F %TZ")));
    }
    if let Some(endpoints) = report.store.served_by {
        say(format!(
            "the stores are served by process {}: S3 {}, DynamoDB {}",
            endpoints.pid, endpoints.s3, endpoints.dynamodb
        ));
    }
    let never = |stream: &StreamReport| stream.last_run.is_none();
    if report.connections.iter().all(|connection| connection.streams.iter().all(never)) {
        tell("hint: nothing has been read yet; `tributary sync` begins");
    }
}

fn now(stream: &StreamReport) -> String {
    match (stream.leased_until, stream.not_before) {
        (Some(at), _) => format!("a run holds it until {}", instant(at)),
        (None, Some(at)) => format!("not before {}", instant(at)),
        (None, None) => "–".to_owned(),
    }
}

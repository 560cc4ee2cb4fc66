//! One deployment at work: settings, stores and clients together, for the functions and for the command line.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use serde_json::value::RawValue;

use crate::budget::Budget;
use crate::clock;
use crate::config::{Connection, Settings};
use crate::connector::{AnyStream, Horizon};
use crate::error::{Error, Invalid};
use crate::http::{Client, Meter, Patience, TokenVault};
use crate::inbox::{Inbox, Received};
use crate::landing::{Imagined, Landing, attempt};
use crate::ledger::Run;
use crate::receive::{Envelope, Inlet};
use crate::rows::{Draft, MapContext, Origin};
use crate::sample::{Sample, Sampler};
use crate::schema::{Entity, RecordKey, Timestamp};
use crate::secrets::Secrets;
use crate::state::State;
use crate::stores::Stores;
use crate::sync::{Observer, Puller};

/// Connections read at the same time; their streams all run at once.
const CONNECTIONS: usize = 8;

/// One deployment at work.
pub struct Hub {
    settings: Arc<Settings>,
    secrets: Secrets,
    state: State,
    landing: Landing,
    clients: HashMap<String, Arc<Client>>,
}

/// What a run should read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// One connection; all of them when none.
    pub connection: Option<String>,
    /// One stream of it.
    pub stream: Option<String>,
    /// Whether to start full passes that are not due yet.
    pub now: bool,
    /// Whether the operator vouches for lists that show much less than is known, so that the rest is deleted.
    pub accept_deletions: bool,
}

impl Selection {
    /// Reads `connection` or `connection/stream`.
    pub fn parse(text: &str) -> Self {
        match text.split_once('/') {
            None => Self { connection: Some(text.to_owned()), ..Self::default() },
            Some((connection, stream)) => Self {
                connection: Some(connection.to_owned()),
                stream: Some(stream.to_owned()),
                ..Self::default()
            },
        }
    }
}

/// A connection and the streams of it that a selection names.
pub type Selected<'h> = (&'h Connection, Vec<&'h dyn AnyStream>);

/// Whether a stream can be read with the credentials as they are.
#[derive(Debug)]
pub struct Check {
    /// The connection's name.
    pub connection: String,
    /// The stream's name.
    pub stream: &'static str,
    /// Scopes or roles that it needs.
    pub scopes: &'static [&'static str],
    /// What the source said to a first request.
    pub result: Result<Checked, Error>,
}

/// A successful check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The source answered as documented.
    Readable,
    /// The account does not offer this stream; a sync passes over it.
    NotOffered(&'static str),
}

/// One record as it would land.
#[derive(Debug)]
pub struct Preview {
    /// Its rows, or why it does not map.
    pub rows: Result<Vec<PreviewRow>, Invalid>,
    /// Why it would be left out.
    pub filtered: Option<&'static str>,
}

/// One row of a preview.
#[derive(Debug)]
pub struct PreviewRow {
    /// The key it would have.
    pub record_key: RecordKey,
    /// The vendor's version or time of change.
    pub version: i64,
    /// Whether it says that the record is gone.
    pub deleted: bool,
    /// The content.
    pub entity: Entity,
}

impl Hub {
    /// Puts a deployment together; no request is sent yet.
    pub fn new(
        settings: Arc<Settings>,
        stores: &Stores,
        secrets: Secrets,
        tokens: &Arc<dyn TokenVault>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let stores = &stores.counted();
        let state = State::new(stores);
        let clients = settings
            .connections
            .values()
            .map(|connection| {
                let register = Arc::new(state.clone());
                let client = Client::new(
                    connection,
                    secrets.clone(),
                    Arc::clone(tokens),
                    register,
                    patience,
                )?;
                Ok((connection.name.clone(), Arc::new(client)))
            })
            .collect::<Result<_, Error>>()?;
        let landing = Landing::new(stores, settings.recognition());
        Ok(Self { settings, secrets, state, landing, clients })
    }

    /// The settings.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// The reader of secrets.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Where each stream stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The landing zone.
    pub fn landing(&self) -> &Landing {
        &self.landing
    }

    /// A connection by name; the error lists the names there are.
    pub fn connection(&self, name: &str) -> Result<&Connection, Error> {
        self.settings.connections.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.settings.connections.keys().map(String::as_str).collect();
            Error::Config(format!(
                "there is no connection {name:?}; the settings have {}",
                known.join(", ")
            ))
        })
    }

    /// A stream of a connection by name; the error lists the names there are.
    pub fn stream<'c>(
        &self,
        connection: &'c Connection,
        name: &str,
    ) -> Result<&'c dyn AnyStream, Error> {
        connection
            .connector
            .streams
            .iter()
            .find(|stream| stream.facts().name == name)
            .map(Box::as_ref)
            .ok_or_else(|| {
                let known: Vec<&str> =
                    connection.connector.streams.iter().map(|stream| stream.facts().name).collect();
                Error::Config(format!(
                    "{} has no stream {name:?}; it has {}",
                    connection.name,
                    known.join(", ")
                ))
            })
    }

    fn client(&self, connection: &Connection) -> Result<&Arc<Client>, Error> {
        self.clients
            .get(&connection.name)
            .ok_or_else(|| Error::Invariant(format!("{} has no client", connection.name)))
    }

    /// The streams that a selection names, with their connections.
    pub fn selected(&self, selection: &Selection) -> Result<Vec<Selected<'_>>, Error> {
        let connections: Vec<&Connection> = match &selection.connection {
            Some(name) => vec![self.connection(name)?],
            None => self.settings.connections.values().collect(),
        };
        connections
            .into_iter()
            .map(|connection| {
                let streams = if let Some(name) = &selection.stream {
                    vec![self.stream(connection, name)?]
                } else {
                    let all = connection.connector.streams.iter().map(Box::as_ref);
                    all.filter(|stream| connection.selects(stream.facts().name)).collect()
                };
                Ok((connection, streams))
            })
            .collect()
    }

    /// Reads the selected streams, all of a connection at once; one failing stops no other.
    pub async fn sync(
        &self,
        selection: &Selection,
        budget: Budget,
        observer: &dyn Observer,
    ) -> Result<Vec<Run>, Error> {
        let selected = self.selected(selection)?;
        let runs = stream::iter(selected)
            .map(|(connection, streams)| async move {
                let client = self.client(connection)?;
                let puller = Puller {
                    state: &self.state,
                    landing: &self.landing,
                    connection,
                    client: Arc::clone(client),
                    budget,
                    observer,
                    now: selection.now,
                    accept_deletions: selection.accept_deletions,
                };
                Ok(join_all(streams.into_iter().map(|stream| puller.run(stream))).await)
            })
            .buffered(CONNECTIONS)
            .collect::<Vec<Result<Vec<Run>, Error>>>()
            .await;
        let runs: Result<Vec<Vec<Run>>, Error> = runs.into_iter().collect();
        Ok(runs?.into_iter().flatten().collect())
    }

    /// Lands one verified delivery; `meter` counts what it asks of the source meanwhile.
    pub async fn land(&self, envelope: &Envelope, meter: &Meter) -> Result<Received, Error> {
        let connection = self.connection(&envelope.connection)?;
        let client = self.client(connection)?;
        Inbox { state: &self.state, landing: &self.landing, connection, client, meter }
            .land(envelope)
            .await
    }

    /// Asks each selected stream one small question, to see whether the credentials reach it.
    pub async fn check(&self, selection: &Selection) -> Result<Vec<Check>, Error> {
        let mut checks = Vec::new();
        for (connection, streams) in self.selected(selection)? {
            for stream in streams {
                let facts = stream.facts();
                let result = match self.probe(connection, stream).await {
                    Ok(_) => Ok(Checked::Readable),
                    Err(
                        Error::Unauthorized { status: 403, .. }
                        | Error::Rejected { status: 404, .. },
                    ) if facts.optional.is_some() => {
                        Ok(Checked::NotOffered(facts.optional.unwrap_or_default()))
                    }
                    Err(error) => Err(error),
                };
                checks.push(Check {
                    connection: connection.name.clone(),
                    stream: facts.name,
                    scopes: facts.scopes,
                    result,
                });
            }
        }
        Ok(checks)
    }

    /// The first page of a stream, from an hour ago: read and understood, not landed.
    async fn probe(&self, connection: &Connection, stream: &dyn AnyStream) -> Result<usize, Error> {
        let hour_ago = clock::before(clock::now(), std::time::Duration::from_hours(1));
        let (response, cursor, horizon) = self.first_page(connection, stream, hour_ago).await?;
        Ok(stream.page(&cursor, &horizon, &response)?.records.len())
    }

    async fn first_page(
        &self,
        connection: &Connection,
        stream: &dyn AnyStream,
        start: Timestamp,
    ) -> Result<(crate::page::Response, Box<RawValue>, Horizon), Error> {
        let facts = stream.facts();
        let horizon = Horizon { start, until: clock::before(clock::now(), facts.lag.value) };
        let cursor = stream.start(None, &horizon)?;
        let request = stream.request(&cursor, &horizon)?;
        let (client, meter) = (self.client(connection)?, Meter::default());
        let response = client.send(&request, facts, Budget::unlimited(), &meter).await?;
        let response = crate::http::sift(response, &request, |frame| stream.keeps(frame));
        Ok((response, cursor, horizon))
    }

    /// Reads the first answers of a stream, at most so many, and measures what landing them would take.
    pub async fn sample(
        &self,
        connection: &Connection,
        stream: &dyn AnyStream,
        most: u64,
        tables: &mut Imagined,
    ) -> Result<Sample, Error> {
        let client = self.client(connection)?;
        Sampler { client, landing: &self.landing, connection, stream, most }.sample(tables).await
    }

    /// Maps the first records of a stream without landing anything.
    pub async fn preview(
        &self,
        connection: &Connection,
        stream: &dyn AnyStream,
        limit: usize,
    ) -> Result<Vec<Preview>, Error> {
        let start = connection.common.start.unwrap_or(Timestamp::UNIX_EPOCH);
        let (response, cursor, horizon) = self.first_page(connection, stream, start).await?;
        let page = stream.page(&cursor, &horizon, &response)?;
        let context = MapContext::of_stream(connection, stream, Origin::Page, response.received_at);
        Ok(page
            .records
            .iter()
            .take(limit)
            .map(|record| {
                match attempt(0, record, &context, |fields, rows| stream.map(fields, rows)).mapped {
                    Err(invalid) => Preview { rows: Err(invalid), filtered: None },
                    Ok(mapped) => Preview {
                        filtered: mapped.filtered,
                        rows: Ok(mapped
                            .drafts
                            .into_iter()
                            .map(|draft| preview_row(connection, draft))
                            .collect()),
                    },
                }
            })
            .collect())
    }
}

fn preview_row(connection: &Connection, draft: Draft) -> PreviewRow {
    PreviewRow {
        record_key: RecordKey::new(
            connection.source.name,
            &connection.name,
            draft.object,
            &draft.id,
        ),
        version: draft.version,
        deleted: draft.deleted,
        entity: draft.entity,
    }
}

/// On a laptop there is no queue: a delivery is landed before its sender gets an answer.
#[async_trait]
impl Inlet for Hub {
    async fn accept(&self, delivery: Envelope) -> Result<(), Error> {
        self.land(&delivery, &Meter::default()).await.map(drop)
    }
}

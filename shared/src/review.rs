//! Second chances: quarantined records tried again, and raw bytes mapped again.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::config::Connection;
use crate::connector::{Headers, Horizon};
use crate::error::{Error, json_reason};
use crate::hub::{Hub, Selection};
use crate::landing::{Batch, DELIVERIES, Quarantined, attempt, attempts, compress, decompress};
use crate::ledger::Ledger;
use crate::page::Response;
use crate::rows::{MapContext, Origin};
use crate::schema::{Sha256, Timestamp};
use crate::sync::absent::{GONE, land_burials};

/// A quarantine object and the records in it.
#[derive(Debug)]
pub struct QuarantineObject {
    /// Its key in the bucket.
    pub key: String,
    /// Its records.
    pub records: Vec<Quarantined>,
}

/// What a retry of the quarantine came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retried {
    /// Records tried.
    pub tried: u64,
    /// Records that landed, or turned out to be known already.
    pub cured: u64,
    /// Records that still do not map.
    pub remaining: u64,
}

impl Hub {
    /// What waits in quarantine.
    pub async fn quarantine(&self, selection: &Selection) -> Result<Vec<QuarantineObject>, Error> {
        let prefix = match (&selection.connection, &selection.stream) {
            (Some(connection), Some(stream)) => format!("quarantine/{connection}/{stream}/"),
            (Some(connection), None) => format!("quarantine/{connection}/"),
            _ => "quarantine/".to_owned(),
        };
        let objects = self.landing().objects();
        let mut found = Vec::new();
        for key in objects.list(&prefix).await? {
            let (bytes, _) = objects.read(&key).await?;
            let text = decompress(&bytes)?;
            let records = text
                .split(|byte| *byte == b'\n')
                .filter(|line| !line.is_empty())
                .map(serde_json::from_slice)
                .collect::<Result<_, _>>()
                .map_err(|error| Error::Invariant(format!("{key}: {}", json_reason(&error))))?;
            found.push(QuarantineObject { key, records });
        }
        Ok(found)
    }

    /// Maps quarantined records again, lands those that map now, and keeps the rest.
    ///
    /// What still does not map is written anew before the old object goes: a crash in between leaves one record too many,
    /// never one too few.
    pub async fn retry_quarantine(&self, selection: &Selection) -> Result<Retried, Error> {
        let mut retried = Retried::default();
        for object in self.quarantine(selection).await? {
            let (mut remaining, mut kept) = (Vec::new(), 0);
            for record in &object.records {
                retried.tried += 1;
                let ledger = self.land_again(record).await?;
                if ledger.quarantined == 0 {
                    retried.cured += 1;
                    continue;
                }
                kept += 1;
                serde_json::to_writer(&mut remaining, record)
                    .map_err(|error| Error::Invariant(json_reason(&error)))?;
                remaining.push(b'\n');
            }
            retried.remaining += kept;
            let objects = self.landing().objects();
            if kept == object.records.len() as u64 {
                continue;
            }
            if kept > 0 {
                let folder = object.key.rsplit_once('/').map_or("quarantine", |(folder, _)| folder);
                let key = format!("{folder}/{}.ndjson.zst", Sha256::of(&remaining));
                objects.create(&key, compress(&remaining)?, &[]).await?;
            }
            objects.remove(&object.key).await?;
        }
        Ok(retried)
    }

    async fn land_again(&self, record: &Quarantined) -> Result<Ledger, Error> {
        let connection = self.connection(&record.connection)?;
        let (key, number) = record.raw_key.rsplit_once('#').unwrap_or((&record.raw_key, "0"));
        let number: usize = number.parse().unwrap_or(0);
        let raw;
        let attempt = if record.stream == DELIVERIES {
            let Some(webhook) = connection.connector.webhook.as_deref() else { return Ok(STILL) };
            // The event is read from the raw bytes: what is in quarantine may be a whole delivery.
            raw = self.raw(key).await?;
            let Ok(events) = webhook.events(&raw.headers, &raw.body) else { return Ok(STILL) };
            let Some(event) = events.get(number) else { return Ok(STILL) };
            let context = MapContext::of_events(connection, webhook, record.received_at);
            attempt(number, event.record, &context, |fields, rows| webhook.map(fields, rows))
        } else {
            let stream = self.stream(connection, &record.stream)?;
            let context =
                MapContext::of_stream(connection, stream, Origin::Page, record.received_at);
            attempt(number, &record.record, &context, |fields, rows| stream.map(fields, rows))
        };
        if attempt.mapped.is_err() {
            return Ok(STILL);
        }
        let batch = Batch::of(connection, &record.stream, key, record.received_at);
        self.landing().land(batch, std::iter::once(attempt)).await
    }

    /// Maps raw objects again and lands what that changes: after a new mapping, or when a stream was read with a bug.
    ///
    /// `progress` is told after each object. Deliveries are replayed with their events, without asking the source.
    pub async fn replay(
        &self,
        selection: &Selection,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Ledger, Error> {
        let mut total = Ledger::default();
        for (connection, streams) in self.selected(selection)? {
            let mut names: Vec<&str> = streams.iter().map(|stream| stream.facts().name).collect();
            if selection.stream.is_none() && connection.connector.webhook.is_some() {
                names.push(DELIVERIES);
            }
            for name in names {
                let source = connection.source.name;
                let prefix =
                    format!("raw/source={source}/connection={}/stream={name}/", connection.name);
                let keys = self.landing().objects().list(&prefix).await?;
                for (done, key) in keys.iter().enumerate() {
                    total.add(&self.replay_object(connection, name, key).await?);
                    progress(done + 1, keys.len());
                }
            }
        }
        Ok(total)
    }

    async fn replay_object(
        &self,
        connection: &Connection,
        stream_name: &str,
        key: &str,
    ) -> Result<Ledger, Error> {
        let Raw { body, received_at, cursor, headers } = self.raw(key).await?;
        let batch = Batch::of(connection, stream_name, key, received_at);
        let mut ledger = if stream_name == DELIVERIES {
            let Some(webhook) = connection.connector.webhook.as_deref() else {
                return Ok(Ledger::default());
            };
            // A delivery that is not understood is in quarantine as a whole already.
            let Ok(events) = webhook.events(&headers, &body) else { return Ok(Ledger::default()) };
            let context = MapContext::of_events(connection, webhook, received_at);
            let records: Vec<_> = events.iter().map(|event| event.record).collect();
            let attempts = attempts(records, &context, |fields, rows| webhook.map(fields, rows));
            self.landing().land(batch, attempts).await?
        } else {
            let stream = self.stream(connection, stream_name)?;
            if headers.contains_key(GONE) {
                let landing = self.landing();
                return land_burials(landing, connection, stream, key, &body, received_at).await;
            }
            let headers = http::HeaderMap::new();
            let response = Response { status: 200, headers, body, received_at };
            let (records, origin) = if let Some(cursor) = cursor {
                let horizon = Horizon { start: Timestamp::UNIX_EPOCH, until: received_at };
                // A page that was not understood then may be one that nobody can understand: the sync said so.
                let Ok(page) = stream.page(&cursor, &horizon, &response) else {
                    return Ok(Ledger::default());
                };
                (page.records, Origin::Page)
            } else {
                let records = stream.looked_up(&response)?;
                (records.into_iter().map(Cow::Borrowed).collect(), Origin::Lookup)
            };
            let context = MapContext::of_stream(connection, stream, origin, received_at);
            let records = records.iter().map(AsRef::as_ref);
            let attempts = attempts(records, &context, |fields, rows| stream.map(fields, rows));
            self.landing().land(batch, attempts).await?
        };
        ledger.pages = 1;
        Ok(ledger)
    }

    async fn raw(&self, key: &str) -> Result<Raw, Error> {
        let (bytes, metadata) = self.landing().objects().read(key).await?;
        let received_at = metadata
            .get("received-at")
            .and_then(|text| Timestamp::parse_rfc3339(text).ok())
            .ok_or_else(|| Error::Invariant(format!("{key} does not say when it was received")))?;
        let cursor = metadata.get("cursor").and_then(|text| {
            let json = STANDARD.decode(text).ok()?;
            RawValue::from_string(String::from_utf8(json).ok()?).ok()
        });
        Ok(Raw {
            body: decompress(&bytes)?.into(),
            received_at,
            cursor,
            headers: metadata.into_iter().collect(),
        })
    }
}

/// One object of the raw zone.
struct Raw {
    body: Bytes,
    received_at: Timestamp,
    /// The cursor that the page was asked with; none for lookups and deliveries.
    cursor: Option<Box<RawValue>>,
    /// The headers of a delivery, among the other notes of the object.
    headers: Headers,
}

/// A record that stays in quarantine.
const STILL: Ledger = Ledger {
    pages: 0,
    fetched: 1,
    landed: 0,
    unchanged: 0,
    quarantined: 1,
    filtered: 0,
    missed_by_webhook: 0,
    drifted: 0,
};

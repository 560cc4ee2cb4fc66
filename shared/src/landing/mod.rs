//! The landing zone: raw bytes, rows and quarantine in S3, then the newest version of each record in DynamoDB.
//!
//! The order is fixed, raw → rows → quarantine → records, and every key follows from the content. So a page that is
//! landed a second time after a crash finds its objects there and its records unchanged.

mod objects;
mod records;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use objects::{Created, Objects, compress, decompress};
pub use records::{ItemKey, Records};

use crate::clock;
use crate::crash::{Point, point};
use crate::error::{Error, Invalid, json_reason};
use crate::fields::Fields;
use crate::ledger::Ledger;
use crate::rows::{MapContext, Mapped, Rows};
use crate::schema::{self, Content, Entity, Provenance, SCHEMA_VERSION, Sha256, Table, Timestamp, Version};
use crate::stores::Stores;
use records::Known;

/// The version of the mapping code; grows when a change of it should land rows anew on `replay`.
pub const MAPPER_VERSION: u32 = 1;

/// The largest row that a DynamoDB item holds; the item limit is 400 KB with names and keys.
const INLINE_ROW: usize = 350 * 1024;

/// Whose page or delivery lands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The source's name.
    pub source: &'static str,
    /// The connection's name.
    pub connection: &'a str,
    /// The stream's name; `webhook` for deliveries.
    pub stream: &'a str,
}

/// A record and what it came to.
pub struct Attempt<'a> {
    /// The record in the vendor's words.
    pub record: &'a RawValue,
    /// Its rows, or why it has none.
    pub mapped: Result<Mapped, Invalid>,
}

/// Maps one record; a panic-free, clock-free step.
pub fn attempt<'a>(
    record: &'a RawValue,
    context: &MapContext<'_>,
    map: impl FnOnce(Fields<'a>, &mut Rows<'_>) -> Result<(), Invalid>,
) -> Attempt<'a> {
    let mapped = Fields::parse(record).and_then(|fields| {
        let mut rows = Rows::new(context.clone());
        map(fields, &mut rows)?;
        Ok(rows.finish())
    });
    Attempt { record, mapped }
}

/// One quarantined record, as stored in `quarantine/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quarantined {
    /// The connection's name.
    pub connection: String,
    /// The stream's name; `webhook` for deliveries.
    pub stream: String,
    /// The field that is wrong, in the vendor's words.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// When the bytes arrived.
    pub received_at: Timestamp,
    /// Where the bytes are in the raw zone: key, `#`, number of the record.
    pub raw_key: String,
    /// The record in the vendor's words.
    pub record: Box<RawValue>,
}

/// Everything that lands goes through here.
#[derive(Clone, Debug)]
pub struct Landing {
    objects: Objects,
    records: Records,
}

/// A row on its way: where its line is in the page's buffer.
struct Pending {
    record: usize,
    line: std::ops::Range<usize>,
    content: std::ops::Range<usize>,
    item: Option<ItemKey>,
    table: Table,
    provenance: Provenance,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Newer than what is known: lands everywhere.
    Newer { missed: bool },
    /// Older than what is known: lands in S3 for the history.
    Older,
    /// Known already.
    Unchanged,
}

impl Landing {
    /// The landing zone of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { objects: Objects::new(stores), records: Records::new(stores) }
    }

    /// The bucket.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Stores bytes as received and returns their key in the raw zone.
    ///
    /// `raw/source=<s>/connection=<c>/stream=<s>/dt=<day>/<sha256 of the body>.json.zst`: the same page read twice
    /// after a crash is one object.
    pub async fn raw(
        &self,
        place: Place<'_>,
        body: &[u8],
        received_at: Timestamp,
        notes: &[(&str, String)],
    ) -> Result<String, Error> {
        let day = day(received_at);
        let Place { source, connection, stream } = place;
        let key = format!("raw/source={source}/connection={connection}/stream={stream}/dt={day}/{}.json.zst", Sha256::of(body));
        let mut metadata = vec![("received-at", received_at.to_string())];
        metadata.extend(notes.iter().map(|(name, value)| (*name, value.clone())));
        self.objects.create(&key, compress(body)?, &metadata).await?;
        point(if stream == DELIVERIES { Point::AfterDeliveryStored } else { Point::AfterRaw });
        Ok(key)
    }

    /// Lands one page or delivery: its rows as one object, what does not map as another, then its records.
    ///
    /// `customers` is the connection's setting; `expected` marks records that a webhook should have brought before.
    pub async fn land(
        &self,
        place: Place<'_>,
        raw_key: &str,
        received_at: Timestamp,
        customers: bool,
        expected: bool,
        attempts: impl Iterator<Item = Attempt<'_>>,
    ) -> Result<Ledger, Error> {
        let mut ledger = Ledger::default();
        let mut buffer = Vec::new();
        let mut pending: Vec<Pending> = Vec::new();
        let mut quarantine = Vec::new();
        let mut content = Content::default();
        let ingested_at = clock::now();
        for (number, Attempt { record, mapped }) in attempts.enumerate() {
            ledger.fetched += 1;
            let raw_key = format!("{raw_key}#{number}");
            let mapped = match mapped {
                Ok(mapped) => mapped,
                Err(Invalid { field, reason }) => {
                    ledger.quarantined += 1;
                    let row = Quarantined {
                        connection: place.connection.to_owned(),
                        stream: place.stream.to_owned(),
                        field,
                        reason,
                        received_at,
                        raw_key,
                        record: record.to_owned(),
                    };
                    serde_json::to_writer(&mut quarantine, &row).map_err(|error| Error::Invariant(json_reason(&error)))?;
                    quarantine.push(b'\n');
                    continue;
                }
            };
            ledger.drifted += mapped.drifted.len() as u64;
            if mapped.filtered.is_some() {
                ledger.filtered += 1;
                continue;
            }
            for draft in mapped.drafts {
                content.set(&draft.entity, draft.deleted);
                let provenance = Provenance {
                    record_key: schema::RecordKey::new(place.source, place.connection, draft.object, &draft.id),
                    source: place.source.to_owned(),
                    connection_id: place.connection.to_owned(),
                    source_object: draft.object.to_owned(),
                    source_id: draft.id,
                    source_version: draft.version,
                    source_updated_at: draft.updated_at,
                    occurred_at: match &draft.entity {
                        Entity::Interaction(interaction) => Some(interaction.occurred_at),
                        _ => None,
                    },
                    received_at,
                    ingested_at,
                    raw_key: raw_key.clone(),
                    mapper_version: MAPPER_VERSION,
                    schema_version: SCHEMA_VERSION,
                    content_sha256: content.sha256,
                    deleted: draft.deleted,
                    subject_key: match &draft.entity {
                        Entity::Interaction(interaction) => Some(interaction.subject_key.clone()),
                        _ => draft.subject,
                    },
                };
                let table = draft.entity.table();
                let from = buffer.len();
                schema::write_line(table, &provenance, &content.bytes, &mut buffer);
                // The line ends in the content, a brace and a line break.
                let content_end = buffer.len() - 2;
                pending.push(Pending {
                    record: number,
                    line: from..buffer.len(),
                    content: content_end - content.bytes.len()..content_end,
                    item: ItemKey::of(&draft.entity, &provenance),
                    table,
                    provenance,
                    fate: Fate::Newer { missed: false },
                });
            }
        }
        let known = if customers { self.records.known(pending.iter().filter_map(|row| row.item.as_ref())).await? } else { HashMap::new() };
        settle(&mut pending, &known);
        count(&pending, expected, &mut ledger);
        let landing_key = self.land_rows(place, raw_key, received_at, &buffer, &pending).await?;
        point(Point::AfterLanding);
        if !quarantine.is_empty() {
            let key = format!(
                "quarantine/{}/{}/dt={}/{}.ndjson.zst",
                place.connection,
                place.stream,
                day(received_at),
                Sha256::of(&quarantine)
            );
            self.objects.create(&key, compress(&quarantine)?, &[("raw-key", raw_key.to_owned())]).await?;
            point(Point::AfterQuarantine);
        }
        if customers {
            let newer = pending.iter().filter(|row| matches!(row.fate, Fate::Newer { .. }));
            let writes: Vec<_> = newer
                .filter_map(|row| {
                    let item = row.item.as_ref()?;
                    let content = std::str::from_utf8(&buffer[row.content.clone()]).unwrap_or_default();
                    let body = if content.len() <= INLINE_ROW {
                        records::Body::Inline(content)
                    } else {
                        records::Body::Pointer(&landing_key)
                    };
                    Some(records::Write { item, table: row.table, provenance: &row.provenance, body, before: known.get(item) })
                })
                .collect();
            self.records.write(&writes).await?;
            point(Point::AfterRecords);
        }
        ledger.check()?;
        Ok(ledger)
    }

    /// Writes the rows that are not known yet as one object; returns its key.
    ///
    /// `landing/<connection>/<stream>/dt=<day>/<sha256 of the rows' keys and versions>.ndjson.zst`: the same rows landed
    /// again after a crash find their object there.
    async fn land_rows(
        &self,
        place: Place<'_>,
        raw_key: &str,
        received_at: Timestamp,
        buffer: &[u8],
        pending: &[Pending],
    ) -> Result<String, Error> {
        let rows = || pending.iter().filter(|row| row.fate != Fate::Unchanged);
        let count = rows().count();
        let mut identity = format!("{MAPPER_VERSION} {SCHEMA_VERSION}").into_bytes();
        for row in rows() {
            identity.extend_from_slice(row.provenance.record_key.as_str().as_bytes());
            identity.extend_from_slice(&row.provenance.source_version.to_be_bytes());
            identity.extend_from_slice(&row.provenance.content_sha256.0);
        }
        let Place { connection, stream, .. } = place;
        let key = format!("landing/{connection}/{stream}/dt={}/{}.ndjson.zst", day(received_at), Sha256::of(&identity));
        if count == 0 {
            return Ok(key);
        }
        let body = if count == pending.len() {
            compress(buffer)?
        } else {
            let lines: Vec<u8> = rows().flat_map(|row| &buffer[row.line.clone()]).copied().collect();
            compress(&lines)?
        };
        self.objects.create(&key, body, &[("raw-key", raw_key.to_owned()), ("rows", count.to_string())]).await?;
        Ok(key)
    }
}

/// The stream name under which deliveries land.
pub const DELIVERIES: &str = "webhook";

fn day(at: Timestamp) -> String {
    at.to_string()[..10].to_owned()
}

/// Compares each row with what is known and with the rows before it in the same page.
fn settle(pending: &mut [Pending], known: &HashMap<ItemKey, Known>) {
    let mut newest: HashMap<(Table, String), Version> = HashMap::with_capacity(pending.len());
    for row in pending.iter_mut() {
        let version = row.provenance.version();
        let stored = row.item.as_ref().and_then(|item| known.get(item));
        let here = newest.get(&(row.table, row.provenance.record_key.as_str().to_owned())).copied();
        let best = stored.map(|stored| stored.version).max(here);
        row.fate = match best {
            Some(best) if best == version => Fate::Unchanged,
            Some(best) if best > version => Fate::Older,
            _ => {
                // Two versions of one second differ by the rank of their origin only: the webhook did bring this one.
                let second = |version: i64| version.div_euclid(1_000_000);
                let brought = stored.is_some_and(|stored| second(stored.version.source_version) >= second(version.source_version));
                Fate::Newer { missed: !brought }
            }
        };
        if best.is_none_or(|best| version > best) {
            newest.insert((row.table, row.provenance.record_key.as_str().to_owned()), version);
        }
    }
}

/// Counts records, not rows: one with any new row landed.
fn count(pending: &[Pending], expected: bool, ledger: &mut Ledger) {
    for rows in pending.chunk_by(|a, b| a.record == b.record) {
        if rows.iter().all(|row| row.fate == Fate::Unchanged) {
            ledger.unchanged += 1;
        } else {
            ledger.landed += 1;
            let missed = rows.iter().any(|row| row.fate == Fate::Newer { missed: true });
            ledger.missed_by_webhook += u64::from(expected && missed);
        }
    }
}

//! One page or delivery as it is laid out before it lands: lines, what does not map, and what is known of each row.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::records::{Body, Known, Write, item_of};
use super::{Attempt, Batch, Created, MAPPER_VERSION, Place, Quarantined, Report};
use crate::clock;
use crate::error::{Error, Invalid, json_reason};
use crate::identity::{Evidence, Pending, Recognition, Untold};
use crate::items::ItemKey;
use crate::ledger::Ledger;
use crate::rows::Draft;
use crate::schema::{
    self, Content, Entity, Provenance, RecordKey, SCHEMA_VERSION, Sha256, Table, Timestamp, Version,
};

/// The largest row that a DynamoDB item holds; the item limit is 400 KB with names and keys.
const INLINE_ROW: usize = 350 * 1024;

/// The rows of one page or delivery.
pub(super) struct Sheet<'a> {
    pub(super) batch: Batch<'a>,
    recognition: Option<&'a Recognition>,
    pub(super) rows: Vec<Row>,
    /// Quarantined records, a line each.
    pub(super) quarantine: Vec<u8>,
    /// Where they are and why, for the tables, a line each.
    pub(super) quarantine_report: Vec<u8>,
    /// Which records those are, and why.
    quarantine_identity: Vec<u8>,
    /// Objects and ids of which a record says only that they are there.
    present: Vec<(&'static str, String)>,
    ledger: Ledger,
    buffer: Vec<u8>,
    content: Content,
    ingested_at: Timestamp,
}

/// A row on its way: where its line is in the buffer, and what is to become of it.
pub(super) struct Row {
    /// Where its newest version is in the customers table; none if it is not kept there.
    pub(super) item: Option<ItemKey>,
    record: usize,
    line: Range<usize>,
    content: Range<usize>,
    table: Table,
    provenance: Provenance,
    /// Of a person's record: what it says about who it is.
    evidence: Option<Evidence>,
    only_if_known: bool,
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
    /// About a record that nobody here knows, and only of interest if somebody did.
    OfNoConcern,
}

impl Row {
    /// The object that holds its content, should it be too large for an item.
    fn object_key(&self) -> String {
        format!("rows/{}.json.zst", self.provenance.content_sha256)
    }
}

impl<'a> Sheet<'a> {
    pub(super) fn new(batch: Batch<'a>, recognition: Option<&'a Recognition>) -> Self {
        Self {
            batch,
            recognition: recognition.filter(|_| batch.customers),
            rows: Vec::new(),
            quarantine: Vec::new(),
            quarantine_report: Vec::new(),
            quarantine_identity: Vec::new(),
            present: Vec::new(),
            ledger: Ledger::default(),
            buffer: Vec::new(),
            content: Content::default(),
            ingested_at: clock::now(),
        }
    }

    /// Lays out one record.
    pub(super) fn add(&mut self, attempt: Attempt<'_>) -> Result<(), Error> {
        self.ledger.fetched += 1;
        let Attempt { number, record, mapped } = attempt;
        let raw_key = format!("{}#{number}", self.batch.raw_key);
        match mapped {
            Ok(mapped) => {
                self.ledger.drifted += mapped.drifted.len() as u64;
                if mapped.filtered.is_some() {
                    self.ledger.filtered += 1;
                }
                if mapped.drafts.is_empty() && !mapped.present.is_empty() {
                    self.ledger.unchanged += 1;
                }
                self.present.extend(mapped.present);
                for draft in mapped.drafts {
                    self.add_row(number, &raw_key, draft);
                }
                Ok(())
            }
            Err(Invalid { field, reason }) => {
                self.ledger.quarantined += 1;
                for part in [&raw_key, &field, &reason] {
                    self.quarantine_identity.extend_from_slice(part.as_bytes());
                    self.quarantine_identity.push(0);
                }
                let Place { connection, stream, .. } = self.batch.place;
                let report = Report::Quarantine {
                    raw_key: &raw_key,
                    connection_id: connection,
                    stream,
                    field: &field,
                    reason: &reason,
                    received_at: self.batch.received_at,
                };
                report.write(&mut self.quarantine_report)?;
                let quarantined = Quarantined {
                    connection: connection.to_owned(),
                    stream: stream.to_owned(),
                    field,
                    reason,
                    received_at: self.batch.received_at,
                    raw_key,
                    record: record.to_owned(),
                };
                serde_json::to_writer(&mut self.quarantine, &quarantined)
                    .map_err(|error| Error::Invariant(json_reason(&error)))?;
                self.quarantine.push(b'\n');
                Ok(())
            }
        }
    }

    fn add_row(&mut self, record: usize, raw_key: &str, draft: Draft) {
        let place = self.batch.place;
        self.content.set(&draft.entity, draft.deleted);
        let (occurred_at, subject_key) = match &draft.entity {
            Entity::Interaction(interaction) => {
                (Some(interaction.occurred_at), Some(interaction.subject_key.clone()))
            }
            _ => (None, draft.subject),
        };
        let provenance = Provenance {
            record_key: RecordKey::new(place.source, place.connection, draft.object, &draft.id),
            source: place.source.into(),
            connection_id: place.connection.into(),
            source_object: draft.object.into(),
            source_id: draft.id,
            source_version: draft.version,
            source_updated_at: draft.updated_at,
            occurred_at,
            received_at: self.batch.received_at,
            ingested_at: self.ingested_at,
            raw_key: raw_key.to_owned(),
            mapper_version: MAPPER_VERSION,
            schema_version: SCHEMA_VERSION,
            content_sha256: self.content.sha256,
            deleted: draft.deleted,
            subject_key,
        };
        let table = draft.entity.table();
        let from = self.buffer.len();
        schema::write_line(table, &provenance, &self.content.bytes, &mut self.buffer);
        // The line ends in the content, a brace and a line break.
        let content_end = self.buffer.len() - 2;
        self.rows.push(Row {
            item: self.batch.customers.then(|| item_of(&draft.entity, &provenance)).flatten(),
            evidence: self.evidence(&draft.entity, &provenance),
            record,
            line: from..self.buffer.len(),
            content: content_end - self.content.bytes.len()..content_end,
            table,
            provenance,
            only_if_known: draft.only_if_known,
            fate: Fate::Newer { missed: false },
        });
    }

    fn evidence(&self, entity: &Entity, provenance: &Provenance) -> Option<Evidence> {
        let (Some(recognition), Entity::PersonRecord(person)) = (self.recognition, entity) else {
            return None;
        };
        recognition.evidence(provenance, person).ok()
    }

    /// Compares each row with what is known and with the rows before it.
    pub(super) fn settle(&mut self, known: &HashMap<ItemKey, Known>) {
        let mut newest: HashMap<(Table, &str), Version> = HashMap::with_capacity(self.rows.len());
        for row in &mut self.rows {
            let version = row.provenance.version();
            let stored = row.item.as_ref().and_then(|item| known.get(item));
            let key = (row.table, row.provenance.record_key.as_str());
            let best = stored.map(|stored| stored.version).max(newest.get(&key).copied());
            row.fate = match best {
                None if row.only_if_known => {
                    row.fate = Fate::OfNoConcern;
                    continue;
                }
                Some(best) if best == version => Fate::Unchanged,
                // A record asked for by its id says what a settled page has said, and counts for less.
                Some(best) if best > version && best.content_sha256 == version.content_sha256 => {
                    Fate::Unchanged
                }
                Some(best)
                    if stored.is_some_and(|stored| is_still_so(&row.provenance, stored, best)) =>
                {
                    Fate::Unchanged
                }
                // Lists of what is deleted name a record for weeks after a newer version of it is known.
                Some(best) if best > version && row.provenance.deleted => Fate::Unchanged,
                Some(best) if best > version => Fate::Older,
                _ => Fate::Newer {
                    missed: !stored.is_some_and(|stored| same_tick(stored.version, version)),
                },
            };
            if version.replaces(best) {
                newest.insert(key, version);
            }
        }
    }

    /// Counts records, not rows: one with any new row landed. An older row is news only if its object is.
    pub(super) fn count(&self, created: Created) -> Result<Ledger, Error> {
        let mut ledger = self.ledger;
        let is_news = |row: &Row| match row.fate {
            Fate::Newer { .. } => true,
            Fate::Older => created == Created::New,
            Fate::Unchanged | Fate::OfNoConcern => false,
        };
        for rows in self.rows.chunk_by(|a, b| a.record == b.record) {
            if rows.iter().all(|row| row.fate == Fate::OfNoConcern) {
                ledger.filtered += 1;
                continue;
            }
            if !rows.iter().any(is_news) {
                ledger.unchanged += 1;
                continue;
            }
            ledger.landed += 1;
            let missed = rows.iter().any(|row| row.fate == Fate::Newer { missed: true });
            ledger.missed_by_webhook += u64::from(self.batch.expected && missed);
        }
        ledger.check()?;
        Ok(ledger)
    }

    /// The rows that are not known yet.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.fate, Fate::Newer { .. } | Fate::Older))
    }

    /// Records with a row that is not known yet and that the source says changed or happened since then.
    pub(super) fn changed_since(&self, since: Timestamp) -> u64 {
        let recent = |row: &&Row| {
            let of = &row.provenance;
            of.occurred_at.or(of.source_updated_at).is_some_and(|at| at >= since)
        };
        let records: BTreeSet<usize> =
            self.unknown().filter(recent).map(|row| row.record).collect();
        records.len() as u64
    }

    /// Who of an object is there: all that the page names if it is one of a full pass, else those it brings news of.
    pub(super) fn seen(&self, object: &str) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| {
            let news = self.batch.full_pass || row.fate != Fate::Unchanged;
            let here = !row.provenance.deleted && row.fate != Fate::OfNoConcern;
            row.provenance.source_object == object && news && here
        });
        let rows = rows.map(|row| &row.provenance.source_id);
        let present = self.present.iter().filter(|(of, _)| *of == object).map(|(_, id)| id);
        rows.chain(present).cloned().collect()
    }

    /// Who of an object is buried by this page.
    pub(super) fn buried(&self, object: &str) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| {
            row.provenance.source_object == object
                && row.provenance.deleted
                && matches!(row.fate, Fate::Newer { .. })
        });
        rows.map(|row| row.provenance.source_id.clone()).collect()
    }

    /// The lines of the rows that are not known yet.
    pub(super) fn lines(&self) -> Cow<'_, [u8]> {
        if self.unknown().count() == self.rows.len() {
            return Cow::Borrowed(&self.buffer);
        }
        self.unknown().flat_map(|row| &self.buffer[row.line.clone()]).copied().collect()
    }

    /// A digest of which rows these are: the same rows, mapped the same way, whenever they were read.
    pub(super) fn identity(&self) -> Sha256 {
        let mut identity = format!("{MAPPER_VERSION} {SCHEMA_VERSION}").into_bytes();
        for row in self.unknown() {
            identity.extend_from_slice(row.provenance.record_key.as_str().as_bytes());
            identity.extend_from_slice(&row.provenance.source_version.to_be_bytes());
            identity.extend_from_slice(&row.provenance.content_sha256.0);
        }
        Sha256::of(&identity)
    }

    /// A digest of which records do not map and why: the same ones, whenever they were read.
    pub(super) fn quarantine_identity(&self) -> Sha256 {
        Sha256::of(&self.quarantine_identity)
    }

    fn newer(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.fate, Fate::Newer { .. }))
    }

    /// The contents that are too large for an item, with the keys of the objects that hold them instead.
    pub(super) fn large(&self) -> impl Iterator<Item = (String, &[u8])> {
        let large = self.newer().filter(|row| row.item.is_some() && row.content.len() > INLINE_ROW);
        large.map(|row| (row.object_key(), &self.buffer[row.content.clone()]))
    }

    /// The records to write: rows newer than what is known.
    pub(super) fn writes<'s>(&'s self, known: &'s HashMap<ItemKey, Known>) -> Vec<Write<'s>> {
        self.newer()
            .filter_map(|row| {
                let item = row.item.as_ref()?;
                let content = std::str::from_utf8(&self.buffer[row.content.clone()]).ok()?;
                let small = content.len() <= INLINE_ROW;
                let body =
                    if small { Body::Inline(content) } else { Body::Pointer(row.object_key()) };
                let (table, provenance) = (row.table, &row.provenance);
                let (evidence, before) = (row.evidence.as_ref(), known.get(item));
                Some(Write { item, table, provenance, body, evidence, before })
            })
            .collect()
    }

    /// The people's records of which nobody has been told yet what has changed, be it now or before a crash.
    pub(super) fn pending(&self, known: &HashMap<ItemKey, Known>) -> Vec<Pending> {
        let mut pending = HashMap::new();
        for row in self.rows.iter().filter(|row| row.evidence.is_some()) {
            let Some((item, evidence)) = row.item.as_ref().zip(row.evidence.as_ref()) else {
                continue;
            };
            let before = known.get(item);
            let earlier = before.and_then(|before| before.untold.as_ref());
            let (untold, version) = match (row.fate, before) {
                (Fate::Newer { .. }, _) => {
                    let said = before.and_then(|before| before.evidence.as_ref());
                    let at = self.batch.received_at;
                    (Untold::after(earlier, said, evidence, at), row.provenance.version())
                }
                (_, Some(before)) => (earlier.cloned(), before.version),
                (_, None) => continue,
            };
            let record = row.provenance.record_key.clone();
            if let Some(untold) = untold {
                // Of several versions in one page the last, which is the newest, was written.
                pending.insert(record.clone(), Pending { record, version, untold });
            }
        }
        pending.into_values().collect()
    }
}

/// Whether somebody looked at a record that has not changed since what is known of it, and found that it is still so.
///
/// Such a row has the time of the look for its version, and the source's own time of change is older than what is known.
fn is_still_so(row: &Provenance, stored: &Known, best: Version) -> bool {
    let changed_before = |at: Timestamp| at.as_micros() <= best.source_version;
    let subject = row.subject_key.as_ref().map(RecordKey::as_str);
    stored.version == best
        && row.content_sha256 == best.content_sha256
        && subject == stored.subject.as_deref()
        && row.source_updated_at.is_some_and(changed_before)
        && !same_tick(best, row.version())
}

/// Whether the stored version is of the same second or a later one: then a webhook did bring this change, and the poll
/// only outranks it.
fn same_tick(stored: Version, read: Version) -> bool {
    let second = |version: Version| version.source_version.div_euclid(1_000_000);
    second(stored) >= second(read)
}

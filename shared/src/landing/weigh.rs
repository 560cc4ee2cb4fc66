//! What landing a page would take, without landing it: the very rows and items, laid out and measured.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::records::Known;
use super::sheet::Sheet;
use super::{Attempt, Batch, Created, Landing, Place, compress, raw_key};
use crate::error::Error;
use crate::identity::IdentifierKey;
use crate::items::{ItemKey, read_units};
use crate::ledger::Ledger;
use crate::schema::Timestamp;
use crate::usage::Usage;

/// The reads that tell who a record belongs to, beside those of its identifiers: itself, rulings, what was told.
const READS_OF_A_PERSON: u64 = 3;
/// Each identifier is read for whom a change concerns, and once more by the walk among records.
const READS_OF_AN_IDENTIFIER: u64 = 2;
/// What counts as recent.
const RECENT: Duration = Duration::from_hours(30 * 24);
/// What a roster holds of a record: keys and a time.
const ROSTER_ITEM: u64 = 80;

/// The tables as they would be if all that was weighed so far had landed.
#[derive(Debug, Default)]
pub struct Imagined {
    known: HashMap<ItemKey, Known>,
    identifiers: HashSet<IdentifierKey>,
    /// Ids by connection and object.
    rosters: HashMap<(String, &'static str), BTreeSet<String>>,
}

/// What landing something would come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weight {
    /// The count of its records.
    pub ledger: Ledger,
    /// What it would take.
    pub usage: Usage,
    /// Rows that are new or newer.
    pub rows: u64,
    /// Bytes that it would add to the tables of DynamoDB.
    pub item_bytes: u64,
    /// Rows of the last thirty days, by the source's own time of change.
    pub recent: u64,
}

impl Imagined {
    /// How many records of an object would be known by their absence alone to be gone.
    pub fn rostered(&self, connection: &str, object: &'static str) -> usize {
        self.rosters.get(&(connection.to_owned(), object)).map_or(0, BTreeSet::len)
    }

    /// The units that reading such a roster takes.
    pub fn roster_units(&self, connection: &str, object: &'static str) -> u64 {
        read_units(self.rostered(connection, object) as u64 * ROSTER_ITEM)
    }
}

impl Landing {
    /// The key that the raw bytes of a page would have, and what storing them would take.
    pub fn weigh_raw(
        place: Place<'_>,
        body: &[u8],
        received_at: Timestamp,
    ) -> Result<(String, Usage), Error> {
        let usage = stored(&compress(body)?);
        Ok((raw_key(place, body, received_at), usage))
    }

    /// What [`Landing::land`] would take and come to; afterwards the page has landed in the imagined tables.
    pub fn weigh<'a>(
        &self,
        batch: Batch<'_>,
        attempts: impl Iterator<Item = Attempt<'a>>,
        tables: &mut Imagined,
    ) -> Result<Weight, Error> {
        let mut sheet = Sheet::new(batch, self.recognition.as_ref());
        for attempt in attempts {
            sheet.add(attempt)?;
        }
        let nothing = HashMap::new();
        sheet.settle(if batch.customers { &tables.known } else { &nothing });
        let mut weight = Weight { ledger: sheet.count(Created::New)?, ..Weight::default() };
        weight.rows = sheet.unknown().count() as u64;
        let month_ago = crate::clock::before(batch.received_at, RECENT);
        weight.recent = sheet.changed_since(month_ago);
        if weight.rows > 0 {
            weight.usage += stored(&compress(&sheet.lines())?);
        }
        if !sheet.quarantine.is_empty() {
            weight.usage += stored(&compress(&sheet.quarantine)?);
            weight.usage += stored(&compress(&sheet.quarantine_report)?);
        }
        if batch.customers {
            self.weigh_records(&sheet, tables, &mut weight)?;
        }
        for object in batch.kept {
            let seen = sheet.seen(object);
            weight.usage.write_units += (seen.len() + sheet.buried(object).len()) as u64;
            weight.item_bytes += seen.len() as u64 * ROSTER_ITEM;
            let group = (batch.place.connection.to_owned(), *object);
            tables.rosters.entry(group).or_default().extend(seen);
        }
        Ok(weight)
    }

    fn weigh_records(
        &self,
        sheet: &Sheet<'_>,
        tables: &mut Imagined,
        weight: &mut Weight,
    ) -> Result<(), Error> {
        let keys: HashSet<&ItemKey> =
            sheet.rows.iter().filter_map(|row| row.item.as_ref()).collect();
        weight.usage.read_units += keys.len() as u64;
        for (_, content) in sheet.large() {
            weight.usage += stored(&compress(content)?);
        }
        let mut learned = Vec::new();
        for write in sheet.writes(&tables.known) {
            let (units, bytes) = self.records.weigh(&write)?;
            weight.usage.write_units += units;
            weight.item_bytes += bytes;
            if let Some(evidence) = write.evidence {
                // The mark that something is untold is taken away by a write of its own.
                weight.usage.write_units += 1;
                weight.usage.read_units +=
                    READS_OF_A_PERSON + READS_OF_AN_IDENTIFIER * evidence.clues.len() as u64;
                let joins =
                    evidence.clues.iter().any(|clue| tables.identifiers.contains(&clue.key));
                let is_new = write.before.is_none();
                // Whoever is found to be somebody known is remembered by that person's id.
                weight.usage.write_units += u64::from(joins && is_new);
                tables.identifiers.extend(evidence.clues.iter().map(|clue| clue.key));
            }
            learned.push((write.item.clone(), write.known()?));
        }
        tables.known.extend(learned);
        Ok(())
    }
}

/// What storing an object takes.
fn stored(object: &[u8]) -> Usage {
    Usage { s3_puts: 1, s3_bytes: object.len() as u64, ..Usage::default() }
}

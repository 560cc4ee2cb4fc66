//! Evidence made again: after a change of how people are recognised, for records that have not changed themselves.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::records::{ATTEMPTS, parse, provenance_of};
use super::{Landing, decompress};
use crate::clock;
use crate::error::Error;
use crate::identity::{Evidence, IdentifierKey, Pending, Recognition, live};
use crate::items::{CONCURRENCY, Item, ItemKey, text_of};
use crate::schema::{PersonRecord, RecordKey, Table, Timestamp};
use crate::stores::StoreFault;

/// Records that are read at a time.
const READ_AT_ONCE: usize = 100;
/// Records of which is told at a time: everybody around them is read for it.
const TOLD_AT_ONCE: usize = 50;
/// Identifiers that one step exchanges: a transaction has 100 actions, some of them for the record itself.
const MOST_EXCHANGED: usize = 90;

/// What making the evidence of records again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Remade {
    /// Records that were asked for.
    pub records: usize,
    /// Records whose evidence is another now.
    pub remade: usize,
    /// Records whose evidence is what it was.
    pub unchanged: usize,
    /// Records that are not in the customers table: deleted, or of a connection with `customers = false`.
    pub absent: usize,
    /// Records whose row cannot be read by this version.
    pub unreadable: usize,
}

/// What became of one record.
enum Fate {
    Remade,
    Unchanged { untold: bool },
    Absent,
    Unreadable,
}

impl Landing {
    /// Makes the evidence of these people's records again by today's settings, and then tells what that did to people.
    ///
    /// Nothing is told before all evidence is made: under a new key, records lose each other until the last one has it. To
    /// go on after an interruption, begin again; what is done costs a read. `progress` is told how many records are done.
    pub async fn remake_evidence(
        &self,
        records: &[RecordKey],
        mut progress: impl FnMut(usize),
    ) -> Result<Remade, Error> {
        let Some(how) = &self.recognition else {
            return Err(Error::config(
                "identity_key is missing; nobody can be recognised without it",
            ));
        };
        let at = clock::now();
        let mut total = Remade { records: records.len(), ..Remade::default() };
        let mut untold: Vec<RecordKey> = Vec::new();
        for (number, some) in records.chunks(READ_AT_ONCE).enumerate() {
            let items = self.records.read(some).await?;
            total.absent += some.len() - items.len();
            let fates: Vec<(Option<RecordKey>, Fate)> = stream::iter(items)
                .map(async |item| {
                    Ok::<_, Error>((live::record_key(&item), self.remake(how, item, at).await?))
                })
                .buffer_unordered(CONCURRENCY)
                .try_collect()
                .await?;
            for (record, fate) in fates {
                match fate {
                    Fate::Remade => total.remade += 1,
                    Fate::Unchanged { .. } => total.unchanged += 1,
                    Fate::Absent => total.absent += 1,
                    Fate::Unreadable => total.unreadable += 1,
                }
                if matches!(fate, Fate::Remade | Fate::Unchanged { untold: true }) {
                    untold.extend(record);
                }
            }
            progress(number * READ_AT_ONCE + some.len());
        }
        for some in untold.chunks(TOLD_AT_ONCE) {
            let pending = self.untold_of(some).await?;
            self.tell(pending, REMADE, at).await?;
        }
        Ok(total)
    }

    /// Makes the evidence of one record again, as often as others change the record meanwhile.
    async fn remake(
        &self,
        how: &Recognition,
        mut item: Item,
        at: Timestamp,
    ) -> Result<Fate, Error> {
        for _ in 0..ATTEMPTS {
            let (Some(known), Some((Table::PersonRecord, provenance))) =
                (parse(&item), provenance_of(&item))
            else {
                return Ok(Fate::Absent);
            };
            let Some(person) = self.person(&item).await? else { return Ok(Fate::Unreadable) };
            let wanted = how
                .evidence(&provenance, &person)
                .map_err(|invalid| Error::Config(invalid.to_string()))?;
            if known.evidence.as_ref() == Some(&wanted) {
                return Ok(Fate::Unchanged { untold: known.untold.is_some() });
            }
            let step = step(known.evidence.as_ref(), &wanted);
            match self.records.write_evidence(&step, &known, at).await {
                Ok(()) if step == wanted => return Ok(Fate::Remade),
                Ok(()) | Err(StoreFault::Condition) => {}
                Err(StoreFault::Other(error)) => return Err(error),
            }
            let again = self.records.read(std::slice::from_ref(&provenance.record_key)).await?;
            let Some(again) = again.into_iter().next() else { return Ok(Fate::Absent) };
            item = again;
        }
        Err(Error::Landing {
            what: format!("writing evidence: overtaken {ATTEMPTS} times in a row"),
            cause: None,
        })
    }

    /// What a person's record says; none if this version cannot read it.
    async fn person(&self, item: &Item) -> Result<Option<PersonRecord>, Error> {
        let row = match (text_of(item, "row"), text_of(item, "row_in")) {
            (Some(row), _) => row.to_owned(),
            (None, Some(key)) => {
                let (bytes, _) = self.objects.read(key).await?;
                String::from_utf8_lossy(&decompress(&bytes)?).into_owned()
            }
            (None, None) => return Ok(None),
        };
        Ok(serde_json::from_str(&row).ok())
    }

    /// Which of these records have something untold, and what.
    async fn untold_of(&self, records: &[RecordKey]) -> Result<Vec<Pending>, Error> {
        let items: Vec<ItemKey> = records.iter().map(live::record).collect();
        let known = self.records.known(items.iter()).await?;
        let pending = records.iter().zip(&items).filter_map(|(record, item)| {
            let known = known.get(item)?;
            let (version, untold) = (known.version, known.untold.clone()?);
            Some(Pending { record: record.clone(), version, untold })
        });
        Ok(pending.collect())
    }
}

/// The evidence to write next on the way to what is wanted: that itself, or first without the identifiers that are new, where
/// one transaction cannot exchange them all.
fn step(before: Option<&Evidence>, wanted: &Evidence) -> Evidence {
    let said = |evidence: &Evidence| -> BTreeSet<IdentifierKey> {
        evidence.clues.iter().map(|clue| clue.key).collect()
    };
    let (before, now) = (before.map(said).unwrap_or_default(), said(wanted));
    let mut step = wanted.clone();
    if before.symmetric_difference(&now).count() > MOST_EXCHANGED {
        step.clues.retain(|clue| before.contains(&clue.key));
    }
    step
}

/// In the place of raw bytes, for what comes of evidence made again.
const REMADE: &str = "evidence";

//! People as they are now: the evidence around a record, read from the customers table and solved on the spot.
//!
//! The table keeps evidence and never its conclusions (`docs/adr/0011`), so nothing here can be out of date.

use std::collections::{BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::{Evidence, IdentifierKey, Override, Partition, Ruling, SolveConfig, is_shared, solve};
use crate::error::{Error, json_reason};
use crate::items::{CONCURRENCY, Item, ItemKey, Items, Range, Reading, text, text_of};
use crate::schema::RecordKey;
use crate::stores::Stores;

/// Records that a walk reads at the most. A component of so many is no person but a mistake in the data.
const FARTHEST: usize = 4_000;
/// What a walk reads of a record.
const READ: &str = "pk, sk, record_key, evidence, rulings";

/// The newest version of a record.
pub(crate) fn record(key: &RecordKey) -> ItemKey {
    ItemKey::new(format!("REC#{key}"), "V")
}

/// The rulings about a record.
pub(super) fn rulings(key: &RecordKey) -> ItemKey {
    ItemKey::new(format!("REC#{key}"), "RULINGS")
}

/// The item that leads from an identifier to a record.
pub(crate) fn edge(identifier: &IdentifierKey, record: &RecordKey) -> ItemKey {
    ItemKey::new(format!("IDN#{identifier}"), format!("EDGE#{record}"))
}

/// The item that leads from the id of a person to a record.
pub(crate) fn id(person: Uuid) -> ItemKey {
    ItemKey::new(format!("UID#{person}"), "V")
}

/// An item that says of which record it is.
pub(crate) fn leading_to(record: &RecordKey, item: &ItemKey) -> Item {
    let mut item = item.attributes();
    item.insert("record_key".to_owned(), text(record.as_str()));
    item
}

/// The people of a deployment.
#[derive(Clone, Debug)]
pub struct People {
    pub(super) items: Items,
    rules: SolveConfig,
}

/// Who carries an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carriers {
    /// Their records, in the order of the keys; only the first ones of a shared identifier.
    pub records: Vec<RecordKey>,
    /// Whether there are more records than one person's.
    pub too_many: bool,
}

/// All the evidence that may bear on some records.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// The evidence of every record within reach.
    pub evidence: Vec<Evidence>,
    /// What stewards decided about them.
    pub overrides: Vec<Override>,
    /// The identifiers at which the walk ended, because they recognise nobody.
    pub shared: BTreeSet<IdentifierKey>,
    /// Whether the walk was given up: there is more than can be one person's.
    pub cut_off: bool,
    /// Items and queries that were read.
    pub reads: usize,
}

impl Surroundings {
    /// Who is who among them.
    pub fn solve(&self, rules: &SolveConfig) -> Partition {
        let known_shared = self.shared.union(&rules.known_shared).copied().collect();
        solve(&self.evidence, &self.overrides, &SolveConfig { known_shared, ..rules.clone() })
    }
}

/// A walk from record to record.
struct Walk<'p> {
    people: &'p People,
    /// What has been read; nothing for records without evidence.
    evidence: HashMap<RecordKey, Option<Evidence>>,
    overrides: BTreeSet<Override>,
    identifiers: BTreeSet<IdentifierKey>,
    reached: BTreeSet<RecordKey>,
    found: Surroundings,
}

impl People {
    /// The people of a deployment, by these rules.
    pub fn new(stores: &Stores, rules: SolveConfig) -> Self {
        Self { items: Items::new(stores), rules }
    }

    /// The rules by which records become people.
    pub fn rules(&self) -> &SolveConfig {
        &self.rules
    }

    /// Reads whatever may bear on these records: the records with which they share an identifier or a ruling, those with
    /// which these do, and so on.
    pub async fn around(
        &self,
        records: impl IntoIterator<Item = RecordKey>,
    ) -> Result<Surroundings, Error> {
        let mut walk = Walk {
            people: self,
            evidence: HashMap::new(),
            overrides: BTreeSet::new(),
            identifiers: BTreeSet::new(),
            reached: BTreeSet::new(),
            found: Surroundings::default(),
        };
        let mut frontier: BTreeSet<RecordKey> = records.into_iter().collect();
        while !frontier.is_empty() {
            walk.reached.extend(frontier.iter().cloned());
            if walk.reached.len() > FARTHEST {
                walk.found.cut_off = true;
                tracing::error!(records = walk.reached.len(), "a walk among records was cut off");
                break;
            }
            frontier = walk.step(&frontier).await?;
        }
        Ok(walk.finish())
    }

    /// The records that carry an identifier.
    pub async fn carriers(&self, identifier: &IdentifierKey) -> Result<Carriers, Error> {
        let most = self.rules.most_records;
        let pk = format!("IDN#{identifier}");
        let reading =
            Reading { limit: Some(most + 1), only: Some("record_key"), ..Reading::default() };
        let found =
            self.items.query("reading an identifier", &pk, Range::Prefix("EDGE#"), reading).await?;
        let records: Vec<RecordKey> = found.iter().filter_map(record_key).collect();
        Ok(Carriers { too_many: records.len() > most, records })
    }

    /// The record that leads to a person by an id that the person has or had.
    pub async fn record_of(&self, person: Uuid) -> Result<Option<RecordKey>, Error> {
        let found = self.items.get("reading a person's id", [&id(person)], None).await?;
        Ok(found.first().and_then(record_key))
    }
}

pub(crate) fn record_key(item: &Item) -> Option<RecordKey> {
    text_of(item, "record_key")?.parse().ok()
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Invariant(json_reason(&error)))
}

impl Walk<'_> {
    /// Reads what these records say and who says the same; returns the records that this reaches anew.
    async fn step(&mut self, frontier: &BTreeSet<RecordKey>) -> Result<BTreeSet<RecordKey>, Error> {
        self.read(frontier).await?;
        let clues: BTreeSet<IdentifierKey> = frontier
            .iter()
            .filter_map(|record| self.evidence.get(record)?.as_ref())
            .flat_map(|evidence| evidence.clues.iter().map(|clue| clue.key))
            .filter(|key| !self.identifiers.contains(key))
            .collect();
        self.identifiers.extend(&clues);
        self.found.reads += clues.len();
        let people = self.people;
        let carriers: Vec<(IdentifierKey, Carriers)> = stream::iter(clues)
            .map(async |key| Ok::<_, Error>((key, people.carriers(&key).await?)))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        let few = carriers.iter().filter(|(_, carriers)| !carriers.too_many);
        let unread: BTreeSet<RecordKey> =
            few.flat_map(|(_, carriers)| carriers.records.iter().cloned()).collect();
        self.read(&unread).await?;

        let mut next = BTreeSet::new();
        for (key, carriers) in carriers {
            let known: Vec<&Evidence> = carriers
                .records
                .iter()
                .filter_map(|record| self.evidence.get(record)?.as_ref())
                .filter(|evidence| evidence.clues.iter().any(|clue| clue.key == key))
                .collect();
            if carriers.too_many || is_shared(&known, &people.rules) {
                self.found.shared.insert(key);
            } else {
                next.extend(known.into_iter().map(|evidence| evidence.record_key.clone()));
            }
        }
        for ruled in &self.overrides {
            let joined: Vec<&RecordKey> = match &ruled.ruling {
                Ruling::Link(records) => records.iter().collect(),
                Ruling::Alike(likeness) => vec![&likeness.one, &likeness.other],
                Ruling::NeverLink(_) => continue,
            };
            if joined.iter().any(|record| self.reached.contains(*record)) {
                next.extend(joined.into_iter().cloned());
            }
        }
        next.retain(|record| !self.reached.contains(record));
        Ok(next)
    }

    /// Reads the evidence of records and the rulings about them, each once.
    async fn read(&mut self, records: &BTreeSet<RecordKey>) -> Result<(), Error> {
        let unread: Vec<&RecordKey> =
            records.iter().filter(|record| !self.evidence.contains_key(*record)).collect();
        let keys: Vec<ItemKey> =
            unread.iter().flat_map(|record| [self::record(record), rulings(record)]).collect();
        self.found.reads += keys.len();
        let items = self.people.items.get("reading evidence", &keys, Some(READ)).await?;
        for record in unread {
            self.evidence.insert(record.clone(), None);
        }
        for item in items {
            if let Some(rules) = item.get("rulings").and_then(|rules| rules.as_ss().ok()) {
                self.overrides
                    .extend(rules.iter().filter_map(|rule| serde_json::from_str(rule).ok()));
            }
            let evidence: Option<Evidence> =
                text_of(&item, "evidence").and_then(|text| serde_json::from_str(text).ok());
            if let Some(evidence) = evidence {
                self.evidence.insert(evidence.record_key.clone(), Some(evidence));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Surroundings {
        let reached = self.reached.iter();
        self.found.evidence =
            reached.filter_map(|record| self.evidence.remove(record).flatten()).collect();
        self.found.overrides = self.overrides.into_iter().collect();
        self.found
    }
}

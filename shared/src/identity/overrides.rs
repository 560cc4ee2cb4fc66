//! What a steward decided: it stands above every rule, with who, why and when. Kept like it, and below every rule: pairs
//! that only look alike.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::schema::{RecordKey, Timestamp};

/// A decision about records, which are named by their keys: people come and go, records stay.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// These records are one person, whatever the exclusive ids say.
    Link(Vec<RecordKey>),
    /// No record of one group is the same person as a record of another: a split, or two people.
    NeverLink(Vec<Vec<RecordKey>>),
    /// No steward's: two records look so much alike that they are joined after all that is known, where no rule forbids it.
    Alike(Likeness),
}

impl Ruling {
    /// Every record that it names, once.
    pub fn records(&self) -> BTreeSet<RecordKey> {
        match self {
            Self::Link(records) => records.iter().cloned().collect(),
            Self::NeverLink(groups) => groups.iter().flatten().cloned().collect(),
            Self::Alike(likeness) => [likeness.one.clone(), likeness.other.clone()].into(),
        }
    }
}

/// How much two records look alike, by a model of the probabilistic layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Likeness {
    /// The record with the smaller key.
    pub one: RecordKey,
    /// The other record.
    pub other: RecordKey,
    /// Log2 of the odds that both are one person, in thousandths of a bit.
    pub millibits: i64,
    /// Version of the model that says so.
    pub model: SmolStr,
}

/// A ruling with its audit trail.
///
/// Where two overrides disagree about a pair of records, the later one holds; at the same time, the separation does.
/// To take an override back, leave it out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Override {
    /// What was decided.
    pub ruling: Ruling,
    /// Who decided it.
    pub author: SmolStr,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// The overrides about these records, pair by pair.
#[derive(Debug, Default)]
pub(super) struct Rulings {
    /// Pairs to join, the latest decision first.
    pub(super) links: Vec<(u32, u32)>,
    /// For each record, the records it must stay apart from.
    pub(super) never: HashMap<u32, Vec<u32>>,
    /// Pairs that look alike, each once.
    pub(super) alike: Vec<Alike>,
}

/// Two records that look alike, and by how many thousandths of a bit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alike {
    pub(super) one: u32,
    pub(super) other: u32,
    pub(super) millibits: i64,
}

impl Rulings {
    /// Looks the records up; `position` knows those that there is evidence of.
    pub(super) fn new(
        overrides: &[Override],
        position: impl Fn(&RecordKey) -> Option<u32>,
    ) -> Self {
        // The greatest holds: the latest, and the separation (`true`) among decisions of one time.
        let mut pairs: BTreeMap<(u32, u32), (Timestamp, bool)> = BTreeMap::new();
        let mut alike: BTreeMap<(u32, u32), (Timestamp, i64)> = BTreeMap::new();
        let mut rule = |one: &RecordKey, other: &RecordKey, decision: (Timestamp, bool)| {
            if let (Some(one), Some(other)) = (position(one), position(other))
                && one != other
            {
                let held = pairs.entry((one.min(other), one.max(other))).or_insert(decision);
                *held = decision.max(*held);
            }
        };
        for ruled in overrides {
            match &ruled.ruling {
                Ruling::Link(records) => {
                    for (at, one) in records.iter().enumerate() {
                        records[at + 1..]
                            .iter()
                            .for_each(|other| rule(one, other, (ruled.at, false)));
                    }
                }
                Ruling::NeverLink(groups) => {
                    for (at, group) in groups.iter().enumerate() {
                        for (one, other) in groups[at + 1..]
                            .iter()
                            .flatten()
                            .flat_map(|other| group.iter().map(move |one| (one, other)))
                        {
                            rule(one, other, (ruled.at, true));
                        }
                    }
                }
                Ruling::Alike(Likeness { one, other, millibits, .. }) => {
                    if let (Some(one), Some(other)) = (position(one), position(other))
                        && one != other
                    {
                        let said = (ruled.at, *millibits);
                        let held = alike.entry((one.min(other), one.max(other))).or_insert(said);
                        *held = said.max(*held);
                    }
                }
            }
        }
        let mut rulings = Self::default();
        let mut links = Vec::new();
        for (pair, (at, never)) in pairs {
            if never {
                rulings.never.entry(pair.0).or_default().push(pair.1);
                rulings.never.entry(pair.1).or_default().push(pair.0);
            } else {
                links.push((Reverse(at), pair));
            }
        }
        // Records are numbered in the order of their keys, so this order is the same for any order of the evidence.
        links.sort_unstable();
        rulings.links = links.into_iter().map(|(_, pair)| pair).collect();
        let alike = alike.into_iter();
        rulings.alike =
            alike.map(|((one, other), (_, millibits))| Alike { one, other, millibits }).collect();
        rulings
    }
}

//! What a steward decided: it stands above every rule, with who, why and when.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

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
}

impl Rulings {
    /// Looks the records up; `position` knows those that there is evidence of.
    pub(super) fn new(
        overrides: &[Override],
        position: impl Fn(&RecordKey) -> Option<u32>,
    ) -> Self {
        // The greatest holds: the latest, and the separation (`true`) among decisions of one time.
        let mut pairs: BTreeMap<(u32, u32), (Timestamp, bool)> = BTreeMap::new();
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
        rulings
    }
}

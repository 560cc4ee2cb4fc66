//! A person in the making, and what forbids two of them to be one.

use std::collections::BTreeSet;

use super::blob::Ground;
use super::edges::{EXACT, Edge, NEEDS_NAME, Names};
use super::{Agreement, IdentifierKey, Reason, SolveConfig, Strength};
use crate::schema::Namespace;

/// The records joined so far, and what the rules ask about them.
#[derive(Debug, Default)]
pub(super) struct Cluster<'a> {
    /// Positions in the blob.
    pub(super) records: Vec<u32>,
    pub(super) weakest: Option<Strength>,
    names: Vec<u32>,
    exclusive: BTreeSet<(Namespace, &'a str, IdentifierKey)>,
    emails: BTreeSet<IdentifierKey>,
    phones: BTreeSet<IdentifierKey>,
}

impl<'a> Cluster<'a> {
    /// One record alone; `at` is its position in the blob.
    pub(super) fn new(ground: &Ground<'a>, record: u32, at: u32, names: &mut Names<'a>) -> Self {
        let evidence = ground.records[record as usize];
        let mut cluster = Self {
            records: vec![at],
            names: names.number(&evidence.name).into_iter().collect(),
            ..Self::default()
        };
        for clue in &evidence.clues {
            let own = || !ground.is_shared(&clue.key);
            match (&clue.exclusive_in, clue.key.namespace) {
                (Some(connection), namespace) => {
                    cluster.exclusive.insert((namespace, connection, clue.key));
                }
                (None, Namespace::Email) if own() => {
                    cluster.emails.insert(clue.key);
                }
                (None, Namespace::Phone) if own() => {
                    cluster.phones.insert(clue.key);
                }
                _ => {}
            }
        }
        cluster
    }

    /// Takes in the other one's records.
    pub(super) fn absorb(&mut self, other: Self, strength: Strength) {
        self.records.extend(other.records);
        self.names.extend(other.names);
        self.names.sort_unstable();
        self.names.dedup();
        self.exclusive.extend(other.exclusive);
        self.emails.extend(other.emails);
        self.phones.extend(other.phones);
        let strengths = [self.weakest, other.weakest, Some(strength)];
        self.weakest = strengths.into_iter().flatten().min_by_key(|strength| strength.score());
    }

    /// What forbids the two to be one person on the strength of this edge.
    pub(super) fn refuses(
        &self,
        other: &Self,
        edge: &Edge,
        names: &mut Names<'a>,
        config: &SolveConfig,
    ) -> Option<Reason> {
        let tier = edge.strength.tier;
        let agreement = names.of_groups(&self.names, &other.names);
        if tier >= EXACT && agreement == Agreement::Disagree {
            return Some(Reason::NamesDisagree);
        }
        if self.clashes(other) {
            return Some(Reason::Exclusive);
        }
        if tier >= NEEDS_NAME && agreement == Agreement::Unknown {
            return Some(Reason::NamesUnknown);
        }
        self.outgrows(other, config)
    }

    /// What forbids the two, who hold different ids of one connection, to be one person whom it knows twice.
    pub(super) fn refuses_twice(
        &self,
        other: &Self,
        names: &mut Names<'a>,
        config: &SolveConfig,
    ) -> Option<Reason> {
        let agreement = names.of_groups(&self.names, &other.names);
        if agreement == Agreement::Disagree {
            return Some(Reason::NamesDisagree);
        }
        // Namesakes under one roof share a mailbox, and hardly ever a number.
        let numbers_differ = self.phones.is_empty() != other.phones.is_empty()
            || !self.phones.is_empty() && self.phones.is_disjoint(&other.phones);
        if agreement != Agreement::Agree || numbers_differ || self.most_ids(other) > config.most_ids
        {
            return Some(Reason::Exclusive);
        }
        self.outgrows(other, config)
    }

    /// How many ids of one connection the two have together, at most.
    fn most_ids(&self, other: &Self) -> usize {
        let ids: Vec<_> = self.exclusive.union(&other.exclusive).collect();
        let of_one = ids.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        of_one.map(<[_]>::len).max().unwrap_or(0)
    }

    /// What forbids the two together because there would be too much of it.
    fn outgrows(&self, other: &Self, config: &SolveConfig) -> Option<Reason> {
        if too_many(&self.emails, &other.emails, config.most_emails) {
            return Some(Reason::TooManyEmails);
        }
        too_many(&self.phones, &other.phones, config.most_phones).then_some(Reason::TooManyPhones)
    }

    /// Whether the two hold different ids of one connection. A steward may have joined two such ids, or a source may have
    /// put them into one record: then whoever holds a part of the same ids still fits.
    fn clashes(&self, other: &Self) -> bool {
        let (few, many) = if self.exclusive.len() <= other.exclusive.len() {
            (&self.exclusive, &other.exclusive)
        } else {
            (&other.exclusive, &self.exclusive)
        };
        few.iter().any(|&(namespace, connection, key)| {
            let of = |ids: &BTreeSet<_>| -> Vec<IdentifierKey> {
                let ids = ids
                    .iter()
                    .filter(|id: &&(Namespace, &str, _)| (id.0, id.1) == (namespace, connection));
                ids.map(|id| id.2).collect()
            };
            if many.contains(&(namespace, connection, key)) && few.len() == 1 {
                return false;
            }
            let (ours, theirs) = (of(few), of(many));
            let within =
                |a: &[IdentifierKey], b: &[IdentifierKey]| a.iter().all(|id| b.contains(id));
            !theirs.is_empty() && !within(&ours, &theirs) && !within(&theirs, &ours)
        })
    }
}

/// Whether together they hold too many, and more than either does: what came in one record stays.
fn too_many(one: &BTreeSet<IdentifierKey>, other: &BTreeSet<IdentifierKey>, most: usize) -> bool {
    let together = one.union(other).count();
    together > most && together > one.len().max(other.len())
}

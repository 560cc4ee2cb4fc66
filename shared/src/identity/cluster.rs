//! A person in the making, and what forbids two of them to be one.

use std::collections::BTreeSet;

use super::blob::Ground;
use super::edges::{EXACT, Edge, NEEDS_NAME, Names};
use super::union::Sets;
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

    /// Whether a steward keeps a record of ours apart from a record of theirs; `root` is theirs.
    pub(super) fn kept_apart<'r>(
        &self,
        root: u32,
        sets: &mut Sets,
        never: impl Fn(u32) -> &'r [u32],
        position: impl Fn(u32) -> Option<u32>,
    ) -> bool {
        self.records.iter().any(|&at| {
            never(at)
                .iter()
                .filter_map(|&other| position(other))
                .any(|other| sets.find(other) == root)
        })
    }
}

/// Whether together they hold too many, and more than either does: what came in one record stays.
fn too_many(one: &BTreeSet<IdentifierKey>, other: &BTreeSet<IdentifierKey>, most: usize) -> bool {
    let together = one.union(other).count();
    together > most && together > one.len().max(other.len())
}

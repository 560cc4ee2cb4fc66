//! Who shares a mailbox, a phone or a postal address without being one person.

use std::collections::HashMap;

use uuid::Uuid;

use super::blob::newest;
use super::{Evidence, Household, IdentifierKey, Partition, SolveConfig};
use crate::schema::{Namespace, RecordKey};

/// The households of these people: for each mailbox, phone and address, the two or more people who have it, unless they
/// are so many that it is a shop's or a kiosk's.
///
/// Whoever solves blob by blob asks this once, of all the evidence: what a household shares connects no blobs.
pub fn households(
    evidence: &[Evidence],
    partition: &Partition,
    config: &SolveConfig,
) -> Vec<Household> {
    let mut holders: HashMap<&RecordKey, Uuid> = HashMap::new();
    for person in &partition.people {
        holders.extend(person.records.iter().map(|record| (record, person.person_id)));
    }
    let relates = |namespace| matches!(namespace, Namespace::Email | Namespace::Phone);
    let mut mentions: Vec<(IdentifierKey, Uuid)> = Vec::new();
    for evidence in newest(evidence).into_iter().map(|at| &evidence[at]) {
        let Some(&person) = holders.get(&evidence.record_key) else { continue };
        let keys = evidence.clues.iter().map(|clue| clue.key);
        let keys =
            keys.filter(|key| relates(key.namespace)).chain(evidence.addresses.iter().copied());
        mentions.extend(keys.map(|key| (key, person)));
    }
    mentions.sort_unstable();
    mentions.dedup();
    mentions
        .chunk_by(|a, b| a.0 == b.0)
        .filter(|people| (2..=config.most_in_household).contains(&people.len()))
        .map(|people| Household { via: people[0].0, people: people.iter().map(|p| p.1).collect() })
        .collect()
}

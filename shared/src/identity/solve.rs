//! The partition of records into people: a constrained Kruskal in every blob.

use super::blob::{Blob, Ground};
use super::cluster::Cluster;
use super::edges::{Edge, Names, alike, edges};
use super::household::households;
use super::overrides::Override;
use super::union::{Sets, index};
use super::{
    Agreement, Candidate, Evidence, Partition, Person, Reason, SolveConfig, Strength, person_id_of,
};

/// Who is who, by this evidence, these rulings and these settings; the order of the evidence does not matter.
///
/// In each blob, a steward's links come first, then the edges in the order of tier, agreement of the names and the
/// SHA-256 of the edge, then what only looks alike, the heaviest first. Each joins its two records' people unless a rule forbids it; what is refused becomes a candidate.
pub fn solve(evidence: &[Evidence], overrides: &[Override], config: &SolveConfig) -> Partition {
    let ground = Ground::new(evidence, overrides, config);
    let mut partition = Partition::default();
    for blob in &ground.blobs {
        if let [alone] = blob.records[..] {
            partition.people.push(person(&[ground.records[alone as usize]], None));
        } else {
            solve_blob(&ground, blob, config, &mut partition);
        }
    }
    partition.people.sort_unstable_by(|a, b| a.records.cmp(&b.records));
    partition.candidates.sort_unstable();
    partition.households = households(evidence, &partition, config);
    partition.shared = ground.shared;
    partition.overflowed = ground.overflowed;
    partition
}

/// Two records that were not joined when it was their turn.
struct Refusal {
    edge: Edge,
    reason: Reason,
}

fn solve_blob(ground: &Ground<'_>, blob: &Blob, config: &SolveConfig, partition: &mut Partition) {
    let records: Vec<&Evidence> =
        blob.records.iter().map(|&at| ground.records[at as usize]).collect();
    let position = |record: u32| blob.records.binary_search(&record).ok().map(index);
    let never = |at: u32| {
        let record = blob.records[at as usize];
        ground.rulings.never.get(&record).map_or(&[][..], Vec::as_slice)
    };
    let mut names = Names::default();
    let mut sets = Sets::new(records.len());
    let mut clusters: Vec<Option<Cluster<'_>>> = Vec::with_capacity(records.len());
    for (at, &record) in blob.records.iter().enumerate() {
        clusters.push(Some(Cluster::new(ground, record, index(at), &mut names)));
    }
    let mut refusals = Vec::new();
    let steward = Strength { tier: STEWARD, agreement: Agreement::Agree };
    let links = blob.links.iter();
    let links = links.map(|&(one, other)| Edge { one, other, via: None, strength: steward });
    let all = edges(blob, &ground.records, &mut names);
    let alike = alike(blob, &ground.records, &mut names);
    for edge in links.chain(all).chain(alike) {
        let (Some(one), Some(other)) = (position(edge.one), position(edge.other)) else { continue };
        let (one, other) = (sets.find(one), sets.find(other));
        if one == other {
            continue;
        }
        let (Some(a), Some(b)) = (clusters[one as usize].take(), clusters[other as usize].take())
        else {
            continue;
        };
        let (mut large, small, root) =
            if a.records.len() >= b.records.len() { (a, b, one) } else { (b, a, other) };
        let reason = if small.kept_apart(root, &mut sets, never, position) {
            Some(Reason::NeverLink)
        } else if edge.strength.tier == STEWARD {
            None
        } else {
            large.refuses(&small, &edge, &mut names, config)
        };
        if let Some(reason) = reason {
            refusals.push(Refusal { edge, reason });
            let other_root = if root == one { other } else { one };
            clusters[root as usize] = Some(large);
            clusters[other_root as usize] = Some(small);
        } else {
            sets.join(one, other);
            large.absorb(small, edge.strength);
            clusters[one.min(other) as usize] = Some(large);
        }
    }
    for cluster in clusters.into_iter().flatten() {
        let members: Vec<&Evidence> =
            cluster.records.iter().map(|&at| records[at as usize]).collect();
        partition.people.push(person(&members, cluster.weakest));
    }
    for Refusal { edge, reason } in refusals {
        let ends = [edge.one, edge.other];
        let roots = ends.map(|at| position(at).map(|at| sets.find(at)));
        // What one edge may not join, a later one may have: then there is nothing left to look at.
        if roots[0] != roots[1] {
            let [one, other] = ends.map(|at| ground.records[at as usize].record_key.clone());
            let Edge { via, strength, .. } = edge;
            partition.candidates.push(Candidate { one, other, via, strength, reason });
        }
    }
}

/// The tier of a steward's link, the strongest edge there is.
const STEWARD: u8 = 0;

fn person(members: &[&Evidence], weakest: Option<Strength>) -> Person {
    let mut records: Vec<_> = members.iter().map(|evidence| evidence.record_key.clone()).collect();
    records.sort_unstable();
    let age = |evidence: &&&Evidence| (evidence.created_at.is_none(), evidence.created_at);
    let oldest = members
        .iter()
        .min_by(|a, b| (age(a), &a.record_key).cmp(&(age(b), &b.record_key)))
        .map_or(&records[0], |evidence| &evidence.record_key);
    Person { person_id: person_id_of(oldest), anchor: oldest.clone(), records, weakest }
}

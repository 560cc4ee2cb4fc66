//! The partition of records into people: a constrained Kruskal in every blob.

use super::blob::{Blob, Ground};
use super::cluster::Cluster;
use super::edges::{Edge, LIKELY, Names, alike, edges};
use super::household::households;
use super::overrides::Override;
use super::union::{Sets, index};
use super::{
    Agreement, Candidate, Evidence, Partition, Person, Reason, SolveConfig, Strength, person_id_of,
};

/// Who is who, by this evidence, these rulings and these settings; the order of the evidence does not matter.
///
/// In each blob, a steward's links come first, then the edges in the order of tier, agreement of the names and the
/// SHA-256 of the edge, then what only looks alike, the heaviest first. Each joins its two records' people unless a rule
/// forbids it; what is refused becomes a candidate.
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
    let mut people = InTheMaking::new(ground, blob);
    let steward = Strength { tier: STEWARD, agreement: Agreement::Agree };
    let links = blob.links.iter();
    let links = links.map(|&(one, other)| Edge { one, other, via: None, strength: steward });
    let all = edges(blob, &ground.records, &mut people.names);
    let alike = alike(blob, &ground.records, &mut people.names);
    let mut refusals: Vec<Refusal> = links
        .chain(all)
        .chain(alike)
        .filter_map(|edge| people.join(edge, |a, b, names| a.refuses(b, &edge, names, config)))
        .collect();
    // Only now is it known who else the two are, so only now can it be told that a source knows somebody twice.
    refusals = refusals
        .into_iter()
        .filter_map(|refusal| match refusal.reason {
            Reason::Exclusive if refusal.edge.strength.tier < LIKELY => {
                people.join(refusal.edge, |a, b, names| a.refuses_twice(b, names, config))
            }
            _ => Some(refusal),
        })
        .collect();
    for cluster in people.clusters.iter().flatten() {
        let members: Vec<&Evidence> =
            cluster.records.iter().map(|&at| records[at as usize]).collect();
        partition.people.push(person(&members, cluster.weakest));
    }
    for Refusal { edge, reason } in refusals {
        // What one edge may not join, a later one may have: then there is nothing left to look at.
        if people.cluster_of(edge.one) != people.cluster_of(edge.other) {
            let [one, other] =
                [edge.one, edge.other].map(|at| ground.records[at as usize].record_key.clone());
            let Edge { via, strength, .. } = edge;
            partition.candidates.push(Candidate { one, other, via, strength, reason });
        }
    }
}

/// The people of a blob while its edges are tried.
struct InTheMaking<'a> {
    ground: &'a Ground<'a>,
    blob: &'a Blob,
    names: Names<'a>,
    sets: Sets,
    /// By the root of each set; none where another set took the records in.
    clusters: Vec<Option<Cluster<'a>>>,
}

impl<'a> InTheMaking<'a> {
    /// Every record for itself.
    fn new(ground: &'a Ground<'a>, blob: &'a Blob) -> Self {
        let mut names = Names::default();
        let records = blob.records.iter().enumerate();
        let clusters =
            records.map(|(at, &record)| Some(Cluster::new(ground, record, index(at), &mut names)));
        let clusters = clusters.collect();
        Self { ground, blob, names, sets: Sets::new(blob.records.len()), clusters }
    }

    fn position(&self, record: u32) -> Option<u32> {
        self.blob.records.binary_search(&record).ok().map(index)
    }

    /// Which person a record belongs to by now.
    fn cluster_of(&mut self, record: u32) -> Option<u32> {
        self.position(record).map(|at| self.sets.find(at))
    }

    /// Joins the two people at the ends of an edge, unless a ruling or `refuses` is against it.
    fn join(
        &mut self,
        edge: Edge,
        refuses: impl FnOnce(&Cluster<'a>, &Cluster<'a>, &mut Names<'a>) -> Option<Reason>,
    ) -> Option<Refusal> {
        let (one, other) = (self.cluster_of(edge.one)?, self.cluster_of(edge.other)?);
        if one == other {
            return None;
        }
        let (a, b) = (self.clusters[one as usize].take()?, self.clusters[other as usize].take()?);
        let reason = if self.kept_apart(&a, &b) {
            Some(Reason::NeverLink)
        } else if edge.strength.tier == STEWARD {
            None
        } else {
            refuses(&a, &b, &mut self.names)
        };
        if reason.is_some() {
            self.clusters[one as usize] = Some(a);
            self.clusters[other as usize] = Some(b);
        } else {
            self.sets.join(one, other);
            let (mut large, small) =
                if a.records.len() >= b.records.len() { (a, b) } else { (b, a) };
            large.absorb(small, edge.strength);
            self.clusters[one.min(other) as usize] = Some(large);
        }
        reason.map(|reason| Refusal { edge, reason })
    }

    /// Whether a steward keeps a record of the one apart from a record of the other.
    fn kept_apart(&mut self, a: &Cluster<'a>, b: &Cluster<'a>) -> bool {
        let (small, large) = if a.records.len() <= b.records.len() { (a, b) } else { (b, a) };
        let root = self.sets.find(large.records[0]);
        small.records.iter().any(|&at| {
            let record = self.blob.records[at as usize];
            let never = self.ground.rulings.never.get(&record).into_iter().flatten();
            never.copied().any(|other| self.cluster_of(other) == Some(root))
        })
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

//! Blobs: the largest sets of records that any evidence connects, and the unit that is solved.

use std::collections::BTreeSet;

use super::overrides::{Alike, Override, Rulings};
use super::union::{Sets, index};
use super::{Evidence, IdentifierKey, SolveConfig, Standing};

/// An identifier that connects records.
#[derive(Debug, Clone)]
pub(super) struct Carried {
    pub(super) key: IdentifierKey,
    /// As weak as its weakest mention.
    pub(super) tier: u8,
    /// Who carries it, in the order of the records.
    pub(super) by: Vec<u32>,
}

impl Carried {
    fn edges(&self) -> usize {
        self.by.len() * (self.by.len() - 1) / 2
    }
}

/// Records and what connects them.
#[derive(Debug, Default)]
pub(super) struct Blob {
    pub(super) records: Vec<u32>,
    pub(super) carried: Vec<Carried>,
    pub(super) links: Vec<(u32, u32)>,
    pub(super) alike: Vec<Alike>,
}

/// The evidence in one fixed order, and its blobs.
pub(super) struct Ground<'a> {
    /// The newest evidence of each record that is not deleted, in the order of the keys.
    pub(super) records: Vec<&'a Evidence>,
    pub(super) rulings: Rulings,
    pub(super) blobs: Vec<Blob>,
    /// In the order of the keys; `overflowed` among them.
    pub(super) shared: Vec<IdentifierKey>,
    pub(super) overflowed: Vec<IdentifierKey>,
}

/// Whether an identifier that exactly these records carry is shared: there are too many of them, or they hold too many
/// distinct ids of one connection where a person has one.
///
/// It is answered from the records that carry the identifier, which is what a reader has who looks it up.
pub fn is_shared(carriers: &[&Evidence], config: &SolveConfig) -> bool {
    if carriers.len() > config.most_records {
        return true;
    }
    let mut ids: Vec<_> = carriers
        .iter()
        .flat_map(|evidence| &evidence.clues)
        .filter_map(|clue| Some((clue.key.namespace, clue.exclusive_in.as_deref()?, clue.key)))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).any(|ids| ids.len() > config.most_exclusive)
}

/// The blobs of this evidence, as indexes into it: each a set of records that can be solved without the others.
///
/// Blobs come in the order of their first record's key, and records in the order of their keys; of two evidences of one
/// record the newer one is named, and a deleted record is in no blob. To solve the blobs apart, pass the second value on as
/// [`SolveConfig::known_shared`]: whoever sees one blob does not see everybody who carries a shared identifier.
pub fn blobs(
    evidence: &[Evidence],
    overrides: &[Override],
    config: &SolveConfig,
) -> (Vec<Vec<usize>>, BTreeSet<IdentifierKey>) {
    let ground = Ground::new(evidence, overrides, config);
    let newest = newest(evidence);
    let position = |&record: &u32| newest[record as usize];
    let blobs = ground.blobs.iter().map(|blob| blob.records.iter().map(position).collect());
    (blobs.collect(), ground.shared.iter().copied().collect())
}

impl<'a> Ground<'a> {
    pub(super) fn new(
        evidence: &'a [Evidence],
        overrides: &[Override],
        config: &SolveConfig,
    ) -> Self {
        let records: Vec<&Evidence> =
            newest(evidence).into_iter().map(|at| &evidence[at]).collect();
        let position = |key: &_| {
            records.binary_search_by(|evidence| evidence.record_key.cmp(key)).ok().map(index)
        };
        let mut rulings = Rulings::new(overrides, position);
        let is_person = |at: u32| records[at as usize].standing == Standing::Person;
        rulings.alike.retain(|pair| is_person(pair.one) && is_person(pair.other));
        let (carried, mut shared) = carried(&records, config);
        let mut split = Splitter { position: vec![0; records.len()] };
        let all = Blob {
            records: (0..index(records.len())).collect(),
            carried,
            links: rulings.links.clone(),
            alike: Vec::new(),
        };
        let mut blobs = Vec::new();
        let mut overflowed = Vec::new();
        let mut open = split.blobs(all);
        while let Some(mut blob) = open.pop() {
            if blob.carried.iter().map(Carried::edges).sum::<usize>() <= config.most_edges {
                blobs.push(blob);
            } else {
                overflowed.extend(shed(&mut blob));
                open.append(&mut split.blobs(blob));
            }
        }
        let mut blobs = together(blobs, &rulings.alike, records.len());
        blobs.sort_unstable_by_key(|blob| blob.records.first().copied());
        shared.extend(&overflowed);
        shared.sort_unstable();
        overflowed.sort_unstable();
        Self { records, rulings, blobs, shared, overflowed }
    }

    pub(super) fn is_shared(&self, key: &IdentifierKey) -> bool {
        self.shared.binary_search(key).is_ok()
    }
}

/// Where the newest evidence of each record is, in the order of the records' keys, without the deleted ones.
pub(super) fn newest(evidence: &[Evidence]) -> Vec<usize> {
    let key = |at: usize| &evidence[at].record_key;
    let mut newest: Vec<usize> = (0..evidence.len()).collect();
    newest.sort_by(|&a, &b| {
        key(a).cmp(key(b)).then_with(|| evidence[b].rank().cmp(&evidence[a].rank()))
    });
    newest.dedup_by(|later, first| key(*later) == key(*first));
    newest.retain(|&at| evidence[at].standing != Standing::Deleted);
    newest
}

impl Evidence {
    /// Two evidences of one version differ only if the settings changed between them; some order then has to hold.
    fn rank(&self) -> impl Ord + '_ {
        (self.version, self.standing, self.created_at, &self.name, &self.clues, &self.addresses)
    }
}

/// The identifiers that connect at least two records, and those that would, were they not shared.
fn carried(records: &[&Evidence], config: &SolveConfig) -> (Vec<Carried>, Vec<IdentifierKey>) {
    let mut mentions: Vec<(IdentifierKey, u32, u8)> = Vec::new();
    for (at, evidence) in records.iter().enumerate() {
        if evidence.standing == Standing::Person {
            mentions.extend(evidence.clues.iter().map(|clue| (clue.key, index(at), clue.tier)));
        }
    }
    mentions.sort_unstable();
    mentions.dedup_by_key(|mention| (mention.0, mention.1));
    let (mut carried, mut shared) = (Vec::new(), Vec::new());
    let mut carriers: Vec<&Evidence> = Vec::new();
    for mentions in mentions.chunk_by(|a, b| a.0 == b.0) {
        let key = mentions[0].0;
        carriers.clear();
        carriers.extend(mentions.iter().map(|&(_, at, _)| records[at as usize]));
        if config.known_shared.contains(&key) || is_shared(&carriers, config) {
            shared.push(key);
        } else if mentions.len() > 1 {
            let tier = mentions.iter().map(|mention| mention.2).max().unwrap_or(u8::MAX);
            carried.push(Carried { key, tier, by: mentions.iter().map(|m| m.1).collect() });
        }
    }
    (carried, shared)
}

/// One in so many identifiers of an overflowing blob is given up before we look again.
const SHED_ONE_IN: usize = 64;

/// Takes the identifiers of highest degree out, the smaller key first among equals.
fn shed(blob: &mut Blob) -> Vec<IdentifierKey> {
    blob.carried.sort_unstable_by(|a, b| (b.by.len(), a.key).cmp(&(a.by.len(), b.key)));
    let some = blob.carried.len().div_ceil(SHED_ONE_IN);
    blob.carried.drain(..some).map(|carried| carried.key).collect()
}

/// Puts together the blobs that pairs which look alike connect. Only now, when no blob is too large: nothing that is known
/// is ever given up for a likeness.
fn together(blobs: Vec<Blob>, alike: &[Alike], records: usize) -> Vec<Blob> {
    if alike.is_empty() {
        return blobs;
    }
    let mut number = vec![0; records];
    for (at, blob) in blobs.iter().enumerate() {
        for &record in &blob.records {
            number[record as usize] = index(at);
        }
    }
    let mut sets = Sets::new(blobs.len());
    for pair in alike {
        sets.join(number[pair.one as usize], number[pair.other as usize]);
    }
    // Each set is known by its first blob, so that one is there before the others are added to it.
    let mut joined: Vec<Option<Blob>> = Vec::with_capacity(blobs.len());
    for (at, blob) in blobs.into_iter().enumerate() {
        match joined.get_mut(sets.find(index(at)) as usize) {
            Some(Some(first)) => {
                first.records.extend(blob.records);
                first.carried.extend(blob.carried);
                first.links.extend(blob.links);
                joined.push(None);
            }
            _ => joined.push(Some(blob)),
        }
    }
    for pair in alike {
        let first = sets.find(number[pair.one as usize]) as usize;
        if let Some(blob) = &mut joined[first] {
            blob.alike.push(*pair);
        }
    }
    let mut blobs: Vec<Blob> = joined.into_iter().flatten().collect();
    for blob in &mut blobs {
        blob.records.sort_unstable();
    }
    blobs
}

/// Splits blobs into their connected components, with one table for all of them.
struct Splitter {
    position: Vec<u32>,
}

impl Splitter {
    fn blobs(&mut self, blob: Blob) -> Vec<Blob> {
        for (at, &record) in blob.records.iter().enumerate() {
            self.position[record as usize] = index(at);
        }
        let position = |record: u32| self.position[record as usize];
        let mut sets = Sets::new(blob.records.len());
        for carried in &blob.carried {
            carried.by.windows(2).for_each(|two| sets.join(position(two[0]), position(two[1])));
        }
        for &(one, other) in &blob.links {
            sets.join(position(one), position(other));
        }
        let mut number = vec![0; blob.records.len()];
        let mut blobs: Vec<Blob> = Vec::new();
        for (at, &record) in blob.records.iter().enumerate() {
            let root = sets.find(index(at)) as usize;
            if root == at {
                number[root] = blobs.len();
                blobs.push(Blob::default());
            }
            blobs[number[root]].records.push(record);
        }
        let mut of = |record: u32| number[sets.find(position(record)) as usize];
        for carried in blob.carried {
            blobs[of(carried.by[0])].carried.push(carried);
        }
        for link in blob.links {
            blobs[of(link.0)].links.push(link);
        }
        blobs
    }
}

//! The edges of a blob: pairs of records that share identifiers, in the one order in which they are tried.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::blob::Blob;
use super::overrides::Alike;
use super::union::index;
use super::{Agreement, Evidence, IdentifierKey, Name, Strength};
use crate::schema::Sha256;

/// Two records of a blob that share an identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) one: u32,
    pub(super) other: u32,
    /// The smallest of the strongest identifiers that they share; none in a steward's link.
    pub(super) via: Option<IdentifierKey>,
    pub(super) strength: Strength,
}

/// The names of a blob's records, each compared with each at most once.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    known: Vec<&'a Name>,
    numbers: HashMap<&'a Name, u32>,
    compared: HashMap<(u32, u32), Agreement>,
}

impl<'a> Names<'a> {
    /// The number of a name; none for a record without one.
    pub(super) fn number(&mut self, name: &'a Name) -> Option<u32> {
        if name.is_empty() {
            return None;
        }
        let next = index(self.known.len());
        let number = *self.numbers.entry(name).or_insert(next);
        if number == next {
            self.known.push(name);
        }
        Some(number)
    }

    /// What two names say.
    pub(super) fn agreement(&mut self, one: Option<u32>, other: Option<u32>) -> Agreement {
        let (Some(one), Some(other)) = (one, other) else { return Agreement::Unknown };
        let names = &self.known;
        *self
            .compared
            .entry((one.min(other), one.max(other)))
            .or_insert_with(|| names[one as usize].agreement(names[other as usize]))
    }

    /// What the names of two groups of records say: one disagreement is enough, for nobody has two given names.
    pub(super) fn of_groups(&mut self, ones: &[u32], others: &[u32]) -> Agreement {
        let mut all = Agreement::Unknown;
        for &one in ones {
            for &other in others {
                match self.agreement(Some(one), Some(other)) {
                    Agreement::Disagree => return Agreement::Disagree,
                    agreement => all = all.min(agreement),
                }
            }
        }
        all
    }
}

/// The edges, one per pair of records, strongest first; chance, if a digest is that, decides among equals.
///
/// An exact identifier whose records bear different given names is a family's: it joins like a weak one, by name only, or
/// a nameless record would go to whoever comes first.
pub(super) fn edges<'a>(blob: &Blob, records: &[&'a Evidence], names: &mut Names<'a>) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for carried in &blob.carried {
        let from = edges.len();
        let mut contested = false;
        for (at, &one) in carried.by.iter().enumerate() {
            let name = names.number(&records[one as usize].name);
            for &other in &carried.by[at + 1..] {
                let theirs = names.number(&records[other as usize].name);
                let agreement = names.agreement(name, theirs);
                contested |= agreement == Agreement::Disagree;
                let strength = Strength { tier: carried.tier, agreement };
                edges.push(Edge { one, other, via: Some(carried.key), strength });
            }
        }
        if contested && carried.tier == EXACT {
            edges[from..].iter_mut().for_each(|edge| edge.strength.tier = NEEDS_NAME);
        }
    }
    edges.sort_unstable_by_key(|edge| (edge.one, edge.other, edge.strength.tier, edge.via));
    edges.dedup_by_key(|edge| (edge.one, edge.other));
    if edges.len() > 1 {
        edges.sort_by_cached_key(|edge| (edge.strength, digest(edge, records)));
    }
    edges
}

/// The edges of pairs that look alike, the heaviest first.
pub(super) fn alike<'a>(blob: &Blob, records: &[&'a Evidence], names: &mut Names<'a>) -> Vec<Edge> {
    let mut edges: Vec<(i64, Edge)> = Vec::with_capacity(blob.alike.len());
    for &Alike { one, other, millibits } in &blob.alike {
        let [name, theirs] = [one, other].map(|at| names.number(&records[at as usize].name));
        let strength = Strength { tier: LIKELY, agreement: names.agreement(name, theirs) };
        edges.push((millibits, Edge { one, other, via: None, strength }));
    }
    edges.sort_by_cached_key(|(millibits, edge)| (Reverse(*millibits), digest(edge, records)));
    edges.into_iter().map(|(_, edge)| edge).collect()
}

/// The tier of exact identifiers, such as an email address.
pub(super) const EXACT: u8 = 2;

/// The tier of identifiers that join only where names agree.
pub(super) const NEEDS_NAME: u8 = 3;

/// The tier of pairs that only look alike.
pub(super) const LIKELY: u8 = 4;

/// The canonical text of an edge is the two record keys, the smaller first, with a line feed between them.
fn digest(edge: &Edge, records: &[&Evidence]) -> Sha256 {
    let [one, other] = [edge.one, edge.other].map(|at| records[at as usize].record_key.as_str());
    let mut text = String::with_capacity(one.len() + other.len() + 1);
    text.push_str(one);
    text.push('\n');
    text.push_str(other);
    Sha256::of(text.as_bytes())
}

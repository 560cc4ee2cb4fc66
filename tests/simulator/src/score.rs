//! How well a solve did, counted in pairs of records.

use std::collections::HashMap;
use std::hash::Hash;

/// A record with the person it is about, the person it was found to be, and what it carries.
#[derive(Clone, Debug)]
pub struct Judged<C> {
    /// The true person.
    pub person: usize,
    /// The person that the solve made of it.
    pub found: usize,
    /// The identifiers by which it can be recognised.
    pub clues: Vec<C>,
}

/// Pairs of records. Records that are nobody's have no place in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Records that were judged.
    pub records: u64,
    /// People who have such records.
    pub people: u64,
    /// People that were found in them.
    pub found_people: u64,
    /// Pairs of records of one person.
    pub true_pairs: u64,
    /// Pairs of records that were found to be one person's.
    pub found_pairs: u64,
    /// Pairs that are both.
    pub both: u64,
    /// Pairs of records of one person that carry the same identifier, or are led from one to the other by identifiers of
    /// the person's further records: no evidence speaks for the others.
    pub reachable: u64,
    /// Reachable pairs that were found.
    pub reached: u64,
}

impl Score {
    /// Counts.
    pub fn of<C: Eq + Hash>(judged: &[Judged<C>]) -> Self {
        let islands = islands(judged);
        let all = || judged.iter().zip(&islands);
        let people = sizes(all().map(|(record, _)| record.person));
        let found = sizes(all().map(|(record, _)| record.found));
        Self {
            records: judged.len() as u64,
            people: people.len() as u64,
            found_people: found.len() as u64,
            true_pairs: pairs(&people),
            found_pairs: pairs(&found),
            both: pairs(&sizes(all().map(|(record, _)| (record.person, record.found)))),
            reachable: pairs(&sizes(all().map(|(_, island)| *island))),
            reached: pairs(&sizes(all().map(|(record, island)| (*island, record.found)))),
        }
    }

    /// The share of the pairs that were found that is true; 1 if none was found.
    pub fn precision(&self) -> f64 {
        share(self.both, self.found_pairs)
    }

    /// The share of the true pairs that was found.
    pub fn recall(&self) -> f64 {
        share(self.both, self.true_pairs)
    }

    /// The share of the reachable pairs that was found.
    pub fn reachable_recall(&self) -> f64 {
        share(self.reached, self.reachable)
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} people found in {} records of {}: precision {:.4}, recall {:.4} of the pairs that share an identifier, \
             {:.4} of all",
            self.found_people,
            self.records,
            self.people,
            self.precision(),
            self.reachable_recall(),
            self.recall()
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below the 52 bits of a float")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 1.0 } else { part as f64 / whole as f64 }
}

fn sizes<K: Eq + Hash>(keys: impl Iterator<Item = K>) -> HashMap<K, u64> {
    let mut sizes = HashMap::new();
    keys.for_each(|key| *sizes.entry(key).or_default() += 1);
    sizes
}

fn pairs<K>(sizes: &HashMap<K, u64>) -> u64 {
    sizes.values().map(|size| size * (size - 1) / 2).sum()
}

/// For each record the number of its island: the records of its person that identifiers connect.
pub fn islands<C: Eq + Hash>(judged: &[Judged<C>]) -> Vec<usize> {
    fn root(of: &mut [usize], mut at: usize) -> usize {
        while of[at] != at {
            of[at] = of[of[at]];
            at = of[at];
        }
        at
    }
    let mut of: Vec<usize> = (0..judged.len()).collect();
    let mut first: HashMap<(usize, &C), usize> = HashMap::new();
    for (at, record) in judged.iter().enumerate() {
        for clue in &record.clues {
            let other = *first.entry((record.person, clue)).or_insert(at);
            let (one, other) = (root(&mut of, at), root(&mut of, other));
            of[one.max(other)] = one.min(other);
        }
    }
    (0..judged.len()).map(|at| root(&mut of, at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(records: &[(usize, usize, &[&'static str])]) -> Vec<Judged<&'static str>> {
        let judged = records.iter();
        judged
            .map(|&(person, found, clues)| Judged { person, found, clues: clues.to_vec() })
            .collect()
    }

    #[test]
    fn nothing_is_perfect() {
        let score = Score::of::<&str>(&[]);
        assert_eq!((score.precision(), score.recall(), score.reachable_recall()), (1.0, 1.0, 1.0));
    }

    #[test]
    fn pairs_are_counted() {
        // Ann has three records and is found in two parts; one of Bo's is taken for hers.
        let score = Score::of(&judged(&[
            (0, 0, &["ann"]),
            (0, 0, &["ann"]),
            (0, 1, &["ann"]),
            (1, 0, &["bo"]),
            (1, 2, &["bo"]),
        ]));
        let (found, both) = (3, 1);
        assert_eq!((score.true_pairs, score.found_pairs, score.both), (4, found, both));
        assert_eq!((score.reachable, score.reached), (4, 1));
        assert_eq!((score.records, score.people, score.found_people), (5, 2, 3));
        assert!((score.precision() - 1.0 / 3.0).abs() < 1e-9);
        assert!((score.recall() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn what_nothing_connects_is_out_of_reach() {
        let score = Score::of(&judged(&[
            (0, 0, &["mail", "phone"]),
            (0, 0, &["mail"]),
            (0, 0, &["phone"]),
            (0, 1, &["handle"]),
            (0, 2, &[]),
            // Another's carrying the same connects nothing of hers.
            (1, 3, &["handle", "mail"]),
        ]));
        assert_eq!((score.true_pairs, score.reachable, score.reached), (10, 3, 3));
        assert!((score.reachable_recall() - 1.0).abs() < 1e-9);
    }
}

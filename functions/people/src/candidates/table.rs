//! The records in columns: normalised once, each distinct value once, with how common it is.

use std::collections::{BTreeSet, HashMap};

use rayon::prelude::*;

use super::normalise;
use super::person::{Field, People, Person};

pub(crate) const CELLS: usize = Field::ALL.len();

/// The id of the absent value.
pub(crate) const ABSENT: u32 = 0;

/// A distinct value.
pub(crate) struct Term {
    pub(crate) letters: Box<[char]>,
    /// One bit per letter that occurs: two values that share few are not alike.
    pub(crate) signature: u64,
}

impl Term {
    pub(crate) fn new(letters: &[char]) -> Self {
        let bit = |letter: &char| 1 << (u32::from(*letter) % 64);
        let signature = letters.iter().map(bit).fold(0, |bits, bit| bits | bit);
        Self { letters: letters.into(), signature }
    }
}

/// Records in the order of their keys, so that nothing depends on the order they came in.
pub(crate) struct Table<'p> {
    pub(crate) records: Vec<&'p Person>,
    /// The terms of each record, by field.
    pub(crate) cells: Vec<[u32; CELLS]>,
    terms: Vec<Term>,
    /// For each record, the number of its source if that holds nobody twice.
    clean_source: Vec<Option<u32>>,
}

impl<'p> Table<'p> {
    pub(crate) fn new(people: &'p People) -> Self {
        let mut records: Vec<&Person> = people.records.iter().collect();
        records.par_sort_unstable();
        records.dedup_by(|a, b| a.key == b.key);
        let texts: Vec<_> = records.par_iter().map(|person| normalise::cells(person)).collect();

        let mut ids = HashMap::from([(Vec::new(), ABSENT)]);
        let mut terms = vec![Term::new(&[])];
        let mut intern = |letters: Vec<char>| {
            *ids.entry(letters).or_insert_with_key(|letters| {
                terms.push(Term::new(letters));
                terms.len() as u32 - 1
            })
        };
        let cells: Vec<_> = texts.into_iter().map(|texts| texts.map(&mut intern)).collect();

        let clean: BTreeSet<_> = people.without_duplicates.iter().collect();
        let number = |source| clean.iter().position(|clean| *clean == source).map(|n| n as u32);
        let clean_source = records.iter().map(|person| number(&person.source)).collect();
        Self { records, cells, terms, clean_source }
    }

    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn term(&self, id: u32) -> &Term {
        &self.terms[id as usize]
    }

    /// How rare each record's values are in their fields, in bits.
    ///
    /// `u` is how often strangers agree on the field. Counts alone cannot tell how rare a value is
    /// that the table has twice, so they are taken as if 1/`u` more people had other values.
    pub(crate) fn rarity(&self, u: impl Fn(Field) -> f64 + Sync) -> Vec<[f32; CELLS]> {
        let mut rarity = vec![[0.0; CELLS]; self.len()];
        let mut tally = vec![0_u32; self.terms.len()];
        for field in Field::ALL {
            let (cell, mut people) = (field.cell(), 1.0 / u(field));
            for cells in self.cells.iter().filter(|cells| cells[cell] != ABSENT) {
                tally[cells[cell] as usize] += 1;
                people += 1.0;
            }
            for (cells, rarity) in self.cells.iter().zip(&mut rarity) {
                if cells[cell] != ABSENT {
                    let times = f64::from(tally[cells[cell] as usize]);
                    rarity[cell] = f64::log2(people / times) as f32;
                }
            }
            tally.fill(0);
        }
        rarity
    }

    /// Whether two records may be one person: not two of a source that holds nobody twice.
    pub(crate) fn comparable(&self, a: u32, b: u32) -> bool {
        let source = self.clean_source[a as usize];
        source.is_none() || source != self.clean_source[b as usize]
    }

    /// The sources of two records, if neither holds anybody twice.
    pub(crate) fn clean_sources(&self, a: u32, b: u32) -> Option<(u32, u32)> {
        self.clean_source[a as usize].zip(self.clean_source[b as usize])
    }

    /// How many pairs may be one person.
    pub(crate) fn comparable_pairs(&self) -> u64 {
        let mut sizes = HashMap::new();
        self.clean_source
            .iter()
            .flatten()
            .for_each(|source| *sizes.entry(source).or_default() += 1);
        pairs(self.len() as u64) - sizes.into_values().map(pairs).sum::<u64>()
    }
}

/// How many pairs there are among `n`.
pub(crate) fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

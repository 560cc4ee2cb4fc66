//! One to one between two sources that hold nobody twice.

use std::collections::HashSet;

use super::table::Table;

/// Keeps of the pairs between two clean sources the heaviest of each record; takes them best first.
pub(crate) fn one_to_one(table: &Table<'_>, pairs: Vec<(f64, u32, u32)>) -> Vec<(f64, u32, u32)> {
    let mut taken = HashSet::new();
    let mut kept = pairs;
    kept.retain(|(_, a, b)| {
        let Some((of_a, of_b)) = table.clean_sources(*a, *b) else { return true };
        let free = !taken.contains(&(*a, of_b)) && !taken.contains(&(*b, of_a));
        if free {
            taken.extend([(*a, of_b), (*b, of_a)]);
        }
        free
    });
    kept
}

//! Which records may be one person, and how strongly the evidence says so.
//!
//! The model is that of Fellegi and Sunter. Two records taken at random are one person with odds of
//! 2^`prior_bits`. Each field that both records have reaches a level of likeness (the same, one edit,
//! …, different), and adds log2(`m`/`u`) bits to the odds: `m` is how often two records of one
//! person reach that level, `u` how often those of strangers do. A field that either lacks adds
//! nothing. Where values agree exactly, `u` is how common that very value is (Winkler's term
//! frequencies): sharing a rare name says more than sharing a common one. Values that changed
//! places (given and family name; street, further lines and locality) are compared where they fit,
//! and pay for the exchange.
//!
//! Nothing is labelled. `u` comes from random pairs, each counted by its probability of being
//! strangers; `m` and the prior from the pairs that blocking brings together, each counted by its
//! probability of being one person; the two are found together by expectation maximisation. A worse
//! level never adds more than a better one.
//!
//! The result depends on the records and the plan alone, not on their order or the number of cores.
//! It is a list of candidates: nobody is joined by it until a steward sets a threshold.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a table has fewer than 2^32 records; rates need no more than seven digits"
)]

mod assign;
mod blocking;
mod compare;
mod model;
mod normalise;
mod person;
mod plan;
mod similarity;
mod table;
#[cfg(test)]
mod tests;
mod train;

use rayon::prelude::*;
use serde::Serialize;
use smol_str::SmolStr;

pub use model::{Model, Outcome, Signal};
pub use person::{Field, People, Person};
pub use plan::{Comparison, Key, Level, Plan, PlanError, Rule};

use blocking::Blocks;
use compare::{Comparer, SILENT};
use model::{Weights, probability};
use table::Table;

/// Two records that may be one person, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// The key of one record, the smaller of the two.
    pub a: SmolStr,
    /// The key of the other.
    pub b: SmolStr,
    /// Match weight: log2 of the odds that both are one person.
    pub bits: f64,
    /// The same as a probability.
    pub probability: f64,
    /// What each field that both have adds to the weight.
    pub contributions: Vec<Contribution>,
    /// Version of the model that says so.
    pub model: SmolStr,
}

/// What one field says about a pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// Name of the signal.
    pub signal: String,
    /// Name of the level reached.
    pub outcome: String,
    /// What it adds to the weight, rarity of the value included.
    pub bits: f64,
}

/// What was found, and how.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Pairs from the most probable down, then by key.
    pub candidates: Vec<Candidate>,
    /// What it took.
    pub effort: Effort,
    /// The model that weighed them.
    pub model: Model,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Effort {
    /// Records with distinct keys.
    pub records: u64,
    /// Pairs that may be one person: all but those inside a source without duplicates.
    pub possible: u64,
    /// Pairs that were compared.
    pub compared: u64,
    /// Blocks too large to be compared in full.
    pub bounded_blocks: u64,
}

impl Effort {
    /// The share of pairs that blocking spared.
    pub fn reduction_ratio(&self) -> f64 {
        1.0 - self.compared as f64 / self.possible.max(1) as f64
    }
}

/// Learns a model from the table and finds the candidates by it.
pub fn candidates(people: &People, plan: &Plan) -> Result<Found, PlanError> {
    plan.check()?;
    let table = Table::new(people);
    let blocks = Blocks::new(&table, plan);
    let model = train::train(&table, &blocks, plan);
    Ok(score(&table, &blocks, model))
}

/// Finds the candidates by a model learnt earlier.
pub fn candidates_by(people: &People, model: Model) -> Result<Found, PlanError> {
    model.plan.check()?;
    let table = Table::new(people);
    let blocks = Blocks::new(&table, &model.plan);
    Ok(score(&table, &blocks, model))
}

fn score(table: &Table<'_>, blocks: &Blocks<'_>, model: Model) -> Found {
    let weights = model.weights();
    let rarity = table.rarity(|field| model.exact_u(field));
    let comparer = Comparer { table, plan: &model.plan, rarity };
    let mut pairs = blocks.visit(|a, b| {
        let pattern = comparer.compare(a, b);
        let bits = weights.total(&pattern.outcomes, pattern.total_rarity());
        (probability(bits) >= model.plan.least_probability).then_some((bits, a, b))
    });
    pairs.par_sort_unstable_by(|x, y| y.0.total_cmp(&x.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let pairs = assign::one_to_one(table, pairs);
    let candidates =
        pairs.par_iter().map(|(bits, a, b)| explain(&comparer, &model, &weights, *bits, *a, *b));
    let effort = Effort {
        records: table.len() as u64,
        possible: table.comparable_pairs(),
        compared: blocks.pairs(),
        bounded_blocks: blocks.bounded(),
    };
    let candidates = candidates.collect();
    Found { candidates, effort, model }
}

fn explain(
    comparer: &Comparer<'_>,
    model: &Model,
    weights: &Weights,
    bits: f64,
    a: u32,
    b: u32,
) -> Candidate {
    let pattern = comparer.compare(a, b);
    let outcomes = model.signals.iter().zip(pattern.outcomes).zip(pattern.rarity).enumerate();
    let contributions = outcomes.filter(|(_, ((_, outcome), _))| *outcome != SILENT).map(
        |(number, ((signal, outcome), rarity))| Contribution {
            signal: signal.name.clone(),
            outcome: signal.outcomes[usize::from(outcome) - 1].name.clone(),
            bits: weights.signal(number, outcome, rarity),
        },
    );
    Candidate {
        a: comparer.table.records[a as usize].key.clone(),
        b: comparer.table.records[b as usize].key.clone(),
        bits,
        probability: probability(bits),
        contributions: contributions.collect(),
        model: model.version.clone(),
    }
}

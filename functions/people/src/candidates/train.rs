//! Learns a model from the table itself, without labels: expectation maximisation.

use rayon::prelude::*;

use super::blocking::Blocks;
use super::compare::{Comparer, Pattern, SIGNALS, signals};
use super::model::{Model, Rates, Weights, probability};
use super::plan::Plan;
use super::table::Table;

const ITERATIONS: usize = 60;

/// Nothing moves by more than this: done.
const CONVERGED: f64 = 1e-6;

/// How many pairs' worth of belief the first guess has.
const BELIEF: f64 = 20.0;

/// Equal patterns, counted.
struct Seen {
    outcomes: [u8; SIGNALS],
    rarity: f32,
    times: f64,
}

/// Learns from the pairs to be compared how records of one person agree, from random pairs how those
/// of strangers do, and from both how many pairs are one person.
///
/// A pair that no rule brings together counts as strangers, so the prior is that of all pairs, and a
/// block's condition needs no correction: its pairs agree on the key, and are paid for that by `u`.
pub(crate) fn train(table: &Table<'_>, blocks: &Blocks<'_>, plan: &Plan) -> Model {
    let stride = blocks.pairs().div_ceil(u64::from(plan.training_pairs.max(1))).max(1);
    let likely = |comparer: &Comparer<'_>| {
        counted(&blocks.visit(|a, b| {
            let chosen =
                scramble(plan.seed ^ (u64::from(a) << 32 | u64::from(b))).is_multiple_of(stride);
            chosen.then(|| comparer.compare(a, b))
        }))
    };
    let averages = Comparer { table, plan, rarity: Vec::new() };
    let random = counted(&sample(&averages));
    let start = Learnt {
        rates: guess(plan),
        prior: (0.5 / table.len().max(1) as f64).min(0.5),
        possible: table.comparable_pairs().max(1) as f64,
        stride: stride as f64,
    };
    // At first as values are on average. Then how rare a value is can be told, and only strangers'
    // rates stay as they are: they are averages.
    let average = start.learn(plan, Model::average_weights, &likely(&averages), Some(&random));
    let model = average.model(plan);
    let rarity = table.rarity(|field| model.exact_u(field));
    let likely = likely(&Comparer { table, plan, rarity });
    average.learn(plan, Model::weights, &likely, None).model(plan)
}

/// Where the expectation maximisation stands.
struct Learnt {
    rates: Rates,
    prior: f64,
    /// Pairs that may be one person.
    possible: f64,
    /// One in so many compared pairs is learnt from.
    stride: f64,
}

impl Learnt {
    fn model(&self, plan: &Plan) -> Model {
        Model::new(plan, self.prior, &self.rates)
    }

    fn learn(
        mut self,
        plan: &Plan,
        weights: impl Fn(&Model) -> Weights,
        likely: &[Seen],
        random: Option<&[Seen]>,
    ) -> Self {
        let guess = guess(plan);
        let orders = orders(plan);
        for _ in 0..ITERATIONS {
            let weights = weights(&self.model(plan));
            let (same, matches) = rates_of(likely, &guess, |seen| belief(&weights, seen));
            let strangers = random
                .map(|random| rates_of(random, &guess, |seen| 1.0 - belief(&weights, seen)).0);
            let mut moved = 0.0_f64;
            for (signal, rates) in self.rates.iter_mut().enumerate() {
                for (outcome, (m, u)) in rates.iter_mut().enumerate() {
                    let new_m = same[signal][outcome].0;
                    // Strangers' values fit in one order as well as in another, and the fit itself
                    // is paid for where they are compared.
                    let new_u = match &strangers {
                        _ if orders.contains(&signal) => 1.0,
                        Some(strangers) => strangers[signal][outcome].1,
                        None => *u,
                    };
                    moved = moved.max((new_m - *m).abs()).max((new_u - *u).abs());
                    (*m, *u) = (new_m, new_u);
                }
            }
            let share = (matches * self.stride + 1e-3) / (self.possible + 2e-3);
            self.prior = share.clamp(1e-15, 0.5);
            if moved < CONVERGED {
                break;
            }
        }
        self
    }
}

fn belief(weights: &Weights, seen: &Seen) -> f64 {
    probability(weights.total(&seen.outcomes, seen.rarity))
}

/// The signals that tell whether values changed places.
fn orders(plan: &Plan) -> Vec<usize> {
    let mut signals = 0;
    let ends = plan.comparisons.iter().filter_map(|comparison| {
        let several = comparison.fields.len() > 1;
        signals += comparison.fields.len() + usize::from(several);
        several.then(|| signals - 1)
    });
    ends.collect()
}

/// The first guess, to which rates fall back where there is nothing to learn from.
fn guess(plan: &Plan) -> Rates {
    let halving = |n: usize, first: f64| {
        let rest = (1.0 - first) / (n.max(2) - 1) as f64;
        (0..n).map(move |place| if place == 0 { first } else { rest })
    };
    signals(plan)
        .iter()
        .map(|(_, outcomes)| {
            let n = outcomes.len();
            let strangers: Vec<_> = halving(n, 0.99).collect();
            halving(n, 0.9).zip(strangers.into_iter().rev()).collect()
        })
        .collect()
}

/// The weighted rates of each outcome, and the sum of weights.
fn rates_of(seen: &[Seen], guess: &Rates, weight: impl Fn(&Seen) -> f64 + Sync) -> (Rates, f64) {
    // Chunks are added up in their order, so that the sums are the same on any number of cores.
    let chunks: Vec<_> = seen.par_chunks(4096).map(|seen| sums(seen, guess, &weight)).collect();
    let mut sum = (vec![Vec::new(); guess.len()], 0.0);
    for (signal, guess) in guess.iter().enumerate() {
        let mut counts = vec![0.0; guess.len() + 1];
        for (chunk, _) in &chunks {
            counts.iter_mut().zip(&chunk[signal]).for_each(|(sum, n)| *sum += n);
        }
        let total = counts[1..].iter().sum::<f64>() + BELIEF;
        sum.0[signal] = counts[1..]
            .iter()
            .zip(guess)
            .map(|(n, (m, u))| ((n + BELIEF * m) / total, (n + BELIEF * u) / total))
            .collect();
    }
    sum.1 = chunks.iter().map(|(_, total)| total).sum();
    sum
}

fn sums(seen: &[Seen], guess: &Rates, weight: impl Fn(&Seen) -> f64) -> (Vec<Vec<f64>>, f64) {
    let mut counts: Vec<_> = guess.iter().map(|outcomes| vec![0.0; outcomes.len() + 1]).collect();
    let mut total = 0.0;
    for seen in seen {
        let weight = weight(seen) * seen.times;
        total += weight;
        for (counts, outcome) in counts.iter_mut().zip(&seen.outcomes) {
            counts[usize::from(*outcome)] += weight;
        }
    }
    (counts, total)
}

fn counted(patterns: &[Pattern]) -> Vec<Seen> {
    let mut seen: Vec<_> =
        patterns.iter().map(|pattern| (pattern.outcomes, pattern.total_rarity())).collect();
    seen.par_sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let runs = seen.chunk_by(|a, b| a.0 == b.0 && a.1.to_bits() == b.1.to_bits());
    runs.filter_map(|run| {
        let (outcomes, rarity) = *run.first()?;
        Some(Seen { outcomes, rarity, times: run.len() as f64 })
    })
    .collect()
}

/// Random pairs, or all where there are few.
fn sample(comparer: &Comparer<'_>) -> Vec<Pattern> {
    let (table, plan) = (comparer.table, comparer.plan);
    let n = table.len() as u32;
    let pattern =
        |a: u32, b: u32| (a < b && table.comparable(a, b)).then(|| comparer.compare(a, b));
    if table.comparable_pairs() <= u64::from(plan.sample) {
        let all = (0..n).into_par_iter();
        return all.flat_map_iter(|a| (a + 1..n).filter_map(move |b| pattern(a, b))).collect();
    }
    // Half of the draws are in the wrong order.
    let draws = (0..u64::from(plan.sample) * 2).into_par_iter();
    let patterns = draws.filter_map(|draw| {
        let draw = scramble(plan.seed.wrapping_add(draw));
        let number = |bits: u64| (((bits & 0xffff_ffff) * u64::from(n)) >> 32) as u32;
        pattern(number(draw), number(draw >> 32))
    });
    patterns.collect()
}

/// `SplitMix64`: evenly spread, and the same everywhere.
pub(crate) fn scramble(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

//! Learns a model from the table itself, without labels: expectation maximisation.

use rayon::prelude::*;

use super::blocking::Blocks;
use super::compare::{Pattern, SIGNALS, compare, signals};
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
    let all = table.comparable_pairs().max(1) as f64;
    let compared = blocks.pairs();
    let stride = compared.div_ceil(u64::from(plan.training_pairs.max(1))).max(1);
    let likely = blocks.visit(|a, b| {
        let chosen = scramble(plan.seed ^ (u64::from(a) << 32 | u64::from(b))) % stride == 0;
        chosen.then(|| compare(table, plan, a, b))
    });
    let likely = counted(likely);
    let random = counted(sample(table, plan));

    let guess = guess(plan);
    let mut rates = guess.clone();
    let mut prior = (0.5 / table.len().max(1) as f64).min(0.5);
    let mut model = Model::new(plan, prior, &rates);
    for _ in 0..ITERATIONS {
        let weights = model.weights();
        let (same, matches) = rates_of(&likely, &guess, |seen| belief(&weights, seen));
        let (strangers, _) = rates_of(&random, &guess, |seen| 1.0 - belief(&weights, seen));
        let mut moved = 0.0_f64;
        for (signal, rates) in rates.iter_mut().enumerate() {
            let is_order = plan_order(plan, signal);
            for (outcome, (m, u)) in rates.iter_mut().enumerate() {
                let new = (same[signal][outcome].0, strangers[signal][outcome].1);
                // Strangers' values fit in one order as well as in another, and the fit itself is
                // paid for where they are compared.
                let new = if is_order { (new.0, 1.0) } else { new };
                moved = moved.max((new.0 - *m).abs()).max((new.1 - *u).abs());
                (*m, *u) = new;
            }
        }
        prior = ((matches * stride as f64 + 1e-3) / (all + 2e-3)).clamp(1e-15, 0.5);
        model = Model::new(plan, prior, &rates);
        if moved < CONVERGED {
            break;
        }
    }
    model
}

fn belief(weights: &Weights, seen: &Seen) -> f64 {
    probability(weights.total(&seen.outcomes, seen.rarity))
}

fn plan_order(plan: &Plan, signal: usize) -> bool {
    let mut next = 0;
    plan.comparisons.iter().any(|comparison| {
        next += comparison.fields.len();
        let order = comparison.fields.len() > 1;
        next += usize::from(order);
        order && next == signal + 1
    })
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

fn counted(patterns: Vec<Pattern>) -> Vec<Seen> {
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
fn sample(table: &Table<'_>, plan: &Plan) -> Vec<Pattern> {
    let n = table.len() as u64;
    let matching =
        |a: u32, b: u32| (a < b && table.comparable(a, b)).then(|| compare(table, plan, a, b));
    if table.comparable_pairs() <= u64::from(plan.sample) {
        let all = 0..n as u32;
        return all
            .into_par_iter()
            .flat_map_iter(|a| (a + 1..n as u32).filter_map(move |b| matching(a, b)))
            .collect();
    }
    // Half of the pairs drawn are in the wrong order; of two clean sources half again are inside one.
    let draws = 0..u64::from(plan.sample) * 2;
    draws
        .into_par_iter()
        .filter_map(|draw| {
            let draw = scramble(plan.seed.wrapping_add(draw));
            matching((draw % n) as u32, ((draw >> 32) % n) as u32)
        })
        .collect()
}

/// SplitMix64: evenly spread, and the same everywhere.
pub(crate) fn scramble(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

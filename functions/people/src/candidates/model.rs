//! What has been learnt: how often records of one person, and of strangers, reach each level.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::compare::{SIGNALS, signals};
use super::person::Field;
use super::plan::Plan;

/// A trained model: the plan and its parameters. Serialise it to say later why a pair was found.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Model {
    /// Hash of everything below.
    pub version: SmolStr,
    /// What is compared and how.
    pub plan: Plan,
    /// Log2 of the odds that two records taken at random are one person.
    pub prior_bits: f64,
    /// What each field's outcome says.
    pub signals: Vec<Signal>,
}

/// One field's evidence, or that of values that changed places.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Signal {
    /// Name of the field, or of the group.
    pub name: String,
    /// Its levels from the best down. An absent value is none of them: it says nothing.
    pub outcomes: Vec<Outcome>,
}

/// One level of one field.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Outcome {
    /// The level.
    pub name: String,
    /// How often records of one person reach it.
    pub m: f64,
    /// How often records of strangers reach it.
    pub u: f64,
    /// What it adds to the weight, before term frequencies; never more than a better level adds.
    pub bits: f64,
}

/// `m` and `u` of every outcome but silence.
pub(crate) type Rates = Vec<Vec<(f64, f64)>>;

impl Model {
    pub(crate) fn new(plan: &Plan, prior: f64, rates: &Rates) -> Self {
        let signals = signals(plan).into_iter().zip(rates).map(|((name, outcomes), rates)| {
            let rates: Vec<_> = rates.iter().map(|(m, u)| (rounded(*m), rounded(*u))).collect();
            let bits = monotone_bits(&rates);
            let outcomes = outcomes.into_iter().zip(rates).zip(bits);
            Signal {
                name,
                outcomes: outcomes
                    .map(|((name, (m, u)), bits)| Outcome { name, m, u, bits: rounded(bits) })
                    .collect(),
            }
        });
        let mut model = Self {
            version: SmolStr::default(),
            plan: plan.clone(),
            prior_bits: rounded((prior / (1.0 - prior)).log2()),
            signals: signals.collect(),
        };
        model.version = model.computed_version();
        model
    }

    /// The version that these parameters have: differs from `version` if somebody changed them.
    pub fn computed_version(&self) -> SmolStr {
        let parameters = serde_json::to_vec(&(&self.plan, self.prior_bits, &self.signals));
        let hash = Sha256::digest(parameters.unwrap_or_default());
        let mut version = String::from("fs-");
        for byte in hash.iter().take(6) {
            // Writing to a string cannot fail.
            let _ = write!(version, "{byte:02x}");
        }
        version.into()
    }

    /// Weights of patterns whose rarity is known.
    pub(crate) fn weights(&self) -> Weights {
        let mut weights = self.average_weights();
        // Agreeing exactly counts for as much as this value is rare, not as values are on average.
        for (bits, signal) in weights.bits.iter_mut().zip(&self.signals) {
            if let Some((bits, exact)) = bits.get_mut(1).zip(signal.outcomes.first()) {
                *bits += exact.u.log2();
            }
        }
        weights
    }

    /// Weights of patterns whose rarity is not known.
    pub(crate) fn average_weights(&self) -> Weights {
        let bits = |signal: &Signal| {
            let outcomes = signal.outcomes.iter().map(|outcome| outcome.bits);
            std::iter::once(0.0).chain(outcomes).collect()
        };
        Weights { prior: self.prior_bits, bits: self.signals.iter().map(bits).collect() }
    }

    /// How often strangers have the same value in a field.
    pub(crate) fn exact_u(&self, field: Field) -> f64 {
        let signal = self.signals.iter().find(|signal| signal.name == field.name());
        signal.and_then(|signal| signal.outcomes.first()).map_or(1.0, |exact| exact.u)
    }
}

/// The model as needed for scoring.
pub(crate) struct Weights {
    pub(crate) prior: f64,
    bits: Vec<Vec<f64>>,
}

impl Weights {
    /// What a signal adds.
    pub(crate) fn signal(&self, signal: usize, outcome: u8, rarity: f32) -> f64 {
        self.bits[signal][usize::from(outcome)] + f64::from(rarity)
    }

    /// The log2 of the odds.
    pub(crate) fn total(&self, outcomes: &[u8; SIGNALS], rarity: f32) -> f64 {
        let signals = self.bits.iter().zip(outcomes);
        let bits: f64 = signals.map(|(bits, outcome)| bits[usize::from(*outcome)]).sum();
        self.prior + bits + f64::from(rarity)
    }
}

/// The probability of log2 odds.
pub(crate) fn probability(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits).exp2())
}

/// Log2(m/u) of each level, where levels in the wrong order are taken together.
fn monotone_bits(rates: &[(f64, f64)]) -> Vec<f64> {
    let mut runs: Vec<(f64, f64, usize)> = Vec::new();
    for (m, u) in rates {
        runs.push((*m, *u, 1));
        while let [.., (m, u, _), (m2, u2, _)] = runs[..]
            && m2 * u > m * u2
        {
            let (m2, u2, n2) = runs.pop().unwrap_or_default();
            if let Some((m, u, n)) = runs.last_mut() {
                (*m, *u, *n) = (*m + m2, *u + u2, *n + n2);
            }
        }
    }
    runs.into_iter().flat_map(|(m, u, n)| std::iter::repeat_n((m / u).log2(), n)).collect()
}

/// Nine decimals are exact in JSON, so a model read again has the same version.
fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_better_level_never_weighs_less(rates in prop::collection::vec((1e-6..1.0, 1e-6..1.0), 1..8)) {
            let bits = monotone_bits(&rates);
            prop_assert_eq!(bits.len(), rates.len());
            prop_assert!(bits.windows(2).all(|pair| pair[0] >= pair[1] - 1e-9), "{:?}", bits);
        }
    }
}

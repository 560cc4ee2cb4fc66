//! How a deployment recognises people: its settings and its secret.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::{
    Evidence, IdentifierKey, IdentityConfig, IdentityKey, Ranks, SolveConfig, evidence_of,
};
use crate::error::Invalid;
use crate::pseudonym::Pseudonyms;
use crate::schema::{Namespace, PersonRecord, Provenance};

/// Identifiers of one record that count: the strongest. All of them are written in one transaction of 100 actions.
const MOST_CLUES: usize = 90;

/// The table `[identity]` of the settings.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentitySettings {
    /// The number of `identity_key`, greater by one with each new secret; 1 when absent.
    pub key_number: Option<u32>,
    /// What ids mean, and what is no evidence.
    pub evidence: IdentityConfig,
    /// How far a person may grow.
    pub rules: SolveConfig,
    /// Which sources are believed first.
    pub trust: Ranks,
    /// The probability above which records that only look alike are joined, where no rule forbids it; never when absent.
    #[serde(deserialize_with = "likely")]
    pub join_candidates_above: Option<f64>,
}

/// A threshold below a half would join whoever is more likely somebody else.
fn likely<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let probability = f64::deserialize(deserializer)?;
    if (0.5..1.0).contains(&probability) {
        return Ok(Some(probability));
    }
    Err(D::Error::custom(
        "join_candidates_above: write a probability from 0.5 to 0.9999, such as 0.99",
    ))
}

/// How a deployment recognises people.
#[derive(Debug, Clone)]
pub struct Recognition {
    /// The settings.
    pub settings: IdentitySettings,
    key: IdentityKey,
}

impl Recognition {
    /// These settings, with the deployment's secret.
    pub fn new(settings: IdentitySettings, pseudonyms: Pseudonyms) -> Self {
        let key = IdentityKey::new(settings.key_number.unwrap_or(1), pseudonyms);
        Self { settings, key }
    }

    /// What a record says about who it is.
    pub fn evidence(
        &self,
        provenance: &Provenance,
        record: &PersonRecord,
    ) -> Result<Evidence, Invalid> {
        let mut evidence = evidence_of(provenance, record, &self.settings.evidence, &self.key)?;
        if evidence.clues.len() > MOST_CLUES {
            let count = evidence.clues.len();
            tracing::warn!(
                record = provenance.record_key.as_str(),
                identifiers = count,
                "only the strongest identifiers of a record count"
            );
            evidence.clues.sort_by_key(|clue| (clue.tier, clue.key));
            evidence.clues.truncate(MOST_CLUES);
            evidence.clues.sort_by_key(|clue| clue.key);
        }
        Ok(evidence)
    }

    /// The key of a normalised value that means the same in every connection, such as an address.
    pub fn identifier(&self, namespace: Namespace, value: &str) -> Result<IdentifierKey, Invalid> {
        self.key.of(namespace, value)
    }
}

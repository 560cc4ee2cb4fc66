//! What a person agreed to, where several records say something about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::schema::{Channel, Consent, ConsentState, Provenance, Purpose, RecordKey, Timestamp};

/// What a decision is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConsentKey {
    /// The normalised contact point; none for a decision about the whole person.
    pub contact_point: Option<String>,
    /// The channel.
    pub channel: Channel,
    /// The purpose.
    pub purpose: Purpose,
}

/// What holds, and who says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The state that holds.
    pub state: ConsentState,
    /// Since when.
    pub effective_at: Timestamp,
    /// The record of the person through which it was said.
    pub record_key: RecordKey,
    /// The states that other records have, the restrictive ones first.
    pub others: Vec<(ConsentState, RecordKey)>,
}

impl Decision {
    /// Whether records contradict each other: one agreed and one refused.
    pub fn is_conflict(&self) -> bool {
        let mut others = self.others.iter();
        self.state == ConsentState::OptOut && others.any(|other| other.0 == ConsentState::OptIn)
    }
}

/// What holds at `now` for each contact point, channel and purpose; the order of the rows does not matter.
///
/// What one record says changes over time, and its latest decision counts; at the same instant, the restrictive one. Where
/// records disagree, the restrictive state holds, however old. A decision that has expired says nothing.
///
/// Consent hangs on the contact point: hand over every row about the person's contact points, whichever records they came
/// through, so that a split resurrects no consent.
pub fn consents<'a>(
    rows: impl IntoIterator<Item = (&'a Provenance, &'a Consent)>,
    now: Timestamp,
) -> BTreeMap<ConsentKey, Decision> {
    type Latest = (Timestamp, u8, ConsentState, Option<Timestamp>);
    let mut latest: BTreeMap<(ConsentKey, &RecordKey), Latest> = BTreeMap::new();
    for (provenance, consent) in rows {
        if provenance.deleted || consent.effective_at > now {
            continue;
        }
        let record = provenance.subject_key.as_ref().unwrap_or(&provenance.record_key);
        let (state, at) = (consent.state, consent.effective_at);
        // A decision without end outlasts one that ends, of the same instant and state.
        let decided = (at, restriction(state), state, consent.expires_at);
        let held = latest.entry((ConsentKey::of(consent), record)).or_insert(decided);
        let rank = |latest: &Latest| (latest.0, latest.1, latest.3.is_none(), latest.3);
        if rank(&decided) > rank(held) {
            *held = decided;
        }
    }
    let mut decided: BTreeMap<ConsentKey, Vec<(u8, Timestamp, &RecordKey, ConsentState)>> =
        BTreeMap::new();
    for ((key, record), (at, restriction, state, expires_at)) in latest {
        if expires_at.is_none_or(|end| end > now) {
            decided.entry(key).or_default().push((restriction, at, record, state));
        }
    }
    decided.into_iter().filter_map(|(key, said)| Some((key, Decision::of(said)?))).collect()
}

/// The state that holds for one contact point: a decision about the whole person restricts it too.
pub fn effective(decisions: &BTreeMap<ConsentKey, Decision>, key: &ConsentKey) -> ConsentState {
    let person = ConsentKey { contact_point: None, ..key.clone() };
    let states = [key, &person].into_iter().filter_map(|key| decisions.get(key));
    let states = states.map(|decision| decision.state);
    states.max_by_key(|&state| restriction(state)).unwrap_or_default()
}

impl ConsentKey {
    fn of(consent: &Consent) -> Self {
        Self {
            contact_point: consent.contact_point.clone(),
            channel: consent.channel,
            purpose: consent.purpose,
        }
    }
}

impl Decision {
    fn of(mut said: Vec<(u8, Timestamp, &RecordKey, ConsentState)>) -> Option<Self> {
        said.sort_unstable_by(|a, b| b.cmp(a));
        let (&(_, effective_at, record, state), others) = said.split_first()?;
        Some(Self {
            state,
            effective_at,
            record_key: record.clone(),
            others: others.iter().map(|other| (other.3, other.2.clone())).collect(),
        })
    }
}

/// Greater is more restrictive; a source that does not know restricts nothing.
fn restriction(state: ConsentState) -> u8 {
    match state {
        ConsentState::OptOut => 3,
        ConsentState::Pending => 2,
        ConsentState::OptIn => 1,
        ConsentState::Unknown => 0,
    }
}

//! The truth of a simulated company in the hub's words: whose each landed record is, and how well that was found out.
//!
//! Each connection bears the name of its source, as in the demo.

use std::collections::{BTreeMap, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use shared::error::{Error, Invalid};
use shared::identity::{Evidence, IdentifierKey, Partition, People, SolveConfig, solve};
use shared::pseudonym::Pseudonyms;
use shared::schema::{Namespace, RecordKey, normalise_email};
use simulator::score::{Judged, Score};
use simulator::{RecordName, Simulator, Whose};
use uuid::Uuid;

/// Walks under way at the same time.
const CONCURRENCY: usize = 8;

/// The true person of each record, as an index; records that are nobody's are missing.
pub type Truth = HashMap<RecordKey, usize>;

/// The keys under which the company's records land, each with its person.
pub fn truth(simulator: &Simulator, pseudonyms: &Pseudonyms) -> Result<Truth, Invalid> {
    let of = |Whose { source, object, name, person }| {
        let id = match name {
            RecordName::Id(id) => id,
            RecordName::Address(text) => {
                let address = normalise_email(&text).unwrap_or(text);
                pseudonyms.of(Namespace::Email, &address)?
            }
            RecordName::Author(name) => pseudonyms.of(Namespace::SocialHandle, &name)?,
        };
        Ok::<_, Invalid>((RecordKey::new(source, source, object, &id), person))
    };
    simulator.whose().into_iter().map(of).collect()
}

/// What is known of records, and whose they were found to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The evidence of each record.
    pub evidence: BTreeMap<RecordKey, Evidence>,
    /// The id of the person of each record that is not deleted.
    pub people: BTreeMap<RecordKey, Uuid>,
}

impl Found {
    /// What a solve of all the evidence says.
    pub fn in_batch(evidence: Vec<Evidence>, rules: &SolveConfig) -> (Self, Partition) {
        let partition = solve(&evidence, &[], rules);
        let mut found = Self::default();
        found.add(evidence, &partition);
        (found, partition)
    }

    /// What a look-up says, made for each of these groups of records.
    pub async fn live(
        people: &People,
        groups: impl IntoIterator<Item = Vec<RecordKey>>,
    ) -> Result<Self, Error> {
        let found = stream::iter(groups)
            .map(async |records| Ok::<_, Error>((people.around(records.clone()).await?, records)))
            .buffer_unordered(CONCURRENCY)
            .try_fold(Self::default(), async |mut found, (around, records)| {
                let partition = around.solve(people.rules());
                let asked = |evidence: &Evidence| records.contains(&evidence.record_key);
                let evidence = around.evidence.into_iter().filter(asked).collect();
                found.add(evidence, &partition);
                Ok(found)
            });
        found.await
    }

    fn add(&mut self, evidence: Vec<Evidence>, partition: &Partition) {
        let people = partition.by_record();
        for evidence in evidence {
            let record = evidence.record_key.clone();
            if let Some(person) = people.get(&record) {
                self.people.insert(record.clone(), person.person_id);
            }
            self.evidence.insert(record, evidence);
        }
    }

    /// The records whose true person is known, each beside what became of it.
    pub fn judged(&self, truth: &Truth) -> (Vec<&RecordKey>, Vec<Judged<IdentifierKey>>) {
        let mut numbers: HashMap<Uuid, usize> = HashMap::new();
        let known = self.people.iter().filter_map(|(record, id)| {
            let next = numbers.len();
            let found = *numbers.entry(*id).or_insert(next);
            let person = *truth.get(record)?;
            let clues = self.evidence[record].clues.iter().map(|clue| clue.key).collect();
            Some((record, Judged { person, found, clues }))
        });
        known.unzip()
    }

    /// How well it was found out.
    pub fn score(&self, truth: &Truth) -> Score {
        Score::of(&self.judged(truth).1)
    }
}

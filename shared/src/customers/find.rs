//! From an identifier to the people who carry it.

use std::collections::BTreeSet;

use super::view::written;
use super::{Answer, Customers, Found, Lookup};
use crate::error::Error;
use crate::identity::{IdentifierKey, Partition, Person, survivors};
use crate::schema::RecordKey;

impl Customers {
    /// The people that a lookup leads to; none if nobody is known by it.
    pub async fn find(&self, lookup: &Lookup) -> Result<Answer, Error> {
        let mut reads = usize::from(!matches!(lookup, Lookup::Record(_)));
        let mut identifier = None;
        let (records, too_many) = match lookup {
            Lookup::Record(key) => (vec![key.clone()], false),
            Lookup::Person(person) => {
                (self.people.record_of(*person).await?.into_iter().collect(), false)
            }
            Lookup::Identifier(namespace, value) => {
                let key = self
                    .recognition
                    .identifier(*namespace, value)
                    .map_err(|invalid| Error::Config(invalid.to_string()))?;
                identifier = Some(key);
                let mut carriers = self.people.carriers(&key).await?;
                carriers.records.truncate(self.people.rules().most_records);
                (carriers.records, carriers.too_many)
            }
        };
        let surroundings = self.people.around(records.iter().cloned()).await?;
        let partition = surroundings.solve(self.people.rules());
        reads += surroundings.reads;
        let recognises_nobody = |key: IdentifierKey| {
            surroundings.shared.contains(&key) || partition.shared.contains(&key)
        };
        let shared = too_many || identifier.is_some_and(recognises_nobody);
        let (people, read) = self.described(holders(&partition, &records)).await?;
        Ok(Answer { people, shared, reads: reads + read })
    }

    /// These people with their names; and how many items were read for it.
    pub(super) async fn described(
        &self,
        people: Vec<&Person>,
    ) -> Result<(Vec<Found>, usize), Error> {
        let records: Vec<RecordKey> =
            people.iter().flat_map(|person| person.records.iter().cloned()).collect();
        let rows = self.newest(&records).await?;
        let found = people.into_iter().map(|person| {
            let members = rows.members(&person.records);
            let known = survivors(&members, &self.recognition.settings.trust);
            Found {
                person_id: person.person_id,
                name: known.name.value().and_then(written),
                confidence: person.confidence(),
                record_keys: person.records.clone(),
            }
        });
        Ok((found.collect(), rows.reads))
    }
}

/// The people who hold these records, each once, in the order of their ids.
pub(super) fn holders<'p>(partition: &'p Partition, records: &[RecordKey]) -> Vec<&'p Person> {
    let ids: BTreeSet<_> = records
        .iter()
        .filter_map(|record| partition.person_of(record))
        .map(|person| person.person_id)
        .collect();
    let mut people: Vec<&Person> =
        partition.people.iter().filter(|person| ids.contains(&person.person_id)).collect();
    people.sort_unstable_by_key(|person| person.person_id);
    people
}

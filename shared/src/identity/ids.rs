//! Ids of people that follow from their records, so that a former id needs no history.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::Partition;
use crate::schema::RecordKey;

/// The namespace of the version 5 UUIDs of people; never changed, for every id follows from it.
const PEOPLE: Uuid = Uuid::from_u128(0x2a6f_0f5c_8d0e_5b39_9c57_61d4_41b3_7e10);

/// The id of the person whose oldest record this is.
///
/// Every record has such an id, and a person's id is the one of its anchor. So whoever keeps the ids of all records beside
/// the records can resolve every id that a person ever had: it is the id of a record, and the record belongs to one person
/// now. After a merge both ids lead to the one person; after a split each leads to the person who holds its record. Only
/// when the anchor itself is deleted does an id need to be written down once, see [`aliases`].
pub fn person_id_of(record: &RecordKey) -> Uuid {
    Uuid::new_v5(&PEOPLE, record.as_str().as_bytes())
}

/// Where each person id that vanished leads now: to the person who holds its anchor, else the first of its other records
/// that is left. An id of which no record is left leads nowhere: that person was erased.
pub fn aliases(before: &Partition, after: &Partition) -> BTreeMap<Uuid, Uuid> {
    let holders = after.by_record();
    let present: HashSet<Uuid> = after.people.iter().map(|person| person.person_id).collect();
    let gone = before.people.iter().filter(|person| !present.contains(&person.person_id));
    gone.filter_map(|person| {
        let mut records = std::iter::once(&person.anchor).chain(&person.records);
        let holder = records.find_map(|record| holders.get(record))?;
        Some((person.person_id, holder.person_id))
    })
    .collect()
}

//! What must hold for identity resolution, case by case and as laws.

mod alike;
mod cases;
mod laws;
mod names;
mod rulings;
mod survival;

use super::*;
use crate::pseudonym::Pseudonyms;
use crate::schema::{
    Identifier, Namespace, PersonName, PersonRecord, Provenance, RecordKey, Sha256, Timestamp,
};

pub(super) use Namespace::{Email, External, Phone};

/// The deployment key of the tests.
pub(super) fn key() -> IdentityKey {
    IdentityKey::new(1, Pseudonyms::new("secret of the tests".into()))
}

/// Where an invented record came from; `at` seconds after 1970.
pub(super) fn provenance(record: &str, at: i64) -> Provenance {
    let record_key: RecordKey = record.parse().unwrap();
    let at = Timestamp::from_unix_seconds(at).unwrap();
    Provenance {
        source: record_key.source().into(),
        connection_id: record_key.connection().into(),
        source_object: record_key.object().into(),
        source_id: record_key.id().into_owned(),
        record_key,
        source_version: at.as_micros(),
        source_updated_at: Some(at),
        occurred_at: None,
        received_at: at,
        ingested_at: at,
        raw_key: "raw#0".into(),
        mapper_version: 1,
        schema_version: 1,
        content_sha256: Sha256::default(),
        deleted: false,
        subject_key: None,
    }
}

/// A person record with a name in one field and these identifiers.
pub(super) fn person(name: &str, ids: &[(Namespace, &str)]) -> PersonRecord {
    let full = if name.is_empty() { None } else { Some(name.to_owned()) };
    let identifiers = ids.iter().map(|&(namespace, value)| Identifier::new(namespace, value));
    PersonRecord {
        name: PersonName { full: full.into(), ..PersonName::default() },
        identifiers: identifiers.collect(),
        ..PersonRecord::default()
    }
}

/// The evidence of such a record, created as many seconds after 1970 as its id says.
pub(super) fn said(record: &str, name: &str, ids: &[(Namespace, &str)]) -> Evidence {
    said_with(&IdentityConfig::default(), record, name, ids)
}

pub(super) fn said_with(
    config: &IdentityConfig,
    record: &str,
    name: &str,
    ids: &[(Namespace, &str)],
) -> Evidence {
    let provenance = provenance(record, 0);
    let mut record = person(name, ids);
    let id: Option<i64> = provenance.source_id.parse().ok();
    record.created_at = id.and_then(|id| Timestamp::from_unix_seconds(id).ok());
    evidence_of(&provenance, &record, config, &key()).unwrap()
}

pub(super) fn solved(evidence: &[Evidence]) -> Partition {
    solve(evidence, &[], &SolveConfig::default())
}

/// The people as lists of record keys.
pub(super) fn people(partition: &Partition) -> Vec<Vec<&str>> {
    let people = partition.people.iter();
    people.map(|person| person.records.iter().map(RecordKey::as_str).collect()).collect()
}

pub(super) fn reasons(partition: &Partition) -> Vec<Reason> {
    partition.candidates.iter().map(|candidate| candidate.reason).collect()
}

//! The rows that come of a solve: those of the tables `person_links`, `people` and `person_candidates`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use people::candidates;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::identity::{Candidate, Member, Partition, Person, Ranks, survivors};
use shared::schema::{
    ContactType, Known, PersonName, PersonRecord, Provenance, RecordKey, Timestamp,
};
use uuid::Uuid;

/// What is read of a record: where it came from, and what it says about who it is.
pub(crate) const COLUMNS: &[&str] = &[
    "record_key",
    "source",
    "connection_id",
    "source_object",
    "source_id",
    "source_version",
    "source_updated_at",
    "received_at",
    "ingested_at",
    "raw_key",
    "content_sha256",
    "deleted",
    "party_type",
    "name",
    "birth_date",
    "language",
    "time_zone",
    "identifiers",
    "contact_points",
    "account_key",
    "created_at",
];

/// A record of the table.
pub(crate) struct Record {
    pub(crate) provenance: Provenance,
    pub(crate) person: PersonRecord,
}

impl Record {
    /// Reads a row of the table `person_record` in JSON, with at least the [`COLUMNS`] that it has.
    pub(crate) fn read(row: &RawValue) -> Result<Self, serde_json::Error> {
        let (provenance, person) =
            (serde_json::from_str(row.get())?, serde_json::from_str(row.get())?);
        Ok(Self { provenance, person })
    }
}

/// A row of `person_links`.
#[derive(Serialize)]
pub(crate) struct Link<'a> {
    record_key: &'a RecordKey,
    person_id: Uuid,
    anchor_key: &'a RecordKey,
    source: String,
    connection_id: String,
    confidence: u8,
    resolved_at: Timestamp,
}

/// Whose record each is.
pub(crate) fn links(partition: &Partition, resolved_at: Timestamp) -> Vec<Link<'_>> {
    let links = partition.people.iter().flat_map(|person| {
        person.records.iter().map(move |record_key| Link {
            record_key,
            person_id: person.person_id,
            anchor_key: &person.anchor,
            source: record_key.source().into_owned(),
            connection_id: record_key.connection().into_owned(),
            confidence: person.confidence(),
            resolved_at,
        })
    });
    links.collect()
}

/// A row of `people`.
#[derive(Serialize)]
pub(crate) struct PersonRow {
    person_id: Uuid,
    records: usize,
    confidence: u8,
    full_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    birth_date: Option<String>,
    language: Option<String>,
    time_zone: Option<String>,
    party_type: Option<String>,
    account_key: Option<String>,
    emails: BTreeSet<String>,
    phones: BTreeSet<String>,
    households: Vec<String>,
    resolved_at: Timestamp,
}

/// What is known of each person; `records` are those of all of them.
pub(crate) fn people(
    partition: &Partition,
    records: &HashMap<&RecordKey, &Record>,
    trust: &Ranks,
    resolved_at: Timestamp,
) -> Vec<PersonRow> {
    let mut households: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    for household in &partition.households {
        for person in &household.people {
            households.entry(*person).or_default().push(household.via.to_string());
        }
    }
    let row = |person: &Person| {
        let members = person.records.iter().filter_map(|key| records.get(key));
        let members: Vec<Member<'_>> = members
            .map(|record| Member { provenance: &record.provenance, record: &record.person })
            .collect();
        let known = survivors(&members, trust);
        let name = known.name.value();
        let part = |part: fn(&PersonName) -> &Known<String>| {
            name.and_then(|name| part(name).value().cloned())
        };
        let reached = |kind: ContactType| {
            let points = known.contact_points.iter().filter(|point| point.value.r#type == kind);
            points.filter_map(|point| point.value.normalised.clone()).collect()
        };
        PersonRow {
            person_id: person.person_id,
            records: person.records.len(),
            confidence: person.confidence(),
            full_name: part(|name| &name.full).or_else(|| name.and_then(written_out)),
            given_name: part(|name| &name.given),
            family_name: part(|name| &name.family),
            birth_date: known.birth_date.value().map(ToString::to_string),
            language: known.language.value().map(ToString::to_string),
            time_zone: known.time_zone.value().cloned(),
            party_type: known.party_type.value().map(ToString::to_string),
            account_key: known.account_key.value().map(ToString::to_string),
            emails: reached(ContactType::Email),
            phones: reached(ContactType::Phone),
            households: households.get(&person.person_id).cloned().unwrap_or_default(),
            resolved_at,
        }
    };
    partition.people.iter().map(row).collect()
}

/// The parts of a name that is kept in parts, as one.
fn written_out(name: &PersonName) -> Option<String> {
    let parts = [&name.given, &name.family].into_iter().filter_map(|part| part.value());
    let parts: Vec<&str> = parts.map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A row of `person_candidates`.
#[derive(Serialize)]
pub(crate) struct Doubt {
    record_key: String,
    other_key: String,
    namespace: Option<String>,
    pub(crate) reason: String,
    tier: u8,
    bits: Option<f64>,
    probability: Option<f64>,
    model: Option<String>,
    resolved_at: Timestamp,
}

/// The tier of pairs that only look alike.
const LIKELY: u8 = 4;
/// The reason of pairs that nothing but their likeness speaks for.
pub(crate) const ALIKE: &str = "alike";

/// What may be one person and was not joined: what the rules refused, then what only looks alike.
pub(crate) fn doubts(
    partition: &Partition,
    likely: &[candidates::Candidate],
    resolved_at: Timestamp,
) -> Vec<Doubt> {
    let found: HashMap<(&str, &str), &candidates::Candidate> =
        likely.iter().map(|pair| ((pair.a.as_str(), pair.b.as_str()), pair)).collect();
    let of = |refused: &Candidate| {
        let pair = found.get(&(refused.one.as_str(), refused.other.as_str()));
        pair.copied().filter(|_| refused.strength.tier == LIKELY)
    };
    let mut doubts: Vec<Doubt> = partition
        .candidates
        .iter()
        .map(|refused| Doubt {
            record_key: refused.one.to_string(),
            other_key: refused.other.to_string(),
            namespace: refused.via.map(|via| via.namespace.to_string()),
            reason: refused.reason.as_str().to_owned(),
            tier: refused.strength.tier,
            bits: of(refused).map(|pair| pair.bits),
            probability: of(refused).map(|pair| pair.probability),
            model: of(refused).map(|pair| pair.model.to_string()),
            resolved_at,
        })
        .collect();
    let refused: BTreeSet<(&str, &str)> = partition
        .candidates
        .iter()
        .filter(|refused| refused.strength.tier == LIKELY)
        .map(|refused| (refused.one.as_str(), refused.other.as_str()))
        .collect();
    let by_record = partition.by_record();
    let person = |key: &str| Some(by_record.get(&key.parse::<RecordKey>().ok()?)?.person_id);
    let open = likely.iter().filter(|pair| {
        !refused.contains(&(pair.a.as_str(), pair.b.as_str())) && person(&pair.a) != person(&pair.b)
    });
    doubts.extend(open.map(|pair| Doubt {
        record_key: pair.a.to_string(),
        other_key: pair.b.to_string(),
        namespace: None,
        reason: ALIKE.to_owned(),
        tier: LIKELY,
        bits: Some(pair.bits),
        probability: Some(pair.probability),
        model: Some(pair.model.to_string()),
        resolved_at,
    }));
    doubts
}

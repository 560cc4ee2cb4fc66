//! `tributary resolve`: who is who by all the tables, beside the live answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use lake::Place;
use people::candidates::{self, Plan};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock;
use shared::identity::{
    Candidate, Evidence, Member, Partition, People, Person, Ranks, Recognition, solve, survivors,
};
use shared::schema::{
    ContactType, Known, PersonName, PersonRecord, Provenance, RecordKey, Timestamp,
};
use uuid::Uuid;

use crate::arguments::{Global, Resolve};
use crate::command::tables::commit;
use crate::display::{grouped, say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

/// What is read of a record: where it came from, and what it says about who it is.
const COLUMNS: &[&str] = &[
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
/// People whose live answer is asked for at a time.
const COMPARED_AT_ONCE: usize = 50;
/// Differences that are shown.
const SHOWN: usize = 20;

pub(crate) async fn run(global: &Global, resolve: &Resolve) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let resolved = all(global, resolve, &session).await;
    session.close().await;
    resolved
}

/// A record of the table.
struct Record {
    provenance: Provenance,
    person: PersonRecord,
}

/// What came of it, for people and machines.
#[derive(Serialize)]
struct Outcome {
    records: usize,
    people: usize,
    households: usize,
    refused: usize,
    likely: usize,
    shared_identifiers: usize,
    overflowed_identifiers: usize,
    solve_seconds: f64,
    compared: usize,
    differences: Vec<Difference>,
}

/// A person whom the tables and the live answer see differently.
#[derive(Serialize)]
struct Difference {
    person_id: Uuid,
    in_tables: Vec<RecordKey>,
    live: Vec<Vec<RecordKey>>,
}

async fn all(global: &Global, resolve: &Resolve, session: &Session) -> Result<Exit, Failure> {
    let landing = session.hub.landing();
    let Some(recognition) = landing.recognition() else {
        return Err(Failure::misuse(
            "nobody can be recognised without a secret",
            "name one in the settings: identity_key = { env = \"TRIBUTARY_IDENTITY_KEY\" }",
        ));
    };
    let place = session.lake().await?;
    commit(&place).await?;
    let records = records(&place).await?;
    let rulings = landing.people().all_rulings().await?;
    let started = Instant::now();
    let evidence = evidence(&records, recognition)?;
    let partition = solve(&evidence, &rulings, &recognition.settings.rules);
    let solve_seconds = started.elapsed().as_secs_f64();
    let resolved_at = clock::now();
    let links = links(&partition, resolved_at);
    let by_key: HashMap<&RecordKey, &Record> =
        records.iter().map(|record| (&record.provenance.record_key, record)).collect();
    let likely = if resolve.no_candidates { Vec::new() } else { likely(&records, &partition)? };
    let people = people_rows(&partition, &by_key, &recognition.settings.trust, resolved_at);
    let mut doubts = refused(&partition.candidates, resolved_at);
    doubts.extend(likely.iter().map(|candidate| Doubt::likely(candidate, resolved_at)));
    lake::replace(&place, lake::PERSON_LINKS, &links).await?;
    lake::replace(&place, lake::PEOPLE, &people).await?;
    lake::replace(&place, lake::PERSON_CANDIDATES, &doubts).await?;
    let differences = if resolve.no_compare {
        Vec::new()
    } else {
        differences(&partition, landing.people()).await?
    };
    let outcome = Outcome {
        records: evidence.len(),
        people: partition.people.len(),
        households: partition.households.len(),
        refused: partition.candidates.len(),
        likely: likely.len(),
        shared_identifiers: partition.shared.len(),
        overflowed_identifiers: partition.overflowed.len(),
        solve_seconds,
        compared: if resolve.no_compare { 0 } else { partition.people.len() },
        differences,
    };
    report(global, &outcome)
}

fn report(global: &Global, outcome: &Outcome) -> Result<Exit, Failure> {
    let same = outcome.differences.is_empty();
    if global.json {
        say_json(&json!(outcome))?;
    } else {
        let count = |number: usize| grouped(number as u64);
        say(format!(
            "{} records are {} people in {} households; {} pairs were refused, {} more look alike (table person_candidates)",
            count(outcome.records),
            count(outcome.people),
            count(outcome.households),
            count(outcome.refused),
            count(outcome.likely)
        ));
        for Difference { person_id, in_tables, live } in outcome.differences.iter().take(SHOWN) {
            say(format!("differs: {person_id} has {in_tables:?} in the tables, and live {live:?}"));
        }
        if outcome.compared > 0 && same {
            say(format!("all {} are the same live", count(outcome.compared)));
        }
    }
    if outcome.overflowed_identifiers > 0 {
        tell(&format!(
            "warning: {} identifiers joined far too many records and were left out",
            outcome.overflowed_identifiers
        ));
    }
    if same {
        return Ok(Exit::Success);
    }
    Err(Failure::failed(
        format!(
            "{} people differ between the tables and the live answer",
            outcome.differences.len()
        ),
        "if records landed meanwhile, run it again; after a change of the settings, first `tributary recognise`",
    ))
}

async fn records(place: &Place) -> Result<Vec<Record>, Failure> {
    let mut records = Vec::new();
    let mut unreadable = 0_usize;
    lake::read(place, "person_record", COLUMNS, |row: Box<RawValue>| {
        let provenance = serde_json::from_str(row.get());
        let person = serde_json::from_str(row.get());
        match (provenance, person) {
            (Ok(provenance), Ok(person)) => records.push(Record { provenance, person }),
            _ => unreadable += 1,
        }
    })
    .await?;
    if unreadable > 0 {
        return Err(Failure::failed(
            format!("{unreadable} rows of person_record cannot be read"),
            "they were written by a newer version: update this command",
        ));
    }
    Ok(records)
}

fn evidence(records: &[Record], recognition: &Recognition) -> Result<Vec<Evidence>, Failure> {
    let evidence = records.iter().filter(|record| !record.provenance.deleted).map(|record| {
        recognition
            .evidence(&record.provenance, &record.person)
            .map_err(|invalid| Failure::failed(invalid.to_string(), "check identity_key"))
    });
    evidence.collect()
}

/// A row of `person_links`.
#[derive(Serialize)]
struct Link<'a> {
    record_key: &'a RecordKey,
    person_id: Uuid,
    anchor_key: &'a RecordKey,
    source: String,
    connection_id: String,
    confidence: u8,
    resolved_at: Timestamp,
}

fn links(partition: &Partition, resolved_at: Timestamp) -> Vec<Link<'_>> {
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
struct PersonRow {
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

fn people_rows(
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
struct Doubt {
    record_key: String,
    other_key: String,
    namespace: Option<String>,
    reason: String,
    tier: u8,
    bits: Option<f64>,
    probability: Option<f64>,
    model: Option<String>,
    resolved_at: Timestamp,
}

/// The tier of pairs that only look alike.
const LIKELY: u8 = 4;

impl Doubt {
    fn likely(candidate: &candidates::Candidate, resolved_at: Timestamp) -> Self {
        Self {
            record_key: candidate.a.to_string(),
            other_key: candidate.b.to_string(),
            namespace: None,
            reason: "alike".to_owned(),
            tier: LIKELY,
            bits: Some(candidate.bits),
            probability: Some(candidate.probability),
            model: Some(candidate.model.to_string()),
            resolved_at,
        }
    }
}

fn refused(refused: &[Candidate], resolved_at: Timestamp) -> Vec<Doubt> {
    let doubt = |candidate: &Candidate| Doubt {
        record_key: candidate.one.to_string(),
        other_key: candidate.other.to_string(),
        namespace: candidate.via.map(|via| via.namespace.to_string()),
        reason: candidate.reason.as_str().to_owned(),
        tier: candidate.strength.tier,
        bits: None,
        probability: None,
        model: None,
        resolved_at,
    };
    refused.iter().map(doubt).collect()
}

/// Pairs of different people whose names, dates and addresses look alike.
fn likely(
    records: &[Record],
    partition: &Partition,
) -> Result<Vec<candidates::Candidate>, Failure> {
    let by_record = partition.by_record();
    let living = records.iter().filter(|record| !record.provenance.deleted);
    let table = candidates::People {
        records: living.map(comparable).collect(),
        ..candidates::People::default()
    };
    let found = candidates::candidates(&table, &Plan::default())
        .map_err(|error| Failure::failed(error.to_string(), "this is a bug; please report it"))?;
    let person = |key: &str| Some(by_record.get(&key.parse::<RecordKey>().ok()?)?.person_id);
    let mut pairs = found.candidates;
    pairs.retain(|pair| person(&pair.a) != person(&pair.b));
    Ok(pairs)
}

fn comparable(record: &Record) -> candidates::Person {
    let Record { provenance, person } = record;
    let point =
        |kind: ContactType| person.contact_points.iter().find(move |point| point.r#type == kind);
    let reached = |kind| point(kind).and_then(|point| Some(point.normalised.as_ref()?.into()));
    let address = point(ContactType::Address);
    let text = |field: &Known<String>| field.value().map(Into::into);
    let (given, family) = match (person.name.given.value(), person.name.full.value()) {
        (None, Some(full)) => match full.rsplit_once(' ') {
            Some((given, family)) => (Some(given.into()), Some(family.into())),
            None => (Some(full.into()), None),
        },
        _ => (text(&person.name.given), text(&person.name.family)),
    };
    candidates::Person {
        key: provenance.record_key.as_str().into(),
        source: provenance.connection_id.clone(),
        given,
        family,
        birth_date: person.birth_date.value().map(|date| date.to_string().into()),
        house_number: None,
        lines: address
            .map(|point| point.lines.iter().map(Into::into).collect())
            .unwrap_or_default(),
        locality: address.and_then(|point| text(&point.locality)),
        postal_code: address.and_then(|point| text(&point.postal_code)),
        region: address.and_then(|point| text(&point.region)),
        phone: reached(ContactType::Phone),
        email: reached(ContactType::Email),
    }
}

/// Asks the live answer for every person, some at a time.
async fn differences(partition: &Partition, live: &People) -> Result<Vec<Difference>, Failure> {
    let mut differences = Vec::new();
    for people in partition.people.chunks(COMPARED_AT_ONCE) {
        let records = people.iter().flat_map(|person| person.records.iter().cloned());
        let answer = live.around(records).await?.solve(live.rules());
        let by_record = answer.by_record();
        for person in people {
            let seen: BTreeSet<&Vec<RecordKey>> = person
                .records
                .iter()
                .filter_map(|record| Some(&by_record.get(record)?.records))
                .collect();
            if seen.len() != 1 || seen.first() != Some(&&person.records) {
                differences.push(Difference {
                    person_id: person.person_id,
                    in_tables: person.records.clone(),
                    live: seen.into_iter().cloned().collect(),
                });
            }
        }
    }
    Ok(differences)
}

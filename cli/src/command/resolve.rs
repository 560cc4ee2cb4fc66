//! `tributary resolve`: who is who by all the tables, beside the live answer.

mod alike;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use lake::Place;
use people::candidates;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock;
use shared::identity::{
    Candidate, Evidence, Member, Override, Partition, People, Person, Ranks, Recognition, solve,
    survivors,
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
    /// Pairs that look alike enough to be joined where the rules allow it.
    alike: usize,
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
    let rules = &recognition.settings.rules;
    let (kept, mut rulings): (Vec<Override>, Vec<Override>) =
        landing.people().all_rulings().await?.into_iter().partition(alike::is_alike);
    let started = Instant::now();
    let evidence = evidence(&records, recognition)?;
    let mut partition = solve(&evidence, &rulings, rules);
    let mut solve_seconds = started.elapsed().as_secs_f64();
    let resolved_at = clock::now();
    let likely =
        if resolve.no_candidates { Vec::new() } else { alike::likely(&records, &partition)? };
    let joined = match recognition.settings.join_candidates_above {
        None => Vec::new(),
        Some(threshold) if resolve.no_candidates => alike::still_above(threshold, &kept),
        Some(threshold) => alike::above(threshold, &likely, rules.most_records, resolved_at)?,
    };
    alike::keep(landing, &kept, &joined).await?;
    let alike = joined.len();
    if alike > 0 {
        let started = Instant::now();
        rulings.extend(joined);
        partition = solve(&evidence, &rulings, rules);
        solve_seconds += started.elapsed().as_secs_f64();
    }
    let links = links(&partition, resolved_at);
    let by_key: HashMap<&RecordKey, &Record> =
        records.iter().map(|record| (&record.provenance.record_key, record)).collect();
    let people = people_rows(&partition, &by_key, &recognition.settings.trust, resolved_at);
    let doubts = doubts(&partition, &likely, resolved_at);
    let likely = doubts.iter().filter(|doubt| doubt.reason == ALIKE).count();
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
        likely,
        alike,
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
        if outcome.alike > 0 {
            say(format!(
                "{} pairs look alike enough to be joined where the rules allow it",
                count(outcome.alike)
            ));
        }
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
/// The reason of pairs that nothing but their likeness speaks for.
const ALIKE: &str = "alike";

/// What may be one person and was not joined: what the rules refused, then what only looks alike.
fn doubts(
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

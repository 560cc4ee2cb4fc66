//! `tributary resolve`: who is who by all the tables, beside the live answer.

mod alike;
pub(super) mod rows;

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use lake::Place;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock;
use shared::identity::{Evidence, Override, Partition, People, Recognition, solve};
use shared::schema::RecordKey;
use uuid::Uuid;

pub(super) use self::alike::is_alike;
use self::rows::{COLUMNS, Record};

use crate::arguments::{Global, Resolve};
use crate::command::tables::commit;
use crate::display::{grouped, say, say_json};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

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
    let place = session.lake()?;
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
    let links = rows::links(&partition, resolved_at);
    let by_key: HashMap<&RecordKey, &Record> =
        records.iter().map(|record| (&record.provenance.record_key, record)).collect();
    let people = rows::people(&partition, &by_key, &recognition.settings.trust, resolved_at);
    let doubts = rows::doubts(&partition, &likely, resolved_at);
    let likely = doubts.iter().filter(|doubt| doubt.reason == rows::ALIKE).count();
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
    lake::read(place, "person_record", COLUMNS, |row: Box<RawValue>| match Record::read(&row) {
        Ok(record) => records.push(record),
        Err(_) => unreadable += 1,
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

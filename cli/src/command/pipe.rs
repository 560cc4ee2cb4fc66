//! `tributary pipe`: the steps of `resolve` as filters from line to line, for jobs that spread them over machines.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead as _, BufWriter, Write as _};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::config::Settings;
use shared::error::{Error, json_reason};
use shared::identity::{
    Evidence, IdentifierKey, IdentitySettings, Override, Recognition, SolveConfig, solve,
};
use shared::schema::{RecordKey, Timestamp};
use shared::secrets::{SecretRef, Secrets};
use shared::stores::aws_config;
use shared::vault::kept_identity_key;

use crate::arguments::{Global, Pipe, Solve};
use crate::command::resolve::is_alike;
use crate::command::resolve::rows::{
    COLUMNS, Doubt, Link, PersonRow, Record, doubts, links, people,
};
use crate::display::say;
use crate::failure::{Exit, Failure};
use crate::session::{Session, load};

pub(crate) async fn run(global: &Global, pipe: &Pipe) -> Result<Exit, Failure> {
    match pipe {
        Pipe::Plan => plan(&load(global)?.identity.rules)?,
        Pipe::Rulings => rulings(global).await?,
        Pipe::Evidence => {
            let recognition = recognition(global).await?;
            each_line(|line| evidence(line, &recognition))?;
        }
        Pipe::Solve(Solve { resolved_at }) => {
            let settings = load(global)?.identity;
            each_line(|line| solved(line, &settings, *resolved_at).map(Some))?;
        }
    }
    Ok(Exit::Success)
}

/// What a job has to know before it begins.
#[derive(Serialize)]
struct Plan {
    /// What `evidence` reads of a row.
    columns: &'static [&'static str],
    most_records: usize,
    most_exclusive: usize,
    most_in_household: usize,
}

fn plan(rules: &SolveConfig) -> Result<(), Failure> {
    let SolveConfig { most_records, most_exclusive, most_in_household, .. } = *rules;
    let plan = Plan { columns: COLUMNS, most_records, most_exclusive, most_in_household };
    say(json(&plan)?);
    Ok(())
}

async fn rulings(global: &Global) -> Result<(), Failure> {
    let session = Session::open(global).await?;
    let rulings = session.hub.landing().people().all_rulings().await;
    session.close().await;
    // Pairs that only look alike are no rulings, and connect components that the job does not put together.
    for ruled in rulings?.iter().filter(|ruled| !is_alike(ruled)) {
        say(json(ruled)?);
    }
    Ok(())
}

/// A record's row and what it says about who it is: what `evidence` gives and `solve` takes.
#[derive(Serialize, Deserialize)]
struct Testimony<'a> {
    evidence: Evidence,
    #[serde(borrow)]
    row: &'a RawValue,
}

/// The testimony of a row of `person_record`; none of a deleted record.
fn evidence(line: &str, recognition: &Recognition) -> Result<Option<String>, Failure> {
    let row: &RawValue = serde_json::from_str(line).map_err(unlike("a row of person_record"))?;
    let record = Record::read(row).map_err(unlike("a row of person_record"))?;
    if record.provenance.deleted {
        return Ok(None);
    }
    let evidence = recognition
        .evidence(&record.provenance, &record.person)
        .map_err(|invalid| Failure::failed(invalid.to_string(), "check identity_key"))?;
    json(&Testimony { evidence, row }).map(Some)
}

/// Records that are solved together: whatever is connected, and no harm if more.
#[derive(Deserialize)]
struct Component<'a> {
    #[serde(borrow)]
    records: Vec<Testimony<'a>>,
    /// Those that name any of the records, and no harm if more.
    rulings: Vec<Override>,
    /// Those of the records' identifiers that are shared among all records there are.
    shared: BTreeSet<IdentifierKey>,
}

/// What a solve adds to the tables, under their names.
#[derive(Serialize)]
struct Solved<'a> {
    person_links: Vec<Link<'a>>,
    people: Vec<PersonRow>,
    person_candidates: Vec<Doubt>,
    overflowed_identifiers: usize,
}

/// The people among the records of a component. Who lives together is not said: an address connects no components.
fn solved(
    line: &str,
    settings: &IdentitySettings,
    resolved_at: Timestamp,
) -> Result<String, Failure> {
    let Component { records: testimonies, rulings, shared } =
        serde_json::from_str(line).map_err(unlike("a component"))?;
    let (mut evidence, mut records) = (Vec::new(), Vec::new());
    for Testimony { evidence: said, row } in testimonies {
        evidence.push(said);
        records.push(Record::read(row).map_err(unlike("a component"))?);
    }
    let by_key: HashMap<&RecordKey, &Record> =
        records.iter().map(|record| (&record.provenance.record_key, record)).collect();
    if by_key.len() < records.len() {
        return Err(Failure::failed(
            "a record comes twice",
            "read the table person_record, which has the newest version of each, not its history",
        ));
    }
    let known_shared = shared.union(&settings.rules.known_shared).copied().collect();
    let rules = SolveConfig { known_shared, ..settings.rules.clone() };
    let mut partition = solve(&evidence, &rulings, &rules);
    partition.households.clear();
    json(&Solved {
        person_links: links(&partition, resolved_at),
        people: people(&partition, &by_key, &settings.trust, resolved_at),
        person_candidates: doubts(&partition, &[], resolved_at),
        overflowed_identifiers: partition.overflowed.len(),
    })
}

/// How people are recognised, without opening the stores. Machines that each made a secret of their own would recognise
/// nobody across them, so none is made here.
async fn recognition(global: &Global) -> Result<Recognition, Failure> {
    let Settings { identity_key, identity, folder, .. } = load(global)?;
    let local = std::path::absolute(global.data.join("secrets")).ok();
    let key = identity_key.or_else(|| kept_identity_key(&local?)).ok_or_else(|| {
        Failure::misuse(
            "nobody can be recognised: the settings have no identity_key",
            "add identity_key = { secret = \"…\" }, or name the data folder of this machine with --data",
        )
    })?;
    let store = match &key {
        SecretRef::Store { .. } => Some(aws_sdk_secretsmanager::Client::new(&aws_config().await)),
        SecretRef::Env(_) | SecretRef::File(_) => None,
    };
    let key = Secrets::new(folder, store).read(&key).await?;
    Ok(Recognition::new(identity, shared::pseudonym::Pseudonyms::new(key)))
}

/// Answers each line of stdin with a line on stdout or none; holds one at a time.
fn each_line(
    mut answer: impl FnMut(&str) -> Result<Option<String>, Failure>,
) -> Result<(), Failure> {
    let (mut input, mut output) = (io::stdin().lock(), BufWriter::new(io::stdout().lock()));
    let mut line = String::new();
    for number in 1_u64.. {
        line.clear();
        if input.read_line(&mut line).map_err(|error| broken("reading", &error))? == 0 {
            break;
        }
        let answered = answer(&line).map_err(|failure| failure.at(&format!("line {number}")))?;
        if let Some(answered) = answered {
            writeln!(output, "{answered}").map_err(|error| broken("writing", &error))?;
        }
    }
    output.flush().map_err(|error| broken("writing", &error))
}

fn broken(what: &str, error: &io::Error) -> Failure {
    Failure::failed(format!("{what} failed: {error}"), "see what is at the other end of the pipe")
}

/// The line is something else. The error's own words may quote a person's data.
fn unlike(what: &str) -> impl Fn(serde_json::Error) -> Failure + '_ {
    move |error| {
        Failure::failed(
            format!("this is not {what}: {}", json_reason(&error)),
            "let this command and what feeds it be of one version",
        )
    }
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(value).map_err(|error| Error::Invariant(json_reason(&error)))?)
}

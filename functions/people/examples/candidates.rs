//! Candidates of one CSV file, or between two that each hold nobody twice.
//!
//!     cargo run --release -p people --example candidates -- a.csv [b.csv] > candidates.csv
//!
//! The pairs go to stdout, the timings and the model to stderr as one line of JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use people::candidates::{People, Person, Plan, candidates};
use smol_str::SmolStr;

fn main() -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut people = People::default();
    for file in &files {
        read(file, &mut people.records)?;
    }
    if files.len() > 1 {
        people.without_duplicates = files.iter().map(SmolStr::new).collect();
    }
    let read = start.elapsed();
    let found = candidates(&people, &Plan::default())?;
    let total = start.elapsed();

    let mut csv = csv::Writer::from_writer(io::stdout().lock());
    csv.write_record(["a", "b", "bits", "probability", "contributions"])?;
    for pair in &found.candidates {
        let said: Vec<_> = pair
            .contributions
            .iter()
            .map(|said| format!("{}: {} {:+.1}", said.signal, said.outcome, said.bits))
            .collect();
        let (bits, probability) = (pair.bits.to_string(), pair.probability.to_string());
        csv.write_record([&pair.a, &pair.b, bits.as_str(), &probability, &said.join("; ")])?;
    }
    csv.flush()?;
    let summary = serde_json::json!({
        "read_seconds": read.as_secs_f64(),
        "seconds": total.as_secs_f64(),
        "reduction_ratio": found.effort.reduction_ratio(),
        "effort": found.effort,
        "model": found.model,
    });
    writeln!(io::stderr(), "{summary}")?;
    Ok(())
}

/// Reads people by the headings that tables of people tend to have; other columns are left alone.
fn read(file: &str, people: &mut Vec<Person>) -> Result<(), Box<dyn Error>> {
    let mut csv = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(File::open(file)?);
    for row in csv.deserialize() {
        let row: BTreeMap<String, String> = row?;
        let cell = |names: &[&str]| {
            let value = names.iter().find_map(|name| row.get(*name))?;
            (!value.is_empty()).then(|| SmolStr::from(value))
        };
        people.push(Person {
            key: cell(&["record_key", "rec_id", "id"])
                .ok_or("a row has no record_key, rec_id or id")?,
            source: file.into(),
            given: cell(&["given_name", "given", "first_name"]),
            family: cell(&["family_name", "surname", "last_name"]),
            birth_date: cell(&["birth_date", "date_of_birth"]),
            house_number: cell(&["house_number", "street_number"]),
            lines: ["address_1", "address_2"]
                .iter()
                .map(|name| cell(&[name]).unwrap_or_default())
                .collect(),
            locality: cell(&["locality", "suburb", "city"]),
            postal_code: cell(&["postal_code", "postcode"]),
            region: cell(&["region", "state"]),
            phone: cell(&["phone"]),
            email: cell(&["email"]),
        });
    }
    Ok(())
}

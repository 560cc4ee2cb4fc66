//! What a lookup takes: people with a few records each in the embedded table, looked up by email.

use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use shared::config::Connection;
use shared::customers::{Customers, Lookup};
use shared::identity::{IdentitySettings, Recognition};
use shared::landing::{Batch, Landing, attempts};
use shared::pseudonym::Pseudonyms;
use shared::rows::{MapContext, Origin};
use shared::schema::Timestamp;

use crate::quantile;

const PAGE: usize = 500;
/// Helpdesks of the company; everybody is in the first, half of them in the second, a third in the last.
const DESKS: [(&str, usize); 3] = [("desk-1", 1), ("desk-2", 2), ("desk-3", 3)];

fn user(person: usize) -> Box<RawValue> {
    let phone = 7_400_000_000 + person;
    let user = serde_json::json!({
        "id": person + 1, "name": format!("Ann{person} Holm{person}"), "email": email(person),
        "phone": format!("+44{phone}"), "role": "end-user", "active": true,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-02-01T00:00:00Z",
    });
    serde_json::value::to_raw_value(&user).expect("JSON")
}

fn email(person: usize) -> String {
    format!("ann{person}@holm.example")
}

fn desk(name: &str, pseudonyms: &Pseudonyms) -> Connection {
    let sources = tributary::sources();
    let zendesk = sources.into_iter().find(|known| known.facts().name == "zendesk");
    let mut connection =
        tributary::example_connection(zendesk.expect("a source")).expect("a good example");
    connection.name = name.into();
    connection.pseudonyms = pseudonyms.clone();
    connection.common.customers = true;
    connection
}

async fn land(landing: &Landing, desk: &Connection, people: impl Iterator<Item = usize>) -> u64 {
    let at = Timestamp::parse_rfc3339("2026-06-01T12:00:00Z").expect("a time");
    let streams = &desk.connector.streams;
    let users = streams.iter().find(|stream| stream.facts().name == "users").expect("a stream");
    let context = MapContext::of_stream(desk, users.as_ref(), Origin::Page, at);
    let records: Vec<Box<RawValue>> = people.map(user).collect();
    let mut landed = 0;
    for page in records.chunks(PAGE) {
        let batch = Batch::of(desk, "users", "raw/none", at);
        let page = page.iter().map(AsRef::as_ref);
        let attempts = attempts(page, &context, |fields, rows| users.map(fields, rows));
        landed += landing.land(batch, attempts).await.expect("a landed page").landed;
    }
    landed
}

pub(crate) async fn run(people: usize, lookups: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_embedded, stores) = crate::stores_in(folder.path()).await;
    let pseudonyms = Pseudonyms::new("secret of the benchmark".into());
    let recognition = Recognition::new(IdentitySettings::default(), pseudonyms.clone());
    let landing = Landing::new(&stores, Some(recognition.clone()));
    let started = Instant::now();
    let mut records = 0;
    for (name, every) in DESKS {
        let desk = desk(name, &pseudonyms);
        records += land(&landing, &desk, (0..people).step_by(every)).await;
    }
    println!(
        "{people} people in {records} records, landed in {:.0} s",
        started.elapsed().as_secs_f64()
    );

    let customers = Customers::new(&stores, recognition);
    let (mut took, mut reads) = (Vec::new(), Vec::new());
    for number in 0..lookups {
        // A step that shares no factor with the number of people meets everybody before anybody twice.
        let person = number * 7_919 % people;
        let lookup = Lookup::email(&email(person)).expect("an address");
        let started = Instant::now();
        let answer = customers.find(&lookup).await.expect("an answer");
        took.push(started.elapsed());
        assert_eq!(answer.people.len(), 1, "{} people at one address", answer.people.len());
        reads.push(answer.reads);
    }
    took.sort_unstable();
    reads.sort_unstable();
    let mean = took.iter().sum::<Duration>().as_secs_f64() * 1e3 / took.len() as f64;
    println!(
        "lookups by email   {lookups}: p50 {:.1} ms, p99 {:.1} ms, mean {mean:.1} ms",
        quantile(&took, 0.5),
        quantile(&took, 0.99)
    );
    println!(
        "items and queries  {} at the median, {} at the most, of a person of 1 to 3 records",
        reads[reads.len() / 2],
        reads[reads.len() - 1]
    );
}

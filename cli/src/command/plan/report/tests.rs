use shared::facts::{Pace, StreamFacts};
use shared::ledger::{Ledger, Outcome};
use shared::sample::{Sample, Walked};
use shared::schema::Timestamp;
use shared::usage::Usage;

use super::*;
use crate::plan::{Quota, REGION, Schedule, Volumes};
use crate::sources::{source, streams};

fn zendesk(name: &str) -> &'static StreamFacts {
    let streams = streams(source("zendesk").unwrap()).unwrap();
    let mut facts = streams.iter().map(|stream| stream.facts());
    facts.find(|facts| facts.name == name).unwrap()
}

/// A page of so many records, of which all land: two write units and two rows each.
fn walked(records: u64, ended: bool) -> Walked {
    Walked {
        calls: 1,
        full_calls: u64::from(!ended),
        in_full_calls: if ended { 0 } else { records },
        ended,
        ledger: Ledger { pages: 1, fetched: records, landed: records, ..Ledger::default() },
        pages: Usage {
            api_calls: 1,
            write_units: 1,
            s3_puts: 1,
            s3_bytes: 50_000,
            ..Usage::default()
        },
        records: Usage {
            write_units: 2 * records,
            read_units: records,
            s3_puts: 1,
            s3_bytes: 30_000,
            ..Usage::default()
        },
        rows: 2 * records,
        item_bytes: 1_000 * records,
        recent: records / 10,
    }
}

fn survey() -> Survey {
    let run = Usage { write_units: 3, s3_puts: 1, ..Usage::default() };
    let again = Walked { ended: true, ..walked(0, true) };
    let again = Walked { records: Usage::default(), ..again };
    let sample = |records, ended| Sample {
        first: walked(records, ended),
        again,
        run,
        idle: Usage { s3_puts: 0, ..run },
    };
    let volumes = |backlog, changed, basis| Volumes { backlog, changed, basis };
    let users =
        StreamPlan::new(zendesk("users"), sample(420, true), volumes(None, 42.0, Basis::Sample));
    let tickets = sample(1_000, false);
    let tickets =
        StreamPlan::new(zendesk("tickets"), tickets, volumes(None, 30_000.0, Basis::Given));
    let streams = vec![users, tickets];
    let quota = Quota {
        name: "export".to_owned(),
        pace: Pace::per_minute(10),
        streams: vec!["users", "tickets"],
    };
    let connection = ConnectionPlan {
        connection: "helpdesk-eu".to_owned(),
        streams,
        quotas: vec![quota],
        secrets: 2,
        deliveries: Some(10_000.0),
    };
    let plan = Plan { schedule: Schedule { every_minutes: 15.0 }, connections: vec![connection] };
    let ledger = Ledger { pages: 2, fetched: 800, landed: 790, unchanged: 10, ..Ledger::default() };
    let run = Run {
        outcome: Outcome::CaughtUp,
        ledger,
        seconds: 2.0,
        usage: Usage {
            api_calls: 2,
            write_units: 1_650,
            read_units: 800,
            s3_puts: 5,
            ..Usage::default()
        },
        ..Run::begun("helpdesk-eu", "users", Timestamp::UNIX_EPOCH)
    };
    let past = vec![Past { planned: users.run(&run.ledger), run }];
    Survey { plan, past, silent: Vec::new(), not_offered: Vec::new() }
}

#[test]
fn a_plan_reads_well() {
    let prices = Prices::of_region(REGION).unwrap();
    insta::assert_snapshot!(lines(&survey(), &prices, true).join("\n"));
}

#[test]
fn the_document_has_the_same_sums() {
    let (survey, prices) = (survey(), Prices::of_region("eu-central-1").unwrap());
    let document = document(&survey, &prices);
    let usd = |value: &Value| value["usd"].as_f64().unwrap();
    let parts = usd(&document["connections"][0]["month"])
        + usd(&document["tables"])
        + usd(&document["storage"]);
    assert!((usd(&document["month"]) - parts).abs() < 1e-9 * parts);
    assert_eq!(document["last_runs"][0]["actual"]["write_units"], 1_650);
    assert_eq!(document["region"], "eu-central-1");
    let writes = &document["connections"][0]["streams"][0]["first_sync"]["load"]["write_units"];
    assert_eq!(writes.as_f64(), Some(844.0), "{document:#}");
}

//! docs/cost.md says what the model says: its figures are made here, between marks.

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::plan::assumed::{ALARMS, SYSTEM_ALARMS};

/// A part of the page and what has to stand in it.
type Part = (&'static str, String);

fn dollars(lines: &[(&'static str, Amounts)]) -> f64 {
    lines.iter().map(|(_, amounts)| amounts.dollars(&prices())).sum()
}

fn pulled(page: f64, customers: bool) -> f64 {
    dollars(&million::pulled(page, million::UNITS, customers))
}

/// A number in groups of three digits; cents where it is small.
fn number(amount: f64) -> String {
    if amount.fract() != 0.0 && amount < 100.0 {
        return format!("{amount}");
    }
    let digits = format!("{amount:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups.map(|group| std::str::from_utf8(group).unwrap()).collect();
    groups.join(",")
}

fn headline() -> String {
    format!(
        "**A million landed interactions cost about ${:.2} when the vendor's pages hold a thousand records, and ${:.2} \
         when they hold a hundred**;\nlanded in S3 and the tables only (`customers = false`), ${:.2} and ${:.2}. \
         Pushed one by one as webhooks they cost ${:.2}, because door, queue,\nids and objects are per delivery.",
        pulled(1_000.0, true),
        pulled(100.0, true),
        pulled(1_000.0, false),
        pulled(100.0, false),
        dollars(&million::pushed(million::UNITS)),
    )
}

fn price_table() -> String {
    let (here, there) = (prices(), Prices::of_region("eu-central-1").unwrap());
    let mut table =
        format!("| USD, {} | us-east-1 | eu-central-1 | per |\n|---|---|---|---|\n", here.as_of);
    for charge in Charge::ALL {
        let (one, other) = (here.of(charge), there.of(charge));
        assert!((one.per - other.per).abs() < 1e-9, "one column says what both are for");
        writeln!(
            table,
            "| {} | {} | {} | {} |",
            charge.title(),
            one.usd,
            other.usd,
            number(one.per)
        )
        .unwrap();
    }
    table.trim_end().to_owned()
}

fn pulled_table() -> String {
    let (large, small) = (1_000.0, 100.0);
    let lines = million::pulled(large, million::UNITS, true);
    let beside = million::pulled(small, million::UNITS, true);
    let mut table = "| | pages of 1,000 | | pages of 100 | |\n|---|---|---|---|---|\n".to_owned();
    for ((what, one), (_, other)) in lines.iter().zip(&beside) {
        let cells = [one, other].map(|amounts| {
            let usd = amounts.dollars(&prices());
            format!("{} | {usd:.3}", counted(amounts))
        });
        writeln!(table, "| {what} | {} |", cells.join(" | ")).unwrap();
    }
    let sums = [pulled(large, true), pulled(small, true)].map(|sum| format!("| **{sum:.2}**"));
    write!(table, "| **sum** | {} |", sums.join(" | ")).unwrap();
    table
}

/// What is in a line, in words.
fn counted(amounts: &Amounts) -> String {
    let counted =
        Charge::ALL.into_iter().filter(|charge| amounts.of(*charge) > 0.0).map(|charge| {
            let unit = match charge {
                Charge::WriteUnits | Charge::ReadUnits => "units",
                Charge::S3Puts => "PUT",
                Charge::S3Gets => "GET",
                Charge::LambdaGbSeconds => "GB-s",
                _ => "requests",
            };
            format!("{} {unit}", number(amounts.of(charge)))
        });
    counted.collect::<Vec<_>>().join(", ")
}

fn pushed_table() -> String {
    let lines = million::pushed(million::UNITS);
    let mut table = "| | | |\n|---|---|---|\n".to_owned();
    for (what, amounts) in &lines {
        let usd = amounts.dollars(&prices());
        writeln!(table, "| {what} | {} | {usd:.2} |", counted(amounts)).unwrap();
    }
    write!(table, "| **sum** | | **{:.2}** |", dollars(&lines)).unwrap();
    table
}

/// One system with webhooks and seven streams that find nothing new.
fn quiet() -> Amounts {
    let quiet = Walked { calls: 1, ended: true, ..Walked::default() };
    let pages = Usage { api_calls: 1, write_units: 1, s3_puts: 1, ..Usage::default() };
    let run = Usage { write_units: 3, s3_puts: 1, ..Usage::default() };
    let walked = Walked { pages, ..quiet };
    let sample = Sample { first: walked, again: walked, run, idle: Usage { s3_puts: 0, ..run } };
    let stream = || StreamPlan::new(facts("zendesk", "tickets"), sample, volumes(0.0, 0.0));
    let streams = (0..7).map(|_| stream()).collect();
    let connection = ConnectionPlan { deliveries: Some(0.0), ..connection(streams) };
    let plan = Plan { schedule: Schedule { every_minutes: 15.0 }, connections: vec![connection] };
    plan.month()
}

fn quiet_table() -> String {
    let amounts = quiet();
    let mut table = "| | | USD |\n|---|---|---|\n".to_owned();
    for charge in Charge::ALL.into_iter().filter(|charge| amounts.of(*charge) > 0.0) {
        let amount = amounts.of(charge);
        let usd = amount * prices().one(charge);
        if usd >= 0.005 {
            writeln!(table, "| {} | {} | {usd:.2} |", charge.title(), number(amount)).unwrap();
        }
    }
    write!(table, "| **sum** | | **{:.2}** |", amounts.dollars(&prices())).unwrap();
    table
}

fn parts() -> [Part; 5] {
    [
        ("headline", headline()),
        ("prices", price_table()),
        ("pulled", pulled_table()),
        ("pushed", pushed_table()),
        ("quiet", quiet_table()),
    ]
}

/// The page with its parts made anew.
fn made(page: &str) -> String {
    let mut page = page.to_owned();
    for (name, text) in parts() {
        let (begin, end) = (format!("<!-- plan: {name} -->\n"), "\n<!-- end -->");
        let from = page.find(&begin).unwrap_or_else(|| panic!("no mark {name}")) + begin.len();
        let to = from + page[from..].find(end).expect("a mark that ends it");
        page.replace_range(from..to, &text);
    }
    page
}

/// `UPDATE_DOCS=1` writes the page anew.
#[test]
fn the_page_about_cost_says_what_the_model_says() {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cost.md"));
    let page = std::fs::read_to_string(path).unwrap();
    let made = made(&page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    assert!(
        page == made || std::env::var_os("UPDATE_DOCS").is_some(),
        "docs/cost.md is not up to date: run this test with UPDATE_DOCS=1"
    );
}

#[test]
fn what_is_said_in_words_holds() {
    let quiet = quiet().dollars(&prices());
    assert!((6.5..8.5).contains(&quiet), "about seven dollars: {quiet}");
    assert!((ALARMS + SYSTEM_ALARMS - 14.0).abs() < 1e-9, "the alarms of the template");
}

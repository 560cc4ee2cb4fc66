//! How a plan looks: tables of first sync, month and last run, the sums, and the arithmetic on request.

use std::time::Duration;

use comfy_table::{Cell, CellAlignment, Table};
use serde::Serialize;
use serde_json::{Value, json};
use shared::ledger::Run;

use crate::display::{human, say, table};
use crate::log::tell;
use crate::plan::survey::{Past, Survey};
use crate::plan::{
    Amounts, Basis, Charge, ConnectionPlan, Load, Plan, Prices, StreamPlan, assumed, float,
};

/// The calls, units and objects that a plan is compared by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Counts {
    api_calls: f64,
    write_units: f64,
    s3_puts: f64,
}

impl From<&Amounts> for Counts {
    fn from(amounts: &Amounts) -> Self {
        Self {
            api_calls: amounts.api_calls,
            write_units: amounts.of(Charge::WriteUnits),
            s3_puts: amounts.of(Charge::S3Puts),
        }
    }
}

/// The plan as one document.
pub(super) fn document(survey: &Survey, prices: &Prices) -> Value {
    let Plan { schedule, connections } = &survey.plan;
    let load = |load: &Load| json!({ "load": load, "usd": load.amounts.dollars(prices) });
    let sum = |amounts: &Amounts| json!({ "amounts": amounts, "usd": amounts.dollars(prices) });
    let stream = |stream: &StreamPlan| {
        json!({
            "stream": stream.stream,
            "volumes": stream.volumes,
            "sample": stream.sample,
            "first_sync_is_whole": stream.is_whole(),
            "first_sync": load(&stream.first()),
            "month": load(&stream.month(schedule.ticks())),
        })
    };
    let connection = |connection: &ConnectionPlan| {
        json!({
            "connection": connection.connection,
            "streams": connection.streams.iter().map(stream).collect::<Vec<_>>(),
            "first_sync": load(&connection.first()),
            "month": load(&connection.month(*schedule)),
            "quotas": connection.shares(*schedule),
        })
    };
    let past = |Past { run, planned }: &Past| {
        let actual = Amounts::from(run.usage);
        json!({
            "connection": run.connection,
            "stream": run.stream,
            "started_at": run.started_at,
            "ledger": run.ledger,
            "planned": Counts::from(&planned.amounts),
            "actual": run.usage,
            "usd": actual.dollars(prices),
        })
    };
    json!({
        "region": prices.region,
        "prices_as_of": prices.as_of,
        "schedule": schedule,
        "connections": connections.iter().map(connection).collect::<Vec<_>>(),
        "tables": sum(&survey.plan.tables()),
        "storage": sum(&survey.plan.storage()),
        "first_sync": load(&survey.plan.first()),
        "month": sum(&survey.plan.month()),
        "last_runs": survey.past.iter().map(past).collect::<Vec<_>>(),
        "not_offered": survey.not_offered,
        "silent": survey.silent.iter().map(|(name, error)| (name, error.chain())).collect::<Vec<_>>(),
    })
}

/// Prints the plan.
pub(super) fn print(survey: &Survey, prices: &Prices, explain: bool) {
    for line in lines(survey, prices, explain) {
        say(line);
    }
    for (name, why) in &survey.not_offered {
        tell(&format!("• {name}: not offered by this account: {why}"));
    }
    for (name, error) in &survey.silent {
        tell(&format!("✗ {name}: {}; it is not in the plan", error.chain()));
    }
}

fn lines(survey: &Survey, prices: &Prices, explain: bool) -> Vec<String> {
    let plan = &survey.plan;
    let mut lines = vec![
        "The first sync, once".to_owned(),
        first_syncs(plan, prices).to_string(),
        String::new(),
        format!("A month, read every {}", human(minutes(plan.schedule.every_minutes))),
        months(plan, prices).to_string(),
    ];
    if !survey.past.is_empty() {
        lines.extend([
            String::new(),
            "The last run: planned for what it found → what it took".to_owned(),
            last_runs(&survey.past, prices).to_string(),
        ]);
    }
    lines.push(String::new());
    lines.extend(plan.connections.iter().flat_map(|connection| quotas(connection, plan)));
    lines.extend(remarks(plan));
    lines.push(sums(plan, prices));
    if explain {
        lines.extend([
            String::new(),
            format!("The first sync, at the prices of {} for {}", prices.as_of, prices.region),
            arithmetic(&plan.first().amounts, prices).to_string(),
            String::new(),
            format!("A month, at the prices of {} for {}", prices.as_of, prices.region),
            arithmetic(&plan.month(), prices).to_string(),
            String::new(),
        ]);
        lines.extend(basis());
        lines.extend(prices.sources.iter().map(|source| format!("prices: {source}")));
    }
    lines
}

fn first_syncs(plan: &Plan, prices: &Prices) -> Table {
    let mut table = table(["stream", "records", "calls", "write units", "S3 PUT", "USD"]);
    for connection in &plan.connections {
        for stream in &connection.streams {
            let load = stream.first();
            let records = if stream.is_whole() {
                amount(load.fetched)
            } else {
                right(format!("≥ {}", rounded(load.fetched)))
            };
            table.add_row(row(&name(connection, stream), records, &load, prices));
        }
        let load = connection.first();
        let title = format!("{} in all", connection.connection);
        table.add_row(row(&title, amount(load.fetched), &load, prices));
    }
    table
}

fn months(plan: &Plan, prices: &Prices) -> Table {
    let mut table = table(["stream", "new or changed", "calls", "write units", "S3 PUT", "USD"]);
    for connection in &plan.connections {
        for stream in &connection.streams {
            let load = stream.month(plan.schedule.ticks());
            let basis = match stream.volumes.basis {
                Basis::Given => "",
                Basis::Runs => " (runs)",
                Basis::Sample => " (sample)",
                Basis::LastHour => " (last hour)",
            };
            let changed = right(format!("{}{basis}", rounded(stream.volumes.changed)));
            table.add_row(row(&name(connection, stream), changed, &load, prices));
        }
        let load = connection.month(plan.schedule);
        let title = format!("{} in all", connection.connection);
        table.add_row(row(&title, amount(load.landed), &load, prices));
    }
    for (title, amounts) in [("tables", plan.tables()), ("storage", plan.storage())] {
        let load = Load { amounts, ..Load::default() };
        table.add_row(row(title, right(String::new()), &load, prices));
    }
    table
}

fn name(connection: &ConnectionPlan, stream: &StreamPlan) -> String {
    format!("{}/{}", connection.connection, stream.stream)
}

fn row(title: &str, records: Cell, load: &Load, prices: &Prices) -> Vec<Cell> {
    let Counts { api_calls, write_units, s3_puts } = Counts::from(&load.amounts);
    vec![
        Cell::new(title),
        records,
        amount(api_calls),
        amount(write_units),
        amount(s3_puts),
        right(usd(load.amounts.dollars(prices))),
    ]
}

fn last_runs(past: &[Past], prices: &Prices) -> Table {
    let mut table =
        table(["stream", "fetched", "landed", "calls", "write units", "S3 PUT", "USD, actual"]);
    for Past { run, planned } in past {
        let Run { connection, stream, ledger, usage, .. } = run;
        let (planned, actual) = (Counts::from(&planned.amounts), Amounts::from(*usage));
        let took = Counts::from(&actual);
        let beside = |planned: f64, actual: f64| {
            right(format!("{} → {}", rounded(planned), rounded(actual)))
        };
        table.add_row(vec![
            Cell::new(format!("{connection}/{stream}")),
            amount(float(ledger.fetched)),
            amount(float(ledger.landed)),
            beside(planned.api_calls, took.api_calls),
            beside(planned.write_units, took.write_units),
            beside(planned.s3_puts, took.s3_puts),
            right(usd(actual.dollars(prices))),
        ]);
    }
    table
}

fn quotas(connection: &ConnectionPlan, plan: &Plan) -> Vec<String> {
    let shares = connection.shares(plan.schedule).into_iter();
    shares
        .map(|share| {
            let first = match share.first_sync() {
                Duration::ZERO => String::new(),
                long => format!("; the first sync waits for it {} at least", human(long)),
            };
            format!(
                "quota {} of {}: a month takes {:.2} % of its {} calls{first}",
                share.quota,
                connection.connection,
                share.share() * 100.0,
                rounded(share.allowed_a_month),
            )
        })
        .collect()
}

fn remarks(plan: &Plan) -> Vec<String> {
    let streams = plan.connections.iter().flat_map(|connection| &connection.streams);
    let cut_off = streams.filter(|stream| !stream.is_whole()).count();
    (cut_off > 0)
        .then(|| {
            format!(
                "≥: {cut_off} streams have more than the sample shows; say how much with --rows STREAM=N, or \
                 sample more with --pages N"
            )
        })
        .into_iter()
        .collect()
}

fn sums(plan: &Plan, prices: &Prices) -> String {
    let (first, month) = (plan.first().amounts.dollars(prices), plan.month().dollars(prices));
    format!(
        "in all: {} USD once, then {} USD a month ({}, prices of {}, without free allowances)",
        usd(first),
        usd(month),
        prices.region,
        prices.as_of
    )
}

fn arithmetic(amounts: &Amounts, prices: &Prices) -> Table {
    let mut table = table(["what", "how much", "USD", "per", "USD in all"]);
    for charge in Charge::ALL.into_iter().filter(|charge| amounts.of(*charge) > 0.0) {
        let price = prices.of(charge);
        table.add_row(vec![
            Cell::new(charge.title()),
            amount(amounts.of(charge)),
            right(price.usd.to_string()),
            amount(price.per),
            right(usd(amounts.of(charge) * prices.one(charge))),
        ]);
    }
    let sum = usd(amounts.dollars(prices));
    table.add_row(vec!["in all".into(), "".into(), "".into(), "".into(), right(sum)]);
    table
}

/// What the arithmetic rests on, in sentences.
fn basis() -> Vec<String> {
    vec![
        "counts: by the code that lands, on the sample's own records".to_owned(),
        format!(
            "assumed: a page takes {} s, a record {:.2} ms, a run {} s, in {} GB; a commit {} s, a million rows {} s, \
             in {} GB, every {} min",
            assumed::PAGE,
            assumed::RECORD * 1e3,
            assumed::TICK,
            assumed::SYNC_GB,
            assumed::COMMIT,
            assumed::LAKE_MILLION,
            assumed::LAKE_GB,
            assumed::COMMIT_EVERY,
        ),
    ]
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn amount(amount: f64) -> Cell {
    right(if amount == 0.0 { "·".to_owned() } else { rounded(amount) })
}

/// A number as precise as it matters, in groups of three digits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "amounts are positive and small"
)]
fn rounded(amount: f64) -> String {
    if amount < 10.0 && amount.fract() != 0.0 {
        return format!("{amount:.2}");
    }
    crate::display::grouped(amount.round() as u64)
}

/// Cents, and what is less than a cent.
fn usd(dollars: f64) -> String {
    if dollars < 0.01 { format!("{dollars:.4}") } else { format!("{dollars:.2}") }
}

fn minutes(minutes: f64) -> Duration {
    Duration::from_secs_f64(minutes * 60.0)
}

#[cfg(test)]
mod tests;

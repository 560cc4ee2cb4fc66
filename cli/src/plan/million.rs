//! What a million landed interactions cost, the figure to compare: docs/cost.md shows it line by line.

use super::assumed::{BATCH, DOOR, DOOR_GB, LAND_BATCH, PAGE, RECORD, SYNC_GB};
use super::deployment::rows_into_tables;
use super::{Amounts, Charge};

/// Write units of an interaction, on average over those of a simulated company (`tests/tests/e2e/plan.rs`).
pub const UNITS: f64 = 1.1;
/// A million.
pub const MILLION: f64 = 1e6;

/// A million interactions that are pulled, in pages of `page` records, each an item of `units` write units; with
/// `customers = false` they land in S3 and the tables only.
///
/// One line for each thing that is done.
pub fn pulled(page: f64, units: f64, customers: bool) -> Vec<(&'static str, Amounts)> {
    let pages = MILLION / page;
    let amount = |charge, amount| Amounts::default().with(charge, amount);
    let mut lines = Vec::new();
    if customers {
        lines.push(("writes of records", amount(Charge::WriteUnits, units * MILLION)));
        lines.push(("reads of versions", amount(Charge::ReadUnits, MILLION)));
    }
    // What is not written to DynamoDB takes no time there: a third of what a record takes.
    let record = if customers { RECORD } else { RECORD * 2.0 / 3.0 };
    let seconds = pages * PAGE + MILLION * record;
    lines.extend([
        ("cursors, a unit a page", amount(Charge::WriteUnits, pages)),
        ("S3 PUT, two a page", amount(Charge::S3Puts, 2.0 * pages)),
        ("S3 GET by the committer", amount(Charge::S3Gets, pages)),
        ("Lambda, sync, 512 MB", amount(Charge::LambdaGbSeconds, seconds * SYNC_GB)),
        ("Lambda, lake, 2 GB", rows_into_tables(MILLION)),
    ]);
    lines
}

/// A million deliveries of one event each that become an item of `units` write units; the queue's polling, which goes on
/// when nobody sends, is not in it.
pub fn pushed(units: f64) -> Vec<(&'static str, Amounts)> {
    let amount = |charge, amount| Amounts::default().with(charge, amount);
    let batches = MILLION / BATCH;
    vec![
        ("HTTP API", amount(Charge::ApiRequests, MILLION)),
        (
            "door, 256 MB",
            amount(Charge::LambdaRequests, MILLION)
                .with(Charge::LambdaGbSeconds, MILLION * DOOR * DOOR_GB),
        ),
        // Sent one by one; received and deleted together.
        ("SQS", amount(Charge::QueueRequests, MILLION + 2.0 * batches)),
        (
            "sync, 512 MB, a batch",
            amount(Charge::LambdaRequests, batches)
                .with(Charge::LambdaGbSeconds, batches * LAND_BATCH * SYNC_GB),
        ),
        ("S3 PUT: raw and landing", amount(Charge::S3Puts, 2.0 * MILLION)),
        ("S3 GET by the committer", amount(Charge::S3Gets, MILLION)),
        ("delivery ids: noted, done", amount(Charge::WriteUnits, 2.0 * MILLION)),
        ("writes of records", amount(Charge::WriteUnits, units * MILLION)),
        ("reads of versions", amount(Charge::ReadUnits, MILLION)),
        ("Lambda, lake, 2 GB", rows_into_tables(MILLION)),
    ]
}

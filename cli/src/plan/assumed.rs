//! What the arithmetic assumes because no deployment has been measured: `(a)` in docs/cost.md.

/// Minutes of a month: thirty days.
pub const MONTH: f64 = 30.0 * 24.0 * 60.0;
/// Gigabytes of a sync function, as the template has it.
pub const SYNC_GB: f64 = 0.5;
/// Seconds of an invocation beside what its pages take: start, settings, leases, ledgers.
pub const TICK: f64 = 4.0;
/// Seconds that a page takes whatever is in it: the source's answer, two objects, the cursor.
pub const PAGE: f64 = 1.06;
/// Seconds that a record takes: mapping, and its share of DynamoDB's answers.
pub const RECORD: f64 = 0.00144;
/// Write units of a record where the sample has none: its row and a copy, in a transaction.
pub const WRITES: f64 = 4.0;
/// Bytes of logs that an invocation writes, and each of its streams.
pub const LOG_BYTES: f64 = 400.0;

/// Minutes between two commits of what has landed, as the template has it.
pub const COMMIT_EVERY: f64 = 5.0;
/// Gigabytes of the function that makes the tables.
pub const LAKE_GB: f64 = 2.0;
/// Seconds of a commit that finds nothing.
pub const COMMIT: f64 = 2.0;
/// Lists of a commit.
pub const COMMIT_LISTS: f64 = 3.0;
/// Objects that a commit with news creates: its manifest twice, and of three tables a file and an entry of the log.
pub const COMMIT_PUTS: f64 = 8.0;
/// Seconds that a million rows add to commits.
pub const LAKE_MILLION: f64 = 300.0;
/// What a row in the tables weighs beside its bytes as it landed, compressed as those are.
pub const LAKE_SHARE: f64 = 1.0;

/// Metrics of a system, with `Metrics=systems`.
pub const SYSTEM_METRICS: f64 = 12.0;
/// Alarms of a system.
pub const SYSTEM_ALARMS: f64 = 5.0;
/// Alarms that a deployment has however many systems there are.
pub const ALARMS: f64 = 9.0;
/// SQS requests of five pollers that wait twenty seconds each time.
pub const POLLS: f64 = 5.0 * MONTH * 3.0;

/// Gigabytes of the door for webhooks, as the template has it.
pub const DOOR_GB: f64 = 0.25;
/// Seconds that the door takes for a delivery.
pub const DOOR: f64 = 0.03;
/// Deliveries that arrive together at the sync function.
pub const BATCH: f64 = 5.0;
/// Seconds that a batch of deliveries takes.
pub const LAND_BATCH: f64 = 0.15;

//! `cargo run --release -p bench -- pull|sources|lake|identity|lookup|door|cold-start`: what Tributary costs, in CPU seconds and memory.
//!
//! The figures in `docs/benchmarks.md` come from here. Wall time depends on the machine; tickets per CPU second less so.
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people, far below the 52 bits of a float"
)]

mod cold_start;
mod door;
mod identity;
mod lake_tables;
mod lookup;
mod pull;
mod sources;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use shared::stores::Stores;
use tributary::embedded::{Durability, Embedded, Options};

/// Benchmarks of Tributary on one machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Tickets of about 2 KB in pages of 1,000 from a static server on loopback into the embedded stores.
    Pull {
        /// Tickets to read.
        #[arg(long, default_value_t = 200_000)]
        tickets: usize,
        /// Also write them to DynamoDB.
        #[arg(long)]
        customers: bool,
        /// Also bring them into the tables.
        #[arg(long)]
        tables: bool,
    },
    /// The biggest records of each source: mapped, and mapped and landed.
    Sources {
        /// Records of each source.
        #[arg(long, default_value_t = 20_000)]
        records: usize,
    },
    /// Landing objects into committed tables: facts appended, people folded into those that are there, a small batch.
    Lake {
        /// Interactions to append.
        #[arg(long, default_value_t = 300_000)]
        interactions: usize,
        /// People that are there before.
        #[arg(long, default_value_t = 1_000_000)]
        people: usize,
        /// People who change.
        #[arg(long, default_value_t = 300_000)]
        changes: usize,
        /// Small commits before the one that is measured.
        #[arg(long, default_value_t = 1_000)]
        commits: usize,
    },
    /// A company's people in all its systems: solved in batch, and compared with who they are.
    Identity {
        /// People.
        #[arg(long, default_value_t = 10_000)]
        people: usize,
        /// Days of history.
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// The company.
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// People in the embedded table, looked up by email.
    Lookup {
        /// People, with almost two records each.
        #[arg(long, default_value_t = 100_000)]
        people: usize,
        /// Lookups.
        #[arg(long, default_value_t = 2_000)]
        lookups: usize,
    },
    /// Signed deliveries into the door, which stores them in a queue on loopback.
    Door {
        /// Deliveries to send.
        #[arg(long, default_value_t = 40_000)]
        deliveries: usize,
        /// Deliveries under way at the same time.
        #[arg(long, default_value_t = 64)]
        concurrency: usize,
    },
    /// From the start of each function's process to its first question for work.
    ColdStart {
        /// Starts of each function.
        #[arg(long, default_value_t = 20)]
        starts: usize,
    },
    /// The pages of `pull`, served by a process of its own.
    #[command(hide = true)]
    PagesServer { tickets: usize },
    /// The door itself, as a process of its own.
    #[command(hide = true)]
    DoorServer { settings: PathBuf, queue: String, sqs: String },
}

#[tokio::main]
async fn main() {
    match Arguments::parse().bench {
        Bench::Pull { tickets, customers, tables } => pull::run(tickets, customers, tables).await,
        Bench::Sources { records } => sources::run(records).await,
        Bench::Lake { interactions, people, changes, commits } => {
            lake_tables::run(interactions, people, changes, commits).await;
        }
        Bench::Identity { people, days, seed } => identity::run(people, days, seed).await,
        Bench::Lookup { people, lookups } => lookup::run(people, lookups).await,
        Bench::PagesServer { tickets } => pull::serve_pages(tickets).await,
        Bench::Door { deliveries, concurrency } => door::run(deliveries, concurrency).await,
        Bench::ColdStart { starts } => cold_start::run(starts).await,
        Bench::DoorServer { settings, queue, sqs } => door::serve(&settings, &queue, &sqs).await,
    }
}

/// A binary of the workspace beside this one.
fn beside(name: &str) -> PathBuf {
    let path = std::env::current_exe().expect("this binary has a path").with_file_name(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo build --release --workspace --bins` first",
        path.display()
    );
    path
}

/// Embedded stores in a folder, with an empty bucket and tables; they answer until the first of the two is dropped.
async fn stores_in(folder: &Path) -> (Embedded, Stores) {
    let options = Options { durability: Durability::Relaxed, ..Options::default() };
    let embedded = Embedded::open(folder, options).await.expect("stores open");
    let (s3, dynamodb) = (embedded.s3_client(), embedded.dynamodb_client());
    let stores = Stores { s3, dynamodb, names: e2e::account::store_names() };
    stores.create_missing().await.expect("bucket and tables");
    (embedded, stores)
}

/// The time that this share of the sorted times does not exceed, in milliseconds.
fn quantile(sorted: &[std::time::Duration], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3
}

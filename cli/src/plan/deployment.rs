//! The whole deployment: its connections, the tables, storage, and the sums.

use super::assumed::{
    ALARMS, COMMIT, COMMIT_EVERY, COMMIT_LISTS, COMMIT_PUTS, LAKE_GB, LAKE_MILLION, LAKE_SHARE,
    LOG_BYTES, MONTH,
};
use super::{Amounts, Charge, ConnectionPlan, Load, Schedule};

/// A deployment with all that its arithmetic needs.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often is read.
    pub schedule: Schedule,
    /// What is read.
    pub connections: Vec<ConnectionPlan>,
}

impl Plan {
    /// Everything that is there already, read once, with its share of the tables' making.
    pub fn first(&self) -> Load {
        let load: Load = self.connections.iter().map(ConnectionPlan::first).sum();
        let amounts = load.amounts.clone() + rows_into_tables(load.rows) + read_by_tables(&load);
        Load { amounts, ..load }
    }

    /// What the tables take in a month: commits, with news or without.
    pub fn tables(&self) -> Amounts {
        let load = self.streams_of_a_month();
        let commits = MONTH / COMMIT_EVERY;
        // Each run and each delivery is news.
        let deliveries = self.connections.iter().filter_map(|connection| connection.deliveries);
        let with_news = commits.min(self.schedule.ticks() + deliveries.sum::<f64>());
        rows_into_tables(load.rows)
            + read_by_tables(&load)
            + Amounts::default()
                .with(Charge::LambdaGbSeconds, commits * COMMIT * LAKE_GB)
                .with(Charge::LambdaRequests, commits)
                .with(Charge::Schedules, commits)
                .with(Charge::LogGb, commits * LOG_BYTES / 1e9)
                .with(Charge::S3Puts, commits * COMMIT_LISTS + with_news * COMMIT_PUTS)
                // The key that identifies people.
                .with(Charge::Secrets, 1.0)
                .with(Charge::Alarms, ALARMS)
    }

    /// What is stored after the first month, for each month that it stays.
    pub fn storage(&self) -> Amounts {
        let first: Load = self.connections.iter().map(ConnectionPlan::first).sum();
        let month = self.streams_of_a_month();
        let table_gb = first.table_gb + month.table_gb;
        Amounts::default()
            .with(Charge::TableGb, table_gb)
            .with(Charge::RecoveryGb, table_gb)
            .with(Charge::S3Gb, (first.s3_gb + month.s3_gb) * (1.0 + LAKE_SHARE))
    }

    /// A whole month: connections, tables and storage.
    pub fn month(&self) -> Amounts {
        let schedule = self.schedule;
        let connections = self.connections.iter().map(|one| one.month(schedule).amounts);
        connections.sum::<Amounts>() + self.tables() + self.storage()
    }

    fn streams_of_a_month(&self) -> Load {
        let ticks = self.schedule.ticks();
        let streams = self.connections.iter().flat_map(|connection| &connection.streams);
        streams.map(|stream| stream.month(ticks)).sum()
    }
}

/// What folding so many rows takes.
pub(super) fn rows_into_tables(rows: f64) -> Amounts {
    Amounts::default().with(Charge::LambdaGbSeconds, rows / 1e6 * LAKE_MILLION * LAKE_GB)
}

/// The committer reads each object of rows and each report once: no more than half of the objects, for the others are raw.
fn read_by_tables(load: &Load) -> Amounts {
    Amounts::default().with(Charge::S3Gets, load.amounts.of(Charge::S3Puts) / 2.0)
}

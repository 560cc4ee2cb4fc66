//! `DynamoDB` by dynoxide over one `SQLite` file.

mod operations;
mod service;

use std::path::Path;
use std::time::Duration;

use dynoxide::Database;
use tokio::time::MissedTickBehavior;

use super::{Durability, EmbeddedError};

/// Opens the tables, creating the file when it is missing.
pub(super) fn open(data: &Path, durability: Durability) -> Result<Database, EmbeddedError> {
    let path = data.join("dynamodb.sqlite");
    let open = || {
        let database = Database::new(&path.to_string_lossy())?;
        // dynoxide opens in WAL mode with SQLite's default, `synchronous = FULL`: an fsync for every write. Its
        // bulk-loading switches are the way to the two other settings: NORMAL (after a power cut the file is whole,
        // but for the last transactions) and OFF. A killed process loses nothing in any of them.
        match durability {
            Durability::Full => database.disable_bulk_loading()?,
            Durability::Relaxed => database.enable_bulk_loading()?,
        }
        Ok(database)
    };
    open().map_err(|source| EmbeddedError::Database { path: path.clone(), source })
}

/// Removes expired items for ever: `DynamoDB` does it by itself, dynoxide when told.
pub(super) async fn sweep(database: Database, every: Duration) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        clock.tick().await;
        match database.sweep_ttl() {
            Ok(0) => {}
            Ok(items) => tracing::debug!(items, "removed expired items"),
            Err(error) => {
                tracing::warn!(%error, "could not remove expired items; trying again in {every:?}");
            }
        }
    }
}

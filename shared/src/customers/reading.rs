//! The rows that hang on a person's records, read in parallel.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::Customers;
use crate::error::Error;
use crate::identity::live;
use crate::items::{CONCURRENCY, Item, ItemKey, Range, Reading, text_of};
use crate::landing::provenance_of;
use crate::schema::{Entity, Provenance, RecordKey};

/// Rows that are read of one record and kind at the most.
const MOST_ROWS: usize = 2_000;

/// A row of the table.
pub(super) struct Kept {
    pub(super) provenance: Provenance,
    /// What it says; none where it does not fit into an item, or cannot be read.
    pub(super) entity: Option<Entity>,
}

/// Rows, and whether they are all there are.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) kept: Vec<Kept>,
    /// Whether some are missing, or their content is.
    pub(super) incomplete: bool,
    /// Items and queries that were read.
    pub(super) reads: usize,
}

impl Rows {
    fn of(items: &[Item], reads: usize, cut_off: bool) -> Self {
        let kept: Vec<Kept> = items.iter().filter_map(kept).collect();
        let missing = kept.iter().any(|kept| kept.entity.is_none());
        Self { kept, incomplete: cut_off || missing, reads }
    }

    /// The rows of one entity with their provenance.
    pub(super) fn each<'r, T: 'r>(
        &'r self,
        pick: impl Fn(&'r Entity) -> Option<&'r T> + 'r,
    ) -> impl Iterator<Item = (&'r Provenance, &'r T)> {
        self.kept
            .iter()
            .filter_map(move |kept| Some((&kept.provenance, pick(kept.entity.as_ref()?)?)))
    }
}

impl Customers {
    /// The newest version of each of these records.
    pub(super) async fn newest(&self, records: &[RecordKey]) -> Result<Rows, Error> {
        let keys: Vec<ItemKey> = records.iter().map(live::record).collect();
        let items = self.items.get("reading records", &keys, None).await?;
        Ok(Rows::of(&items, keys.len(), false))
    }

    /// Consents, deals, orders and tickets of these records.
    pub(super) async fn hanging(&self, records: &[RecordKey]) -> Result<Rows, Error> {
        // From the first to the last of two kinds each; `$` follows `#`.
        self.rows(records, &[("CON#", "DEAL$"), ("ORD#", "TKT$")]).await
    }

    /// Consents that came through these records.
    pub(super) async fn consents_through(&self, records: &[RecordKey]) -> Result<Rows, Error> {
        self.rows(records, &[("CON#", "CON$")]).await
    }

    async fn rows(
        &self,
        records: &[RecordKey],
        ranges: &[(&'static str, &'static str)],
    ) -> Result<Rows, Error> {
        let reading = Reading { limit: Some(MOST_ROWS + 1), ..Reading::default() };
        let queries: Vec<_> = records
            .iter()
            .flat_map(|record| ranges.iter().map(move |range| (record, *range)))
            .map(|(record, (first, last))| self.under(record, first, last, reading))
            .collect();
        let reads = queries.len();
        let found: Vec<Vec<Item>> =
            stream::iter(queries).buffer_unordered(CONCURRENCY).try_collect().await?;
        let cut_off = found.iter().any(|items| items.len() > MOST_ROWS);
        // Rulings lie among them, and are no rows.
        let found: Vec<Item> = found.into_iter().flatten().collect();
        Ok(Rows::of(&found, reads, cut_off))
    }

    /// The items under a record from one sort key to another.
    pub(super) async fn under(
        &self,
        record: &RecordKey,
        first: &str,
        last: &str,
        reading: Reading<'_>,
    ) -> Result<Vec<Item>, Error> {
        let pk = format!("REC#{record}");
        self.items.query("reading a customer", &pk, Range::Between(first, last), reading).await
    }
}

/// A living row; nothing for tombstones and for items that are no rows.
pub(super) fn kept(item: &Item) -> Option<Kept> {
    let (table, provenance) = provenance_of(item)?;
    // What is too large for an item is in an object of its own (`row_in`), which a lookup does not read.
    let entity = text_of(item, "row").and_then(|row| Entity::from_content(table, row).ok());
    Some(Kept { provenance, entity })
}

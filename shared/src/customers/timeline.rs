//! What happened with a person, newest first, page by page over all of the person's records.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use uuid::Uuid;

use super::reading::kept;
use super::{Cursor, Customers, CustomersError, Entry, Timeline};
use crate::items::{CONCURRENCY, Item, Reading, text_of};
use crate::schema::Entity;

/// The entries of a page at the most.
pub const MOST_ENTRIES: usize = 200;

impl Customers {
    /// The next so many things that happened with a person, the newest first, before the cursor if there is one.
    ///
    /// Each record is asked for a whole page in descending order, and the newest of all are the page. What happens
    /// meanwhile is newer than the cursor and moves nothing.
    pub async fn timeline(
        &self,
        person: Uuid,
        before: Option<&Cursor>,
        limit: usize,
    ) -> Result<Timeline, CustomersError> {
        let limit = limit.clamp(1, MOST_ENTRIES);
        let located = self.locate(person).await?;
        let members = &located.person.records;
        let last = before.map_or_else(
            || "INT$".to_owned(),
            |cursor| format!("INT#{}#{}", cursor.occurred_at, cursor.record_key),
        );
        // One more shows whether there is a next page, and another is the cursor's own entry.
        let reading = Reading { limit: Some(limit + 2), backwards: true, only: None };
        let queries: Vec<_> =
            members.iter().map(|record| self.under(record, "INT#", &last, reading)).collect();
        let reads = located.reads + queries.len();
        let found: Vec<Vec<Item>> =
            stream::iter(queries).buffer_unordered(CONCURRENCY).try_collect().await?;
        let mut items: Vec<(String, Item)> = found
            .into_iter()
            .flatten()
            .filter_map(|item| Some((text_of(&item, "sk")?.to_owned(), item)))
            .filter(|(sk, _)| *sk < last)
            .collect();
        items.sort_by(|(one, _), (other, _)| other.cmp(one));
        // A fact that moved from one record of the person to another is told once.
        items.dedup_by(|(one, _), (other, _)| one == other);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = more.then(|| items.last().and_then(|(sk, _)| cursor(sk))).flatten();
        let read = items.len();
        let entries: Vec<Entry<_>> = items
            .iter()
            .filter_map(|(_, item)| {
                let kept = kept(item)?;
                match kept.entity? {
                    Entity::Interaction(interaction) => {
                        Some(Entry::new(&kept.provenance, *interaction))
                    }
                    _ => None,
                }
            })
            .collect();
        Ok(Timeline {
            person_id: located.person.person_id,
            incomplete: entries.len() < read || located.surroundings.cut_off,
            entries,
            next: next.map(|cursor| cursor.to_string()),
            reads,
        })
    }
}

/// The cursor behind an item.
fn cursor(sk: &str) -> Option<Cursor> {
    let (occurred_at, record_key) = sk.strip_prefix("INT#")?.split_once('#')?;
    Some(Cursor { occurred_at: occurred_at.parse().ok()?, record_key: record_key.parse().ok()? })
}

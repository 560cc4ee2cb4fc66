//! The customers table: the newest version of each record, written only over an older one.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `REC#<record_key>` | `V` | newest version of an entity's row, or its tombstone; a person's with its evidence |
//! | `REC#<subject_key>` | `CON#<record_key>`, `TKT#…`, `ORD#…`, `DEAL#…` | the same row under the person's record |
//! | `REC#<subject_key>` | `INT#<occurred_at>#<record_key>` | an interaction (TTL 400 days) |
//! | `IDN#<identifier>` | `EDGE#<record_key>` | a person's record that carries the identifier |
//! | `UID#<person_id>` | `V` | of which record it is the id |
//!
//! What hangs on a record, its companions, is written and removed in the transaction that writes the record.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::keys::{raw_key_of, short_raw_key};
use crate::clock;
use crate::crash::{Point, point};
use crate::error::Error;
use crate::identity::{Evidence, Untold, live, person_id_of};
use crate::items::{
    CONCURRENCY, Item, ItemKey, Items, digest, digest_of, number, number_of, size, text, text_of,
    time, time_of, write_units,
};
use crate::schema::{Entity, Provenance, RecordKey, Table, Timestamp, Version};
use crate::stores::{StoreFault, Stores, persist};

/// How long interactions are kept in the table; S3 keeps them all.
const KEEP_INTERACTIONS: Duration = Duration::from_hours(24 * 400);
/// How often a writer that is overtaken reads again.
pub(super) const ATTEMPTS: usize = 64;

/// The item that holds the version of a row; none for interactions too old to be kept.
pub(super) fn item_of(entity: &Entity, provenance: &Provenance) -> Option<ItemKey> {
    match entity {
        Entity::Interaction(interaction) => {
            let end = clock::after(interaction.occurred_at, KEEP_INTERACTIONS);
            let sk = format!("INT#{}#{}", interaction.occurred_at, provenance.record_key);
            (end > provenance.received_at)
                .then(|| ItemKey::new(format!("REC#{}", interaction.subject_key), sk))
        }
        _ => Some(live::record(&provenance.record_key)),
    }
}

/// The copy of an entity's row under the person whom it is about.
fn copy_under(subject: &str, table: Table, key: &RecordKey) -> Option<ItemKey> {
    let prefix = match table {
        Table::Consent => "CON",
        Table::Deal => "DEAL",
        Table::Order => "ORD",
        Table::Ticket => "TKT",
        _ => return None,
    };
    Some(ItemKey::new(format!("REC#{subject}"), format!("{prefix}#{key}")))
}

/// What the table knows of a row.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) version: Version,
    pub(super) subject: Option<String>,
    deleted: bool,
    /// Of a person's record: what it said about who it is.
    pub(super) evidence: Option<Evidence>,
    /// The same as it is written in the item.
    evidence_text: Option<String>,
    /// Of a person's record: what has changed since anybody was told who it is.
    pub(super) untold: Option<Untold>,
}

/// The content of an item.
pub(super) enum Body<'a> {
    Inline(&'a str),
    /// Too large for an item: the object that holds it.
    Pointer(String),
}

/// One row to write.
pub(super) struct Write<'a> {
    pub(super) item: &'a ItemKey,
    pub(super) table: Table,
    pub(super) provenance: &'a Provenance,
    pub(super) body: Body<'a>,
    pub(super) evidence: Option<&'a Evidence>,
    pub(super) before: Option<&'a Known>,
}

/// The customers table.
#[derive(Clone, Debug)]
pub struct Records {
    items: Items,
}

fn seconds(at: Timestamp) -> AttributeValue {
    number(at.as_micros().div_euclid(1_000_000))
}

/// Absent, or older by (version, hash).
const IS_OLDER: &str =
    "attribute_not_exists(pk) OR version < :v OR (version = :v AND content_sha256 < :h)";
/// What [`Known`] is made of.
const KNOWN: &str = "pk, sk, version, content_sha256, subject_key, deleted, evidence, untold";

impl Records {
    /// The customers table of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { items: Items::new(stores) }
    }

    /// Reads the versions of these items, strongly consistent; every key is answered before this returns.
    pub(super) async fn known(
        &self,
        keys: impl Iterator<Item = &ItemKey>,
    ) -> Result<HashMap<ItemKey, Known>, Error> {
        let found = self.items.get("reading versions", keys, Some(KNOWN)).await?;
        Ok(found.iter().filter_map(|item| Some((ItemKey::read(item)?, parse(item)?))).collect())
    }

    /// Writes rows over older ones; a row that lost to a newer one meanwhile is left alone.
    pub(super) async fn write(&self, writes: &[Write<'_>]) -> Result<(), Error> {
        let first = AtomicBool::new(true);
        let writes: Vec<_> =
            writes.iter().map(|write| self.write_and_pass(write, &first)).collect();
        stream::iter(writes).buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn write_and_pass(&self, write: &Write<'_>, first: &AtomicBool) -> Result<(), Error> {
        if write.may_have_companions() {
            self.put_with_companions(write).await?;
        } else {
            self.put(write).await?;
        }
        if first.swap(false, Ordering::Relaxed) {
            point(Point::BetweenRecords);
        }
        Ok(())
    }

    async fn put(&self, write: &Write<'_>) -> Result<(), Error> {
        let item = write.content(write.item)?;
        let Version { source_version, content_sha256 } = write.provenance.version();
        let Items { client, table } = &self.items;
        let put = persist("writing a record", || {
            client
                .put_item()
                .table_name(table)
                .set_item(Some(item.clone()))
                .condition_expression(IS_OLDER)
                .expression_attribute_values(":v", number(source_version))
                .expression_attribute_values(":h", digest(content_sha256))
                .send()
        })
        .await;
        match put {
            Ok(_) | Err(StoreFault::Condition) => Ok(()),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    /// Writes a record and its companions in one transaction, and removes those of its former version.
    ///
    /// Conditional on the very version that was read, so that its companions are known; a writer that was overtaken
    /// reads again.
    async fn put_with_companions(&self, write: &Write<'_>) -> Result<(), Error> {
        let version = write.provenance.version();
        let mut before = write.before.cloned();
        for _ in 0..ATTEMPTS {
            let actions = self.actions(write, before.as_ref())?;
            match self.items.transact("writing a record with its companions", &actions).await {
                Ok(()) => return Ok(()),
                Err(StoreFault::Other(error)) => return Err(error),
                Err(StoreFault::Condition) => {}
            }
            let now = self.known([write.item].into_iter()).await?.remove(write.item);
            if now.as_ref().is_some_and(|known| known.version >= version) {
                return Ok(());
            }
            before = now;
        }
        Err(Error::Landing {
            what: format!("writing a record: overtaken {ATTEMPTS} times in a row"),
            cause: None,
        })
    }

    /// What writing a row takes: its write units, and the bytes that are stored.
    pub(super) fn weigh(&self, write: &Write<'_>) -> Result<(u64, u64), Error> {
        if !write.may_have_companions() {
            let bytes = size(&write.content(write.item)?);
            return Ok((write_units(bytes), bytes));
        }
        let actions = self.actions(write, write.before)?;
        let sizes = actions.iter().map(|action| action.put().map_or(0, |put| size(put.item())));
        // In a transaction each unit counts twice.
        Ok(sizes.fold((0, 0), |(units, bytes), size| (units + 2 * write_units(size), bytes + size)))
    }

    fn actions(
        &self,
        write: &Write<'_>,
        before: Option<&Known>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let failed = |error| Error::landing("writing a record", error);
        let mut content = write.content(write.item)?;
        let (earlier, said) =
            before.map_or((None, None), |known| (known.untold.as_ref(), known.evidence.as_ref()));
        if let Some(evidence) = write.evidence
            && let Some(untold) =
                Untold::after(earlier, said, evidence, write.provenance.received_at)
        {
            content.insert("untold".to_owned(), text(live::json(&untold)?));
        }
        let mut put = self.items.put().set_item(Some(content));
        put = match before {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(known) => {
                let (condition, values) = known.is_as_read();
                put.condition_expression(condition).set_expression_attribute_values(Some(values))
            }
        };
        let mut actions =
            vec![TransactWriteItem::builder().put(put.build().map_err(failed)?).build()];
        let key = &write.provenance.record_key;
        let copy = write.copy();
        if let Some(copy) = &copy {
            actions.push(self.put_item(write.content(copy)?)?);
        }
        let former_copy = before
            .and_then(|known| known.subject.as_deref())
            .and_then(|subject| copy_under(subject, write.table, key))
            .filter(|former| Some(former) != copy.as_ref());
        if let Some(former) = &former_copy {
            actions.push(self.items.delete(former)?);
        }
        actions.extend(self.edges(key, before, write.evidence)?);
        Ok(actions)
    }

    /// Adds the items that lead to a record by what it says now, and removes those by what it said before.
    fn edges(
        &self,
        key: &RecordKey,
        before: Option<&Known>,
        now: Option<&Evidence>,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let former = edges(key, before.and_then(|known| known.evidence.as_ref()));
        let edges = edges(key, now);
        let mut actions = Vec::new();
        for edge in edges.difference(&former) {
            actions.push(self.put_item(live::leading_to(key, edge))?);
        }
        let has_id = before.is_some_and(|known| known.deleted || known.evidence.is_some());
        if now.is_some() && !has_id {
            actions.push(self.put_item(live::leading_to(key, &live::id(person_id_of(key))))?);
        }
        for former in former.difference(&edges) {
            actions.push(self.items.delete(former)?);
        }
        Ok(actions)
    }

    fn put_item(&self, item: Item) -> Result<TransactWriteItem, Error> {
        let put = self.items.put().set_item(Some(item)).build();
        let put = put.map_err(|error| Error::landing("writing a record", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The items of these people's records, whole.
    pub(super) async fn read(&self, records: &[RecordKey]) -> Result<Vec<Item>, Error> {
        let keys: Vec<ItemKey> = records.iter().map(live::record).collect();
        self.items.get("reading records", &keys, None).await
    }

    /// Puts evidence in the place of what is known, with its edges, in one transaction; the row stays as it is.
    pub(super) async fn write_evidence(
        &self,
        evidence: &Evidence,
        known: &Known,
        at: Timestamp,
    ) -> Result<(), StoreFault> {
        let actions = self.evidence_actions(evidence, known, at).map_err(StoreFault::Other)?;
        self.items.transact("writing evidence", &actions).await
    }

    fn evidence_actions(
        &self,
        evidence: &Evidence,
        known: &Known,
        at: Timestamp,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        let key = &evidence.record_key;
        let (condition, mut values) = known.is_as_read();
        let mut change = "SET evidence = :evidence".to_owned();
        values.insert(":evidence".to_owned(), text(live::json(evidence)?));
        let (earlier, said) = (known.untold.as_ref(), known.evidence.as_ref());
        if let Some(untold) = Untold::after(earlier, said, evidence, at) {
            change.push_str(", untold = :untold");
            values.insert(":untold".to_owned(), text(live::json(&untold)?));
        }
        let update = Update::builder()
            .table_name(&self.items.table)
            .set_key(Some(live::record(key).attributes()))
            .update_expression(change)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|error| Error::landing("writing evidence", error))?;
        let mut actions = vec![TransactWriteItem::builder().update(update).build()];
        actions.extend(self.edges(key, Some(known), Some(evidence))?);
        Ok(actions)
    }
}

/// The items that lead from its identifiers to a record.
fn edges(key: &RecordKey, evidence: Option<&Evidence>) -> BTreeSet<ItemKey> {
    let clues = evidence.into_iter().flat_map(|evidence| &evidence.clues);
    clues.map(|clue| live::edge(&clue.key, key)).collect()
}

impl Write<'_> {
    /// What the table knows once this is written, and all is told.
    pub(super) fn known(&self) -> Result<Known, Error> {
        Ok(Known {
            version: self.provenance.version(),
            subject: self.provenance.subject_key.as_ref().map(|key| key.as_str().to_owned()),
            deleted: self.provenance.deleted,
            evidence: self.evidence.cloned(),
            evidence_text: self.evidence.map(live::json).transpose()?,
            untold: None,
        })
    }

    /// Whether anything hangs on the record, or may have hung on it. A tombstone has no copy and often no subject, but what
    /// it buries may have a copy that somebody writes just now.
    fn may_have_companions(&self) -> bool {
        let Provenance { subject_key, record_key, deleted, .. } = self.provenance;
        let has_copies = copy_under("", self.table, record_key).is_some();
        let had_some =
            self.before.is_some_and(|known| known.subject.is_some() || known.evidence.is_some());
        self.evidence.is_some() || had_some || has_copies && (subject_key.is_some() || *deleted)
    }

    /// The copy under the person whom a living row is about.
    fn copy(&self) -> Option<ItemKey> {
        let subject = self.provenance.subject_key.as_ref()?;
        let copy = copy_under(subject.as_str(), self.table, &self.provenance.record_key)?;
        (!self.provenance.deleted).then_some(copy)
    }

    fn content(&self, key: &ItemKey) -> Result<Item, Error> {
        let provenance = self.provenance;
        let mut item = key.attributes();
        let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
        set("record_key", text(provenance.record_key.as_str()));
        set("table", text(self.table.name()));
        set("version", number(provenance.source_version));
        set("content_sha256", digest(provenance.content_sha256));
        set("received_at", time(provenance.received_at));
        set("raw_key", text(short_raw_key(&provenance.record_key, &provenance.raw_key)));
        if let Some(at) = provenance.source_updated_at {
            set("source_updated_at", time(at));
        }
        if let Some(subject) = &provenance.subject_key {
            set("subject_key", text(subject.as_str()));
        }
        if provenance.deleted {
            // A tombstone keeps the version, so that a late older one cannot bring the record back, and nothing personal.
            set("deleted", AttributeValue::Bool(true));
            return Ok(item);
        }
        if let Some(evidence) = self.evidence {
            set("evidence", text(live::json(evidence)?));
        }
        if let Some(at) = provenance.occurred_at {
            set("ttl", seconds(clock::after(at, KEEP_INTERACTIONS)));
        }
        match &self.body {
            Body::Inline(row) => set("row", text(*row)),
            Body::Pointer(key) => set("row_in", text(key)),
        };
        Ok(item)
    }
}

impl Known {
    /// The condition that the item is still what was read, with its values: the same version, and the same evidence, which
    /// may be made again without one.
    fn is_as_read(&self) -> (&'static str, Item) {
        let Version { source_version, content_sha256 } = self.version;
        let mut values = Item::from([
            (":v".to_owned(), number(source_version)),
            (":h".to_owned(), digest(content_sha256)),
        ]);
        let Some(evidence) = &self.evidence_text else {
            let condition =
                "version = :v AND content_sha256 = :h AND attribute_not_exists(evidence)";
            return (condition, values);
        };
        values.insert(":e".to_owned(), text(evidence));
        ("version = :v AND content_sha256 = :h AND evidence = :e", values)
    }
}

pub(super) fn parse(item: &Item) -> Option<Known> {
    let source_version = number_of(item, "version")?;
    let content_sha256 = digest_of(item, "content_sha256")?;
    let json = |name| text_of(item, name);
    Some(Known {
        version: Version { source_version, content_sha256 },
        subject: text_of(item, "subject_key").map(str::to_owned),
        deleted: item.contains_key("deleted"),
        evidence_text: json("evidence").map(str::to_owned),
        evidence: json("evidence").and_then(|text| serde_json::from_str(text).ok()),
        untold: json("untold").and_then(|text| serde_json::from_str(text).ok()),
    })
}

/// Where the row of an item came from; nothing for tombstones and for items that are no rows.
pub(crate) fn provenance_of(item: &Item) -> Option<(Table, Provenance)> {
    if item.contains_key("deleted") {
        return None;
    }
    let table: Table = text_of(item, "table")?.parse().ok()?;
    let key: RecordKey = text_of(item, "record_key")?.parse().ok()?;
    let received_at = time_of(item, "received_at")?;
    let provenance = Provenance {
        source: key.source().into(),
        connection_id: key.connection().into(),
        source_object: key.object().into(),
        source_id: key.id().into_owned(),
        source_version: number_of(item, "version")?,
        source_updated_at: time_of(item, "source_updated_at"),
        occurred_at: None,
        received_at,
        ingested_at: received_at,
        raw_key: raw_key_of(&key, item),
        mapper_version: 0,
        schema_version: 0,
        content_sha256: digest_of(item, "content_sha256")?,
        deleted: false,
        subject_key: text_of(item, "subject_key").and_then(|key| key.parse().ok()),
        record_key: key,
    };
    Some((table, provenance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{SCHEMA_VERSION, Sha256};

    /// Written without a look at what it buries, it left the copy of a ticket that landed at the same moment.
    #[test]
    fn a_tombstone_looks_for_the_copy_of_what_it_buries() {
        let at = Timestamp::from_micros(1_767_225_600_000_000).unwrap();
        let record_key = RecordKey::new("zendesk", "desk", "ticket", "7");
        let item = live::record(&record_key);
        let provenance = Provenance {
            record_key,
            source: "zendesk".into(),
            connection_id: "desk".into(),
            source_object: "ticket".into(),
            source_id: "7".into(),
            source_version: at.as_micros(),
            source_updated_at: Some(at),
            occurred_at: None,
            received_at: at,
            ingested_at: at,
            raw_key: "raw#0".into(),
            mapper_version: 1,
            schema_version: SCHEMA_VERSION,
            content_sha256: Sha256::default(),
            deleted: true,
            subject_key: None,
        };
        let write = |table| Write {
            item: &item,
            table,
            provenance: &provenance,
            body: Body::Inline("{}"),
            evidence: None,
            before: None,
        };
        assert!(write(Table::Ticket).may_have_companions());
        assert!(!write(Table::Campaign).may_have_companions());
    }
}

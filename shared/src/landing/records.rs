//! The customers table: the newest version of each record, written only over an older one.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `REC#<record_key>` | `V` | newest version of an entity's row, or its tombstone |
//! | `REC#<subject_key>` | `TKT#<record_key>`, `ORD#…`, `DEAL#…` | the same row under the person's record |
//! | `REC#<subject_key>` | `INT#<occurred_at>#<record_key>` | an interaction (TTL 400 days) |

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::clock;
use crate::crash::{Point, point};
use crate::error::Error;
use crate::schema::{Entity, Provenance, RecordKey, Sha256, Table, Timestamp, Version};
use crate::stores::{StoreFault, Stores, persist};

/// How long interactions are kept in the table; S3 keeps them all.
const KEEP_INTERACTIONS: Duration = Duration::from_hours(24 * 400);
/// `BatchGetItem` takes at most this many keys.
const BATCH: usize = 100;
/// Requests in flight: enough to hide the latency, few enough for a small function.
const CONCURRENCY: usize = 16;

type Item = HashMap<String, AttributeValue>;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemKey {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
}

impl ItemKey {
    /// The item that holds the version of a row; none for interactions too old to be kept.
    pub(super) fn of(entity: &Entity, provenance: &Provenance) -> Option<Self> {
        match entity {
            Entity::Interaction(interaction) => {
                let end = clock::after(interaction.occurred_at, KEEP_INTERACTIONS);
                (end > provenance.received_at).then(|| Self {
                    pk: format!("REC#{}", interaction.subject_key),
                    sk: format!("INT#{}#{}", interaction.occurred_at, provenance.record_key),
                })
            }
            _ => Some(Self::record(&provenance.record_key)),
        }
    }

    /// The item of an entity's newest version.
    pub fn record(key: &RecordKey) -> Self {
        Self { pk: format!("REC#{key}"), sk: "V".to_owned() }
    }

    /// The copy of an entity's row under the person whom it is about.
    fn under(subject: &str, table: Table, key: &RecordKey) -> Option<Self> {
        let prefix = match table {
            Table::Ticket => "TKT",
            Table::Order => "ORD",
            Table::Deal => "DEAL",
            _ => return None,
        };
        Some(Self { pk: format!("REC#{subject}"), sk: format!("{prefix}#{key}") })
    }

    fn attributes(&self) -> Item {
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }
}

/// What the table knows of a row.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) version: Version,
    subject: Option<String>,
}

/// The content of an item.
pub(super) enum Body<'a> {
    Inline(&'a str),
    /// Too large for an item: the landing object that holds the row.
    Pointer(&'a str),
}

/// One row to write.
pub(super) struct Write<'a> {
    pub(super) item: &'a ItemKey,
    pub(super) table: Table,
    pub(super) provenance: &'a Provenance,
    pub(super) body: Body<'a>,
    pub(super) before: Option<&'a Known>,
}

/// The customers table.
#[derive(Clone, Debug)]
pub struct Records {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn seconds(at: Timestamp) -> AttributeValue {
    number(at.as_micros().div_euclid(1_000_000))
}

/// Absent, or older by (version, hash).
const IS_OLDER: &str =
    "attribute_not_exists(pk) OR version < :v OR (version = :v AND content_sha256 < :h)";

impl Records {
    /// The customers table of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { client: stores.dynamodb.clone(), table: stores.names.customers_table.clone() }
    }

    /// Reads the versions of these items, strongly consistent; every key is answered before this returns.
    pub(super) async fn known(
        &self,
        keys: impl Iterator<Item = &ItemKey>,
    ) -> Result<HashMap<ItemKey, Known>, Error> {
        let mut keys: Vec<&ItemKey> = keys.collect();
        keys.sort_unstable_by(|a, b| (&a.pk, &a.sk).cmp(&(&b.pk, &b.sk)));
        keys.dedup();
        let batches: Vec<Vec<Item>> = keys
            .chunks(BATCH)
            .map(|batch| batch.iter().map(|key| key.attributes()).collect())
            .collect();
        let found: Vec<Vec<(ItemKey, Known)>> = stream::iter(batches)
            .map(|batch| self.read(batch))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read(&self, mut keys: Vec<Item>) -> Result<Vec<(ItemKey, Known)>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        let mut wait = Duration::from_millis(25);
        let mut fruitless = 0;
        while !keys.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys.clone()))
                .consistent_read(true)
                .projection_expression("pk, sk, version, content_sha256, subject_key")
                .build()
                .map_err(|error| Error::landing("reading versions", error))?;
            let output = persist("reading versions", || {
                self.client.batch_get_item().request_items(&self.table, request.clone()).send()
            })
            .await
            .map_err(unconditional)?;
            let items = output
                .responses
                .and_then(|mut tables| tables.remove(&self.table))
                .unwrap_or_default();
            let left = output.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
            fruitless = if items.is_empty() { fruitless + 1 } else { 0 };
            found.extend(items.into_iter().filter_map(|item| parse(&item)));
            keys = left.map(|left| left.keys).unwrap_or_default();
            if !keys.is_empty() {
                if fruitless > 12 {
                    return Err(Error::Landing {
                        what: "reading versions: DynamoDB leaves keys unprocessed".to_owned(),
                        cause: None,
                    });
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }
        Ok(found)
    }

    /// Writes rows over older ones; a row that lost to a newer one meanwhile is left alone.
    pub(super) async fn write(&self, writes: &[Write<'_>]) -> Result<(), Error> {
        let first = AtomicBool::new(true);
        let writes: Vec<_> =
            writes.iter().map(|write| self.write_and_pass(write, &first)).collect();
        stream::iter(writes).buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn write_and_pass(&self, write: &Write<'_>, first: &AtomicBool) -> Result<(), Error> {
        self.write_one(write).await?;
        if first.swap(false, Ordering::Relaxed) {
            point(Point::BetweenRecords);
        }
        Ok(())
    }

    async fn write_one(&self, write: &Write<'_>) -> Result<(), Error> {
        let provenance = write.provenance;
        let subject = provenance.subject_key.as_ref().map(RecordKey::as_str);
        let copy = subject
            .and_then(|subject| ItemKey::under(subject, write.table, &provenance.record_key));
        if copy.is_none() && write.before.and_then(|known| known.subject.as_ref()).is_none() {
            return self.put(write).await;
        }
        self.put_with_copy(write, copy).await
    }

    async fn put(&self, write: &Write<'_>) -> Result<(), Error> {
        let item = Self::item(write, write.item);
        let Version { source_version, content_sha256 } = write.provenance.version();
        let put = persist("writing a record", || {
            self.client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item.clone()))
                .condition_expression(IS_OLDER)
                .expression_attribute_values(":v", number(source_version))
                .expression_attribute_values(":h", text(content_sha256.to_string()))
                .send()
        })
        .await;
        match put {
            Ok(_) | Err(StoreFault::Condition) => Ok(()),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    /// Writes a record and its copy under the person in one transaction, and removes the copy under a former person.
    ///
    /// Conditional on the very version that was read, so that the former person is known; a writer that was overtaken
    /// reads again.
    async fn put_with_copy(&self, write: &Write<'_>, copy: Option<ItemKey>) -> Result<(), Error> {
        let version = write.provenance.version();
        let mut before = write.before.cloned();
        for _ in 0..64 {
            let failed = |error| Error::landing("writing a record", error);
            let former = before
                .as_ref()
                .and_then(|known| known.subject.as_deref())
                .and_then(|subject| {
                    ItemKey::under(subject, write.table, &write.provenance.record_key)
                })
                .filter(|former| Some(former) != copy.as_ref());
            let mut put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(Self::item(write, write.item)));
            put = match &before {
                None => put.condition_expression("attribute_not_exists(pk)"),
                Some(known) => put
                    .condition_expression("version = :v AND content_sha256 = :h")
                    .expression_attribute_values(":v", number(known.version.source_version))
                    .expression_attribute_values(
                        ":h",
                        text(known.version.content_sha256.to_string()),
                    ),
            };
            let mut actions =
                vec![TransactWriteItem::builder().put(put.build().map_err(failed)?).build()];
            match &copy {
                Some(copy) if !write.provenance.deleted => {
                    let put = Put::builder()
                        .table_name(&self.table)
                        .set_item(Some(Self::item(write, copy)));
                    actions.push(
                        TransactWriteItem::builder().put(put.build().map_err(failed)?).build(),
                    );
                }
                Some(copy) => actions.push(self.delete(copy)?),
                None => {}
            }
            if let Some(former) = &former {
                actions.push(self.delete(former)?);
            }
            // The same token makes a repetition of a transaction that timed out but was applied a success.
            let token = uuid::Uuid::new_v4().to_string();
            let written = persist("writing a record with its copy", || {
                self.client
                    .transact_write_items()
                    .set_transact_items(Some(actions.clone()))
                    .client_request_token(&token)
                    .send()
            })
            .await;
            match written {
                Ok(_) => return Ok(()),
                Err(StoreFault::Other(error)) => return Err(error),
                Err(StoreFault::Condition) => {}
            }
            let now = self.read(vec![write.item.attributes()]).await?.pop().map(|(_, known)| known);
            if now.as_ref().is_some_and(|known| known.version >= version) {
                return Ok(());
            }
            before = now;
        }
        Err(Error::Landing {
            what: "writing a record: overtaken 64 times in a row".to_owned(),
            cause: None,
        })
    }

    fn delete(&self, key: &ItemKey) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .build()
            .map_err(|error| Error::landing("removing a copy", error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    fn item(write: &Write<'_>, key: &ItemKey) -> Item {
        let provenance = write.provenance;
        let mut item = key.attributes();
        let mut set = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
        set("record_key", text(provenance.record_key.as_str()));
        set("table", text(write.table.name()));
        set("version", number(provenance.source_version));
        set("content_sha256", text(provenance.content_sha256.to_string()));
        set("received_at", text(provenance.received_at.to_string()));
        set("raw_key", text(&provenance.raw_key));
        if let Some(subject) = &provenance.subject_key {
            set("subject_key", text(subject.as_str()));
        }
        if provenance.deleted {
            // A tombstone keeps the version, so that a late older one cannot bring the record back, and nothing personal.
            set("deleted", AttributeValue::Bool(true));
            return item;
        }
        if let Some(at) = provenance.occurred_at {
            set("ttl", seconds(clock::after(at, KEEP_INTERACTIONS)));
        }
        match write.body {
            Body::Inline(row) => set("row", text(row)),
            Body::Pointer(key) => set("row_in", text(key)),
        };
        item
    }
}

fn parse(item: &Item) -> Option<(ItemKey, Known)> {
    let field = |name: &str| item.get(name)?.as_s().ok().cloned();
    let key = ItemKey { pk: field("pk")?, sk: field("sk")? };
    let source_version = item.get("version")?.as_n().ok()?.parse().ok()?;
    let content_sha256: Sha256 = field("content_sha256")?.parse().ok()?;
    Some((
        key,
        Known {
            version: Version { source_version, content_sha256 },
            subject: field("subject_key"),
        },
    ))
}

fn unconditional(fault: StoreFault) -> Error {
    match fault {
        StoreFault::Other(error) => error,
        StoreFault::Condition => {
            Error::Invariant("an unconditional request was refused by a condition".to_owned())
        }
    }
}

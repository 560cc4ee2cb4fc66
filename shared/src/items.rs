//! The customers table as keys and items: reads that answer every key, whatever DynamoDB leaves unprocessed.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, KeysAndAttributes, Put, TransactWriteItem};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::error::Error;
use crate::schema::{Sha256, Timestamp};
use crate::stores::{StoreFault, Stores, persist, unconditional};

/// `BatchGetItem` takes at most this many keys.
const BATCH: usize = 100;
/// Requests in flight: enough to hide the latency, few enough for a small function.
pub(crate) const CONCURRENCY: usize = 16;
/// How often unprocessed keys are asked for again without an answer.
const PATIENCE: u32 = 12;

/// An item of the table.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// The primary key of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ItemKey {
    /// Partition key.
    pub(crate) pk: String,
    /// Sort key.
    pub(crate) sk: String,
}

impl ItemKey {
    /// A key of these parts.
    pub(crate) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as an item.
    pub(crate) fn attributes(&self) -> Item {
        HashMap::from([("pk".to_owned(), text(&self.pk)), ("sk".to_owned(), text(&self.sk))])
    }

    /// The key of an item.
    pub(crate) fn read(item: &Item) -> Option<Self> {
        Some(Self { pk: text_of(item, "pk")?.to_owned(), sk: text_of(item, "sk")?.to_owned() })
    }
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Digests are bytes, half as long as their digits and in the same order.
pub(crate) fn digest(digest: Sha256) -> AttributeValue {
    AttributeValue::B(Blob::new(digest.0))
}

pub(crate) fn digest_of(item: &Item, name: &str) -> Option<Sha256> {
    let bytes = item.get(name)?.as_b().ok()?.as_ref();
    Some(Sha256(bytes.try_into().ok()?))
}

/// Times are microseconds since 1970.
pub(crate) fn time(at: Timestamp) -> AttributeValue {
    number(at.as_micros())
}

pub(crate) fn time_of(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_micros(number_of(item, name)?).ok()
}

pub(crate) fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(crate) fn text_of<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The bytes by which DynamoDB counts an item: names and values.
pub(crate) fn size(item: &Item) -> u64 {
    let bytes = item.iter().map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => text.len(),
            // Two digits a byte, and one more.
            AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
            _ => 1,
        };
        name.len() + value
    });
    bytes.sum::<usize>() as u64
}

/// The units that writing so many bytes takes outside of a transaction.
pub(crate) fn write_units(bytes: u64) -> u64 {
    bytes.div_ceil(1024).max(1)
}

/// The units that a strongly consistent read of so many bytes takes.
pub(crate) fn read_units(bytes: u64) -> u64 {
    bytes.div_ceil(4096).max(1)
}

/// Which items of one partition a query reads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Range<'a> {
    /// Those whose sort key begins with this.
    Prefix(&'a str),
    /// Those whose sort key is from the first to the second, both included.
    Between(&'a str, &'a str),
}

/// How a query reads.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading<'a> {
    /// At most this many; all when absent.
    pub(crate) limit: Option<usize>,
    /// From the greatest sort key down.
    pub(crate) backwards: bool,
    /// Only these attributes, with commas between them; all when absent. `#row` is the attribute `row`: a word that
    /// DynamoDB reserves stands behind a `#`.
    pub(crate) only: Option<&'a str>,
}

/// The customers table.
#[derive(Clone, Debug)]
pub(crate) struct Items {
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) table: String,
}

impl Items {
    pub(crate) fn new(stores: &Stores) -> Self {
        Self { client: stores.dynamodb.clone(), table: stores.names.customers_table.clone() }
    }

    /// Reads the items under these keys that there are, strongly consistent; names each key once.
    pub(crate) async fn get(
        &self,
        what: &str,
        keys: impl IntoIterator<Item = &ItemKey>,
        only: Option<&str>,
    ) -> Result<Vec<Item>, Error> {
        let mut keys: Vec<&ItemKey> = keys.into_iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let batches: Vec<Vec<Item>> = keys
            .chunks(BATCH)
            .map(|batch| batch.iter().map(|key| key.attributes()).collect())
            .collect();
        let found: Vec<Vec<Item>> = stream::iter(batches)
            .map(|batch| self.get_batch(what, batch, only))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn get_batch(
        &self,
        what: &str,
        mut keys: Vec<Item>,
        only: Option<&str>,
    ) -> Result<Vec<Item>, Error> {
        let mut found = Vec::with_capacity(keys.len());
        let mut wait = Duration::from_millis(25);
        let mut fruitless = 0;
        while !keys.is_empty() {
            let request = KeysAndAttributes::builder()
                .set_keys(Some(keys.clone()))
                .consistent_read(true)
                .set_projection_expression(only.map(str::to_owned))
                .set_expression_attribute_names(only.and_then(reserved))
                .build()
                .map_err(|error| Error::landing(what, error))?;
            let output = persist(what, || {
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
            found.extend(items);
            keys = left.map(|left| left.keys).unwrap_or_default();
            if !keys.is_empty() {
                if fruitless > PATIENCE {
                    return Err(Error::Landing {
                        what: format!("{what}: DynamoDB leaves keys unprocessed"),
                        cause: None,
                    });
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(5));
            }
        }
        Ok(found)
    }

    /// Reads items of one partition in the order of their sort keys, strongly consistent.
    pub(crate) async fn query(
        &self,
        what: &str,
        pk: &str,
        range: Range<'_>,
        reading: Reading<'_>,
    ) -> Result<Vec<Item>, Error> {
        let mut found: Vec<Item> = Vec::new();
        let mut from: Option<Item> = None;
        loop {
            let left = reading.limit.map(|limit| limit.saturating_sub(found.len()));
            let output = persist(what, || {
                let mut query = self
                    .client
                    .query()
                    .table_name(&self.table)
                    .consistent_read(true)
                    .scan_index_forward(!reading.backwards)
                    .set_projection_expression(reading.only.map(str::to_owned))
                    .set_expression_attribute_names(reading.only.and_then(reserved))
                    .set_limit(left.and_then(|left| i32::try_from(left).ok()))
                    .set_exclusive_start_key(from.clone())
                    .expression_attribute_values(":pk", text(pk));
                query = match range {
                    Range::Prefix(prefix) => query
                        .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                        .expression_attribute_values(":prefix", text(prefix)),
                    Range::Between(first, last) => query
                        .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                        .expression_attribute_values(":first", text(first))
                        .expression_attribute_values(":last", text(last)),
                };
                query.send()
            })
            .await
            .map_err(unconditional)?;
            found.extend(output.items.unwrap_or_default());
            from = output.last_evaluated_key;
            let enough = reading.limit.is_some_and(|limit| found.len() >= limit);
            if enough || from.is_none() {
                return Ok(found);
            }
        }
    }

    /// Puts an item, within a transaction.
    pub(crate) fn put(&self) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.table)
    }

    /// Deletes an item, within a transaction.
    pub(crate) fn delete(&self, key: &ItemKey) -> Result<TransactWriteItem, Error> {
        let delete = Delete::builder()
            .table_name(&self.table)
            .set_key(Some(key.attributes()))
            .build()
            .map_err(|error| Error::landing("removing an item", error))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Applies all of these, or none if a condition does not hold.
    pub(crate) async fn transact(
        &self,
        what: &str,
        actions: &[TransactWriteItem],
    ) -> Result<(), StoreFault> {
        // The same token makes a repetition of a transaction that timed out but was applied a success.
        let token = uuid::Uuid::new_v4().to_string();
        persist(what, || {
            self.client
                .transact_write_items()
                .set_transact_items(Some(actions.to_vec()))
                .client_request_token(&token)
                .send()
        })
        .await
        .map(drop)
    }
}

/// The attributes of a projection whose names DynamoDB reserves, by the words that stand for them.
fn reserved(only: &str) -> Option<HashMap<String, String>> {
    let names = only.split(", ").filter_map(|word| Some((word, word.strip_prefix('#')?)));
    let names: HashMap<String, String> =
        names.map(|(word, name)| (word.to_owned(), name.to_owned())).collect();
    (!names.is_empty()).then_some(names)
}

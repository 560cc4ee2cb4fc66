//! Who is known: the ids of records whose deletion only their absence shows, and when each was last seen.
//!
//! Kept in the state table for the objects of streams with [`Deletes::FullPass`] or [`Deletes::Recheck`]. Whatever lands
//! a record notes it here; a full pass notes whom it saw; whom two complete passes in a row did not see is gone.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, DeleteRequest, PutRequest, WriteRequest};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::connector::Connector;
use crate::error::Error;
use crate::facts::Deletes;
use crate::schema::Timestamp;
use crate::stores::{Stores, persist, unconditional};

/// `BatchWriteItem` takes at most this many requests.
const BATCH: usize = 25;
/// Requests in flight.
const CONCURRENCY: usize = 8;
/// How often unprocessed items are sent again before the write fails.
const PATIENCE: u32 = 12;

/// The rosters of a deployment.
#[derive(Clone, Debug)]
pub struct Roster {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// One object of one connection.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// The object in `record_key`.
    pub object: &'a str,
}

/// Whom a complete pass did not see.
#[derive(Debug, Default)]
pub struct Absent {
    /// The ids.
    pub ids: Vec<String>,
    /// How many are known in all.
    pub known: usize,
}

/// The objects of a source whose deletion only their absence shows.
pub fn kept_of(connector: &Connector) -> BTreeSet<&'static str> {
    let streams = connector.streams.iter().map(|stream| stream.facts());
    let kept = streams
        .filter(|facts| matches!(facts.deletes.value, Deletes::FullPass | Deletes::Recheck(_)));
    kept.map(|facts| facts.object).collect()
}

impl Group<'_> {
    fn pk(self) -> AttributeValue {
        AttributeValue::S(format!("ROSTER#{}#{}", self.connection, self.object))
    }
}

impl Roster {
    /// The rosters of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { client: stores.dynamodb.clone(), table: stores.names.state_table.clone() }
    }

    /// Notes that these records were there at `seen_at`.
    pub async fn see(
        &self,
        group: Group<'_>,
        ids: impl IntoIterator<Item = String>,
        seen_at: Timestamp,
    ) -> Result<(), Error> {
        // A batch must not name an item twice.
        let ids: BTreeSet<String> = ids.into_iter().collect();
        let put = |id: String| {
            let put = PutRequest::builder()
                .item("pk", group.pk())
                .item("sk", AttributeValue::S(id))
                .item("seen", AttributeValue::N(seen_at.as_micros().to_string()));
            Ok(WriteRequest::builder().put_request(put.build()?).build())
        };
        self.write(ids.into_iter().map(put)).await
    }

    /// Forgets these records: they are buried.
    pub async fn forget(&self, group: Group<'_>, ids: &[String]) -> Result<(), Error> {
        let delete = |id: &String| {
            let delete = DeleteRequest::builder()
                .key("pk", group.pk())
                .key("sk", AttributeValue::S(id.clone()));
            Ok(WriteRequest::builder().delete_request(delete.build()?).build())
        };
        self.write(ids.iter().map(delete)).await
    }

    /// Whom nobody has seen since `since`.
    pub async fn absent_since(&self, group: Group<'_>, since: Timestamp) -> Result<Absent, Error> {
        let mut absent = Absent::default();
        let mut from = None;
        loop {
            let (people, next) = self.page(group, from, None).await?;
            absent.known += people.len();
            let gone = people.into_iter().filter(|(_, seen)| *seen < since.as_micros());
            absent.ids.extend(gone.map(|(id, _)| id));
            if next.is_none() {
                return Ok(absent);
            }
            from = next;
        }
    }

    /// The next ids after `after`, in order.
    pub async fn after(
        &self,
        group: Group<'_>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let (people, _) = self.page(group, after.map(str::to_owned), Some(limit)).await?;
        Ok(people.into_iter().map(|(id, _)| id).collect())
    }

    /// Ids with when they were seen, and where to go on.
    async fn page(
        &self,
        group: Group<'_>,
        after: Option<String>,
        limit: Option<usize>,
    ) -> Result<(Vec<(String, i64)>, Option<String>), Error> {
        let output = persist("reading a roster", || {
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .set_limit(limit.and_then(|limit| i32::try_from(limit).ok()))
                .expression_attribute_values(":pk", group.pk());
            query = match &after {
                None => query.key_condition_expression("pk = :pk"),
                Some(id) => query
                    .key_condition_expression("pk = :pk AND sk > :after")
                    .expression_attribute_values(":after", AttributeValue::S(id.clone())),
            };
            query.send()
        })
        .await
        .map_err(unconditional)?;
        let id = |item: &std::collections::HashMap<String, AttributeValue>| {
            item.get("sk")?.as_s().ok().cloned()
        };
        let next = output.last_evaluated_key.as_ref().and_then(id);
        let people = output.items.unwrap_or_default().into_iter().filter_map(|item| {
            let seen = item.get("seen")?.as_n().ok()?.parse().ok()?;
            Some((id(&item)?, seen))
        });
        Ok((people.collect(), next))
    }

    async fn write(
        &self,
        requests: impl Iterator<Item = Result<WriteRequest, aws_sdk_dynamodb::error::BuildError>>,
    ) -> Result<(), Error> {
        let requests: Vec<WriteRequest> = requests
            .collect::<Result<_, _>>()
            .map_err(|error| Error::landing("noting who is known", error))?;
        let batches: Vec<Vec<WriteRequest>> =
            requests.chunks(BATCH).map(<[WriteRequest]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.write_batch(batch))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await
    }

    async fn write_batch(&self, mut batch: Vec<WriteRequest>) -> Result<(), Error> {
        let mut wait = std::time::Duration::from_millis(25);
        for _ in 0..PATIENCE {
            let output = persist("noting who is known", || {
                self.client.batch_write_item().request_items(&self.table, batch.clone()).send()
            })
            .await
            .map_err(unconditional)?;
            batch = output
                .unprocessed_items
                .and_then(|mut tables| tables.remove(&self.table))
                .unwrap_or_default();
            if batch.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(std::time::Duration::from_secs(5));
        }
        Err(Error::Landing {
            what: "noting who is known: DynamoDB leaves items unprocessed".to_owned(),
            cause: None,
        })
    }
}

/// Fails when so many are gone that the list was probably not whole: more than a fifth, and more than twenty.
pub fn refuse_mass_deletion(stream: &str, gone: usize, known: usize) -> Result<(), Error> {
    if gone <= 20 || gone * 5 <= known {
        return Ok(());
    }
    Err(Error::Implausible(format!(
        "{stream} shows {gone} of {known} known records no more, so probably not all that there is; nothing was \
         deleted; if they are gone indeed, run `tributary sync` for this stream with --accept-deletions"
    )))
}

//! Where each stream stands: cursors, leases, ledgers, delivery ids and token versions, in one DynamoDB table.
//!
//! | pk | sk | holds |
//! |---|---|---|
//! | `STREAM#<connection>#<stream>` | `V` | cursor, epoch, lease, not before, last run |
//! | `RUN#<connection>#<stream>` | `<started_at>#<epoch>` | one run's ledger (TTL 400 days) |
//! | `DELIVERY#<connection>` | `<delivery id>` | SHA-256 of its body, whether it is done (TTL) |
//! | `TOKEN#<connection>` | `V` | version of the OAuth tokens, who refreshes until when |
//! | `ROSTER#<connection>#<object>` | `<id>` | when the record was last seen ([`crate::roster`]) |

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use serde_json::value::RawValue;

use crate::clock;
use crate::error::{Error, json_reason};
use crate::http::TokenRegister;
use crate::ledger::Run;
use crate::schema::{Sha256, Timestamp};
use crate::stores::{StoreFault, Stores, persist};

/// The version of the stored format; a reader refuses what is newer than itself.
const FORMAT: u64 = 1;
/// How long ledgers are kept.
const KEEP_RUNS: Duration = Duration::from_hours(24 * 400);

type Item = HashMap<String, AttributeValue>;

/// The state table.
#[derive(Clone, Debug)]
pub struct State {
    client: aws_sdk_dynamodb::Client,
    table: String,
}

/// A stream that this run holds the lease of.
#[derive(Debug)]
pub struct Held {
    connection: String,
    stream: String,
    epoch: u64,
    lease_until: Timestamp,
    cursor: Option<Box<RawValue>>,
    /// The source asked not to be called before this.
    pub not_before: Option<Timestamp>,
    /// The change time up to which earlier runs have read.
    pub watermark: Option<Timestamp>,
    /// When an earlier run had read everything that there was.
    pub caught_up_at: Option<Timestamp>,
    /// When the full pass began that is under way, and when the one before it began.
    pub(crate) pass: Passes,
}

/// The full passes of a stream that lists all there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passes {
    /// When the one under way began.
    pub(crate) current: Option<Timestamp>,
    /// When the last complete one began.
    pub(crate) complete: Option<Timestamp>,
}

impl Held {
    /// The saved cursor; none before the first page ever.
    pub fn cursor(&self) -> Option<&RawValue> {
        self.cursor.as_deref()
    }

    /// Grows with every lease: the fencing token of this run.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

/// What is known of a stream, for `status`.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The saved cursor as JSON text.
    pub cursor: Option<String>,
    /// When the cursor was saved.
    pub saved_at: Option<Timestamp>,
    /// When the stream was last caught up.
    pub caught_up_at: Option<Timestamp>,
    /// The change time up to which it has been read.
    pub watermark: Option<Timestamp>,
    /// The end of the current lease.
    pub lease_until: Option<Timestamp>,
    /// The source asked not to be called before this.
    pub not_before: Option<Timestamp>,
    /// The last run.
    pub last_run: Option<Run>,
}

/// What is known of a delivery id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Never before: go on.
    New,
    /// Before, with the same body, but it never got to the end: go on.
    Unfinished,
    /// Before, with the same body, and landed.
    Done,
    /// Before, with another body.
    OtherBody,
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn time(at: Timestamp) -> AttributeValue {
    number(at.as_micros())
}

/// DynamoDB's TTL counts whole seconds.
fn ttl(at: Timestamp) -> AttributeValue {
    number(at.as_micros().div_euclid(1_000_000))
}

fn text_of(item: &Item, name: &str) -> Option<String> {
    item.get(name)?.as_s().ok().cloned()
}

fn number_of<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn time_of(item: &Item, name: &str) -> Option<Timestamp> {
    Timestamp::from_micros(number_of(item, name)?).ok()
}

fn other(fault: StoreFault) -> Error {
    match fault {
        StoreFault::Other(error) => error,
        StoreFault::Condition => {
            Error::Invariant("an unconditional write was refused by a condition".to_owned())
        }
    }
}

fn stream_pk(connection: &str, stream: &str) -> AttributeValue {
    text(format!("STREAM#{connection}#{stream}"))
}

impl State {
    /// The state table of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { client: stores.dynamodb.clone(), table: stores.names.state_table.clone() }
    }

    /// Takes the lease of a stream until `until`, or says none if another run holds it.
    pub async fn lease(
        &self,
        connection: &str,
        stream: &str,
        owner: &str,
        until: Timestamp,
    ) -> Result<Option<Held>, Error> {
        let taken = persist("taking the lease of a stream", || {
            self.client
                .update_item()
                .table_name(&self.table)
                .key("pk", stream_pk(connection, stream))
                .key("sk", text("V"))
                .update_expression("SET epoch = if_not_exists(epoch, :zero) + :one, lease_until = :until, #o = :owner, #f = :format")
                .condition_expression(
                    "(attribute_not_exists(lease_until) OR lease_until < :now OR #o = :owner) \
                     AND (attribute_not_exists(#f) OR #f <= :format)",
                )
                .expression_attribute_names("#o", "owner")
                .expression_attribute_names("#f", "format")
                .expression_attribute_values(":zero", number(0))
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":until", time(until))
                .expression_attribute_values(":now", time(clock::now()))
                .expression_attribute_values(":owner", text(owner))
                .expression_attribute_values(":format", number(FORMAT))
                .return_values(ReturnValue::AllNew)
                .send()
        })
        .await;
        let item = match taken {
            Ok(output) => output.attributes.unwrap_or_default(),
            Err(StoreFault::Condition) => {
                let item = self.item(stream_pk(connection, stream), "V").await?.unwrap_or_default();
                if number_of::<u64>(&item, "format").is_some_and(|format| format > FORMAT) {
                    return Err(Error::Config(format!(
                        "the state of {connection}/{stream} was written by a newer tributary; update this one"
                    )));
                }
                return Ok(None);
            }
            Err(StoreFault::Other(error)) => return Err(error),
        };
        let cursor =
            text_of(&item, "cursor").map(RawValue::from_string).transpose().map_err(|error| {
                Error::Invariant(format!(
                    "the saved cursor of {connection}/{stream} is not JSON: {}",
                    json_reason(&error)
                ))
            })?;
        Ok(Some(Held {
            connection: connection.to_owned(),
            stream: stream.to_owned(),
            epoch: number_of(&item, "epoch").unwrap_or_default(),
            lease_until: until,
            cursor,
            not_before: time_of(&item, "not_before"),
            watermark: time_of(&item, "watermark"),
            caught_up_at: time_of(&item, "caught_up_at"),
            pass: Passes {
                current: time_of(&item, "pass"),
                complete: time_of(&item, "complete_pass"),
            },
        }))
    }

    /// Saves a cursor over the one that this run last saw, if the lease is still its own, and extends the lease.
    pub async fn save(
        &self,
        held: &mut Held,
        cursor: &RawValue,
        watermark: Option<Timestamp>,
        lease_until: Timestamp,
    ) -> Result<(), Error> {
        let saved = persist("saving a cursor", || {
            let mut update = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", stream_pk(&held.connection, &held.stream))
                .key("sk", text("V"))
                .expression_attribute_names("#c", "cursor")
                .expression_attribute_values(":new", text(cursor.get()))
                .expression_attribute_values(":now", time(clock::now()))
                .expression_attribute_values(":until", time(lease_until))
                .expression_attribute_values(":epoch", number(held.epoch));
            let mut set = "SET #c = :new, saved_at = :now, lease_until = :until".to_owned();
            if let Some(watermark) = watermark {
                set.push_str(", watermark = :watermark");
                update = update.expression_attribute_values(":watermark", time(watermark));
            }
            let mut remove = " REMOVE not_before".to_owned();
            for (name, value, at) in [
                ("pass", ":pass", held.pass.current),
                ("complete_pass", ":complete", held.pass.complete),
            ] {
                if let Some(at) = at {
                    set.extend([", ", name, " = ", value]);
                    update = update.expression_attribute_values(value, time(at));
                } else {
                    remove.extend([", ", name]);
                }
            }
            update = match &held.cursor {
                Some(old) => update
                    .condition_expression("epoch = :epoch AND #c = :old")
                    .expression_attribute_values(":old", text(old.get())),
                None => update.condition_expression("epoch = :epoch AND attribute_not_exists(#c)"),
            };
            update.update_expression(set + &remove).send()
        })
        .await;
        match saved {
            Ok(_) => {}
            // A write that timed out but was applied is refused the second time.
            Err(StoreFault::Condition) => {
                let item = self
                    .item(stream_pk(&held.connection, &held.stream), "V")
                    .await?
                    .unwrap_or_default();
                let mine = number_of::<u64>(&item, "epoch") == Some(held.epoch);
                if !mine || text_of(&item, "cursor").as_deref() != Some(cursor.get()) {
                    return Err(Error::LeaseLost);
                }
            }
            Err(StoreFault::Other(error)) => return Err(error),
        }
        held.cursor = Some(cursor.to_owned());
        held.lease_until = lease_until;
        Ok(())
    }

    /// Gives the lease back, notes the run and, for a pause, when the source may be called again.
    pub async fn finish(&self, held: &Held, run: &Run) -> Result<(), Error> {
        let ledger =
            serde_json::to_string(run).map_err(|error| Error::Invariant(json_reason(&error)))?;
        persist("storing a ledger", || {
            self.client
                .put_item()
                .table_name(&self.table)
                .item("pk", text(format!("RUN#{}#{}", held.connection, held.stream)))
                .item("sk", text(format!("{}#{:010}", run.started_at, held.epoch)))
                .item("run", text(&ledger))
                .item("ttl", ttl(clock::after(run.started_at, KEEP_RUNS)))
                .send()
        })
        .await
        .map_err(other)?;
        crate::crash::point(crate::crash::Point::AfterLedger);
        let released = persist("giving a lease back", || {
            let mut update = self
                .client
                .update_item()
                .table_name(&self.table)
                .key("pk", stream_pk(&held.connection, &held.stream))
                .key("sk", text("V"))
                .condition_expression("epoch = :epoch")
                .expression_attribute_values(":epoch", number(held.epoch))
                .expression_attribute_values(":run", text(&ledger));
            let mut set = "SET last_run = :run".to_owned();
            if let Some(at) = run.not_before {
                set.push_str(", not_before = :not_before");
                update = update.expression_attribute_values(":not_before", time(at));
            }
            if run.outcome == crate::ledger::Outcome::CaughtUp {
                set.push_str(", caught_up_at = :now");
                update = update.expression_attribute_values(":now", time(clock::now()));
            }
            update
                .update_expression(set + " REMOVE lease_until, #o")
                .expression_attribute_names("#o", "owner")
                .send()
        })
        .await;
        match released {
            Ok(_) | Err(StoreFault::Condition) => Ok(()),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    /// Ends the leases of these streams: for the one process that owns an embedded store, whose earlier runs are dead.
    pub async fn break_lease(&self, connection: &str, stream: &str) -> Result<(), Error> {
        let broken = persist("breaking a dead lease", || {
            self.client
                .update_item()
                .table_name(&self.table)
                .key("pk", stream_pk(connection, stream))
                .key("sk", text("V"))
                .update_expression("REMOVE lease_until, #o")
                .condition_expression("attribute_exists(lease_until)")
                .expression_attribute_names("#o", "owner")
                .send()
        })
        .await;
        match broken {
            Ok(_) | Err(StoreFault::Condition) => Ok(()),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    /// Where a stream stands; all empty before its first run.
    pub async fn standing(&self, connection: &str, stream: &str) -> Result<Standing, Error> {
        let Some(item) = self.item(stream_pk(connection, stream), "V").await? else {
            return Ok(Standing::default());
        };
        Ok(Standing {
            cursor: text_of(&item, "cursor"),
            saved_at: time_of(&item, "saved_at"),
            caught_up_at: time_of(&item, "caught_up_at"),
            watermark: time_of(&item, "watermark"),
            lease_until: time_of(&item, "lease_until"),
            not_before: time_of(&item, "not_before"),
            last_run: text_of(&item, "last_run").and_then(|run| serde_json::from_str(&run).ok()),
        })
    }

    /// The last runs of a stream, the newest first, at most so many.
    pub async fn runs(&self, connection: &str, stream: &str, most: i32) -> Result<Vec<Run>, Error> {
        let output = persist("reading ledgers", || {
            self.client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :pk")
                .expression_attribute_values(":pk", text(format!("RUN#{connection}#{stream}")))
                .scan_index_forward(false)
                .limit(most)
                .send()
        })
        .await
        .map_err(other)?;
        let items = output.items.unwrap_or_default();
        let runs = items.iter().filter_map(|item| text_of(item, "run"));
        Ok(runs.filter_map(|run| serde_json::from_str(&run).ok()).collect())
    }

    /// Looks a delivery id up and notes it with the body's digest if it is new.
    pub async fn see_delivery(
        &self,
        connection: &str,
        id: &str,
        body: Sha256,
        keep: Duration,
    ) -> Result<Seen, Error> {
        let pk = || text(format!("DELIVERY#{connection}"));
        let noted = persist("noting a delivery id", || {
            self.client
                .put_item()
                .table_name(&self.table)
                .item("pk", pk())
                .item("sk", text(id))
                .item("body", text(body.to_string()))
                .item("ttl", ttl(clock::after(clock::now(), keep)))
                .condition_expression("attribute_not_exists(pk)")
                .send()
        })
        .await;
        match noted {
            Ok(_) => return Ok(Seen::New),
            Err(StoreFault::Condition) => {}
            Err(StoreFault::Other(error)) => return Err(error),
        }
        let Some(item) = self.item(pk(), id).await? else { return Ok(Seen::Unfinished) };
        let same = text_of(&item, "body").as_deref() == Some(body.to_string().as_str());
        Ok(match (same, item.contains_key("done")) {
            (false, _) => Seen::OtherBody,
            (true, true) => Seen::Done,
            (true, false) => Seen::Unfinished,
        })
    }

    /// Notes that a delivery has landed.
    pub async fn delivery_done(&self, connection: &str, id: &str) -> Result<(), Error> {
        persist("noting a landed delivery", || {
            self.client
                .update_item()
                .table_name(&self.table)
                .key("pk", text(format!("DELIVERY#{connection}")))
                .key("sk", text(id))
                .update_expression("SET done = :true")
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .send()
        })
        .await
        .map(drop)
        .map_err(other)
    }

    async fn item(&self, pk: AttributeValue, sk: &str) -> Result<Option<Item>, Error> {
        persist("reading state", || {
            self.client
                .get_item()
                .table_name(&self.table)
                .key("pk", pk.clone())
                .key("sk", text(sk))
                .consistent_read(true)
                .send()
        })
        .await
        .map(|output| output.item)
        .map_err(other)
    }

    fn token_update(
        &self,
        connection: &str,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(format!("TOKEN#{connection}")))
            .key("sk", text("V"))
    }

    /// Whether the operator has to authorise a connection again.
    pub async fn needs_reauthorisation(&self, connection: &str) -> Result<bool, Error> {
        let item = self.item(text(format!("TOKEN#{connection}")), "V").await?;
        Ok(item.is_some_and(|item| item.contains_key("reauth")))
    }
}

#[async_trait]
impl TokenRegister for State {
    async fn claim(
        &self,
        connection: &str,
        version: u64,
        for_at_most: Duration,
    ) -> Result<bool, Error> {
        let now = clock::now();
        // By its name a claim that timed out but was applied is known for our own.
        let claim = uuid::Uuid::new_v4().to_string();
        let claimed = persist("claiming a token refresh", || {
            self.token_update(connection)
                .update_expression(
                    "SET claimed_until = :until, claim = :claim, version = if_not_exists(version, :version)",
                )
                .condition_expression(
                    "(attribute_not_exists(claimed_until) OR claimed_until < :now OR claim = :claim) \
                     AND (attribute_not_exists(version) OR version <= :version)",
                )
                .expression_attribute_values(":claim", text(&claim))
                .expression_attribute_values(":until", time(clock::after(now, for_at_most)))
                .expression_attribute_values(":now", time(now))
                .expression_attribute_values(":version", number(version))
                .send()
        })
        .await;
        match claimed {
            Ok(_) => Ok(true),
            Err(StoreFault::Condition) => Ok(false),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    async fn release(&self, connection: &str) -> Result<(), Error> {
        persist("giving a token refresh up", || {
            self.token_update(connection).update_expression("REMOVE claimed_until").send()
        })
        .await
        .map(drop)
        .map_err(other)
    }

    async fn done(&self, connection: &str, version: u64) -> Result<(), Error> {
        persist("noting a token refresh", || {
            self.token_update(connection)
                .update_expression("SET version = :version REMOVE claimed_until, reauth")
                .expression_attribute_values(":version", number(version))
                .send()
        })
        .await
        .map(drop)
        .map_err(other)
    }

    async fn needs_reauthorisation(&self, connection: &str) -> Result<(), Error> {
        persist("noting that a connection must be authorised again", || {
            self.token_update(connection)
                .update_expression("SET reauth = :true REMOVE claimed_until")
                .expression_attribute_values(":true", AttributeValue::Bool(true))
                .send()
        })
        .await
        .map(drop)
        .map_err(other)
    }
}

//! What is in the stores, and whether it is the truth: nothing lost, nothing twice, the newest version everywhere.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use shared::landing::{Quarantined, decompress};
use shared::schema::{
    Entity, InteractionKind, PersonRecord, Provenance, Row, Table, Ticket, TicketStatus, Timestamp,
};
use shared::stores::Stores;
use simulator::zendesk::Truth;

use crate::stand::CONNECTION;

/// An item of a table.
pub type Item = HashMap<String, AttributeValue>;

/// Everything in the stores.
#[derive(Debug)]
pub struct Landed {
    /// Every row of every landing object.
    pub rows: Vec<Row>,
    /// The newest version of each row, by table and key: what the tables will show.
    pub newest: BTreeMap<(Table, String), Row>,
    /// The customers table by (pk, sk).
    pub items: BTreeMap<(String, String), Item>,
    /// The state table by (pk, sk).
    pub state: BTreeMap<(String, String), Item>,
    /// The records in quarantine.
    pub quarantined: Vec<Quarantined>,
    /// The keys of all objects.
    pub keys: Vec<String>,
}

impl Landed {
    /// Reads all of it.
    pub async fn read(stores: &Stores) -> Self {
        let objects = shared::landing::Objects::new(stores);
        let keys = objects.list("").await.expect("a listing");
        let (mut rows, mut quarantined) = (Vec::new(), Vec::new());
        for key in &keys {
            if !key.starts_with("landing/") && !key.starts_with("quarantine/") {
                continue;
            }
            let (bytes, _) = objects.read(key).await.expect("an object");
            let text = String::from_utf8(decompress(&bytes).expect("zstd")).expect("UTF-8");
            for line in text.lines() {
                if key.starts_with("landing/") {
                    rows.push(Row::parse_line(line).expect("a landed line is a row"));
                } else {
                    quarantined.push(serde_json::from_str(line).expect("a quarantined record"));
                }
            }
        }
        let mut newest: BTreeMap<(Table, String), Row> = BTreeMap::new();
        for row in &rows {
            let key = (row.table(), row.provenance.record_key.to_string());
            if row.version().replaces(newest.get(&key).map(Row::version)) {
                newest.insert(key, row.clone());
            }
        }
        let items = scan(stores, &stores.names.customers_table).await;
        let state = scan(stores, &stores.names.state_table).await;
        Self { rows, newest, items, state, quarantined, keys }
    }

    /// The newest row of an object of the stand's connection.
    pub fn row(&self, table: Table, object: &str, id: impl std::fmt::Display) -> Option<&Row> {
        self.newest.get(&(table, key(object, id)))
    }

    /// The newest row of a ticket; a tombstone counts as none.
    pub fn ticket(&self, id: u64) -> Option<&Ticket> {
        match &self.row(Table::Ticket, "ticket", id)?.entity {
            Entity::Ticket(ticket) if ticket.status != TicketStatus::Deleted => Some(ticket),
            _ => None,
        }
    }

    /// The newest row of a user; a tombstone is an empty one.
    pub fn person(&self, id: u64) -> Option<&PersonRecord> {
        match &self.row(Table::PersonRecord, "user", id)?.entity {
            Entity::PersonRecord(person) => Some(person),
            _ => None,
        }
    }

    /// The item of an entity's newest version in the customers table.
    pub fn item(&self, object: &str, id: impl std::fmt::Display) -> Option<&Item> {
        self.items.get(&(format!("REC#{}", key(object, id)), "V".to_owned()))
    }

    /// How many rows of a source object are in S3, all versions.
    pub fn row_count(&self, object: &str) -> usize {
        self.rows.iter().filter(|row| row.provenance.source_object == object).count()
    }

    /// The saved cursor of every stream.
    pub fn cursors(&self) -> BTreeMap<String, String> {
        let cursors = self.state.iter().filter(|(_, item)| item.contains_key("cursor"));
        cursors.map(|((pk, _), item)| (pk.clone(), text(item, "cursor"))).collect()
    }

    /// How many rows are in S3 a second time: same record, same version.
    pub fn repeated(&self) -> usize {
        let version = |row: &Row| (row.provenance.record_key.to_string(), row.version());
        let distinct: HashSet<_> = self.rows.iter().map(version).collect();
        self.rows.len() - distinct.len()
    }

    /// Fails unless the stores hold exactly the helpdesk's truth: in S3, in `DynamoDB`, and the same in both.
    pub fn assert_is(&self, truth: &Truth) {
        crate::truth::zendesk::assert_is(self, CONNECTION, truth);
        self.assert_consistent();
    }

    /// The newest rows of an object of any connection, by their ids; tombstones too.
    pub fn newest_of(
        &self,
        source: &str,
        connection: &str,
        object: &str,
    ) -> BTreeMap<String, &Row> {
        let rows = self.newest.values().filter(|row| {
            let Provenance { source: of, connection_id, source_object, .. } = &row.provenance;
            (of.as_str(), connection_id.as_str(), source_object.as_str())
                == (source, connection, object)
        });
        rows.map(|row| (row.provenance.source_id.clone(), row)).collect()
    }

    /// Fails unless S3 and `DynamoDB` agree and no interaction is there twice, whatever the connections.
    pub fn assert_consistent(&self) {
        self.assert_items_are_newest();
        self.assert_nobody_is_there_twice();
    }

    /// Every item of the customers table is the newest landed version, and every newest version is an item.
    fn assert_items_are_newest(&self) {
        for ((table, record_key), row) in &self.newest {
            let (pk, sk) = match &row.entity {
                Entity::Interaction(interaction) => (
                    format!("REC#{}", interaction.subject_key),
                    format!("INT#{}#{record_key}", interaction.occurred_at),
                ),
                _ => (format!("REC#{record_key}"), "V".to_owned()),
            };
            let too_old = row.provenance.occurred_at.is_some_and(|at| {
                at.as_micros()
                    < Timestamp::try_from(jiff::Timestamp::now()).expect("now").as_micros()
                        - 399 * 86_400_000_000
            });
            if too_old {
                continue;
            }
            let item = self.items.get(&(pk.clone(), sk.clone()));
            let item = item
                .unwrap_or_else(|| panic!("{table} {record_key} is not in DynamoDB ({pk}, {sk})"));
            assert_eq!(digest(item), row.version().content_sha256.0, "{record_key}");
            assert_eq!(item.contains_key("deleted"), row.provenance.deleted, "{record_key}");
            assert!(
                !row.provenance.deleted || !item.contains_key("row"),
                "{record_key}: a tombstone has content"
            );
        }
        for ((pk, sk), item) in &self.items {
            let record_key = text(item, "record_key");
            let (kind, _) = sk.split_once('#').unwrap_or((sk, ""));
            let table = match kind {
                "TKT" => Table::Ticket,
                "ORD" => Table::Order,
                "DEAL" => Table::Deal,
                _ => continue,
            };
            let row = &self.newest[&(table, record_key.clone())];
            let subject = row.provenance.subject_key.as_ref().map(|key| format!("REC#{key}"));
            assert_eq!(subject.as_ref(), Some(pk), "{record_key}: a copy under a former person");
            assert!(!row.provenance.deleted, "{record_key}: a copy of what is deleted");
            assert_eq!(digest(item), row.version().content_sha256.0, "{record_key}: copy");
        }
        for ((table, record_key), row) in &self.newest {
            let kind = match table {
                Table::Ticket => "TKT",
                Table::Order => "ORD",
                Table::Deal => "DEAL",
                _ => continue,
            };
            if let Some(subject) =
                row.provenance.subject_key.as_ref().filter(|_| !row.provenance.deleted)
            {
                let copy = (format!("REC#{subject}"), format!("{kind}#{record_key}"));
                assert!(self.items.contains_key(&copy), "{record_key} is not under its person");
            }
        }
    }

    fn assert_nobody_is_there_twice(&self) {
        let mut ids = BTreeSet::new();
        for row in self.newest.values() {
            if let Entity::Interaction(interaction) = &row.entity {
                assert!(
                    ids.insert(interaction.interaction_id),
                    "{} is there twice",
                    row.provenance.record_key
                );
            }
        }
    }

    /// How many interactions of a type landed.
    pub fn count(&self, kind: &str) -> usize {
        let is = |kind_of: &InteractionKind| kind_of.name() == kind;
        self.newest
            .values()
            .filter(|row| matches!(&row.entity, Entity::Interaction(it) if is(&it.kind)))
            .count()
    }
}

fn key(object: &str, id: impl std::fmt::Display) -> String {
    format!("zendesk/{CONNECTION}/{object}/{id}")
}

/// The digest of the version that an item holds.
fn digest(item: &Item) -> &[u8] {
    let digest = item.get("content_sha256").and_then(|value| value.as_b().ok());
    digest.map(AsRef::as_ref).unwrap_or_default()
}

fn text(item: &Item, name: &str) -> String {
    item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
}

async fn scan(stores: &Stores, table: &str) -> BTreeMap<(String, String), Item> {
    let mut items = BTreeMap::new();
    let mut pages = stores
        .dynamodb
        .scan()
        .table_name(table)
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    while let Some(item) = pages.next().await {
        let item = item.expect("a scan");
        items.insert((text(&item, "pk"), text(&item, "sk")), item);
    }
    items
}

//! Rulings as they are kept: under every record that they name, in one list for the batch, and untold until they are told.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use serde::{Deserialize, Serialize};

use super::Override;
use super::live::{People, json, rulings};
use crate::clock;
use crate::error::{Error, json_reason};
use crate::items::{ItemKey, Items, Range, Reading, text, text_of};
use crate::schema::{RecordKey, Sha256, Timestamp};
use crate::stores::{persist, unconditional};

/// Records that a ruling names at the most: a transaction has 100 actions, one for each, one that lists the ruling and one
/// that marks it as untold.
pub(crate) const MOST_RULED: usize = 98;
/// The partition that lists all rulings.
const RULINGS: &str = "RULINGS";

/// A ruling, or the end of one, of which nobody has been told yet what it did to people.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct UntoldRuling {
    /// The records that it names.
    pub(super) records: BTreeSet<RecordKey>,
    /// When it was made, or taken back.
    pub(crate) at: Timestamp,
}

/// Where a ruling is listed.
fn listed(json: &str) -> ItemKey {
    ItemKey::new(RULINGS, Sha256::of(json.as_bytes()).to_string())
}

/// The set of all that is untold; beyond the digests under which rulings are listed.
fn untold() -> ItemKey {
    ItemKey::new(RULINGS, "untold")
}

impl People {
    /// Writes down what a steward decided, under every record that it names; a second time changes nothing.
    pub async fn rule(&self, ruled: &Override) -> Result<(), Error> {
        let json = json(ruled)?;
        let mut item = listed(&json).attributes();
        item.insert("ruling".to_owned(), text(&json));
        let put = self.items.put().set_item(Some(item)).build();
        let put = put.map_err(|error| Error::landing("writing a ruling", error))?;
        let listing = TransactWriteItem::builder().put(put).build();
        self.on_rulings(ruled, "ADD rulings :ruling", json, listing, ruled.at).await
    }

    /// Takes back what a steward decided.
    pub async fn unrule(&self, ruled: &Override) -> Result<(), Error> {
        let json = json(ruled)?;
        let listing = self.items.delete(&listed(&json))?;
        self.on_rulings(ruled, "DELETE rulings :ruling", json, listing, clock::now()).await
    }

    async fn on_rulings(
        &self,
        ruled: &Override,
        change: &str,
        json: String,
        listing: TransactWriteItem,
        at: Timestamp,
    ) -> Result<(), Error> {
        let records = ruled.ruling.records();
        if records.len() > MOST_RULED {
            return Err(Error::Config(format!(
                "a ruling names at most {MOST_RULED} records, and this one {}",
                records.len()
            )));
        }
        let update = |key: &ItemKey, change: &str, member: &str| {
            let update = Update::builder()
                .table_name(&self.items.table)
                .set_key(Some(key.attributes()))
                .update_expression(change)
                .expression_attribute_values(":ruling", AttributeValue::Ss(vec![member.to_owned()]))
                .build()
                .map_err(|error| Error::landing("writing a ruling", error))?;
            Ok::<_, Error>(TransactWriteItem::builder().update(update).build())
        };
        let mut actions = vec![listing];
        for record in &records {
            actions.push(update(&rulings(record), change, &json)?);
        }
        let mark = self::json(&UntoldRuling { records, at })?;
        actions.push(update(&untold(), "ADD untold :ruling", &mark)?);
        self.items.transact("writing a ruling", &actions).await.map_err(unconditional)
    }

    /// Everything that stewards have decided and not taken back, for the batch.
    pub async fn all_rulings(&self) -> Result<Vec<Override>, Error> {
        // Their sort keys are digests in hexadecimal.
        let all = Range::Between("0", "g");
        let items =
            self.items.query("reading the rulings", RULINGS, all, Reading::default()).await?;
        let rulings = items.iter().filter_map(|item| text_of(item, "ruling"));
        rulings
            .map(|json| {
                serde_json::from_str(json).map_err(|error| Error::Decode(json_reason(&error)))
            })
            .collect()
    }

    /// The rulings of which nobody has been told yet, the earliest first.
    pub(crate) async fn untold_rulings(&self) -> Result<Vec<UntoldRuling>, Error> {
        let found = self.items.get("reading untold rulings", [&untold()], None).await?;
        let marks = found.first().and_then(|item| item.get("untold")?.as_ss().ok());
        let mut marks: Vec<UntoldRuling> = marks
            .into_iter()
            .flatten()
            .filter_map(|mark| serde_json::from_str(mark).ok())
            .collect();
        marks.sort_unstable_by(|a, b| (a.at, &a.records).cmp(&(b.at, &b.records)));
        Ok(marks)
    }

    /// Takes the mark of a ruling away.
    pub(super) async fn settle_ruling(&self, ruling: &UntoldRuling) -> Result<(), Error> {
        let mark = AttributeValue::Ss(vec![json(ruling)?]);
        let Items { client, table } = &self.items;
        persist("noting that a ruling is told", || {
            client
                .update_item()
                .table_name(table)
                .set_key(Some(untold().attributes()))
                .update_expression("DELETE untold :ruling")
                .expression_attribute_values(":ruling", mark.clone())
                .send()
        })
        .await
        .map(drop)
        .map_err(unconditional)
    }
}

//! What stewards decide about people: joined, kept apart or split, signed and audited.

use std::collections::BTreeSet;

use smol_str::SmolStr;
use uuid::Uuid;

use super::find::holders;
use super::lookup::check_key;
use super::{Customers, CustomersError, Ruled};
use crate::clock;
use crate::error::{Error, Invalid};
use crate::identity::live::json;
use crate::identity::{MOST_RULED, Override, Ruling};
use crate::items::{ItemKey, text};
use crate::schema::{RecordKey, Sha256};
use crate::stores::{StoreFault, persist, unconditional};

/// The longest name of an author, in bytes.
const LONGEST_AUTHOR: usize = 200;
/// The longest reason, in bytes.
const LONGEST_REASON: usize = 1_000;

/// Who rules, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    author: SmolStr,
    reason: String,
}

impl Signed {
    /// Neither may be empty: an override that nobody can account for helps nobody.
    pub fn new(author: &str, reason: &str) -> Result<Self, Invalid> {
        let checked = |field: &str, text: &str, longest: usize| {
            let text = text.trim();
            match text.len() {
                0 => Err(Invalid::new(field, "is empty; say who rules, and why")),
                length if length > longest => {
                    Err(Invalid::new(field, format!("is longer than {longest} bytes")))
                }
                _ => Ok(text.to_owned()),
            }
        };
        Ok(Self {
            author: checked("author", author, LONGEST_AUTHOR)?.into(),
            reason: checked("reason", reason, LONGEST_REASON)?,
        })
    }
}

/// From whom a person is to be kept apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opposite {
    /// Another person.
    Person(Uuid),
    /// Records of other people, or of this one where they are not the person's.
    Records(Vec<RecordKey>),
}

impl Customers {
    /// These records are one person's.
    pub async fn link(
        &self,
        records: Vec<RecordKey>,
        signed: Signed,
    ) -> Result<Ruled, CustomersError> {
        let records = distinct(records);
        if records.len() < 2 {
            return Err(Invalid::new("record_keys", "name two different records or more").into());
        }
        self.require_known("record_keys", &records).await?;
        self.rule(Ruling::Link(records.into_iter().collect()), signed).await
    }

    /// This person and those records are never the same person.
    pub async fn never_link(
        &self,
        person: Uuid,
        opposite: Opposite,
        signed: Signed,
    ) -> Result<Ruled, CustomersError> {
        let (field, records) = match opposite {
            Opposite::Records(records) => ("record_keys", distinct(records)),
            Opposite::Person(other) => {
                let other = self.locate(other).await.map_err(|error| match error {
                    CustomersError::Nobody => Invalid::new("person_id", "is nobody's").into(),
                    error => error,
                })?;
                ("person_id", distinct(other.person.records))
            }
        };
        let own = self.locate(person).await?.person.records;
        let rest: Vec<RecordKey> =
            own.into_iter().filter(|record| !records.contains(record)).collect();
        if records.is_empty() || rest.is_empty() {
            return Err(Invalid::new(field, "must leave a record on both sides").into());
        }
        self.require_known(field, &records).await?;
        self.rule(Ruling::NeverLink(vec![rest, records.into_iter().collect()]), signed).await
    }

    /// This person is several: each group of the person's records is one of them.
    pub async fn split(
        &self,
        person: Uuid,
        groups: Vec<Vec<RecordKey>>,
        signed: Signed,
    ) -> Result<Ruled, CustomersError> {
        let wrong = |reason: &str| Err(Invalid::new("groups", reason).into());
        let own = self.locate(person).await?.person.records;
        let mut groups: Vec<BTreeSet<RecordKey>> = groups.into_iter().map(distinct).collect();
        let named: BTreeSet<&RecordKey> = groups.iter().flatten().collect();
        if named.iter().any(|record| own.binary_search(record).is_err()) {
            return wrong("name records of this person only");
        }
        if named.len() < groups.iter().map(BTreeSet::len).sum() {
            return wrong("name no record twice");
        }
        // Records that no group names stay together.
        let rest: BTreeSet<RecordKey> =
            own.iter().filter(|record| !named.contains(record)).cloned().collect();
        groups.push(rest);
        groups.retain(|group| !group.is_empty());
        if groups.len() < 2 {
            return wrong("leave a record on both sides");
        }
        let groups = groups.into_iter().map(|group| group.into_iter().collect()).collect();
        self.rule(Ruling::NeverLink(groups), signed).await
    }

    /// Refuses keys of records that nobody has.
    async fn require_known(
        &self,
        field: &str,
        records: &BTreeSet<RecordKey>,
    ) -> Result<(), CustomersError> {
        if records.len() > MOST_RULED {
            return Err(too_many(field));
        }
        for record in records {
            check_key(field, record)?;
        }
        let known = self.newest(&records.iter().cloned().collect::<Vec<_>>()).await?;
        if known.kept.len() < records.len() {
            return Err(Invalid::new(field, "names a record that is not known").into());
        }
        Ok(())
    }

    /// Writes a ruling down, first for the audit; says who holds the named records now.
    async fn rule(&self, ruling: Ruling, signed: Signed) -> Result<Ruled, CustomersError> {
        let named = ruling.records();
        if named.len() > MOST_RULED {
            return Err(too_many("record_keys"));
        }
        let Signed { author, reason } = signed;
        let ruled = Override { ruling, author, reason, at: clock::now() };
        self.audit(&ruled).await?;
        self.people.rule(&ruled).await?;
        if let Err(error) = self.landing.tell_of_rulings().await {
            // It holds, and is marked: whoever lands or rules next tells of it.
            tracing::error!(error = error.chain(), "a ruling is not told yet");
        }
        let named: Vec<RecordKey> = named.into_iter().collect();
        let surroundings = self.people.around(named.iter().cloned()).await?;
        let partition = surroundings.solve(self.people.rules());
        let (people, _) = self.described(holders(&partition, &named)).await?;
        Ok(Ruled { at: ruled.at, people })
    }

    /// `AUDIT#<day>` / `<instant>#<digest>`: who decided what, when and why. Written before the ruling, so that there is
    /// none without its line.
    async fn audit(&self, ruled: &Override) -> Result<(), Error> {
        let line = json(ruled)?;
        let at = ruled.at.to_string();
        let key = ItemKey::new(
            format!("AUDIT#{}", &at[..10]),
            format!("{at}#{}", Sha256::of(line.as_bytes())),
        );
        let mut item = key.attributes();
        item.insert("line".to_owned(), text(line));
        let put = persist("writing the audit", || {
            self.items
                .client
                .put_item()
                .table_name(&self.items.table)
                .set_item(Some(item.clone()))
                .condition_expression("attribute_not_exists(pk)")
                .send()
        });
        match put.await {
            // The same line, from an attempt that was taken for failed.
            Ok(_) | Err(StoreFault::Condition) => Ok(()),
            Err(fault) => Err(unconditional(fault)),
        }
    }
}

fn distinct(records: Vec<RecordKey>) -> BTreeSet<RecordKey> {
    records.into_iter().collect()
}

fn too_many(field: &str) -> CustomersError {
    Invalid::new(field, format!("together with the person's records, more than {MOST_RULED}"))
        .into()
}

//! Telling of merges and splits: what was said of a record before, compared with who it is now.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::live::{People, id, json, leading_to, record, record_key};
use super::ruled::UntoldRuling;
use super::{Evidence, IdentifierKey, Partition, Person, person_id_of};
use crate::error::Error;
use crate::items::{CONCURRENCY, ItemKey, Items, digest, number, text, text_of};
use crate::schema::{Interaction, InteractionKind, Merge, RecordKey, Split, Timestamp, Version};
use crate::stores::{StoreFault, persist, unconditional};

/// What has changed about who a record is since it was last told; kept with the record, and written with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Untold {
    /// Whether nothing has ever been told of the record.
    #[serde(default)]
    is_new: bool,
    /// Identifiers that it has got or lost: whoever carries them may be affected.
    identifiers: BTreeSet<IdentifierKey>,
    /// When the last of it changed. What is told of it has this time, whoever tells it and however often.
    at: Timestamp,
}

impl Untold {
    /// What is untold when a record goes from one evidence to another at this time; none if nothing is.
    pub(crate) fn after(
        earlier: Option<&Self>,
        before: Option<&Evidence>,
        now: &Evidence,
        at: Timestamp,
    ) -> Option<Self> {
        let repeats =
            |before: &Evidence| Evidence { version: now.version, ..before.clone() } == *now;
        if before.is_some_and(repeats) {
            return earlier.cloned();
        }
        let nothing = || Self { is_new: false, identifiers: BTreeSet::new(), at };
        let mut untold = earlier.cloned().unwrap_or_else(nothing);
        untold.at = untold.at.max(at);
        let keys = |evidence: &Evidence| -> BTreeSet<IdentifierKey> {
            evidence.clues.iter().map(|clue| clue.key).collect()
        };
        let (before, now) = (before.map(keys), keys(now));
        untold.is_new |= before.is_none();
        untold.identifiers.extend(before.unwrap_or_default().symmetric_difference(&now));
        Some(untold)
    }
}

/// A record of which something is untold.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) record: RecordKey,
    pub(crate) version: Version,
    pub(crate) untold: Untold,
}

/// What is to be told of some records, and what to remember once it is.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// `identity.merged` and `identity.split`, each with an id of its own that a repetition has too.
    pub(crate) events: Vec<(String, Interaction)>,
    /// The id by which each record is known now, and by which it was known.
    known_by: Vec<(RecordKey, Option<Uuid>, Uuid)>,
    /// Ids whose record is deleted, and a record that leads to the person from now on.
    moved: Vec<(Uuid, RecordKey)>,
    /// What is told with it: of records,
    pending: Vec<Pending>,
    /// or of a ruling.
    ruling: Option<UntoldRuling>,
}

/// The item that remembers by which id a record's person was last told of.
fn told(key: &RecordKey) -> ItemKey {
    ItemKey::new(format!("REC#{key}"), "TOLD")
}

impl People {
    /// Compares what was told of these records, and of those that their changes concern, with who they are now.
    pub(crate) async fn news(&self, pending: Vec<Pending>) -> Result<News, Error> {
        let Some(at) = pending.iter().map(|pending| pending.untold.at).max() else {
            return Ok(News::default());
        };
        let mut seeds: BTreeSet<RecordKey> =
            pending.iter().map(|pending| pending.record.clone()).collect();
        let identifiers: BTreeSet<IdentifierKey> =
            pending.iter().flat_map(|pending| pending.untold.identifiers.iter().copied()).collect();
        let concerned: Vec<Vec<RecordKey>> = stream::iter(identifiers)
            .map(async |key| Ok::<_, Error>(self.carriers(&key).await?.records))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        seeds.extend(concerned.into_iter().flatten());
        let new: BTreeSet<&RecordKey> = pending
            .iter()
            .filter(|pending| pending.untold.is_new)
            .map(|pending| &pending.record)
            .collect();
        let news = self.compare(seeds, &new, at).await?;
        Ok(News { pending, ..news })
    }

    /// Compares what was told of the records that a ruling names with who they are now.
    pub(crate) async fn news_of(&self, ruling: UntoldRuling) -> Result<News, Error> {
        let news = self.compare(ruling.records.clone(), &BTreeSet::new(), ruling.at).await?;
        Ok(News { ruling: Some(ruling), ..news })
    }

    async fn compare(
        &self,
        seeds: BTreeSet<RecordKey>,
        new: &BTreeSet<&RecordKey>,
        at: Timestamp,
    ) -> Result<News, Error> {
        let partition = self.around(seeds).await?.solve(self.rules());
        let told = self.told(&partition).await?;
        let mut news = News::default();
        let mut former: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for person in &partition.people {
            for record in &person.records {
                let own = person_id_of(record);
                let before = told.get(record).copied();
                let said = before.or_else(|| (!new.contains(record)).then_some(own));
                // Nothing remembered means its own id, so a record that stands alone costs nothing.
                if before.unwrap_or(own) != person.person_id {
                    news.known_by.push((record.clone(), before, person.person_id));
                }
                if let Some(said) = said.filter(|said| *said != person.person_id) {
                    former.entry(said).or_default().insert(person.person_id);
                }
            }
        }
        self.tell(&partition, former, at, &mut news).await?;
        Ok(news)
    }

    /// What became of former ids: an id whose record is with the person is merged, one whose record is elsewhere was split.
    async fn tell(
        &self,
        partition: &Partition,
        former: BTreeMap<Uuid, BTreeSet<Uuid>>,
        at: Timestamp,
        news: &mut News,
    ) -> Result<(), Error> {
        let by_id: HashMap<Uuid, &Person> =
            partition.people.iter().map(|person| (person.person_id, person)).collect();
        let by_record = partition.by_record();
        let mut merged: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        for (said, now) in former {
            let anchor = self.record_of(said).await?;
            let keeper = match &anchor {
                Some(anchor) => match by_record.get(anchor) {
                    Some(person) => Some(person.person_id),
                    None => self.is_living(anchor).await?.then_some(said),
                },
                None => None,
            };
            let keeper = keeper.or_else(|| {
                // Its record is gone: the id leads to the first of the people who have the others.
                let heir = *now.first()?;
                news.moved.push((said, by_id.get(&heir)?.anchor.clone()));
                Some(heir)
            });
            let (Some(keeper), Some(anchor)) = (keeper, anchor) else { continue };
            if keeper != said {
                merged.entry(keeper).or_default().push(said);
            }
            let split: Vec<Uuid> = now.into_iter().filter(|id| *id != keeper).collect();
            if !split.is_empty() {
                let kind =
                    InteractionKind::IdentitySplit(Split { person_id: keeper, split_ids: split });
                news.events.push(event(
                    kind,
                    by_id.get(&keeper).map_or(&anchor, |p| &p.anchor),
                    said,
                    at,
                ));
            }
        }
        for (person_id, merged_ids) in merged {
            let Some(person) = by_id.get(&person_id) else { continue };
            let first = merged_ids[0];
            let kind = InteractionKind::IdentityMerged(Merge { person_id, merged_ids });
            news.events.push(event(kind, &person.anchor, first, at));
        }
        Ok(())
    }

    /// By which id the person of each record was last told of.
    async fn told(&self, partition: &Partition) -> Result<HashMap<RecordKey, Uuid>, Error> {
        let keys: Vec<ItemKey> =
            partition.people.iter().flat_map(|person| person.records.iter().map(told)).collect();
        let items = self.items.get("reading what was told", &keys, None).await?;
        Ok(items
            .iter()
            .filter_map(|item| Some((record_key(item)?, text_of(item, "person_id")?.parse().ok()?)))
            .collect())
    }

    async fn is_living(&self, key: &RecordKey) -> Result<bool, Error> {
        let found = self.items.get("reading a record", [&record(key)], Some("evidence")).await?;
        Ok(found.first().is_some_and(|item| item.contains_key("evidence")))
    }

    /// Remembers what has been told, and that nothing is untold any more.
    pub(crate) async fn remember(&self, news: News) -> Result<(), Error> {
        let News { known_by, moved, pending, ruling, .. } = news;
        let known_by = known_by
            .into_iter()
            .map(|(record, before, person_id)| self.remember_id(record, before, person_id));
        stream::iter(known_by).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
        let Items { client, table } = &self.items;
        for (person, record) in moved {
            let item = leading_to(&record, &id(person));
            let write = || client.put_item().table_name(table).set_item(Some(item.clone())).send();
            persist("moving a person's id", write).await.map_err(unconditional)?;
        }
        let settled = pending.into_iter().map(|pending| self.settle(pending));
        stream::iter(settled).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
        match ruling {
            Some(ruling) => self.settle_ruling(&ruling).await,
            None => Ok(()),
        }
    }

    /// Remembers by which id a record's person was told of, unless somebody who saw more has told more.
    async fn remember_id(
        &self,
        record: RecordKey,
        before: Option<Uuid>,
        person_id: Uuid,
    ) -> Result<(), Error> {
        let mut item = leading_to(&record, &told(&record));
        item.insert("person_id".to_owned(), text(person_id.to_string()));
        let Items { client, table } = &self.items;
        unless_overtaken(
            persist("remembering what was told", || {
                let put = client.put_item().table_name(table).set_item(Some(item.clone()));
                let put = match before {
                    None => put.condition_expression("attribute_not_exists(pk)"),
                    Some(before) => put
                        .condition_expression("person_id = :before")
                        .expression_attribute_values(":before", text(before.to_string())),
                };
                put.send()
            })
            .await,
        )
    }

    /// Takes the mark away, unless the record has changed again.
    async fn settle(&self, pending: Pending) -> Result<(), Error> {
        let Pending { record, version, untold, .. } = pending;
        let untold = json(&untold)?;
        let Items { client, table } = &self.items;
        unless_overtaken(
            persist("noting that all is told", || {
                client
                    .update_item()
                    .table_name(table)
                    .set_key(Some(self::record(&record).attributes()))
                    .update_expression("REMOVE untold")
                    .condition_expression(
                        "version = :v AND content_sha256 = :h AND untold = :untold",
                    )
                    .expression_attribute_values(":v", number(version.source_version))
                    .expression_attribute_values(":h", digest(version.content_sha256))
                    .expression_attribute_values(":untold", text(&untold))
                    .send()
            })
            .await,
        )
    }
}

/// A write that somebody else was faster than is no failure.
fn unless_overtaken<T>(written: Result<T, StoreFault>) -> Result<(), Error> {
    match written {
        Ok(_) | Err(StoreFault::Condition) => Ok(()),
        Err(StoreFault::Other(error)) => Err(error),
    }
}

/// The event and its id: what was said before, and since when it holds no longer.
fn event(
    kind: InteractionKind,
    subject: &RecordKey,
    said: Uuid,
    at: Timestamp,
) -> (String, Interaction) {
    let id = format!("{said}@{}", at.as_micros());
    let event = Interaction::new(kind, subject.clone(), at, Some(&id));
    (id, event)
}

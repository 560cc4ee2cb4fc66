//! Deletions that only absence shows: whom a full pass does not list, and whom the source does not know when asked.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Held, Reading, Walk};
use crate::config::Connection;
use crate::connector::AnyStream;
use crate::crash::{Point, point};
use crate::error::{Error, json_reason};
use crate::landing::{Attempt, Batch, Landing, Place, attempts};
use crate::ledger::Ledger;
use crate::page::Next;
use crate::roster::{Group, refuse_mass_deletion};
use crate::rows::{MapContext, Origin, Rows};
use crate::schema::Timestamp;

/// Ids per question; what every source that can be asked by id takes.
const LOOKUP: usize = 100;
/// Burials that land together.
const BURIALS: usize = 1_000;
/// The note on a raw object that lists burials.
pub(crate) const GONE: &str = "gone";

/// What a raw object of burials says.
#[derive(Serialize, Deserialize)]
struct Burials {
    gone: Vec<String>,
}

impl Walk<'_> {
    fn group(&self) -> Group<'_> {
        Group { connection: &self.puller.connection.name, object: self.facts.object }
    }

    /// At the end of a full pass: buries whom it did not see.
    ///
    /// Where the source can be asked by id, it is; else a record must be missing from two passes in a row, because
    /// lists that are paged while they change pass over records.
    pub(super) async fn bury_absent(&self, held: &Held) -> Result<Ledger, Error> {
        let Some(begun) = held.pass.current else { return Ok(Ledger::default()) };
        let (group, roster) = (self.group(), self.puller.landing.roster());
        let absent = roster.absent_since(group, begun).await?;
        let gone = if self.stream.lookup(&[]).is_some() {
            let mut gone = Vec::new();
            for ids in absent.ids.chunks(LOOKUP) {
                let (ledger, found) = self.ask_for(ids).await?;
                // What does not map is there all the same.
                let all_told = ledger.quarantined == 0;
                gone.extend(ids.iter().filter(|id| all_told && !found.contains(*id)).cloned());
            }
            gone
        } else if let Some(before) = held.pass.complete {
            roster.absent_since(group, before).await?.ids
        } else {
            Vec::new()
        };
        if !self.puller.accept_deletions {
            refuse_mass_deletion(self.facts.name, gone.len(), absent.known)?;
        }
        let mut ledger = Ledger::default();
        for ids in gone.chunks(BURIALS) {
            ledger.add(&self.bury(ids).await?);
        }
        Ok(ledger)
    }

    /// Asks for the next of all known records again; buries those that the source does not know any more.
    pub(super) async fn recheck(
        &mut self,
        held: &mut Held,
        reading: &mut Reading,
        at_once: usize,
    ) -> Result<Option<Next<()>>, Error> {
        let started = tokio::time::Instant::now();
        let after: Option<String> = serde_json::from_str(self.cursor.get())
            .map_err(|error| Error::Invariant(json_reason(&error)))?;
        let ids =
            self.puller.landing.roster().after(self.group(), after.as_deref(), at_once).await?;
        let mut landed = Ledger::default();
        if !ids.is_empty() {
            let (ledger, found) = self.ask_for(&ids).await?;
            landed = Ledger { pages: 1, ..ledger };
            let gone: Vec<String> = ids.iter().filter(|id| !found.contains(*id)).cloned().collect();
            if ledger.quarantined == 0 {
                self.rechecked = (self.rechecked.0 + gone.len(), self.rechecked.1 + ids.len());
                if !self.puller.accept_deletions {
                    refuse_mass_deletion(self.facts.name, self.rechecked.0, self.rechecked.1)?;
                }
                landed.add(&self.bury(&gone).await?);
            }
        }
        let next = serde_json::value::to_raw_value(&ids.last())
            .map_err(|error| Error::Invariant(json_reason(&error)))?;
        self.puller.state.save(held, &next, None, self.puller.lease_until()).await?;
        point(Point::AfterCursor);
        reading.ledger.add(&landed);
        reading.slowest = reading.slowest.max(started.elapsed());
        let progress = super::Progress::Page(&reading.ledger, None);
        self.puller.observer.on(&self.puller.connection.name, self.facts.name, progress);
        self.cursor = next;
        Ok(Some(if ids.is_empty() { Next::Done(()) } else { Next::More(()) }))
    }

    /// Asks the source for records by id and lands what it answers; returns which of them it knows.
    async fn ask_for(&self, ids: &[String]) -> Result<(Ledger, BTreeSet<String>), Error> {
        let super::Puller { landing, connection, client, budget, .. } = self.puller;
        let Some(request) = self.stream.lookup(ids) else {
            return Err(Error::Invariant(format!("{} has no lookup", self.facts.name)));
        };
        let response = client.send(&request, self.facts, *budget, &self.meter).await?;
        let place = Place::of(connection, self.facts.name);
        let notes = [("request", request.name()), ("status", response.status.to_string())];
        let raw_key = landing.raw(place, &response.body, response.received_at, &notes).await?;
        let records = self.stream.looked_up(&response)?;
        let received_at = response.received_at;
        let context = MapContext::of_stream(connection, self.stream, Origin::Lookup, received_at);
        let map = |fields, rows: &mut Rows<'_>| self.stream.map(fields, rows);
        let attempts: Vec<Attempt<'_>> = attempts(records, &context, map).collect();
        let found = attempts.iter().filter_map(|attempt| attempt.mapped.as_ref().ok());
        let found = found.flat_map(|mapped| {
            let rows = mapped.drafts.iter().map(|draft| (draft.object, &draft.id));
            rows.chain(mapped.present.iter().map(|(object, id)| (*object, id)))
        });
        let found = found.filter(|(object, _)| *object == self.facts.object);
        let found = found.map(|(_, id)| id.clone()).collect();
        let batch = Batch::of(connection, self.facts.name, &raw_key, received_at);
        Ok((landing.land(batch, attempts.into_iter()).await?, found))
    }

    async fn bury(&self, ids: &[String]) -> Result<Ledger, Error> {
        if ids.is_empty() {
            return Ok(Ledger::default());
        }
        let super::Puller { landing, connection, .. } = self.puller;
        let body = serde_json::to_vec(&Burials { gone: ids.to_vec() })
            .map_err(|error| Error::Invariant(json_reason(&error)))?;
        let now = crate::clock::now();
        let place = Place::of(connection, self.facts.name);
        let raw_key = landing.raw(place, &body, now, &[(GONE, "true".to_owned())]).await?;
        land_burials(landing, connection, self.stream, &raw_key, &body, now).await
    }
}

/// Lands the tombstones of a raw object of burials.
pub(crate) async fn land_burials(
    landing: &Landing,
    connection: &Connection,
    stream: &dyn AnyStream,
    raw_key: &str,
    body: &[u8],
    at: Timestamp,
) -> Result<Ledger, Error> {
    let Burials { gone } =
        serde_json::from_slice(body).map_err(|error| Error::Decode(json_reason(&error)))?;
    let context = MapContext::of_stream(connection, stream, Origin::Lookup, at);
    let buried = gone.iter().enumerate().map(|(number, id)| {
        let mut rows = Rows::new(context.clone());
        stream.gone(id, &mut rows);
        Attempt { number, record: RawValue::NULL, mapped: Ok(rows.finish()) }
    });
    let batch = Batch::of(connection, stream.facts().name, raw_key, at);
    landing.land(batch, buried).await
}

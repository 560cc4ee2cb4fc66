//! The landing zone: raw bytes, rows and quarantine in S3, then the newest version of each record in DynamoDB.
//!
//! The order is fixed, raw → rows → quarantine → records, and every key follows from the content. So a page that is
//! landed a second time after a crash finds its objects there and its records unchanged.

mod keys;
mod objects;
mod records;
mod remake;
mod sheet;
mod telling;
mod weigh;

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use objects::{Created, Objects, compress, decompress};
pub use records::Records;
pub(crate) use records::provenance_of;
pub use remake::Remade;
pub use weigh::{Imagined, Weight};

use crate::clock;
use crate::config::Connection;
use crate::crash::{Point, point};
use crate::error::{Error, Invalid, json_reason};
use crate::fields::Fields;
use crate::identity::{People, Recognition};
use crate::ledger::{Calls, Ledger, Outcome, Run};
use crate::roster::{Group, Roster};
use crate::rows::{MapContext, Mapped, Rows};
use crate::schema::Timestamp;
use crate::stores::Stores;
use keys::{day, raw_key};
use sheet::Sheet;

/// The version of the mapping code; grows when a change of it should land rows anew on `replay`.
pub const MAPPER_VERSION: u32 = 1;

/// Whose page or delivery lands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The source's name.
    pub source: &'static str,
    /// The connection's name.
    pub connection: &'a str,
    /// The stream's name; `webhook` for deliveries.
    pub stream: &'a str,
}

/// A page or delivery on its way in.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Whose it is.
    pub place: Place<'a>,
    /// Where its bytes are in the raw zone.
    pub raw_key: &'a str,
    /// When the bytes arrived.
    pub received_at: Timestamp,
    /// Whether its records go to DynamoDB too: the connection's setting.
    pub customers: bool,
    /// Whether a webhook should have brought its records before.
    pub expected: bool,
    /// Whether it belongs to a pass that lists all there is.
    pub full_pass: bool,
    /// The objects whose deletion only their absence shows.
    pub kept: &'a BTreeSet<&'static str>,
}

/// A record and what it came to.
pub struct Attempt<'a> {
    /// Its number in the page or delivery.
    pub number: usize,
    /// The record in the vendor's words.
    pub record: &'a RawValue,
    /// Its rows, or why it has none.
    pub mapped: Result<Mapped, Invalid>,
}

impl<'a> Place<'a> {
    /// A stream of a connection.
    pub fn of(connection: &'a Connection, stream: &'a str) -> Self {
        Self { source: connection.source.name, connection: &connection.name, stream }
    }
}

impl<'a> Batch<'a> {
    /// Records of a stream of a connection, whose bytes are at `raw_key`.
    pub fn of(
        connection: &'a Connection,
        stream: &'a str,
        raw_key: &'a str,
        received_at: Timestamp,
    ) -> Self {
        let place = Place::of(connection, stream);
        let customers = connection.common.customers;
        let kept = &connection.kept;
        Self { place, raw_key, received_at, customers, expected: false, full_pass: false, kept }
    }
}

/// Maps one record; its number is its place in the page or delivery.
pub fn attempt<'a>(
    number: usize,
    record: &'a RawValue,
    context: &MapContext<'_>,
    map: impl FnOnce(Fields<'a>, &mut Rows<'_>) -> Result<(), Invalid>,
) -> Attempt<'a> {
    let mapped = Fields::parse(record).and_then(|fields| {
        let mut rows = Rows::new(context.clone());
        map(fields, &mut rows)?;
        Ok(rows.finish())
    });
    Attempt { number, record, mapped }
}

/// Maps the records of a page or delivery, one by one as they are asked for.
pub fn attempts<'a, 'c>(
    records: impl IntoIterator<Item = &'a RawValue> + 'c,
    context: &'c MapContext<'c>,
    map: impl Fn(Fields<'a>, &mut Rows<'_>) -> Result<(), Invalid> + 'c,
) -> impl Iterator<Item = Attempt<'a>> + 'c
where
    'a: 'c,
{
    let numbered = records.into_iter().enumerate();
    numbered.map(move |(number, record)| attempt(number, record, context, &map))
}

/// One quarantined record, as stored in `quarantine/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Quarantined {
    /// The connection's name.
    pub connection: String,
    /// The stream's name; `webhook` for deliveries.
    pub stream: String,
    /// The field that is wrong, in the vendor's words.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
    /// When the bytes arrived.
    pub received_at: Timestamp,
    /// Where the bytes are in the raw zone: key, `#`, number of the record.
    pub raw_key: String,
    /// The record in the vendor's words.
    pub record: Box<RawValue>,
}

/// What the tables say beside the rows: one line of `reports/`.
#[derive(Serialize)]
#[serde(tag = "table", rename_all = "snake_case")]
pub enum Report<'a> {
    /// A record did not map; the record itself is in `quarantine/`.
    Quarantine {
        /// Where its bytes are: key, `#`, number of the record.
        raw_key: &'a str,
        /// The connection's name.
        connection_id: &'a str,
        /// The stream's name; `webhook` for deliveries.
        stream: &'a str,
        /// The field that is wrong, in the vendor's words.
        field: &'a str,
        /// What is wrong with it; never its value.
        reason: &'a str,
        /// When the bytes arrived.
        received_at: Timestamp,
    },
    /// A run of a stream ended.
    Ledger {
        /// The connection's name.
        connection_id: &'a str,
        /// The stream's name.
        stream: &'a str,
        /// When it started.
        started_at: Timestamp,
        /// How it ended.
        outcome: Outcome,
        /// Its count.
        #[serde(flatten)]
        ledger: &'a Ledger,
        /// What it asked of the source.
        #[serde(flatten)]
        calls: Calls,
        /// How long it took.
        seconds: f64,
        /// The change time up to which the stream has been read.
        watermark: Option<Timestamp>,
        /// When it ended.
        received_at: Timestamp,
    },
}

impl Report<'_> {
    /// Appends the line.
    pub fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        serde_json::to_writer(&mut *out, self)
            .map_err(|error| Error::Invariant(json_reason(&error)))?;
        out.push(b'\n');
        Ok(())
    }
}

/// Everything that lands goes through here.
#[derive(Clone, Debug)]
pub struct Landing {
    objects: Objects,
    records: Records,
    roster: Roster,
    recognition: Option<Recognition>,
    people: People,
}

impl Landing {
    /// The landing zone of a deployment; without `recognition` nobody is recognised.
    pub fn new(stores: &Stores, recognition: Option<Recognition>) -> Self {
        let rules = recognition.as_ref().map(|how| how.settings.rules.clone()).unwrap_or_default();
        Self {
            objects: Objects::new(stores),
            records: Records::new(stores),
            roster: Roster::new(stores),
            recognition,
            people: People::new(stores, rules),
        }
    }

    /// Who is who among the records that have landed.
    pub fn people(&self) -> &People {
        &self.people
    }

    /// How people are recognised, where the settings name a secret for it.
    pub fn recognition(&self) -> Option<&Recognition> {
        self.recognition.as_ref()
    }

    /// The bucket.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    /// Who is known.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Stores bytes as received and returns their key in the raw zone.
    ///
    /// `raw/source=<s>/connection=<c>/stream=<s>/dt=<day>/<sha256 of the body>.json.zst`: the same page read twice
    /// after a crash is one object.
    pub async fn raw(
        &self,
        place: Place<'_>,
        body: &[u8],
        received_at: Timestamp,
        notes: &[(&str, String)],
    ) -> Result<String, Error> {
        let key = raw_key(place, body, received_at);
        let mut metadata = vec![("received-at", received_at.to_string())];
        metadata.extend(notes.iter().map(|(name, value)| (*name, value.clone())));
        self.objects.create(&key, compress(body)?, &metadata).await?;
        let is_delivery = place.stream == DELIVERIES;
        point(if is_delivery { Point::AfterDeliveryStored } else { Point::AfterRaw });
        Ok(key)
    }

    /// Lands one page or delivery: its rows as one object, what does not map as another, then its records.
    pub async fn land(
        &self,
        batch: Batch<'_>,
        attempts: impl Iterator<Item = Attempt<'_>>,
    ) -> Result<Ledger, Error> {
        let mut sheet = Sheet::new(batch, self.recognition.as_ref());
        for attempt in attempts {
            sheet.add(attempt)?;
        }
        let known = if batch.customers {
            self.records.known(sheet.rows.iter().filter_map(|row| row.item.as_ref())).await?
        } else {
            HashMap::new()
        };
        sheet.settle(&known);
        let created = self.land_rows(&sheet).await?;
        let ledger = sheet.count(created)?;
        point(Point::AfterLanding);
        if !sheet.quarantine.is_empty() {
            let Place { connection, stream, .. } = batch.place;
            let (day, name) = (day(batch.received_at), sheet.quarantine_identity());
            let key = format!("quarantine/{connection}/{stream}/dt={day}/{name}.ndjson.zst");
            let notes = [("raw-key", batch.raw_key.to_owned())];
            self.objects.create(&key, compress(&sheet.quarantine)?, &notes).await?;
            let key = format!("reports/{connection}/{stream}/dt={day}/{name}.ndjson.zst");
            self.objects.create(&key, compress(&sheet.quarantine_report)?, &[]).await?;
            point(Point::AfterQuarantine);
        }
        if batch.customers {
            for (key, content) in sheet.large() {
                self.objects.create(&key, compress(content)?, &[]).await?;
            }
            self.records.write(&sheet.writes(&known)).await?;
            point(Point::AfterRecords);
            self.tell(sheet.pending(&known), batch.raw_key, batch.received_at).await?;
        }
        for object in batch.kept {
            let group = Group { connection: batch.place.connection, object };
            self.roster.see(group, sheet.seen(object), batch.received_at).await?;
            self.roster.forget(group, &sheet.buried(object)).await?;
        }
        Ok(ledger)
    }

    /// Reports how a run ended, for the table `ledger`: `reports/<connection>/<stream>/dt=<day>/run-<start>.ndjson.zst`.
    pub async fn report(&self, run: &Run) -> Result<(), Error> {
        let Run { connection, stream, started_at, .. } = run;
        let mut line = Vec::new();
        let report = Report::Ledger {
            connection_id: connection,
            stream,
            started_at: *started_at,
            outcome: run.outcome,
            ledger: &run.ledger,
            calls: run.calls,
            seconds: run.seconds,
            watermark: run.watermark,
            received_at: clock::now(),
        };
        report.write(&mut line)?;
        let (day, start) = (day(*started_at), started_at.as_micros());
        let key = format!("reports/{connection}/{stream}/dt={day}/run-{start}.ndjson.zst");
        self.objects.create(&key, compress(&line)?, &[]).await.map(drop)
    }

    /// Writes the rows that are not known yet as one object; says whether it is new.
    ///
    /// `landing/<connection>/<stream>/dt=<day>/<sha256 of the rows' keys and versions>.ndjson.zst`: the same rows landed
    /// again after a crash find their object there.
    async fn land_rows(&self, sheet: &Sheet<'_>) -> Result<Created, Error> {
        let Batch { place: Place { connection, stream, .. }, raw_key, received_at, .. } =
            sheet.batch;
        let (day, name) = (day(received_at), sheet.identity());
        let key = format!("landing/{connection}/{stream}/dt={day}/{name}.ndjson.zst");
        let rows = sheet.unknown().count();
        if rows == 0 {
            return Ok(Created::AlreadyThere);
        }
        let notes = [("raw-key", raw_key.to_owned()), ("rows", rows.to_string())];
        self.objects.create(&key, compress(&sheet.lines())?, &notes).await
    }
}

/// The stream name under which deliveries land.
pub const DELIVERIES: &str = "webhook";

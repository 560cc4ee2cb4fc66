//! What one record maps to: drafts of rows, before provenance is complete.

use crate::config::Connection;
use crate::connector::{AnyStream, Webhook};
use crate::schema::{Entity, RecordKey, Timestamp};

/// How a record reached us; a settled read outranks an early one that carries the same change time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An event of a webhook delivery.
    Event,
    /// A read of single records, possibly in the middle of a second with several changes.
    Lookup,
    /// A page of a stream, read after the settling lag.
    Page,
}

/// Whose record is mapped, and where it came from.
#[derive(Debug, Clone)]
pub struct MapContext<'c> {
    /// The source's name.
    pub source: &'static str,
    /// The connection's name.
    pub connection: &'c str,
    /// ISO 3166-1 alpha-2 region for phone numbers written without a country.
    pub region: Option<&'c str>,
    /// One tick of the source's change times, in microseconds.
    pub granularity_micros: i64,
    /// How the record reached us.
    pub origin: Origin,
}

impl<'c> MapContext<'c> {
    /// Records of a stream.
    pub fn of_stream(connection: &'c Connection, stream: &dyn AnyStream, origin: Origin) -> Self {
        Self::of(connection, stream.facts().granularity.value.micros(), origin)
    }

    /// Events of a webhook.
    pub fn of_events(connection: &'c Connection, webhook: &dyn Webhook) -> Self {
        Self::of(connection, webhook.facts().granularity.micros(), Origin::Event)
    }

    fn of(connection: &'c Connection, granularity_micros: i64, origin: Origin) -> Self {
        let (source, region) = (connection.source.name, connection.common.region.as_deref());
        Self { source, connection: &connection.name, region, granularity_micros, origin }
    }
}

/// A row as a connector sees it; provenance and hash are added when it lands.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The object in the vendor's words, e.g. `ticket`.
    pub object: &'static str,
    /// The record's id in the source.
    pub id: String,
    /// The vendor's own monotone version, or the time of change ([`Rows::version`]), or 0.
    pub version: i64,
    /// The source's own time of change.
    pub updated_at: Option<Timestamp>,
    /// Whether this version says that the record is gone.
    pub deleted: bool,
    /// The record of the person that this row is about.
    pub subject: Option<RecordKey>,
    /// The content.
    pub entity: Entity,
}

/// Collects the rows of one record.
#[derive(Debug)]
pub struct Rows<'c> {
    context: MapContext<'c>,
    drafts: Vec<Draft>,
    filtered: Option<&'static str>,
    drifted: Vec<&'static str>,
}

/// What a record came to.
#[derive(Debug)]
pub struct Mapped {
    /// Its rows.
    pub drafts: Vec<Draft>,
    /// Why there are none, if it was left out on purpose.
    pub filtered: Option<&'static str>,
    /// Fields that came with another type than documented.
    pub drifted: Vec<&'static str>,
}

impl<'c> Rows<'c> {
    /// An empty collection.
    pub fn new(context: MapContext<'c>) -> Self {
        Self { context, drafts: Vec::new(), filtered: None, drifted: Vec::new() }
    }

    /// The key of another record of the same connection.
    pub fn key(&self, object: &str, id: &str) -> RecordKey {
        RecordKey::new(self.context.source, self.context.connection, object, id)
    }

    /// Region for phone numbers written without a country.
    pub fn region(&self) -> Option<&'c str> {
        self.context.region
    }

    /// The version of a record that changed at `at`: microseconds, where a settled read outranks an early one of the
    /// same tick. Vendors with one-second times change a record several times a second; the last read must win.
    pub fn version(&self, at: Timestamp) -> i64 {
        let rank = match self.context.origin {
            Origin::Event => 0,
            Origin::Lookup => 1,
            Origin::Page => 2,
        };
        let tick = self.context.granularity_micros;
        if tick > 2 { at.as_micros().div_euclid(tick) * tick + rank } else { at.as_micros() }
    }

    /// Adds a row.
    pub fn push(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Leaves the record out on purpose.
    pub fn filter(&mut self, reason: &'static str) {
        self.filtered = Some(reason);
    }

    /// Reports fields that came with another type than documented.
    pub fn drifted(&mut self, fields: &[&'static str]) {
        self.drifted.extend_from_slice(fields);
    }

    /// What was collected.
    pub fn finish(self) -> Mapped {
        let filtered = if self.drafts.is_empty() {
            Some(self.filtered.unwrap_or("maps to nothing in the schema"))
        } else {
            None
        };
        Mapped { drafts: self.drafts, filtered, drifted: self.drifted }
    }
}

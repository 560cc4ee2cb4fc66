//! What one record maps to: drafts of rows, before provenance is complete.

use crate::config::Connection;
use crate::connector::{AnyStream, Webhook};
use crate::error::Invalid;
use crate::pseudonym::Pseudonyms;
use crate::schema::{Entity, Namespace, RecordKey, Timestamp};

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
    /// When the record reached us.
    pub received_at: Timestamp,
    /// Makes keys of values that must not stand in a key.
    pub pseudonyms: &'c Pseudonyms,
}

impl<'c> MapContext<'c> {
    /// Records of a stream, received at `received_at`.
    pub fn of_stream(
        connection: &'c Connection,
        stream: &dyn AnyStream,
        origin: Origin,
        received_at: Timestamp,
    ) -> Self {
        Self::of(connection, stream.facts().granularity.value.micros(), origin, received_at)
    }

    /// Events of a webhook, received at `received_at`.
    pub fn of_events(
        connection: &'c Connection,
        webhook: &dyn Webhook,
        received_at: Timestamp,
    ) -> Self {
        Self::of(connection, webhook.facts().granularity.micros(), Origin::Event, received_at)
    }

    fn of(
        connection: &'c Connection,
        granularity_micros: i64,
        origin: Origin,
        received_at: Timestamp,
    ) -> Self {
        Self {
            source: connection.source.name,
            connection: &connection.name,
            region: connection.common.region.as_deref(),
            granularity_micros,
            origin,
            received_at,
            pseudonyms: &connection.pseudonyms,
        }
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
    /// Whether the row counts only if the record is known: streams of a whole network tell of deletions that concern
    /// nobody here.
    pub only_if_known: bool,
    /// The record of the person that this row is about.
    pub subject: Option<RecordKey>,
    /// The content.
    pub entity: Entity,
}

impl Draft {
    /// The record as it has been since `changed_at`.
    pub fn new(
        object: &'static str,
        id: impl Into<String>,
        changed_at: Timestamp,
        entity: impl Into<Entity>,
        rows: &Rows<'_>,
    ) -> Self {
        let entity = entity.into();
        let subject = match &entity {
            Entity::Interaction(interaction) => Some(interaction.subject_key.clone()),
            _ => None,
        };
        Self {
            object,
            id: id.into(),
            version: rows.version(changed_at),
            updated_at: Some(changed_at),
            deleted: false,
            only_if_known: false,
            subject,
            entity,
        }
    }

    /// About this person.
    #[must_use]
    pub fn about(mut self, subject: Option<RecordKey>) -> Self {
        self.subject = subject;
        self
    }

    /// The record has been gone since `at`; the entity should be empty. Outranks a living row of the same tick.
    pub fn tombstone(
        object: &'static str,
        id: impl Into<String>,
        at: Timestamp,
        entity: impl Into<Entity>,
        rows: &Rows<'_>,
    ) -> Self {
        let draft = Self::new(object, id, at, entity, rows);
        Self { version: draft.version + 1, deleted: true, ..draft }
    }
}

/// Collects the rows of one record.
#[derive(Debug)]
pub struct Rows<'c> {
    context: MapContext<'c>,
    drafts: Vec<Draft>,
    present: Vec<(&'static str, String)>,
    filtered: Option<&'static str>,
    drifted: Vec<&'static str>,
}

/// What a record came to.
#[derive(Debug)]
pub struct Mapped {
    /// Its rows.
    pub drafts: Vec<Draft>,
    /// Objects and ids of which it tells no more than that they are there.
    pub present: Vec<(&'static str, String)>,
    /// Why there are none, if it was left out on purpose.
    pub filtered: Option<&'static str>,
    /// Fields that came with another type than documented.
    pub drifted: Vec<&'static str>,
}

impl Mapped {
    /// One row and nothing else.
    pub(crate) fn one(draft: Draft) -> Self {
        Self { drafts: vec![draft], present: Vec::new(), filtered: None, drifted: Vec::new() }
    }
}

impl<'c> Rows<'c> {
    /// An empty collection.
    pub fn new(context: MapContext<'c>) -> Self {
        Self {
            context,
            drafts: Vec::new(),
            present: Vec::new(),
            filtered: None,
            drifted: Vec::new(),
        }
    }

    /// The key of another record of the same connection.
    pub fn key(&self, object: &str, id: &str) -> RecordKey {
        RecordKey::new(self.context.source, self.context.connection, object, id)
    }

    /// Region for phone numbers written without a country.
    pub fn region(&self) -> Option<&'c str> {
        self.context.region
    }

    /// When the record reached us: what stands in for a time of change that the source does not tell.
    pub fn received_at(&self) -> Timestamp {
        self.context.received_at
    }

    /// A key for a value that must not stand in one, such as an address: HMAC-SHA-256 in hexadecimal.
    pub fn pseudonym(&self, namespace: Namespace, normalised: &str) -> Result<String, Invalid> {
        self.context.pseudonyms.of(namespace, normalised)
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

    /// Notes that a record is there, without saying more of it: a full list of ids shows which ones are gone.
    pub fn present(&mut self, object: &'static str, id: impl Into<String>) {
        self.present.push((object, id.into()));
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
        let Self { drafts, present, filtered, drifted, .. } = self;
        let is_nothing = drafts.is_empty() && present.is_empty();
        let filtered = is_nothing.then(|| filtered.unwrap_or("maps to nothing in the schema"));
        Mapped { drafts, present, filtered, drifted }
    }
}

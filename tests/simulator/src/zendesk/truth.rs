//! What a faithful copy of the helpdesk must contain.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::bad::BadTruth;
use super::desk::Desk;
use super::records::{Change, Organization, Rating, Status, Ticket, User};

/// The state of the helpdesk in its own words.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Users by id, deleted ones included.
    pub users: BTreeMap<u64, User>,
    /// Tickets by id, deleted and scrubbed ones included.
    pub tickets: BTreeMap<u64, Ticket>,
    /// Organisations by id.
    pub organizations: BTreeMap<u64, Organization>,
    /// Every change to every ticket, in the order of time; a scrubbed ticket's are gone.
    pub events: Vec<EventTruth>,
    /// Ratings by id.
    pub ratings: BTreeMap<u64, Rating>,
    /// Malformed records that stand in an export; the maps above do not have them.
    pub bad_records: Vec<BadTruth>,
}

/// One change to a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTruth {
    /// The ticket.
    pub ticket_id: u64,
    /// The update, which may hold several changes.
    pub event_id: u64,
    /// The change within it.
    pub child_id: u64,
    /// What changed.
    pub kind: EventKind,
    /// Who did it; `0` is the system.
    pub actor_id: u64,
    /// When.
    pub at: Timestamp,
}

/// What changed in a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// It was opened.
    Created,
    /// Somebody wrote.
    Comment {
        /// Whether the requester can read it.
        public: bool,
        /// What they wrote.
        body: String,
    },
    /// Its status changed.
    StatusChanged {
        /// The word before.
        from: String,
        /// The word after.
        to: String,
    },
    /// Another field changed.
    FieldChanged {
        /// Its name.
        field: String,
    },
    /// A comment was blackened.
    Redacted,
}

impl Truth {
    pub(super) fn of(desk: &Desk) -> Self {
        let events = desk.events.iter().flat_map(|event| {
            event.children.iter().map(|child| EventTruth {
                ticket_id: event.ticket_id,
                event_id: event.id,
                child_id: child.id,
                kind: kind(&child.change),
                actor_id: event.updater_id,
                at: event.at,
            })
        });
        Self {
            users: desk.users.clone(),
            tickets: desk.tickets.clone(),
            organizations: desk.organizations.clone(),
            events: events.collect(),
            ratings: desk.ratings.clone(),
            bad_records: desk.bad.clone(),
        }
    }

    /// What the exports show at a moment: a record changed in the minute before is missing.
    #[must_use]
    pub fn visible_at(mut self, now: Timestamp) -> Self {
        let end = (now - SignedDuration::from_secs(60)).as_second();
        self.users.retain(|_, user| user.updated_at.as_second() < end);
        self.tickets.retain(|_, ticket| ticket.generated_timestamp < end);
        self.organizations.retain(|_, record| record.updated_at.as_second() < end);
        self.events.retain(|event| event.at.as_second() < end);
        self.bad_records.retain(|bad| bad.at.as_second() < end);
        self
    }

    /// How many malformed records stand in `tickets` or `users`.
    pub fn bad_count(&self, collection: &str) -> usize {
        let bad = self.bad_records.iter();
        bad.filter(|bad| bad.kind.collection() == collection).count()
    }

    /// How many tickets have this status.
    pub fn tickets_with(&self, status: Status) -> usize {
        self.tickets.values().filter(|t| t.status == status).count()
    }
}

fn kind(change: &Change) -> EventKind {
    match change {
        Change::Create { .. } => EventKind::Created,
        Change::Comment { public, body, .. } => {
            EventKind::Comment { public: *public, body: body.clone() }
        }
        Change::Field { name: "status", from, to } => EventKind::StatusChanged {
            from: from.clone().unwrap_or_default(),
            to: to.clone().unwrap_or_default(),
        },
        Change::Field { name, .. } => EventKind::FieldChanged { field: (*name).to_owned() },
        Change::Redaction { .. } => EventKind::Redacted,
    }
}

//! The helpdesk's state, and the small steps that keep it consistent.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::RngExt as _;

use super::bad::BadTruth;
use super::records::{Change, Child, Event, Organization, Rating, Ticket, User};
use super::timeline::Timeline;
use super::webhooks::Outbox;
use crate::Dice;

/// All there is in one account.
pub(crate) struct Desk {
    pub(crate) dice: Dice,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    pub(crate) organizations: BTreeMap<u64, Organization>,
    pub(crate) ratings: BTreeMap<u64, Rating>,
    /// In the order of time.
    pub(crate) events: Vec<Event>,
    pub(crate) ticket_order: Timeline,
    pub(crate) user_order: Timeline,
    pub(crate) organization_order: Timeline,
    pub(crate) bad: Vec<BadTruth>,
    pub(crate) outbox: Outbox,
    /// The owner, then the agents.
    pub(crate) staff: Vec<u64>,
    last_id: u64,
    last_ticket: u64,
}

impl Desk {
    pub(crate) fn new(dice: Dice, outbox: Outbox) -> Self {
        Self {
            dice,
            users: BTreeMap::new(),
            tickets: BTreeMap::new(),
            organizations: BTreeMap::new(),
            ratings: BTreeMap::new(),
            events: Vec::new(),
            ticket_order: Timeline::default(),
            user_order: Timeline::default(),
            organization_order: Timeline::default(),
            bad: Vec::new(),
            outbox,
            staff: Vec::new(),
            last_id: 361_480_000_000,
            last_ticket: 1_000,
        }
    }

    /// Ids grow, with gaps, as in an account shared with a million others.
    pub(crate) fn new_id(&mut self) -> u64 {
        self.last_id += self.dice.random_range(20..2_000);
        self.last_id
    }

    pub(crate) fn new_ticket_id(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Somebody who answers tickets.
    pub(crate) fn agent(&mut self) -> u64 {
        match self.staff.len() {
            0 => 0,
            count => self.staff[self.dice.random_range(0..count)],
        }
    }

    /// Records an update of a ticket, and moves the ticket to its time; gives the first change's id.
    pub(crate) fn record(
        &mut self,
        ticket_id: u64,
        actor: u64,
        at: Timestamp,
        changes: Vec<Change>,
    ) -> u64 {
        let id = self.new_id();
        let children = changes.into_iter().map(|change| {
            let id = self.new_id();
            Child { id, change }
        });
        let children: Vec<Child> = children.collect();
        let Some(ticket) = self.tickets.get_mut(&ticket_id) else {
            return 0;
        };
        ticket.updated_at = at;
        ticket.generated_timestamp = at.as_second();
        self.ticket_order.touch(ticket_id, at.as_second());
        let first = children.first().map_or(0, |child| child.id);
        let event =
            Event { id, ticket_id, at, updater_id: actor, channel: ticket.channel, children };
        let place = self.events.partition_point(|other| other.at <= at);
        self.events.insert(place, event);
        first
    }

    pub(crate) fn touch_user(&mut self, id: u64, at: Timestamp) {
        if let Some(user) = self.users.get_mut(&id) {
            user.updated_at = at;
            self.user_order.touch(id, at.as_second());
        }
    }

    /// The helpdesk's clock has whole seconds.
    pub(crate) fn second(at: Timestamp) -> Timestamp {
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    }
}

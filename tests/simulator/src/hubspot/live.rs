//! What happens in a CRM on any day.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::history::{deal, engagement, move_deal, ticket, written};
use super::records::{Kind, Place, Portal, text};
use crate::world::{Company, one_of};

impl Portal {
    /// One random change, dated `at` and written `now`.
    pub(super) fn live(&mut self, company: &Company, at: Timestamp, now: Timestamp) {
        let contacts = self.living(Kind::Contact);
        if contacts.len() < 4 {
            return;
        }
        let contact = one_of(&mut self.dice, &contacts);
        let place = (Kind::Contact, contact);
        match self.dice.random_range(0..20) {
            0 | 1 => self.newcomer(company, at, now),
            2 | 3 => self.set(place, at, now, "jobtitle", text("Head of kitchen")),
            4 => self.set(place, at, now, "phone", text("")),
            5 => {
                let people = [place];
                deal(self, at, now, 0, &people);
            }
            6 | 7 => self.close_deal(at, now),
            8 => self.reshuffle_links(place, at),
            9 => {
                ticket(self, at, place);
            }
            10 => self.close_ticket(at, now),
            11 | 12 => {
                let kinds = [Kind::Call, Kind::Email, Kind::Meeting, Kind::Note, Kind::Task];
                let kind = one_of(&mut self.dice, &kinds);
                engagement(self, kind, at, now, &[place]);
            }
            13 => {
                if let Some(id) = self.any(Kind::Task) {
                    self.set((Kind::Task, id), at, now, "hs_task_status", text("COMPLETED"));
                }
            }
            14 => self.archive(place, at),
            18 | 19 => self.advance_deal(at, now),
            15 => self.take_out_of_the_bin(at, now),
            16 => {
                let others: Vec<u64> = contacts.into_iter().filter(|id| *id != contact).collect();
                let loser = one_of(&mut self.dice, &others);
                self.merge(contact, loser, at, now);
            }
            _ => self.erase(contact, at),
        }
    }

    fn any(&mut self, kind: Kind) -> Option<u64> {
        let ids = self.living(kind);
        (!ids.is_empty()).then(|| one_of(&mut self.dice, &ids))
    }

    fn newcomer(&mut self, company: &Company, at: Timestamp, now: Timestamp) {
        let number = self.dice.random_range(0..company.people.len());
        let person = &company.people[number];
        let properties = [
            ("email", person.emails.last().cloned()),
            ("firstname", text(person.given_name)),
            ("lastname", None),
        ];
        let contact = self.create(Kind::Contact, at, now, properties.into());
        self.people.insert(contact, number);
    }

    fn close_deal(&mut self, at: Timestamp, now: Timestamp) {
        if let Some(id) = self.open_deal() {
            move_deal(self, id, at, now, if id % 2 == 0 { 2 } else { 3 });
        }
    }

    /// Moves a deal on, or back.
    fn advance_deal(&mut self, at: Timestamp, now: Timestamp) {
        if let Some(id) = self.open_deal() {
            let stage = self.dice.random_range(0..2);
            move_deal(self, id, at, now, stage);
        }
    }

    fn open_deal(&self) -> Option<u64> {
        let open = self.of(Kind::Deal).values();
        let mut open = open.filter(|deal| {
            deal.archived_at.is_none() && deal.text("hs_is_closed") == Some("false")
        });
        open.next().map(|deal| deal.id)
    }

    fn close_ticket(&mut self, at: Timestamp, now: Timestamp) {
        if let Some(id) = self.any(Kind::Ticket) {
            let place = (Kind::Ticket, id);
            self.set(place, at, now, "closed_date", Some(written(at)));
            let of_the_first =
                self.get(place).and_then(|ticket| ticket.text("hs_pipeline")) == Some("0");
            let closed = if of_the_first { "4" } else { "88124" };
            self.set(place, at, now, "hs_pipeline_stage", text(closed));
        }
    }

    /// Links a deal, a ticket and a call to one more contact, and takes an old link away: nothing is touched by that.
    fn reshuffle_links(&mut self, contact: Place, at: Timestamp) {
        for kind in [Kind::Deal, Kind::Ticket, Kind::Call] {
            let Some(id) = self.any(kind) else { continue };
            let old = self.linked((kind, id)).into_iter().find(|other| other.0 == Kind::Contact);
            self.link((kind, id), contact, false);
            self.announce_link((kind, id), contact, at, false);
            if let Some(old) = old.filter(|old| kind == Kind::Deal && *old != contact) {
                self.unlink((kind, id), old);
                self.announce_link((kind, id), old, at, true);
            }
        }
    }

    fn take_out_of_the_bin(&mut self, at: Timestamp, now: Timestamp) {
        let in_bin = self.of(Kind::Contact).values().find(|contact| contact.archived_at.is_some());
        if let Some(id) = in_bin.map(|contact| contact.id) {
            self.restore((Kind::Contact, id), at + SignedDuration::from_millis(5), now);
        }
    }
}

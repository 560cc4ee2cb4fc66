//! Random changes to a running helpdesk.

use jiff::Timestamp;
use rand::RngExt as _;

use super::changes::NewTicket;
use super::desk::Desk;
use super::history::customer;
use super::prose;
use super::records::{Deletion, Role, Score, Status};
use crate::world::{Company, one_of};

impl Desk {
    /// One change of a random kind to a random record.
    pub(super) fn live(&mut self, at: Timestamp, company: &Company) {
        let Some(ticket) = self.some_ticket() else {
            return self.live_user(at, company);
        };
        let agent = self.agent();
        let requester = self.tickets.get(&ticket).map_or(0, |t| t.requester_id);
        match self.dice.random_range(0..100) {
            0..=19 => self.live_ticket(at),
            20..=34 => {
                let text = prose::customer_reply(&mut self.dice);
                self.comment(at, ticket, requester, true, text);
                self.set_status(at, ticket, requester, Status::Open);
            }
            35..=46 => {
                let text = prose::agent_reply(&mut self.dice);
                self.comment(at, ticket, agent, true, text);
            }
            47..=52 => {
                let text = prose::note(&mut self.dice);
                self.comment(at, ticket, agent, false, text);
            }
            53..=58 => self.set_status(at, ticket, agent, Status::Hold),
            59..=67 => self.set_status(at, ticket, agent, Status::Solved),
            68..=71 => self.set_status(at, ticket, requester, Status::Open),
            72..=78 => {
                let good = self.dice.random_ratio(3, 4);
                self.rate(at, ticket, if good { Score::Good } else { Score::Bad }, None);
            }
            79..=81 => self.delete_ticket(at, ticket, agent),
            82 => self.permanently_delete_ticket(at, ticket, agent),
            83..=84 => self.redact(at, ticket, agent),
            85..=87 => self.silent_update(at, ticket),
            _ => self.live_user(at, company),
        }
    }

    fn live_ticket(&mut self, at: Timestamp) {
        let Some(requester_id) = self.some_customer() else {
            return;
        };
        let (subject, problem) = one_of(&mut self.dice, prose::PROBLEMS);
        let description = prose::description(&mut self.dice, problem);
        self.open_ticket(
            at,
            NewTicket {
                requester_id,
                subject: subject.to_owned(),
                description,
                channel: "email",
                priority: Some("normal"),
            },
        );
    }

    fn live_user(&mut self, at: Timestamp, company: &Company) {
        let kind = self.dice.random_range(0..10);
        let user = self.some_customer();
        match (kind, user) {
            (0..=3, _) | (_, None) if !company.people.is_empty() => {
                let person = self.dice.random_range(0..company.people.len());
                let mut user = customer(self, company, person, at);
                user.email = Some(format!("new.customer{}@example.com", user.id));
                self.add_user(user);
            }
            (4..=5, Some(user)) => {
                let name = self.users.get(&user).map_or(String::new(), |u| u.name.clone());
                self.rename_user(at, user, &format!("{} Jr.", name.trim_end()));
            }
            (6..=7, Some(user)) => {
                self.change_email(at, user, &format!("moved{user}@example.org"));
            }
            (8, Some(user)) => self.delete_user(at, user),
            _ => {
                let organizations: Vec<u64> = self.organizations.keys().copied().collect();
                if !organizations.is_empty() {
                    let id = one_of(&mut self.dice, &organizations);
                    self.rename_organization(at, id, &format!("Renamed at {}", at.as_second()));
                }
            }
        }
    }

    /// A ticket that is not deleted, if a few tries find one.
    fn some_ticket(&mut self) -> Option<u64> {
        let (first, last) = (*self.tickets.keys().next()?, *self.tickets.keys().next_back()?);
        (0..20).find_map(|_| {
            let id = self.dice.random_range(first..=last);
            let (id, ticket) = self.tickets.range(id..).next()?;
            (ticket.deletion == Deletion::No).then_some(*id)
        })
    }

    /// A customer who is not deleted, if a few tries find one.
    fn some_customer(&mut self) -> Option<u64> {
        let (first, last) = (*self.users.keys().next()?, *self.users.keys().next_back()?);
        (0..50).find_map(|_| {
            let id = self.dice.random_range(first..=last);
            let (id, user) = self.users.range(id..).next()?;
            (user.deletion == Deletion::No && user.role == Role::EndUser).then_some(*id)
        })
    }
}

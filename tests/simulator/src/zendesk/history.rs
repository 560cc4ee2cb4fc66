//! Writes the account's past: who joined, what they asked, and how it went.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::changes::NewTicket;
use super::desk::Desk;
use super::prose;
use super::records::{Deletion, Organization, Role, Score, Status, User};
use crate::world::{Company, Person, mistyped_name, notation, one_of, written_email};

const AGENTS: usize = 5;
const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const CHANNELS: [&str; 5] = ["email", "email", "web", "api", "chat"];
const PRIORITIES: [Option<&str>; 5] =
    [None, Some("low"), Some("normal"), Some("high"), Some("urgent")];

/// What happens next to a ticket, or to all of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Open { user: u64 },
    Talk { ticket: u64, turns: u32 },
    Solve { ticket: u64 },
    Rate { ticket: u64, again: bool },
    Reopen { ticket: u64 },
    Close { ticket: u64 },
    Delete { ticket: u64 },
    Silent { ticket: u64 },
    Bulk,
}

/// Fills an empty desk.
pub(super) fn write(desk: &mut Desk, company: &Company, days: u32, until: Timestamp) {
    let until = Desk::second(until);
    let start = until - SignedDuration::from_secs(i64::from(days.max(1)) * DAY);
    let organizations = add_organizations(desk, company, start);
    add_staff(desk, company, start);
    let users = add_customers(desk, company, &organizations, until);
    let mut plan = Plan { steps: BinaryHeap::new(), until: until.as_second() };
    for user in &users {
        let since = desk.users.get(user).map_or(start, |user| user.created_at).max(start);
        for _ in 0..desk.dice.random_range(0..=5) {
            let span = (until.as_second() - since.as_second()).max(1);
            let at = since.as_second() + desk.dice.random_range(0..span);
            plan.add(at, Step::Open { user: *user });
        }
    }
    for bulk in 1..=3 {
        plan.add(start.as_second() + i64::from(days.max(1)) * DAY * bulk / 4, Step::Bulk);
    }
    while let Some(Reverse((second, step))) = plan.steps.pop() {
        let at = Timestamp::from_second(second).unwrap_or(until);
        plan.take(desk, at, step);
    }
    for user in users.iter().skip(11).step_by(83) {
        desk.delete_user(until - SignedDuration::from_hours(30), *user);
    }
    for user in users.iter().skip(17).step_by(131) {
        desk.permanently_delete_user(until - SignedDuration::from_hours(20), *user);
    }
}

struct Plan {
    steps: BinaryHeap<Reverse<(i64, Step)>>,
    until: i64,
}

impl Plan {
    fn add(&mut self, second: i64, step: Step) {
        if second < self.until {
            self.steps.push(Reverse((second, step)));
        }
    }

    fn later(&mut self, desk: &mut Desk, at: Timestamp, hours: std::ops::Range<i64>, step: Step) {
        let wait = desk.dice.random_range(hours.start * HOUR..hours.end * HOUR);
        self.add(at.as_second() + wait, step);
    }

    fn take(&mut self, desk: &mut Desk, at: Timestamp, step: Step) {
        match step {
            Step::Open { user } => self.open(desk, at, user),
            Step::Talk { ticket, turns } => self.talk(desk, at, ticket, turns),
            Step::Solve { ticket } => {
                let agent = desk.agent();
                desk.comment(
                    at,
                    ticket,
                    agent,
                    true,
                    "I consider this solved. Write back any time.",
                );
                desk.set_status(at, ticket, agent, Status::Solved);
                if desk.dice.random_ratio(9, 20) {
                    self.later(desk, at, 24..25, Step::Rate { ticket, again: false });
                }
                let next = if desk.dice.random_ratio(1, 9) {
                    Step::Reopen { ticket }
                } else {
                    Step::Close { ticket }
                };
                self.later(desk, at, 80..120, next);
            }
            Step::Rate { ticket, again: false } => {
                desk.rate(at, ticket, Score::Offered, None);
                if desk.dice.random_ratio(2, 3) {
                    self.later(desk, at, 1..60, Step::Rate { ticket, again: true });
                }
            }
            Step::Rate { ticket, again: true } => {
                let good = desk.dice.random_ratio(4, 5);
                let says = desk.dice.random_ratio(1, 3);
                let comment = says.then(|| prose::rating_comment(&mut desk.dice).to_owned());
                desk.rate(at, ticket, if good { Score::Good } else { Score::Bad }, comment);
            }
            Step::Reopen { ticket } => {
                let requester = desk.tickets.get(&ticket).map_or(0, |t| t.requester_id);
                desk.comment(at, ticket, requester, true, "Sorry, it happened again.");
                desk.set_status(at, ticket, requester, Status::Open);
                self.later(desk, at, 5..50, Step::Solve { ticket });
            }
            Step::Close { ticket } => desk.set_status(at, ticket, 0, Status::Closed),
            Step::Delete { ticket } => {
                let agent = desk.agent();
                desk.delete_ticket(at, ticket, agent);
            }
            Step::Silent { ticket } => desk.silent_update(at, ticket),
            Step::Bulk => {
                let open = desk.tickets.values().filter(|t| t.deletion == Deletion::No);
                let some: Vec<u64> = open.map(|ticket| ticket.id).rev().take(25).collect();
                let agent = desk.agent();
                desk.tag_all(at, &some, agent, "weekly-review");
            }
        }
    }

    fn open(&mut self, desk: &mut Desk, at: Timestamp, user: u64) {
        let dice = &mut desk.dice;
        let (subject, problem) = one_of(dice, prose::PROBLEMS);
        let new = NewTicket {
            requester_id: user,
            subject: subject.to_owned(),
            description: prose::description(dice, problem),
            channel: one_of(dice, &CHANNELS),
            priority: one_of(dice, &PRIORITIES),
        };
        let turns = dice.random_range(1..=4);
        let fate = dice.random_range(0..100);
        let ticket = desk.open_ticket(at, new);
        match fate {
            // Spam and mistakes go before anyone talks.
            0..=1 => self.later(desk, at, 1..4, Step::Delete { ticket }),
            2..=5 => self.later(desk, at, 300..900, Step::Silent { ticket }),
            _ => {}
        }
        if fate > 1 {
            self.later(desk, at, 1..20, Step::Talk { ticket, turns });
        }
    }

    fn talk(&mut self, desk: &mut Desk, at: Timestamp, ticket: u64, turns: u32) {
        let agent = desk.agent();
        let requester = desk.tickets.get(&ticket).map_or(0, |t| t.requester_id);
        if turns.is_multiple_of(2) {
            let text = prose::customer_reply(&mut desk.dice);
            desk.comment(at, ticket, requester, true, text);
            desk.set_status(at, ticket, requester, Status::Open);
        } else {
            let text = prose::agent_reply(&mut desk.dice);
            desk.comment(at, ticket, agent, true, text);
            desk.set_status(at, ticket, agent, Status::Pending);
        }
        if desk.dice.random_ratio(1, 6) {
            let text = prose::note(&mut desk.dice);
            desk.comment(at, ticket, agent, false, text);
        }
        let next = match turns {
            0..=1 => Step::Solve { ticket },
            _ => Step::Talk { ticket, turns: turns - 1 },
        };
        self.later(desk, at, 1..40, next);
    }
}

fn add_organizations(desk: &mut Desk, company: &Company, start: Timestamp) -> Vec<u64> {
    let mut ids = Vec::new();
    for (number, organization) in company.organizations.iter().enumerate() {
        let id = desk.new_id();
        let at = start + SignedDuration::from_hours(i64::try_from(number).unwrap_or(0) % 2_000);
        desk.add_organization(Organization {
            id,
            name: organization.name.clone(),
            domain: organization.domain.clone(),
            external_id: number.is_multiple_of(3).then(|| format!("crm-org-{number}")),
            created_at: at,
            updated_at: at,
        });
        ids.push(id);
    }
    ids
}

fn add_staff(desk: &mut Desk, company: &Company, at: Timestamp) {
    for number in 0..=AGENTS {
        let id = desk.new_id();
        let admin = number == 0;
        let name = if admin { "Account owner".to_owned() } else { format!("Agent {number}") };
        let local = if admin { "owner".to_owned() } else { format!("agent{number}") };
        desk.add_user(User {
            id,
            person: None,
            name,
            email: Some(format!("{local}@{}", company.domain)),
            phone: None,
            shared_phone_number: false,
            role: if admin { Role::Admin } else { Role::Agent },
            organization_id: None,
            external_id: None,
            tags: Vec::new(),
            notes: String::new(),
            time_zone: "London",
            iana_time_zone: "Europe/London",
            locale: "en-GB",
            created_at: at,
            updated_at: at,
            deletion: Deletion::No,
        });
    }
}

/// About seven in ten people, some of them twice.
fn add_customers(
    desk: &mut Desk,
    company: &Company,
    organizations: &[u64],
    until: Timestamp,
) -> Vec<u64> {
    let mut taken = HashSet::new();
    let mut ids = Vec::new();
    for (index, person) in company.people.iter().enumerate() {
        let accounts = match desk.dice.random_range(0..100) {
            0..=30 => 0,
            31..=92 => 1,
            _ => 2,
        };
        for account in 0..accounts {
            let at =
                Desk::second(person.since.min(until)) - SignedDuration::from_hours(30 + account);
            let mut user = customer(desk, company, index, at);
            user.email = free_email(desk, person, &mut taken);
            user.organization_id = person.organization.map(|index| organizations[index]);
            if user.email.is_some() || user.phone.is_some() {
                ids.push(user.id);
                desk.add_user(user);
            }
        }
    }
    ids
}

/// The helpdesk allows an address once: whoever of the family comes second uses another.
fn free_email(desk: &mut Desk, person: &Person, taken: &mut HashSet<String>) -> Option<String> {
    let free = person.emails.iter().find(|email| !taken.contains(*email))?;
    taken.insert(free.clone());
    Some(written_email(&mut desk.dice, free))
}

/// A person as the helpdesk knows them, apart from the address.
pub(super) fn customer(desk: &mut Desk, company: &Company, index: usize, at: Timestamp) -> User {
    let id = desk.new_id();
    let person = &company.people[index];
    let dice = &mut desk.dice;
    let (time_zone, iana_time_zone, locale) = match company.stores[person.store].currency {
        "EUR" => ("Berlin", "Europe/Berlin", "de"),
        "USD" => ("Eastern Time (US & Canada)", "America/New_York", "en-US"),
        _ => ("London", "Europe/London", "en-GB"),
    };
    let shared = person.phone.as_ref() == Some(&company.kiosk_phone);
    User {
        id,
        person: Some(index),
        name: mistyped_name(dice, person),
        email: None,
        phone: person.phone.as_ref().map(|phone| notation(dice, phone)),
        shared_phone_number: shared && dice.random_ratio(1, 2),
        role: Role::EndUser,
        organization_id: None,
        external_id: dice.random_ratio(1, 4).then(|| format!("shop-{index}")),
        tags: if dice.random_ratio(1, 5) { vec!["vip".to_owned()] } else { Vec::new() },
        notes: String::new(),
        time_zone,
        iana_time_zone,
        locale,
        created_at: at,
        updated_at: at,
        deletion: Deletion::No,
    }
}

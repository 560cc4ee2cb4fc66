//! What the company did with SendGrid before today.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::json;

use super::account::Account;
use super::records::{Contact, GROUPS, GroupEntry, ListName, SingleSend};
use crate::world::{notation, one_of, written_email};

const PIZZAS: [&str; 4] = ["Funghi", "Margherita, \"large\"", "", "Quattro\nStagioni"];

pub(super) fn write(account: &mut Account, days: u32, until: Timestamp) {
    let until = Timestamp::from_second(until.as_second()).unwrap_or(until);
    let company = std::sync::Arc::clone(&account.company);
    for (number, person) in company.people.iter().enumerate() {
        if account.dice.random_ratio(17, 20) {
            contact(account, number, person, until);
        }
        let Some(email) = person.emails.first() else { continue };
        let email = &written_email(&mut account.dice, email);
        let at = moment(account, days, until);
        match account.dice.random_range(0..100) {
            0..=5 => account.add_entry(ListName::Bounces, email, at),
            6..=10 => account.add_entry(ListName::Blocks, email, at),
            11..=12 => account.add_entry(ListName::SpamReports, email, at),
            13..=15 => {
                account.add_entry(
                    ListName::InvalidEmails,
                    &email.replace(".example", ",example"),
                    at,
                );
            }
            16..=23 => account.add_entry(ListName::Unsubscribes, email, at),
            24..=34 => {
                let (group, _) = one_of(&mut account.dice, &GROUPS);
                let email = email.to_lowercase();
                let entry = GroupEntry { email: email.clone(), group, created_at: at.as_second() };
                account.groups.insert((email, group), entry);
            }
            _ => {}
        }
        receipts(account, email, at);
    }
    campaigns(account, until);
    pizza(account, &company);
    for name in ["Everyone", "Newsletter", "Offers"] {
        let id = account.uuid();
        account.audiences.push((id, name));
    }
}

/// A moment of the history.
fn moment(account: &mut Account, days: u32, until: Timestamp) -> Timestamp {
    let span = i64::from(days.max(1)) * 86_400;
    until - SignedDuration::from_secs(account.dice.random_range(0..span))
}

/// A contact has an address of its own: a family with one mailbox is one contact.
fn contact(account: &mut Account, number: usize, person: &crate::Person, until: Timestamp) {
    let Some(email) = person.emails.first().map(|email| email.to_lowercase()) else { return };
    if account.contacts.values().any(|contact| contact.email == email) {
        return;
    }
    let id = account.uuid();
    let created_at = Timestamp::from_second(person.since.as_second()).unwrap_or(until);
    let age = until.as_second() - created_at.as_second();
    let updated = created_at.as_second() + account.dice.random_range(0..age.max(1));
    let dice = &mut account.dice;
    let phone = person.phone.as_deref().map(|phone| notation(dice, phone)).unwrap_or_default();
    let contact = Contact {
        id: id.clone(),
        email,
        alternate: person.emails.get(1).map(|email| email.to_lowercase()),
        first_name: person.given_name.to_owned(),
        last_name: person.family_name.to_owned(),
        phone,
        favourite: one_of(dice, &PIZZAS),
        created_at,
        updated_at: Timestamp::from_second(updated).unwrap_or(created_at),
        deleted: false,
    };
    account.people.insert(id.clone(), number);
    account.contacts.insert(id, contact);
}

fn receipts(account: &mut Account, email: &str, at: Timestamp) {
    let message = account.message();
    let events = vec![
        account.event("processed", email, &message, at, &json!({})),
        account.event("delivered", email, &message, at, &json!({"response": "250 OK"})),
    ];
    account.outbox.remember(events);
}

fn campaigns(account: &mut Account, until: Timestamp) {
    for number in 0..6_i64 {
        let id = account.uuid();
        let went_out = until - SignedDuration::from_hours(24 * 30 * number);
        let (status, send_at) = match number {
            0 => ("draft", None),
            1 => ("scheduled", Some(until + SignedDuration::from_hours(48))),
            _ => ("triggered", Some(went_out)),
        };
        let send = SingleSend {
            id: id.clone(),
            name: format!("Menu of the month {number}"),
            status,
            send_at,
            created_at: went_out - SignedDuration::from_hours(72),
            updated_at: went_out,
            deleted: false,
        };
        account.single_sends.insert(id, send);
    }
}

/// The household that gets far more mail than it orders, and never clicks; a machine opens each mail all the same.
fn pizza(account: &mut Account, company: &crate::Company) {
    let household = company.pizza.household.and_then(|index| company.households.get(index));
    let Some(household) = household else { return };
    let campaign = account.single_sends.values().find(|send| send.status == "triggered");
    let campaign = campaign.map(|send| send.id.clone()).unwrap_or_default();
    for at in &company.pizza.mails {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(*at);
        let message = account.message();
        let email = &household.mailbox;
        let told = json!({"singlesend_id": campaign, "singlesend_name": "Menu of the month"});
        let mut opened = told.clone();
        opened["sg_machine_open"] = true.into();
        let events = vec![
            account.event("processed", email, &message, at, &told),
            account.event("delivered", email, &message, at, &told),
            account.event("open", email, &message, at, &opened),
        ];
        account.outbox.remember(events);
    }
}

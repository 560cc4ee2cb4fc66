//! Random changes to a running account.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::json;

use super::account::Account;
use super::records::{Contact, GROUPS, ListName};
use crate::world::one_of;

impl Account {
    /// One change of a random kind.
    pub(super) fn live(&mut self, at: Timestamp) {
        let Some(email) = self.somebody() else { return };
        match self.dice.random_range(0..100) {
            0..=29 => self.send_and_click(&email, at),
            30..=37 => self.fails(&email, at),
            38..=45 => self.listed(ListName::Bounces, &email, at),
            46..=51 => self.listed(ListName::Blocks, &email, at),
            52..=55 => self.listed(ListName::SpamReports, &email, at),
            56..=63 => self.listed(ListName::Unsubscribes, &email, at),
            64..=71 => {
                let (group, _) = one_of(&mut self.dice, &GROUPS);
                self.leave_group(&email, group, at);
            }
            72..=77 => {
                let keys: Vec<(String, u64)> = self.groups.keys().cloned().collect();
                if !keys.is_empty() {
                    let (email, group) = one_of(&mut self.dice, &keys);
                    self.come_back(&email, group, at);
                }
            }
            78..=84 => {
                let list = one_of(&mut self.dice, &ListName::ALL);
                let emails: Vec<String> = self.lists[&list].keys().cloned().collect();
                if !emails.is_empty() {
                    let email = one_of(&mut self.dice, &emails);
                    self.remove_entry(list, &email);
                }
            }
            85..=97 => self.live_contact(at),
            _ => self.live_campaign(at),
        }
    }

    fn somebody(&mut self) -> Option<String> {
        let people = &self.company.people;
        if people.is_empty() {
            return None;
        }
        let person = &people[self.dice.random_range(0..people.len())];
        person.emails.first().cloned()
    }

    /// An email that is put off, and one that is not even tried.
    fn fails(&mut self, email: &str, at: Timestamp) {
        let message = self.message();
        let events = vec![
            self.event("processed", email, &message, at, &json!({})),
            self.event(
                "deferred",
                email,
                &message,
                at,
                &json!({"attempt": "3", "response": "400 later"}),
            ),
            self.event("dropped", email, &message, at, &json!({"reason": "Bounced Address"})),
        ];
        self.outbox.push(events);
    }

    /// An event that puts its address on a list.
    fn listed(&mut self, list: ListName, email: &str, at: Timestamp) {
        let message = self.message();
        let (kind, told) = match list {
            ListName::Bounces => (
                "bounce",
                json!({"type": "bounce", "status": "5.1.1", "reason": format!("550 <{email}> unknown")}),
            ),
            ListName::Blocks => {
                ("bounce", json!({"type": "blocked", "status": "4.0.0", "reason": "no route"}))
            }
            ListName::SpamReports => ("spamreport", json!({})),
            _ => ("unsubscribe", json!({})),
        };
        let event = self.event(kind, email, &message, at, &told);
        self.outbox.push(vec![event]);
        self.add_entry(list, email, at);
    }

    fn live_contact(&mut self, at: Timestamp) {
        let ids: Vec<String> =
            self.contacts.values().filter(|c| !c.deleted).map(|c| c.id.clone()).collect();
        let kind = self.dice.random_range(0..10);
        if kind < 3 || ids.is_empty() {
            let id = self.uuid();
            let contact = Contact {
                email: format!("new.{}@mail.example", &id[..8]),
                alternate: None,
                first_name: "Nina \"Nova\"".to_owned(),
                last_name: "Neu, jr.".to_owned(),
                phone: String::new(),
                favourite: "",
                created_at: at,
                updated_at: at,
                deleted: false,
                id: id.clone(),
            };
            self.contacts.insert(id, contact);
            return;
        }
        let id = one_of(&mut self.dice, &ids);
        if kind == 3 {
            self.delete_contact(&id);
        } else if let Some(contact) = self.contacts.get_mut(&id) {
            contact.last_name.push_str("-Holm");
            // Two changes of one second are one to everybody who asks later.
            contact.updated_at = at.max(contact.updated_at);
        }
    }

    fn live_campaign(&mut self, at: Timestamp) {
        let ids: Vec<String> = self.single_sends.keys().cloned().collect();
        if ids.is_empty() {
            return;
        }
        let id = one_of(&mut self.dice, &ids);
        if let Some(send) = self.single_sends.get_mut(&id) {
            send.status = "triggered";
            send.send_at = Some(at);
            send.updated_at = at;
        }
    }
}

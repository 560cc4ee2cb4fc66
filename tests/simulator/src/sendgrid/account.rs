//! The account's state, and the small steps that keep it consistent.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::api::Limits;
use super::exports::Exports;
use super::records::{Contact, Entry, GroupEntry, ListName, SingleSend};
use super::webhooks::Outbox;
use crate::Dice;
use crate::world::Company;

/// All there is in one account.
pub(super) struct Account {
    pub(super) dice: Dice,
    chance: Dice,
    pub(super) company: Arc<Company>,
    pub(super) api_key: String,
    pub(super) subuser: Option<String>,
    pub(super) marketing: bool,
    pub(super) limits: Limits,
    /// Each list by the address in lower case.
    pub(super) lists: BTreeMap<ListName, BTreeMap<String, Entry>>,
    /// What was taken off a list and not put back.
    pub(super) removed: BTreeMap<ListName, BTreeMap<String, Entry>>,
    /// By address and group.
    pub(super) groups: BTreeMap<(String, u64), GroupEntry>,
    pub(super) contacts: BTreeMap<String, Contact>,
    /// Whom a contact is about, by index.
    pub(super) people: BTreeMap<String, usize>,
    pub(super) single_sends: BTreeMap<String, SingleSend>,
    pub(super) audiences: Vec<(String, &'static str)>,
    pub(super) exports: Exports,
    pub(super) outbox: Outbox,
    messages: u64,
}

impl Account {
    pub(super) fn new(dice: Dice, api_key: &str, company: Arc<Company>) -> Self {
        Self {
            chance: dice.clone(),
            dice,
            company,
            api_key: api_key.to_owned(),
            subuser: None,
            marketing: true,
            limits: Limits::default(),
            lists: ListName::ALL.into_iter().map(|list| (list, BTreeMap::new())).collect(),
            removed: BTreeMap::new(),
            groups: BTreeMap::new(),
            contacts: BTreeMap::new(),
            people: BTreeMap::new(),
            single_sends: BTreeMap::new(),
            audiences: Vec::new(),
            exports: Exports::default(),
            outbox: Outbox::default(),
            messages: 0,
        }
    }

    pub(super) fn uuid(&mut self) -> String {
        uuid(&mut self.dice)
    }

    /// The id of an export: asking for one must not change what happens.
    pub(super) fn export_id(&mut self) -> String {
        uuid(&mut self.chance)
    }

    /// The id of a new message to one recipient.
    pub(super) fn message(&mut self) -> String {
        self.messages += 1;
        format!("m{:07}.filter0001.16648.5515E0B88.0", self.messages)
    }

    /// An event of a message, to be completed by what is told of it.
    pub(super) fn event(
        &mut self,
        kind: &str,
        email: &str,
        message: &str,
        at: Timestamp,
        told: &Value,
    ) -> Value {
        let id = self.outbox.new_id(kind);
        let mut event = json!({
            "email": email, "timestamp": at.as_second(), "event": kind,
            "sg_event_id": id, "category": ["restaurant"],
        });
        // A bounce that comes late knows its message no more.
        if kind != "bounce" || !self.dice.random_ratio(1, 3) {
            event["sg_message_id"] = message.into();
        }
        if let Value::Object(told) = told {
            for (name, value) in told {
                event[name] = value.clone();
            }
        }
        event
    }

    pub(super) fn add_entry(&mut self, list: ListName, email: &str, at: Timestamp) {
        let (reason, status) = match list {
            ListName::Bounces => {
                (format!("550 5.1.1 <{email}>: Recipient address rejected"), "5.1.1")
            }
            ListName::Blocks => ("unable to resolve MX record: servfail".to_owned(), "4.0.0"),
            ListName::InvalidEmails => {
                ("Mail domain mentioned in email address is unknown".to_owned(), "")
            }
            _ => (String::new(), ""),
        };
        let entry = Entry { email: email.to_owned(), created: at.as_second(), reason, status };
        let key = email.to_lowercase();
        self.removed.entry(list).or_default().remove(&key);
        self.lists.entry(list).or_default().insert(key, entry);
    }

    pub(super) fn remove_entry(&mut self, list: ListName, email: &str) -> bool {
        let key = email.to_lowercase();
        let Some(entry) = self.lists.entry(list).or_default().remove(&key) else { return false };
        self.removed.entry(list).or_default().insert(key, entry);
        true
    }

    pub(super) fn delete_contact(&mut self, id: &str) {
        if let Some(contact) = self.contacts.get_mut(id) {
            contact.deleted = true;
        }
    }

    pub(super) fn delete_single_send(&mut self, id: &str) {
        if let Some(send) = self.single_sends.get_mut(id) {
            send.deleted = true;
        }
    }

    pub(super) fn leave_group(&mut self, email: &str, group: u64, at: Timestamp) {
        let email = email.to_lowercase();
        let message = self.message();
        let told = json!({"asm_group_id": group});
        let event = self.event("group_unsubscribe", &email, &message, at, &told);
        let entry = GroupEntry { email: email.clone(), group, created_at: at.as_second() };
        self.groups.insert((email, group), entry);
        self.outbox.push(vec![event]);
    }

    pub(super) fn come_back(&mut self, email: &str, group: u64, at: Timestamp) {
        let email = email.to_lowercase();
        let message = self.message();
        let told = json!({"asm_group_id": group});
        let event = self.event("group_resubscribe", &email, &message, at, &told);
        self.groups.remove(&(email, group));
        self.outbox.push(vec![event]);
    }

    pub(super) fn send_and_click(&mut self, email: &str, at: Timestamp) {
        let message = self.message();
        let link = json!({"url": "https://ember-oak.example/menu", "url_offset": {"index": 0, "type": "html"}});
        let events = vec![
            self.event("processed", email, &message, at, &json!({})),
            self.event("delivered", email, &message, at, &json!({"response": "250 OK", "tls": 1})),
            self.event("open", email, &message, at, &json!({"sg_machine_open": true})),
            self.event("open", email, &message, at, &json!({"sg_machine_open": false})),
            self.event("click", email, &message, at, &link),
        ];
        self.outbox.push(events);
    }
}

fn uuid(dice: &mut Dice) -> String {
    let mut hex = |digits: u32| {
        let number: u64 = dice.random_range(0..16_u64.pow(digits));
        format!("{number:0width$x}", width = digits as usize)
    };
    format!("{}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

//! What a faithful copy of the account must contain.

use std::collections::{BTreeMap, BTreeSet};

use super::account::Account;
use super::records::{Contact, Entry, GroupEntry, ListName, SingleSend};

/// The state of the account in its own words.
#[derive(Clone, Debug)]
pub struct Truth {
    /// Every list by the address in lower case.
    pub lists: BTreeMap<ListName, BTreeMap<String, Entry>>,
    /// What was once on a list and is no more.
    pub removed: BTreeMap<ListName, BTreeMap<String, Entry>>,
    /// Who left which group, by address and group.
    pub groups: BTreeMap<(String, u64), GroupEntry>,
    /// Contacts by id, deleted ones included.
    pub contacts: BTreeMap<String, Contact>,
    /// Single sends by id, deleted ones included.
    pub single_sends: BTreeMap<String, SingleSend>,
    /// Every event that was pushed, by its id.
    pub events: BTreeMap<String, EventTruth>,
    /// Every address that was ever on a list or in an event, in lower case.
    pub addresses: BTreeSet<String>,
}

/// Something that happened to an email.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTruth {
    /// What happened.
    pub kind: String,
    /// To whom.
    pub email: String,
    /// When, in seconds.
    pub at: i64,
    /// The group of emails that it is about.
    pub group: Option<u64>,
    /// Whether a machine opened it.
    pub machine: Option<bool>,
    /// Whether a bounce is a mere block.
    pub blocked: bool,
    /// The delivery that told it.
    pub delivery: String,
}

impl Truth {
    pub(super) fn of(account: &Account) -> Self {
        let events = account.outbox.events.iter().map(|(event, delivery)| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let told = EventTruth {
                kind: text("event"),
                email: text("email"),
                at: event["timestamp"].as_i64().unwrap_or_default(),
                group: event["asm_group_id"].as_u64(),
                machine: event["sg_machine_open"].as_bool(),
                blocked: event["type"] == "blocked",
                delivery: delivery.clone(),
            };
            (text("sg_event_id"), told)
        });
        let events: BTreeMap<String, EventTruth> = events.collect();
        let lists = account.lists.values().chain(account.removed.values());
        let addresses = lists.flat_map(BTreeMap::keys).cloned();
        let addresses = addresses.chain(account.groups.keys().map(|(email, _)| email.clone()));
        let addresses = addresses.chain(events.values().map(|event| event.email.to_lowercase()));
        Self {
            addresses: addresses.collect(),
            lists: account.lists.clone(),
            removed: account.removed.clone(),
            groups: account.groups.clone(),
            contacts: account.contacts.clone(),
            single_sends: account.single_sends.clone(),
            events,
        }
    }

    /// Forgets the events of deliveries that never came: nobody can ask for them again.
    pub fn lose<'d>(&mut self, deliveries: impl IntoIterator<Item = &'d String>) {
        let lost: BTreeSet<&String> = deliveries.into_iter().collect();
        self.events.retain(|_, event| !lost.contains(&event.delivery));
    }
}

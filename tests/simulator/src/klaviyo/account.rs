//! The account: its records, and everything that can happen to them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::records::{Campaign, Event, Metric, Profile, metric};
use super::webhooks::Delivery;
use crate::Dice;

const LETTERS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The records of an account.
pub(super) struct Account {
    pub(super) dice: Dice,
    pub(super) profiles: BTreeMap<String, Profile>,
    /// Whom a profile is about, by index.
    pub(super) people: BTreeMap<String, usize>,
    pub(super) campaigns: BTreeMap<String, Campaign>,
    pub(super) events: BTreeMap<String, Event>,
    pub(super) pizza: Option<String>,
    /// Off while the history is written: its deliveries went out long ago.
    pub(super) outbox_is_open: bool,
    /// Events that wait for a delivery.
    pub(super) pending: Vec<Event>,
    pub(super) deliveries: Vec<Delivery>,
    pub(super) taken: usize,
}

impl Account {
    pub(super) fn new(dice: Dice) -> Self {
        Self {
            dice,
            profiles: BTreeMap::new(),
            people: BTreeMap::new(),
            campaigns: BTreeMap::new(),
            events: BTreeMap::new(),
            pizza: None,
            outbox_is_open: false,
            pending: Vec::new(),
            deliveries: Vec::new(),
            taken: 0,
        }
    }

    /// An id as the vendor makes them.
    pub(super) fn id(&mut self) -> String {
        let letter = |dice: &mut Dice| char::from(LETTERS[dice.random_range(0..LETTERS.len())]);
        let rest: String = (0..24).map(|_| letter(&mut self.dice)).collect();
        format!("01{rest}")
    }

    pub(super) fn event(
        &mut self,
        metric: &'static Metric,
        profile: &str,
        at: Timestamp,
        properties: Value,
    ) -> String {
        let id = self.id();
        let at = whole_second(at);
        let event = Event { id: id.clone(), metric, profile: profile.to_owned(), at, properties };
        if self.outbox_is_open && metric.topic.is_some() {
            self.pending.push(event.clone());
        }
        self.events.insert(id.clone(), event);
        id
    }

    /// An opened email of some profile, at a time of choice; no webhook tells of it.
    pub(super) fn some_event(&mut self, at: Timestamp) -> String {
        let profile = self.some_profile().unwrap_or_else(|| "01NOBODY".to_owned());
        let is_open = std::mem::replace(&mut self.outbox_is_open, false);
        let id = self.event(metric("Opened Email"), &profile, at, json!({"machine_open": false}));
        self.outbox_is_open = is_open;
        id
    }

    pub(super) fn delete_profile(&mut self, id: &str) {
        if let Some(profile) = self.profiles.get_mut(id) {
            profile.deleted = true;
        }
    }

    /// A profile that is there.
    pub(super) fn some_profile(&mut self) -> Option<String> {
        let there: Vec<&String> =
            self.profiles.values().filter(|it| !it.deleted).map(|it| &it.id).collect();
        if there.is_empty() {
            return None;
        }
        Some(there[self.dice.random_range(0..there.len())].clone())
    }

    /// A campaign by email that went out.
    pub(super) fn some_campaign(&mut self) -> Option<Campaign> {
        let there: Vec<&Campaign> = self
            .campaigns
            .values()
            .filter(|it| !it.deleted && it.channel == "email" && it.status == "Sent")
            .collect();
        if there.is_empty() {
            return None;
        }
        Some(there[self.dice.random_range(0..there.len())].clone())
    }

    /// Whether an event is shown: one of a profile that is gone is not.
    pub(super) fn shows(&self, event: &Event) -> bool {
        self.profiles.get(&event.profile).is_none_or(|profile| !profile.deleted)
    }
}

/// What an event of a campaign's message says.
pub(super) fn of_campaign(campaign: &Campaign) -> Value {
    json!({
        "$message": campaign.id,
        "Campaign Name": campaign.name,
        "Subject": campaign.subject,
        "Email Domain": "mail.example",
    })
}

pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Some time before.
pub(super) fn before(at: Timestamp, seconds: i64) -> Timestamp {
    at - SignedDuration::from_secs(seconds)
}

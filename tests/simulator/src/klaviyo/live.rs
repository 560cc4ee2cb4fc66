//! Random changes to a running account.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::json;

use super::account::{Account, before, of_campaign};
use super::records::{Decision, Profile, metric};

impl Account {
    /// One change of a random kind to a random record.
    pub(super) fn live(&mut self, now: Timestamp) {
        // An event is recorded some seconds after it happened.
        let at = before(now, self.dice.random_range(15..90));
        let Some(profile) = self.some_profile() else { return self.sign_up(now, at) };
        match self.dice.random_range(0..20) {
            0..=2 => self.sign_up(now, at),
            3..=4 => self.touch(&profile, now, |profile| {
                profile.first_name = format!("{} Jr.", profile.first_name.trim());
            }),
            5..=6 => {
                let metric = metric("Unsubscribed from Email Marketing");
                self.event(metric, &profile, at, json!({"method": "PREFERENCE_PAGE"}));
                self.touch(&profile, now, |profile| {
                    profile.email_marketing = Decision { consent: "UNSUBSCRIBED", at: Some(at) };
                    profile.suppressions.push(("UNSUBSCRIBE", at));
                });
            }
            7 => {
                self.event(metric("Subscribed to Email Marketing"), &profile, at, json!({}));
                self.touch(&profile, now, |profile| {
                    profile.email_marketing = Decision { consent: "SUBSCRIBED", at: Some(at) };
                    profile.suppressions.clear();
                });
            }
            // A new number was never asked.
            8 => self.touch(&profile, now, |profile| {
                profile.phone = Some("+442079460123".to_owned());
                profile.sms_marketing = Decision::NONE;
            }),
            9 => self.delete_profile(&profile),
            10 => {
                let name = self.some_campaign().map(|campaign| campaign.id);
                if let Some(campaign) = name.and_then(|id| self.campaigns.get_mut(&id)) {
                    campaign.archived = true;
                    campaign.updated = now;
                }
            }
            kind => {
                let Some(campaign) = self.some_campaign() else { return };
                let mut properties = of_campaign(&campaign);
                let name = match kind {
                    11..=14 => "Received Email",
                    15..=16 => "Opened Email",
                    17 => "Clicked Email",
                    18 => "Marked Email as Spam",
                    _ => "Received SMS",
                };
                if kind == 17 {
                    properties["URL"] = json!("https://ember-oak.example/menu");
                }
                self.event(metric(name), &profile, at, properties);
            }
        }
    }

    /// Changes the record that a list by time of change has shown first, so that it is due again at the end.
    pub(super) fn disturb(&mut self, now: Timestamp) {
        let there = self.profiles.values().filter(|profile| !profile.deleted);
        let oldest = there.min_by_key(|profile| profile.updated).map(|profile| profile.id.clone());
        if let Some(oldest) = oldest {
            self.touch(&oldest, now, |profile| profile.last_name = Some("Neu".to_owned()));
        }
    }

    fn touch(&mut self, id: &str, now: Timestamp, change: impl FnOnce(&mut Profile)) {
        if let Some(profile) = self.profiles.get_mut(id) {
            change(profile);
            profile.updated = now;
        }
    }

    fn sign_up(&mut self, now: Timestamp, at: Timestamp) {
        let id = self.id();
        let profile = Profile {
            id: id.clone(),
            email: Some(format!("new.{}@example.com", id.to_lowercase())),
            phone: None,
            external_id: None,
            first_name: "Nina".to_owned(),
            last_name: Some("Neu".to_owned()),
            created: at,
            updated: now,
            email_marketing: Decision { consent: "SUBSCRIBED", at: Some(at) },
            sms_marketing: Decision::NONE,
            suppressions: Vec::new(),
            deleted: false,
        };
        self.profiles.insert(id.clone(), profile);
        self.event(metric("Subscribed to List"), &id, at, json!({"List": "Newsletter"}));
    }
}

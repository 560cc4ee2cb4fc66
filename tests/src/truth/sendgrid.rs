//! Twilio SendGrid: its lists, contacts and campaigns as they stand now, and every event that it could deliver.

use std::collections::{BTreeMap, BTreeSet};

use shared::pseudonym::Pseudonyms;
use shared::schema::{
    Answer, BounceState, CampaignStatus, ConsentState, Entity, Known, Namespace, Row,
    SuppressionCause, normalise_email,
};
use simulator::sendgrid::{EventTruth, ListName, Truth};

use crate::landed::Landed;

const SOURCE: &str = "sendgrid";

/// Fails unless the stores hold exactly the truth, no more and no less.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let seen = Seen { landed, connection };
    for list in ListName::ALL {
        seen.assert_list(list, truth);
    }
    seen.assert_consents(truth);
    seen.assert_contacts(truth);
    seen.assert_single_sends(truth);
    seen.assert_recipients(truth);
    seen.assert_events(truth);
    for object in ["list", "segment"] {
        assert!(seen.of(object).is_empty(), "{object} became a row");
    }
}

/// The key of an address.
pub fn pseudonym(email: &str) -> String {
    let normalised = normalise_email(email).unwrap_or_else(|| email.trim().to_lowercase());
    let pseudonyms = Pseudonyms::new("secret of the stand".into());
    pseudonyms.of(Namespace::Email, &normalised).expect("a key")
}

struct Seen<'a> {
    landed: &'a Landed,
    connection: &'a str,
}

impl<'a> Seen<'a> {
    fn of(&self, object: &str) -> BTreeMap<String, &'a Row> {
        self.landed.newest_of(SOURCE, self.connection, object)
    }

    /// The rows of an object that are not buried; fails unless they have exactly these ids.
    fn living(&self, object: &str, ids: &BTreeSet<String>) -> BTreeMap<String, &'a Row> {
        let mut rows = self.of(object);
        rows.retain(|_, row| !row.provenance.deleted);
        let there: BTreeSet<String> = rows.keys().cloned().collect();
        let missing: Vec<_> = ids.difference(&there).take(5).collect();
        let extra: Vec<_> = there.difference(ids).take(5).collect();
        assert!(
            missing.is_empty() && extra.is_empty(),
            "{object}: of {} did not land {missing:?}; not true is {extra:?}",
            ids.len()
        );
        rows
    }

    fn key(&self, object: &str, id: &str) -> String {
        format!("{SOURCE}/{}/{object}/{id}", self.connection)
    }

    fn assert_list(&self, list: ListName, truth: &Truth) {
        let object = match list {
            ListName::Bounces => "bounce",
            ListName::Blocks => "block",
            ListName::SpamReports => "spam_report",
            ListName::InvalidEmails => "invalid_email",
            ListName::Unsubscribes => "unsubscribe",
        };
        let entries = truth.lists[&list].iter();
        let entries: BTreeMap<String, _> =
            entries.map(|(email, entry)| (pseudonym(email), entry)).collect();
        for (id, row) in self.living(object, &entries.keys().cloned().collect()) {
            let created = entries[&id].created;
            match &row.entity {
                Entity::Suppression(suppression) => {
                    let cause = match list {
                        ListName::SpamReports => SuppressionCause::Complaint,
                        ListName::Unsubscribes => SuppressionCause::Unsubscribe,
                        _ => SuppressionCause::HardBounce,
                    };
                    assert_eq!(suppression.cause, cause, "{object} {id}");
                    assert_eq!(suppression.since.as_micros(), created * 1_000_000, "{object} {id}");
                    assert_eq!(suppression.contact_point_hmac, id);
                }
                Entity::PersonRecord(person) if list == ListName::Blocks => {
                    assert_eq!(person.contact_points[0].bounce_state, BounceState::Soft);
                }
                other => panic!("{object} {id} is no suppression: {other:?}"),
            }
        }
    }

    fn assert_consents(&self, truth: &Truth) {
        let left = truth.groups.values();
        let left = left.map(|entry| format!("{}:{}", entry.group, pseudonym(&entry.email)));
        for row in self.living("group_suppression", &left.collect()).values() {
            let Entity::Consent(consent) = &row.entity else { panic!("no consent") };
            assert_eq!(consent.state, ConsentState::OptOut);
        }
        let refused = truth.lists[&ListName::Unsubscribes].keys().map(|email| pseudonym(email));
        let back = truth.events.values().filter(|event| event.kind == "group_resubscribe");
        let agreed =
            back.filter_map(|event| Some(format!("{}:{}", event.group?, pseudonym(&event.email))));
        for (id, row) in self.living("consent", &refused.chain(agreed).collect()) {
            let Entity::Consent(consent) = &row.entity else { panic!("no consent") };
            let state = if id.contains(':') { ConsentState::OptIn } else { ConsentState::OptOut };
            assert_eq!(consent.state, state, "{id}");
        }
    }

    fn assert_contacts(&self, truth: &Truth) {
        let alive = truth.contacts.values().filter(|contact| !contact.deleted);
        for (id, row) in self.living("contact", &alive.map(|contact| contact.id.clone()).collect())
        {
            let Entity::PersonRecord(person) = &row.entity else { panic!("no person") };
            let contact = &truth.contacts[&id];
            assert_eq!(person.name.given, Known::Value(contact.first_name.clone()), "{id}");
            assert_eq!(person.name.family, Known::Value(contact.last_name.clone()), "{id}");
            let has = |email: &str| {
                let email = normalise_email(email).expect("an address");
                person.identifiers.iter().any(|identifier| identifier.value == email)
            };
            assert!(has(&contact.email), "{id}: its address");
            assert!(contact.alternate.as_deref().is_none_or(has), "{id}: its other address");
            let phones =
                person.contact_points.iter().filter(|point| point.r#type.as_str() == "phone");
            let phones: Vec<_> = phones.filter_map(|point| point.exact.value()).collect();
            let told = (!contact.phone.is_empty()).then_some(&contact.phone);
            assert_eq!(phones, told.into_iter().collect::<Vec<_>>(), "{id}: its phone");
            let favourite = person
                .ext
                .get("Favourite Pizza")
                .map(|json| serde_json::from_str::<String>(json).expect("text"));
            assert_eq!(favourite.unwrap_or_default(), contact.favourite, "{id}: its own field");
        }
    }

    fn assert_single_sends(&self, truth: &Truth) {
        let alive = truth.single_sends.values().filter(|send| !send.deleted);
        let rows = self.living("single_send", &alive.map(|send| send.id.clone()).collect());
        for (id, row) in rows {
            let Entity::Campaign(campaign) = &row.entity else { panic!("no campaign") };
            let send = &truth.single_sends[&id];
            let status = match send.status {
                "draft" => CampaignStatus::Draft,
                "scheduled" => CampaignStatus::Scheduled,
                _ => CampaignStatus::Sent,
            };
            assert_eq!(campaign.status, status, "{id}");
            assert_eq!(campaign.name, Known::Value(send.name.clone()), "{id}");
            assert_eq!(campaign.sent_at.is_some(), send.status == "triggered", "{id}");
        }
    }

    /// Everybody who is on a list or in an event; others only if they once were.
    fn assert_recipients(&self, truth: &Truth) {
        let there = self.of("recipient");
        let lists = truth.lists.iter().filter(|(list, _)| **list != ListName::Blocks);
        let due = lists.flat_map(|(_, entries)| entries.keys().map(|email| pseudonym(email)));
        let due = due.chain(truth.groups.keys().map(|(email, _)| pseudonym(email)));
        let due = due.chain(truth.events.values().map(|event| pseudonym(&event.email)));
        for id in due {
            assert!(there.contains_key(&id), "recipient {id} did not land");
        }
        let ever: BTreeSet<String> = truth.addresses.iter().map(|email| pseudonym(email)).collect();
        for (id, row) in there {
            assert!(ever.contains(&id), "recipient {id} was never written to");
            assert_eq!(row.provenance.source_version, 0);
        }
        let repeated = self.landed.rows.iter().filter(|row| {
            let provenance = &row.provenance;
            provenance.source_object == "recipient" && provenance.connection_id == self.connection
        });
        let versions: BTreeSet<_> = repeated
            .map(|row| (&row.provenance.source_id, row.provenance.content_sha256))
            .collect();
        let ids: BTreeSet<_> = versions.iter().map(|(id, _)| *id).collect();
        assert_eq!(versions.len(), ids.len(), "a recipient is told in two ways");
    }

    fn assert_events(&self, truth: &Truth) {
        for (id, row) in self.living("event", &truth.events.keys().cloned().collect()) {
            let Entity::Interaction(told) = &row.entity else { panic!("no interaction") };
            let event = &truth.events[&id];
            assert_eq!(told.kind.name(), kind(event), "{id}");
            assert_eq!(told.occurred_at.as_micros(), event.at * 1_000_000, "{id}");
            let recipient = self.key("recipient", &pseudonym(&event.email));
            assert_eq!(told.subject_key.as_str(), recipient, "{id}");
            let shared::schema::InteractionKind::EmailOpened(opened) = &told.kind else { continue };
            let machine = match event.machine {
                Some(true) => Answer::Yes,
                Some(false) => Answer::No,
                None => Answer::Unknown,
            };
            assert_eq!(opened.machine, machine, "{id}");
        }
    }
}

fn kind(event: &EventTruth) -> &'static str {
    match event.kind.as_str() {
        "processed" => "email.sent",
        "delivered" => "email.delivered",
        "deferred" => "email.deferred",
        "bounce" => "email.bounced",
        "dropped" => "email.suppressed",
        "open" => "email.opened",
        "click" => "email.clicked",
        "spamreport" => "email.complained",
        "unsubscribe" | "group_unsubscribe" => "email.unsubscribed",
        "group_resubscribe" => "consent.changed",
        other => panic!("{other} is no event of the simulation"),
    }
}

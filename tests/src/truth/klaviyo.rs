//! Klaviyo: what landed is what is true.

use std::collections::{BTreeMap, BTreeSet};

use shared::pseudonym::Pseudonyms;
use shared::schema::{
    Answer, Consent, Entity, Interaction, InteractionKind, Known, Namespace, Row, SuppressionCause,
    normalise_email,
};
use simulator::klaviyo::{Campaign, Decision, Event, Profile, Truth};

use crate::landed::Landed;

const SOURCE: &str = "klaviyo";
/// What is younger has not settled.
const UNSETTLED: jiff::SignedDuration = jiff::SignedDuration::from_secs(20);

/// Fails unless profiles, their decisions and suppressions, campaigns and events are there as they are now, those that
/// are gone buried, and nothing else.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let rows = |object: &str| landed.newest_of(SOURCE, connection, object);
    assert_profiles(&rows("profile"), truth);
    assert_consents(&rows("consent"), truth);
    assert_suppressions(&rows("suppression"), truth);
    assert_campaigns(&rows("campaign"), truth);
    assert_events(&rows("event"), connection, truth);
}

type Rows<'r> = BTreeMap<String, &'r Row>;

fn micros(at: jiff::Timestamp) -> i64 {
    at.as_microsecond()
}

fn assert_profiles(rows: &Rows<'_>, truth: &Truth) {
    for profile in truth.profiles.values() {
        let id = &profile.id;
        let Some(row) = rows.get(id) else {
            assert!(profile.deleted, "profile {id} did not land");
            continue;
        };
        assert_eq!(row.provenance.deleted, profile.deleted, "profile {id}: deleted");
        if profile.deleted {
            continue;
        }
        let updated = row.provenance.source_updated_at.map(shared::schema::Timestamp::as_micros);
        assert_eq!(updated, Some(micros(profile.updated)), "profile {id}: updated");
        let Entity::PersonRecord(person) = &row.entity else { panic!("{id} is nobody") };
        let name = (&person.name.given, &person.name.family);
        let expected =
            (&profile.first_name.clone().into(), &Known::or_null(profile.last_name.clone()));
        assert_eq!(name, expected, "profile {id}: name");
        let points: Vec<&String> =
            person.contact_points.iter().filter_map(|point| point.exact.value()).collect();
        let expected: Vec<&String> =
            [&profile.email, &profile.phone].into_iter().flatten().collect();
        assert_eq!(points, expected, "profile {id}: contact points");
        let external = person.identifiers.iter().find(|it| it.namespace == Namespace::External);
        assert_eq!(external.map(|it| &it.value), profile.external_id.as_ref(), "profile {id}");
        let bounced = profile
            .suppressions
            .iter()
            .any(|(reason, _)| ["HARD_BOUNCE", "INVALID_EMAIL"].contains(reason));
        let arrives = if bounced { Answer::No } else { Answer::Unknown };
        assert_eq!(person.contact_points[0].deliverable, arrives, "profile {id}: deliverable");
    }
    let extra = rows.keys().find(|id| !truth.profiles.contains_key(*id));
    assert_eq!(extra, None, "a profile landed that is none");
}

fn assert_consents(rows: &Rows<'_>, truth: &Truth) {
    let mut expected = BTreeMap::new();
    for profile in truth.profiles.values().filter(|profile| !profile.deleted) {
        let email = profile.email.as_deref().and_then(normalise_email);
        // A profile without a number has no block for text messages.
        let sms = profile.phone.as_ref().map(|_| &profile.sms_marketing);
        let decisions =
            [("email", Some(&profile.email_marketing), email), ("sms", sms, profile.phone.clone())];
        for (channel, decision, contact) in decisions {
            let Some(Decision { consent, at: Some(at) }) = decision else { continue };
            let state = if *consent == "SUBSCRIBED" { "opt_in" } else { "opt_out" };
            let id = format!("{}:{channel}:marketing", profile.id);
            expected.insert(id, (state, micros(*at), contact));
        }
    }
    for (id, (state, at, contact)) in &expected {
        let row = rows.get(id).unwrap_or_else(|| panic!("consent {id} did not land"));
        assert!(!row.provenance.deleted, "consent {id} is buried");
        let Entity::Consent(consent) = &row.entity else { panic!("{id} is no consent") };
        let Consent { effective_at, contact_point, .. } = &**consent;
        let told = (consent.state.as_str(), effective_at.as_micros(), contact_point);
        assert_eq!(told, (*state, *at, contact), "consent {id}");
    }
    for (id, row) in rows {
        assert!(expected.contains_key(id) || row.provenance.deleted, "{id} was never decided");
    }
}

fn cause(reason: &str) -> SuppressionCause {
    match reason {
        "SPAM_COMPLAINT" => SuppressionCause::Complaint,
        "UNSUBSCRIBE" => SuppressionCause::Unsubscribe,
        "USER_SUPPRESSED" => SuppressionCause::Manual,
        _ => SuppressionCause::HardBounce,
    }
}

/// The gravest cause first.
const GRAVITY: [SuppressionCause; 4] = [
    SuppressionCause::Complaint,
    SuppressionCause::HardBounce,
    SuppressionCause::Unsubscribe,
    SuppressionCause::Manual,
];

fn assert_suppressions(rows: &Rows<'_>, truth: &Truth) {
    let pseudonyms = Pseudonyms::new("secret of the stand".into());
    let mut expected = BTreeMap::new();
    let mut of_the_gone = BTreeSet::new();
    for profile in truth.profiles.values() {
        let Some(email) = profile.email.as_deref().and_then(normalise_email) else { continue };
        let key = pseudonyms.of(Namespace::Email, &email).expect("a secret");
        if profile.deleted {
            of_the_gone.insert(key);
            continue;
        }
        let causes: Vec<_> = profile.suppressions.iter().map(|(reason, _)| cause(reason)).collect();
        if let Some(gravest) = GRAVITY.into_iter().find(|cause| causes.contains(cause)) {
            expected.insert(key, gravest);
        }
    }
    for (key, cause) in &expected {
        let row = rows.get(key).unwrap_or_else(|| panic!("a suppression did not land"));
        assert!(!row.provenance.deleted && row.provenance.subject_key.is_none());
        let Entity::Suppression(suppression) = &row.entity else { panic!("no suppression") };
        assert_eq!((suppression.cause, &suppression.contact_point_hmac), (*cause, key));
    }
    for (key, row) in rows {
        let is_true = expected.contains_key(key) || of_the_gone.contains(key);
        assert!(is_true || row.provenance.deleted, "an address is suppressed that is not");
    }
}

fn assert_campaigns(rows: &Rows<'_>, truth: &Truth) {
    for campaign in truth.campaigns.values() {
        let Campaign { id, name, channel, status, subject, deleted, .. } = campaign;
        let row = rows.get(id).unwrap_or_else(|| panic!("campaign {id} did not land"));
        assert_eq!(row.provenance.deleted, *deleted, "campaign {id}: deleted");
        if *deleted {
            continue;
        }
        let Entity::Campaign(landed) = &row.entity else { panic!("{id} is no campaign") };
        assert_eq!(landed.name, Known::Value(name.clone()), "campaign {id}");
        assert_eq!(landed.channel.as_str(), channel.trim_start_matches("mobile_"), "campaign {id}");
        assert_eq!(landed.subject.value(), subject.as_ref(), "campaign {id}: subject");
        let word = status.to_lowercase();
        let word = word.split(':').next().unwrap_or_default();
        assert_eq!(landed.status.as_str(), word, "campaign {id}: status");
        let sent = (*status == "Sent").then_some(campaign.send_time).flatten();
        let told = landed.sent_at.map(shared::schema::Timestamp::as_micros);
        assert_eq!(told, sent.map(micros), "campaign {id}: sent");
        assert_eq!(landed.ext["archived"], campaign.archived.to_string(), "campaign {id}");
        assert!(!row_text(row).contains("nobody's business"), "a text of a message landed");
    }
    assert!(rows.keys().all(|id| truth.campaigns.contains_key(id)), "a campaign that is none");
}

fn row_text(row: &Row) -> String {
    serde_json::to_string(&row.entity).expect("a row is JSON")
}

/// What an event must have become; none for those that mean nothing here.
fn kind(event: &Event) -> Option<&'static str> {
    if event.metric.integration != "Klaviyo" {
        return None;
    }
    Some(match event.metric.name {
        "Received Email" => "email.delivered",
        "Opened Email" => "email.opened",
        "Clicked Email" => "email.clicked",
        "Bounced Email" => "email.bounced",
        "Marked Email as Spam" => "email.complained",
        "Unsubscribed from Email Marketing" => "email.unsubscribed",
        "Subscribed to Email Marketing" | "Subscribed to List" => "consent.changed",
        _ => return None,
    })
}

fn assert_events(rows: &Rows<'_>, connection: &str, truth: &Truth) {
    let settled = jiff::Timestamp::now() - UNSETTLED;
    for event in truth.events.values() {
        let id = &event.id;
        let row = rows.get(id);
        let Some(kind) = kind(event) else {
            assert!(row.is_none(), "event {id} of {} means nothing", event.metric.name);
            continue;
        };
        let is_gone = truth.profiles.get(&event.profile).is_some_and(|profile| profile.deleted);
        let Some(row) = row else {
            assert!(
                is_gone || event.at > settled,
                "event {id}, {kind} at {}, did not land",
                event.at
            );
            continue;
        };
        let Entity::Interaction(landed) = &row.entity else { panic!("{id} is no interaction") };
        assert_event(event, kind, landed, connection);
    }
    let extra = rows.keys().find(|id| !truth.events.contains_key(*id));
    assert_eq!(extra, None, "an event landed that never happened");
}

fn assert_event(event: &Event, kind: &str, landed: &Interaction, connection: &str) {
    let id = &event.id;
    let Interaction { occurred_at, subject_key, campaign_key, url, .. } = landed;
    assert_eq!(landed.kind.name(), kind, "event {id}");
    assert_eq!(occurred_at.as_micros(), micros(event.at), "event {id}");
    let key = |object: &str, id: &str| format!("{SOURCE}/{connection}/{object}/{id}");
    assert_eq!(subject_key.as_str(), key("profile", &event.profile), "event {id}");
    let told = |name: &str| event.properties[name].as_str();
    let campaign = told("$message").map(|campaign| key("campaign", campaign));
    assert_eq!(campaign_key.as_ref().map(ToString::to_string), campaign, "event {id}: campaign");
    assert_eq!(url.as_deref(), told("URL"), "event {id}: url");
    if let InteractionKind::EmailOpened(opened) = &landed.kind {
        let machine = match event.properties["machine_open"].as_bool() {
            Some(true) => Answer::Yes,
            Some(false) => Answer::No,
            None => Answer::Unknown,
        };
        assert_eq!(opened.machine, machine, "event {id}: machine");
    }
}

/// How many interactions of a type a profile has.
pub fn count(landed: &Landed, connection: &str, profile: &Profile, kind: &str) -> usize {
    let events = landed.newest_of(SOURCE, connection, "event");
    let its = events.values().filter(|row| match &row.entity {
        Entity::Interaction(it) => it.kind.name() == kind && it.subject_key.id() == profile.id,
        _ => false,
    });
    its.count()
}

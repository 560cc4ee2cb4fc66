//! What each page of the fixtures becomes; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::{Mapped, Origin};
use shared::schema::{
    Bounce, ConsentState, Entity, Interaction, InteractionKind, Purpose, SuppressionCause, Table,
};

use crate::support::{Asked, WITH_KEY, check, event, named, profile};

fn seen(name: &'static str, page: &str) -> Value {
    Asked::new(name).seen(page)
}

shared::pages! {
    "klaviyo", ".json";
    profiles: subscribed_here_unsubscribed_there, suppressed_and_never_asked, words_and_types_we_do_not_know;
    profile_ids: a_first_page, the_last_page;
    lists: two_lists;
    segments: one_segment;
    metrics: two_metrics;
    campaigns: sent_planned_and_cancelled, words_and_types_we_do_not_know;
    events: what_people_do_with_a_campaign, consents_and_flows, of_no_concern_or_not_understood;
}

fn told(stream: &'static str, record: &Value) -> Mapped {
    Asked::new(stream).map(record, Origin::Page).expect("a good record")
}

fn interaction(record: &Value) -> Interaction {
    match told("events", record).drafts.pop().map(|draft| draft.entity) {
        Some(Entity::Interaction(interaction)) => *interaction,
        other => panic!("no interaction: {other:?}"),
    }
}

const AT: &str = "2026-02-03T09:00:05+00:00";

#[test]
fn the_two_readers_of_events_make_the_same_rows() {
    let event = named("Received Email", &event("E1", AT));
    let [prompt, late] = ["events", "late_events"].map(|stream| told(stream, &event).drafts);
    assert_eq!(prompt, late);
}

/// Several real events share one second: they are kept apart by their ids (node-klaviyo #14).
#[test]
fn events_of_one_second_are_several() {
    let [one, other] = ["E1", "E2"].map(|id| named("Opened Email", &event(id, AT)));
    assert_ne!(interaction(&one).interaction_id, interaction(&other).interaction_id);
}

/// `$message` is the campaign, but of a flow's message it is the message.
#[test]
fn a_flow_and_a_campaign_are_told_apart() {
    let key = |properties: Value| {
        let mut event = named("Received Email", &event("E1", AT));
        event["attributes"]["event_properties"] = properties;
        let told = interaction(&event);
        (told.campaign_key.map(|key| key.to_string()), told.message_id, told.purpose)
    };
    assert_eq!(
        key(json!({"$flow": "F1", "$message": "M1", "Campaign Name": "x"})),
        (Some("klaviyo/eu/flow/F1".to_owned()), Some("M1".to_owned()), Purpose::Unknown)
    );
    assert_eq!(
        key(json!({"$message": "C1", "Campaign Name": "x"})),
        (Some("klaviyo/eu/campaign/C1".to_owned()), None, Purpose::Marketing)
    );
    assert_eq!(key(json!({"Campaign Name": "deleted since"})), (None, None, Purpose::Marketing));
}

/// A shop's own metric may be called the same.
#[test]
fn only_klaviyos_own_metrics_have_a_meaning_of_their_own() {
    let mut event = named("Opened Email", &event("E1", AT));
    event["$metric"]["integration"] = json!("Another Mailer");
    assert!(told("events", &event).drafts.is_empty());
    let settings = format!(
        "{WITH_KEY}metrics = {{ \"opened email\" = \"opened\", \"Placed Order\" = \"nothing\" }}\n"
    );
    let mapped = Asked::of(&settings, "events").map(&event, Origin::Page).unwrap();
    assert_eq!(mapped.drafts.len(), 1, "the operator may say what it means");
}

#[test]
fn a_bounce_says_how_final_it_is_where_it_does() {
    for (word, bounce) in [("Hard", Bounce::Hard), ("soft", Bounce::Soft), ("odd", Bounce::Unknown)]
    {
        let mut event = named("Bounced Email", &event("E1", AT));
        event["attributes"]["event_properties"] = json!({ "Bounce Type": word });
        let InteractionKind::EmailBounced(bounced) = interaction(&event).kind else { panic!() };
        assert_eq!(bounced.bounce, bounce);
    }
}

/// An absent `$value` is not zero.
#[test]
fn an_event_without_a_value_has_none() {
    let told = interaction(&named("Received Email", &event("E1", AT)));
    assert_eq!((told.value_minor, told.currency), (None, None));
}

fn marketing(block: &Value) -> Value {
    json!({ "email": { "marketing": block } })
}

/// A changed number takes the consent for text messages along: the old decision must not stay.
#[test]
fn a_decision_that_is_gone_is_buried_if_it_was_known() {
    let never = json!({ "consent": "NEVER_SUBSCRIBED", "can_receive_email_marketing": true });
    let mapped = told("profiles", &profile("P1", AT, &marketing(&never)));
    let consents: Vec<_> =
        mapped.drafts.iter().filter(|draft| draft.entity.table() == Table::Consent).collect();
    assert_eq!(consents.len(), 7);
    assert!(consents.iter().all(|draft| draft.deleted && draft.only_if_known));
}

/// Without `additional-fields` nothing is known of subscriptions, which is not the same as none.
#[test]
fn a_profile_without_subscriptions_says_nothing_about_them() {
    let mut plain = profile("P1", AT, &Value::Null);
    assert_eq!(told("profiles", &plain).drafts.len(), 1);
    plain["attributes"].as_object_mut().unwrap().remove("subscriptions");
    assert_eq!(told("profiles", &plain).drafts.len(), 1);
}

/// A block of another type says neither that there is a decision nor that there is none.
#[test]
fn what_is_not_understood_lifts_and_buries_nothing() {
    for subscriptions in [
        json!({ "email": "yes", "sms": 1, "mobile_push": [], "whatsapp": false }),
        json!({ "email": { "marketing": "yes" }, "sms": 1, "mobile_push": [], "whatsapp": false }),
    ] {
        let mapped = told("profiles", &profile("P1", AT, &subscriptions));
        let objects: Vec<_> = mapped.drafts.iter().map(|draft| draft.object).collect();
        assert_eq!(objects, ["profile"]);
        assert_eq!(mapped.drifted.len(), 4);
    }
    let block = json!({ "consent": "SUBSCRIBED", "consent_timestamp": AT, "suppression": "none" });
    let mapped = told("profiles", &profile("P1", AT, &marketing(&block)));
    assert!(mapped.drafts.iter().all(|draft| draft.object != "suppression"));
    assert_eq!(mapped.drifted, ["suppression"]);
}

/// Consent to open tracking, channels to come, suppressions by list: none of it is lost.
#[test]
fn what_has_no_row_of_its_own_stays_with_the_person() {
    let mut subscriptions = marketing(&json!({
        "consent": "NEVER_SUBSCRIBED",
        "list_suppressions": [{ "list_id": "L1", "reason": "USER_SUPPRESSED", "timestamp": AT }],
    }));
    subscriptions["email"]["open_tracking"] = json!({ "consent": "DENIED" });
    subscriptions["smoke_signals"] = json!(true);
    let mapped = told("profiles", &profile("P1", AT, &subscriptions));
    let person = mapped.drafts.iter().find_map(|draft| match &draft.entity {
        Entity::PersonRecord(person) => Some(person),
        _ => None,
    });
    let left: Value =
        serde_json::from_str(&person.expect("a person").ext["subscriptions"]).unwrap();
    assert_eq!(left["email"]["open_tracking"]["consent"], "DENIED");
    assert_eq!(left["email"]["marketing"]["list_suppressions"][0]["list_id"], "L1");
    assert_eq!(left["smoke_signals"], true);
}

#[test]
fn the_gravest_suppression_counts_and_no_address_is_in_its_row() {
    let block = json!({
        "consent": "UNSUBSCRIBED", "consent_timestamp": AT,
        "suppression": [
            { "reason": "USER_SUPPRESSED", "timestamp": "2026-01-01T00:00:00+00:00" },
            { "reason": "SPAM_COMPLAINT", "timestamp": "2026-01-03T00:00:00+00:00" },
            { "reason": "UNSUBSCRIBE", "timestamp": "2026-01-02T00:00:00+00:00" },
        ],
    });
    let mapped = told("profiles", &profile("P1", AT, &marketing(&block)));
    let draft = mapped.drafts.iter().find(|draft| draft.object == "suppression").expect("a row");
    let Entity::Suppression(suppression) = &draft.entity else { panic!("no suppression") };
    assert_eq!(suppression.cause, SuppressionCause::Complaint);
    assert_eq!(suppression.since.to_string(), "2026-01-03T00:00:00.000000Z");
    assert_eq!(suppression.contact_point_hmac, draft.id);
    assert_eq!(draft.subject, None);
    assert!(!format!("{draft:?}").contains("mail.example"));
}

#[test]
fn a_lifted_suppression_is_buried_under_the_same_key() {
    let block = |suppression: Value| {
        let block =
            json!({ "consent": "SUBSCRIBED", "consent_timestamp": AT, "suppression": suppression });
        let mut mapped = told("profiles", &profile("P1", AT, &marketing(&block)));
        let at = mapped.drafts.iter().position(|draft| draft.object == "suppression");
        mapped.drafts.swap_remove(at.expect("a row"))
    };
    let there = block(json!([{ "reason": "UNSUBSCRIBE", "timestamp": AT }]));
    let lifted = block(json!([]));
    assert!(!there.deleted && !there.only_if_known);
    assert!(lifted.deleted && lifted.only_if_known);
    assert_eq!(there.id, lifted.id);
}

/// A decision without a time must not outrank one that has a time.
#[test]
fn a_decision_without_a_time_is_as_old_as_the_profile() {
    let block = json!({ "consent": "SUBSCRIBED", "consent_timestamp": null });
    let mapped = told("profiles", &profile("P1", AT, &marketing(&block)));
    let consent = mapped.drafts.iter().find_map(|draft| match &draft.entity {
        Entity::Consent(consent) if !draft.deleted => Some(consent),
        _ => None,
    });
    let consent = consent.expect("a consent");
    assert_eq!(consent.state, ConsentState::OptIn);
    assert_eq!(consent.effective_at.to_string(), "2025-06-01T00:00:00.000000Z");
}

/// 2026-06-23 00:15:23.918411+00:00, as the vendor writes times of consent.
#[test]
fn times_come_with_a_space_too() {
    let block =
        json!({ "consent": "SUBSCRIBED", "consent_timestamp": "2026-01-23 00:15:23.918411+00:00" });
    let mapped = told("profiles", &profile("P1", AT, &marketing(&block)));
    assert!(mapped.drifted.is_empty());
    assert!(mapped.drafts.iter().any(|draft| matches!(
        &draft.entity,
        Entity::Consent(consent) if consent.effective_at.to_string() == "2026-01-23T00:15:23.918411Z"
    )));
}

/// Latitude comes as text here and as a number there.
#[test]
fn coordinates_are_text_or_numbers() {
    for latitude in [json!("52.5"), json!(52.5)] {
        let mut record = profile("P1", AT, &Value::Null);
        record["attributes"]["location"] = json!({ "latitude": latitude });
        assert!(told("profiles", &record).drifted.is_empty());
    }
}

#[test]
fn the_gone_take_their_decisions_along() {
    let asked = Asked::new("profile_ids");
    let connection = crate::support::connect(WITH_KEY).unwrap();
    let context = shared::testing::asked::context(&connection, asked.stream(), Origin::Lookup);
    let mut rows = shared::rows::Rows::new(context);
    asked.stream().gone("P1", &mut rows);
    let drafts = rows.finish().drafts;
    assert_eq!((drafts[0].object, drafts[0].only_if_known), ("profile", false));
    assert_eq!(drafts.len(), 8);
    assert!(drafts.iter().all(|draft| draft.deleted));
    assert!(drafts.iter().all(|draft| draft.object != "suppression"), "who objected stays known");
}

//! Records as JSON:API shows them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::records::{Campaign, Decision, Event, METRICS, Metric, Profile};

/// `2022-11-08T01:23:45+00:00`, with a fraction where there is one.
pub(super) fn time(at: Timestamp) -> String {
    let micros = at.as_microsecond().rem_euclid(1_000_000);
    let second = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    if micros == 0 { format!("{second}+00:00") } else { format!("{second}.{micros:06}+00:00") }
}

/// As times of consent are written: with a space.
fn spaced(at: Timestamp) -> String {
    time(at).replace('T', " ")
}

fn decision(decision: &Decision, can: &str) -> Value {
    let mut block = json!({
        "consent": decision.consent,
        "consent_timestamp": decision.at.map(spaced),
        "last_updated": decision.at.map(time),
        "method": "PREFERENCE_PAGE",
        "method_detail": "",
    });
    block[can] = json!(decision.consent != "UNSUBSCRIBED");
    block
}

fn subscriptions(profile: &Profile) -> Value {
    let mut email = decision(&profile.email_marketing, "can_receive_email_marketing");
    let suppressions = profile.suppressions.iter();
    let suppressions: Vec<Value> = suppressions
        .map(|(reason, at)| json!({"reason": reason, "timestamp": time(*at)}))
        .collect();
    email["suppression"] = suppressions.into();
    email["list_suppressions"] = json!([]);
    let sms = profile.phone.as_ref().map(
        |_| json!({"marketing": decision(&profile.sms_marketing, "can_receive_sms_marketing")}),
    );
    json!({"email": {"marketing": email}, "sms": sms, "mobile_push": null, "whatsapp": null})
}

/// A profile; sparse shows `updated` only.
pub(super) fn profile(
    profile: &Profile,
    sparse: bool,
    with_subscriptions: bool,
    base: &str,
) -> Value {
    let id = &profile.id;
    let mut attributes = json!({"updated": time(profile.updated)});
    if !sparse {
        let odd = profile.created.as_second() % 2 == 0;
        attributes = json!({
            "email": profile.email,
            "phone_number": profile.phone,
            "external_id": profile.external_id,
            "first_name": profile.first_name,
            "last_name": profile.last_name,
            "organization": null,
            "locale": if odd { json!("en-GB") } else { Value::Null },
            "title": null,
            "image": null,
            "created": time(profile.created),
            "updated": time(profile.updated),
            "last_event_date": null,
            "location": {
                "city": "London",
                "country": "United Kingdom",
                "latitude": if odd { json!("51.5") } else { json!(51.5) },
                "longitude": -0.12,
                "timezone": "Europe/London",
            },
            "properties": {"favourite": "Calzone", "joined": spaced(profile.created)},
        });
        if with_subscriptions {
            attributes["subscriptions"] = subscriptions(profile);
        }
    }
    json!({
        "type": "profile",
        "id": id,
        "attributes": attributes,
        "relationships": {"lists": {"links": {
            "self": format!("{base}/api/profiles/{id}/relationships/lists/"),
            "related": format!("{base}/api/profiles/{id}/lists/"),
        }}},
        "links": {"self": format!("{base}/api/profiles/{id}/")},
    })
}

/// An event.
pub(super) fn event(event: &Event, base: &str) -> Value {
    json!({
        "type": "event",
        "id": event.id,
        "attributes": {
            "timestamp": event.at.as_second(),
            "datetime": time(event.at),
            "event_properties": event.properties,
            "uuid": format!("ae8b1c80-1319-11ed-8001-{}", event.id.to_lowercase()),
        },
        "relationships": {
            "profile": {"data": {"type": "profile", "id": event.profile}},
            "metric": {"data": {"type": "metric", "id": event.metric.id}},
        },
        "links": {"self": format!("{base}/api/events/{}/", event.id)},
    })
}

/// A metric.
pub(super) fn metric(metric: &Metric, base: &str) -> Value {
    json!({
        "type": "metric",
        "id": metric.id,
        "attributes": {
            "name": metric.name,
            "created": "2024-01-01T00:00:00+00:00",
            "updated": "2024-01-01T00:00:00+00:00",
            "integration": {"object": "integration", "id": "0eMvjm", "name": metric.integration},
        },
        "links": {"self": format!("{base}/api/metrics/{}/", metric.id)},
    })
}

/// Every metric.
pub(super) fn metrics(base: &str) -> Vec<Value> {
    METRICS.iter().map(|it| metric(it, base)).collect()
}

/// A campaign.
pub(super) fn campaign(campaign: &Campaign, base: &str) -> Value {
    json!({
        "type": "campaign",
        "id": campaign.id,
        "attributes": {
            "name": campaign.name,
            "status": campaign.status,
            "archived": campaign.archived,
            "audiences": {"included": ["Y6nRLr"], "excluded": []},
            "send_options": {"use_smart_sending": true},
            "tracking_options": null,
            "send_strategy": {"method": "immediate"},
            "created_at": time(campaign.updated),
            "scheduled_at": campaign.send_time.map(time),
            "updated_at": time(campaign.updated),
            "send_time": campaign.send_time.map(time),
        },
        "relationships": {"campaign-messages": {"data": [{"type": "campaign-message", "id": message_id(campaign)}]}},
        "links": {"self": format!("{base}/api/campaigns/{}/", campaign.id)},
    })
}

fn message_id(campaign: &Campaign) -> String {
    format!("{}M", campaign.id)
}

/// The message of a campaign; sparse shows its subject only.
pub(super) fn message(campaign: &Campaign, sparse: bool, base: &str) -> Value {
    let mut content = json!({"subject": campaign.subject});
    if !sparse {
        content["preview_text"] = json!("Hot and crisp");
        content["body"] = json!("Dear guest, this text is nobody's business.");
    }
    let id = message_id(campaign);
    let mut definition = json!({"channel": campaign.channel, "content": content});
    if campaign.channel == "mobile_push" {
        definition["notification_type"] = json!("standard");
    }
    json!({
        "type": "campaign-message",
        "id": id,
        "attributes": {"definition": definition},
        "links": {"self": format!("{base}/api/campaign-messages/{id}/")},
    })
}

/// A list or a segment.
pub(super) fn named(kind: &str, id: &str, name: &str, base: &str) -> Value {
    let mut attributes = json!({
        "name": name,
        "created": "2024-01-01T00:00:00+00:00",
        "updated": "2024-06-01T00:00:00+00:00",
    });
    if kind == "segment" {
        for (state, on) in [("is_active", true), ("is_processing", false), ("is_starred", false)] {
            attributes[state] = json!(on);
        }
    }
    json!({
        "type": kind,
        "id": id,
        "attributes": attributes,
        "links": {"self": format!("{base}/api/{kind}s/{id}/")},
    })
}

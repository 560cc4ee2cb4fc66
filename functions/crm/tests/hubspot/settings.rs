//! What the settings of a connection say, and what is said of wrong ones.

use std::time::Duration;

use crm::hubspot::HubSpot;
use serde_json::json;
use shared::connector::{Auth, Left, Reset, TokenBody};
use shared::rows::Origin;
use shared::schema::{Entity, StageCategory};
use shared::testing::asked::Asked;

use crate::support::{WITH_TOKEN, connect};

const WITH_OAUTH: &str = r#"
webhook_url = "https://hooks.ember-oak.example/webhooks/eu"
[connections.eu.oauth]
client_id = "6f1a"
client_secret = { env = "HUBSPOT_CLIENT_SECRET" }
refresh_token = { file = "hubspot.token" }
"#;

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

#[test]
fn a_private_app_signs_in_with_its_token_at_the_vendors_host() {
    let api = connect(WITH_TOKEN).unwrap().connector.api;
    assert!(matches!(api.auth, Auth::Bearer(_)));
    assert_eq!(api.base.as_str(), "https://api.hubapi.com/");
}

/// The token endpoint takes a form, not JSON.
#[test]
fn oauth_refreshes_with_a_form() {
    let Auth::OAuth(oauth) = connect(WITH_OAUTH).unwrap().connector.api.auth else {
        panic!("OAuth")
    };
    assert_eq!(oauth.token_url.as_str(), "https://api.hubapi.com/oauth/v3/token");
    assert_eq!(oauth.body, TokenBody::Form);
    let elsewhere = format!("{WITH_OAUTH}token_url = \"http://login.example/token\"\n");
    assert!(refused(&elsewhere).ends_with("oauth.token_url must begin with https://"));
}

/// A 429 need not say when to come back; ten seconds are its window.
#[test]
fn a_refusal_without_a_time_waits_ten_seconds() {
    let quota = connect(WITH_TOKEN).unwrap().connector.api.quota.expect("a quota");
    assert!(matches!(quota.reset, Reset::After(wait) if wait == Duration::from_secs(10)));
    assert!(matches!(quota.left, Left::Remaining("x-hubspot-ratelimit-remaining")));
}

#[test]
fn searches_share_five_a_second() {
    let connector = connect(WITH_TOKEN).unwrap().connector;
    for stream in &connector.streams {
        let facts = stream.facts();
        let searches = facts.page_ceiling.is_some();
        let quota = facts.quota.map(|quota| (quota.value.name, quota.value.pace.requests));
        assert_eq!(quota, searches.then_some(("search", 5)), "{}", facts.name);
    }
}

#[test]
fn exactly_one_way_to_sign_in() {
    assert!(refused("").contains("credentials are missing: write token, or oauth"));
    let both = WITH_OAUTH.replace("[conn", "token = { env = \"T\" }\n[conn");
    assert!(refused(&both).contains("write either token or oauth, not both"));
}

#[test]
fn wrong_settings_name_the_key() {
    let with = |line: &str| refused(&format!("token = {{ env = \"T\" }}\n{line}\n"));
    assert!(with("properties = { invoices = [\"a\"] }").contains("properties.invoices: no type"));
    assert!(with("currency = \"pounds\"").contains("currency: write an ISO 4217 code"));
    assert!(with("ticket_stages = { 7 = \"lost\" }").contains("ticket_stages.7: write new"));
    assert!(with("deal_stages = { 7 = \"new\" }").contains("deal_stages.7: write open, won or"));
    let renamed = |names: &str| with(&format!("property_names = {{ {names} }}"));
    assert!(renamed("invoices = { a = \"b\" }").contains("property_names.invoices: no type"));
    for name in ["shoe_size", "hs_lastmodifieddate"] {
        let refusal = renamed(&format!("deals = {{ {name} = \"b\" }}"));
        assert!(
            refusal.contains(&format!("property_names.deals.{name}: no property")),
            "{refusal}"
        );
    }
    assert!(with("base_url = \"https://api.hubapi.com/crm\"").contains("base_url: end it after"));
    assert!(with("colour = \"red\"").contains("colour"));
    let unsigned = with("webhook_secrets = [{ env = \"S\" }]");
    assert!(unsigned.contains("webhook_url is missing"), "{unsigned}");
}

#[test]
fn extra_properties_are_asked_for_once() {
    let settings =
        "token = { env = \"T\" }\nproperties = { contacts = [\"email\", \"shoe_size\"] }";
    let connector = connect(settings).unwrap().connector;
    let contacts = connector.streams.iter().find(|stream| stream.facts().name == "contacts");
    let request = contacts.and_then(|stream| stream.lookup(&["1".to_owned()])).expect("a lookup");
    let body = request.body.expect("a body");
    let names: Vec<&str> = body["properties"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str())
        .collect();
    assert_eq!(names.iter().filter(|name| **name == "email").count(), 1);
    assert!(names.contains(&"shoe_size"));
}

/// Accounts that came from elsewhere keep some of it under names of their own.
#[test]
fn a_property_with_another_name_is_asked_for_by_it_and_read_as_the_usual_one() {
    let settings = "token = { env = \"T\" }\nproperty_names = { deals = { dealstage = \"phase\" } }\n\
                    deal_stages = { 7 = \"won\" }";
    let stream = Asked::new(&HubSpot, settings, "deals");
    let request = stream.stream().lookup(&["1".to_owned()]).expect("a lookup");
    let asked = |name: &str| {
        let found = request.query.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    assert_eq!(asked("propertiesWithHistory"), "phase");
    let names: Vec<&str> = asked("properties").split(',').collect();
    assert!(names.contains(&"phase") && !names.contains(&"dealstage"), "{names:?}");
    let deal = json!({ "id": "7001", "links": { "contacts": ["512"], "companies": [] },
        "properties": { "dealstage": "6", "phase": "7", "hs_lastmodifieddate": "2026-02-01T10:00:00Z" },
        "propertiesWithHistory": { "phase": [
            { "value": "7", "timestamp": "2026-02-01T10:00:00Z" },
            { "value": "6", "timestamp": "2026-01-05T10:00:00Z" } ] } });
    let rows = stream.map(&deal, Origin::Page).expect("a deal").drafts;
    let Entity::Deal(deal) = &rows[0].entity else { panic!("a deal") };
    assert_eq!(deal.stage.value().map(String::as_str), Some("7"));
    assert_eq!((deal.stage_category, deal.ext.len()), (StageCategory::Won, 0));
    assert_eq!(rows[1].id, "7001-stage-1769940000000-512");
}

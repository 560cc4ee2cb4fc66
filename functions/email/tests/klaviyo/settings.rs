//! What the settings of a connection say, and what is said of wrong ones.

use shared::connector::{Auth, ClientAuth, TokenBody};

use crate::support::{Asked, WITH_KEY, connect};

const WITH_OAUTH: &str = r#"
[connections.eu.oauth]
client_id = "tributary"
client_secret = { env = "KLAVIYO_CLIENT_SECRET" }
refresh_token = { file = "klaviyo.token" }
"#;

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

#[test]
fn a_private_key_goes_into_a_header_of_its_own_scheme() {
    let api = connect(WITH_KEY).unwrap().connector.api;
    let Auth::Header { name, prefix, .. } = api.auth else { panic!("a header") };
    assert_eq!((name, prefix), ("authorization", "Klaviyo-API-Key "));
    assert_eq!(api.base.as_str(), "https://a.klaviyo.com/");
}

#[test]
fn every_request_names_the_revision() {
    let api = connect(WITH_KEY).unwrap().connector.api;
    assert!(api.headers.contains(&("revision", "2026-07-15".to_owned())));
    assert!(api.headers.contains(&("accept", "application/vnd.api+json".to_owned())));
}

/// The host www.klaviyo.com was shut for tokens on 2025-03-31.
#[test]
fn oauth_refreshes_at_the_api_host_with_a_form_and_basic() {
    let Auth::OAuth(oauth) = connect(WITH_OAUTH).unwrap().connector.api.auth else {
        panic!("OAuth")
    };
    assert_eq!(oauth.token_url.as_str(), "https://a.klaviyo.com/oauth/token");
    assert_eq!((oauth.body, oauth.client), (TokenBody::Form, ClientAuth::Basic));
    let elsewhere = format!("{WITH_OAUTH}token_url = \"http://login.example/token\"\n");
    assert!(refused(&elsewhere).ends_with("oauth.token_url must begin with https://"));
}

#[test]
fn exactly_one_way_to_sign_in() {
    assert!(refused("").contains("credentials are missing: write api_key, or oauth"));
    let both = WITH_OAUTH.replacen("[conn", "api_key = { env = \"K\" }\n[conn", 1);
    assert!(refused(&both).contains("write either api_key or oauth, not both"));
}

#[test]
fn the_address_ends_after_the_host() {
    let deep = format!("{WITH_KEY}base_url = \"https://a.klaviyo.com/api\"\n");
    assert!(refused(&deep).contains("base_url: end it after the host"));
}

#[test]
fn numbers_have_limits() {
    for size in ["0", "1001"] {
        let wrong = format!("{WITH_KEY}event_page_size = {size}\n");
        assert!(refused(&wrong).contains("event_page_size: write a number from 1 to 1000"));
    }
    let wrong = format!("{WITH_KEY}reread_days = 400\n");
    assert!(refused(&wrong).contains("reread_days: write a number from 0 to 366"));
    let small = format!("{WITH_KEY}event_page_size = 200\n");
    let events = Asked::of(&small, "events");
    assert_eq!(events.asks(&events.begin(), "page[size]").as_deref(), Some("200"));
}

#[test]
fn a_misspelt_key_is_named() {
    let wrong = format!("{WITH_KEY}reread_day = 10\n");
    assert!(refused(&wrong).contains("did you mean \"reread_days\"?"));
    let wrong = format!("{WITH_KEY}metrics = {{ \"Opened Email\" = \"oponed\" }}\n");
    assert!(refused(&wrong).contains("unknown variant `oponed`"));
}

#[test]
fn every_stream_is_offered() {
    let connection = connect(WITH_KEY).unwrap();
    let names: Vec<&str> = connection.connector.streams.iter().map(|s| s.facts().name).collect();
    assert_eq!(
        names,
        [
            "profiles",
            "profile_ids",
            "lists",
            "segments",
            "campaigns",
            "metrics",
            "events",
            "late_events"
        ]
    );
}

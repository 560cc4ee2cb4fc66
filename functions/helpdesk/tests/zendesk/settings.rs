//! What the settings of a connection say, and what is said of wrong ones.

use shared::connector::{Auth, TokenBody};

use crate::support::{WITH_TOKEN, connect};

const WITH_OAUTH: &str = r#"
base_url = "https://ember-oak.zendesk.com"
[connections.eu.oauth]
client_id = "tributary"
client_secret = { env = "ZENDESK_CLIENT_SECRET" }
refresh_token = { file = "zendesk.token" }
"#;

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

fn without(key: &str) -> String {
    WITH_TOKEN.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_api_token_signs_in_as_its_admin() {
    let api = connect(WITH_TOKEN).unwrap().connector.api;
    let Auth::Basic { user, .. } = api.auth else { panic!("HTTP Basic") };
    assert_eq!(user, "sync@ember-oak.example/token");
    assert_eq!(api.base.as_str(), "https://ember-oak.zendesk.com/");
}

/// airbyte CONTRIBUTING §5: refresh tokens are good for one use; the vault keeps the next.
#[test]
fn oauth_refreshes_at_the_account_with_json() {
    let auth = connect(WITH_OAUTH).unwrap().connector.api.auth;
    let Auth::OAuth(oauth) = auth else { panic!("OAuth") };
    assert_eq!(oauth.token_url.as_str(), "https://ember-oak.zendesk.com/oauth/tokens");
    assert_eq!(oauth.body, TokenBody::Json);
    let elsewhere = format!("{WITH_OAUTH}token_url = \"http://login.example/token\"\n");
    assert!(refused(&elsewhere).ends_with("oauth.token_url must begin with https://"));
}

#[test]
fn an_account_needs_its_address() {
    assert!(refused(&without("base_url")).contains("base_url is missing"));
    let deep = WITH_TOKEN.replace(".zendesk.com", ".zendesk.com/api/v2");
    assert!(refused(&deep).contains("base_url: end it after the host"));
}

#[test]
fn exactly_one_way_to_sign_in() {
    assert!(refused(&without("token")).contains("token is missing"));
    assert!(refused(&without("email")).contains("email is missing"));
    let neither = "base_url = \"https://ember-oak.zendesk.com\"";
    assert!(refused(neither).contains("credentials are missing: write email and token, or oauth"));
    let both = WITH_OAUTH
        .replace("[conn", "email = \"sync@ember-oak.example\"\ntoken = { env = \"T\" }\n[conn");
    assert!(refused(&both).contains("write either email and token, or oauth, not both"));
}

#[test]
fn numbers_have_limits() {
    for size in ["0", "1001"] {
        let wrong = format!("{WITH_TOKEN}export_page_size = {size}\n");
        assert!(refused(&wrong).contains("export_page_size: write a number from 1 to 1000"));
    }
    let wrong = format!("{WITH_TOKEN}csat_lookback_days = 400\n");
    assert!(refused(&wrong).contains("csat_lookback_days: write a number from 0 to 366"));
}

#[test]
fn a_misspelt_key_is_named() {
    let wrong = format!("{WITH_TOKEN}export_pagesize = 10\n");
    assert!(refused(&wrong).contains("did you mean \"export_page_size\"?"));
}

#[test]
fn every_stream_is_offered() {
    let connection = connect(WITH_TOKEN).unwrap();
    let names: Vec<&str> = connection.connector.streams.iter().map(|s| s.facts().name).collect();
    assert_eq!(
        names,
        [
            "users",
            "organizations",
            "tickets",
            "ticket_events",
            "satisfaction_ratings",
            "deleted_users",
            "deleted_tickets"
        ]
    );
}

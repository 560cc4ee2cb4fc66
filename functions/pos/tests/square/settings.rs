//! What the settings of a connection say, and what is said of wrong ones.

use shared::connector::{Auth, TokenBody};

use crate::support::{STREAMS, WITH_TOKEN, connect};

const WITH_OAUTH: &str = r#"
base_url = "https://connect.squareupsandbox.com"
[connections.eu.oauth]
client_id = "sq0idp-tributary"
client_secret = { env = "SQUARE_SECRET" }
refresh_token = { file = "square.token" }
"#;

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

#[test]
fn a_token_signs_in_at_squares_own_host_with_a_pinned_version() {
    let api = connect(WITH_TOKEN).unwrap().connector.api;
    assert!(matches!(api.auth, Auth::Bearer(_)));
    assert_eq!(api.base.as_str(), "https://connect.squareup.com/");
    assert_eq!(api.headers, [("square-version", "2025-08-20".to_owned())]);
}

#[test]
fn the_version_is_a_setting() {
    let newer = format!("{WITH_TOKEN}api_version = \"2026-01-22\"\n");
    let headers = connect(&newer).unwrap().connector.api.headers;
    assert_eq!(headers, [("square-version", "2026-01-22".to_owned())]);
    for wrong in ["", "v2", "2026-13-41"] {
        let wrong = format!("{WITH_TOKEN}api_version = \"{wrong}\"\n");
        assert!(refused(&wrong).contains("api_version: write a date"));
    }
}

#[test]
fn oauth_refreshes_at_the_same_host_with_json() {
    let auth = connect(WITH_OAUTH).unwrap().connector.api.auth;
    let Auth::OAuth(oauth) = auth else { panic!("OAuth") };
    assert_eq!(oauth.token_url.as_str(), "https://connect.squareupsandbox.com/oauth2/token");
    assert_eq!(oauth.body, TokenBody::Json);
    let elsewhere = format!("{WITH_OAUTH}token_url = \"http://login.example/token\"\n");
    assert!(refused(&elsewhere).ends_with("oauth.token_url must begin with https://"));
    let nobody = WITH_OAUTH.replace("sq0idp-tributary", " ");
    assert!(refused(&nobody).contains("oauth.client_id is empty"));
}

#[test]
fn exactly_one_way_to_sign_in() {
    assert!(
        refused("region = \"US\"")
            .contains("credentials are missing: write access_token, or oauth")
    );
    let both = WITH_OAUTH.replace("[conn", "access_token = { env = \"T\" }\n[conn");
    assert!(refused(&both).contains("write either access_token or oauth, not both"));
}

/// The signature covers the address, so a wrong one would refuse every delivery without saying why.
#[test]
fn an_empty_address_or_none_is_an_error_of_the_settings() {
    let secrets = format!("{WITH_TOKEN}webhook_secrets = [{{ env = \"SQUARE_KEY\" }}]\n");
    assert!(refused(&secrets).contains("webhook_url is missing"));
    for wrong in ["", " ", "https://hub.acme.example/hook ", "hook"] {
        let wrong = format!("{secrets}webhook_url = {wrong:?}\n");
        assert!(refused(&wrong).contains("webhook_url: write the notification URL"), "{wrong}");
    }
    assert!(
        connect(&format!("{secrets}webhook_url = \"https://hub.acme.example/hook\"\n")).is_ok()
    );
}

#[test]
fn numbers_have_limits() {
    for size in ["0", "1001"] {
        let wrong = format!("{WITH_TOKEN}order_page_size = {size}\n");
        assert!(refused(&wrong).contains("order_page_size: write a number from 1 to 1000"));
    }
    let wrong = format!("{WITH_TOKEN}loyalty_lookback_hours = 721\n");
    assert!(refused(&wrong).contains("loyalty_lookback_hours: write a number from 0 to 720"));
    let deep = format!("{WITH_TOKEN}base_url = \"https://connect.squareup.com/v2\"\n");
    assert!(refused(&deep).contains("base_url: end it after the host"));
}

#[test]
fn a_misspelt_key_is_named() {
    let wrong = format!("{WITH_TOKEN}order_pagesize = 10\n");
    assert!(refused(&wrong).contains("did you mean \"order_page_size\"?"));
}

#[test]
fn every_stream_is_offered() {
    let connection = connect(WITH_TOKEN).unwrap();
    let names: Vec<&str> = connection.connector.streams.iter().map(|s| s.facts().name).collect();
    assert_eq!(names, STREAMS);
}

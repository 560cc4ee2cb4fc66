//! What the settings of a connection say, and what is said of wrong ones.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use shared::connector::{Auth, TokenBody};

use crate::support::{SETTINGS, connect, looking_for, response};

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

#[test]
fn the_network_has_one_front_door() {
    let api = connect(SETTINGS).unwrap().connector.api;
    assert_eq!(api.base.as_str(), "https://bsky.social/");
    let own = connect(&format!("base_url = \"https://pds.example\"\n{SETTINGS}")).unwrap();
    assert_eq!(own.connector.api.base.as_str(), "https://pds.example/");
    assert!(
        refused(&format!("base_url = \"https://bsky.social/xrpc\"\n{SETTINGS}"))
            .contains("base_url: end it")
    );
}

/// Without an account only the first page of a search is shown.
#[test]
fn an_account_is_required() {
    for key in ["handle", "app_password", "queries"] {
        let lines: Vec<&str> = SETTINGS.lines().filter(|line| !line.starts_with(key)).collect();
        assert!(refused(&lines.join("\n")).contains(key), "{key}");
    }
    assert!(refused(&SETTINGS.replace("sync.ember-oak.example", " @ ")).contains("handle: write"));
}

#[test]
fn queries_are_words_and_phrases() {
    connect(&looking_for(&["\"Ember & Oak\"", "#emberoak", "ember oak", "まぐろ"])).unwrap();
    for (query, why) in [
        ("from:alice.example pizza", "operator"),
        ("pizza -pasta", "operator"),
        ("pizza OR pasta", "operator"),
        ("\"Ember & Oak", "quotation mark"),
        ("  ", "no words"),
        ("\"&\"", "no words"),
    ] {
        assert!(refused(&looking_for(&[query])).contains(why), "{query}");
    }
    assert!(refused(&looking_for(&[])).contains("queries: write one to 50"));
    assert!(refused(&looking_for(&["a", " a "])).contains("is there twice"));
    let own = SETTINGS.replace("did:plc:emberoakemberoakemberoak1", "ember-oak.example");
    assert!(refused(&own).contains("own_dids: \"ember-oak.example\" is no DID"));
}

/// Credentials go to the API only; the feed is open to everybody, and must not be just any host.
#[test]
fn the_feed_is_one_of_the_public_ones() {
    let with = |url: &str| format!("{SETTINGS}jetstream_url = {url:?}\n");
    connect(&with("wss://jetstream2.us-west.bsky.network")).unwrap();
    for url in [
        "wss://jetstream.example",
        "ws://jetstream.us-east.bsky.network",
        "wss://jetstream.us-east.bsky.network:8443",
        "ws://127.0.0.1:9",
    ] {
        assert!(refused(&with(url)).contains("jetstream_url: write wss:// and one of"), "{url}");
    }
    assert!(
        refused(&with("wss://jetstream.us-east.bsky.network/subscribe"))
            .contains("end it after the host")
    );
    let test = format!("base_url = \"http://127.0.0.1:8\"\n{}", with("ws://127.0.0.1:9"));
    connect(&test).unwrap();
}

#[test]
fn a_session_is_opened_with_the_app_password_and_renewed_with_its_own_token() {
    let Auth::Session(session) = connect(SETTINGS).unwrap().connector.api.auth else {
        panic!("a session")
    };
    let open = session.open(&SecretString::from("simu-late"));
    assert_eq!(open.url.as_str(), "https://bsky.social/xrpc/com.atproto.server.createSession");
    assert_eq!((open.body, open.bearer.is_none()), (TokenBody::Json, true));
    let sent: Vec<(&str, &str)> =
        open.parameters.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
    assert_eq!(sent, [("identifier", "sync.ember-oak.example"), ("password", "simu-late")]);
    let renew = session.renew(&SecretString::from("refresh-1")).unwrap();
    assert_eq!(renew.url.as_str(), "https://bsky.social/xrpc/com.atproto.server.refreshSession");
    assert_eq!(renew.bearer.unwrap().expose_secret(), "refresh-1");
    assert!(renew.parameters.is_empty(), "its body is empty");
}

#[test]
fn tokens_are_read_and_an_account_that_is_not_there_is_named() {
    let Auth::Session(session) = connect(SETTINGS).unwrap().connector.api.auth else {
        panic!("a session")
    };
    let mut opened = json!({ "accessJwt": "a", "refreshJwt": "r", "handle": "h", "did": "did:plc:x", "active": true });
    let granted = session.granted(&response(opened.to_string())).unwrap();
    assert_eq!(granted.access.expose_secret(), "a");
    assert_eq!(granted.refresh.unwrap().expose_secret(), "r");
    opened["active"] = false.into();
    let refused = session.granted(&response(opened.to_string())).unwrap_err().to_string();
    assert!(refused.contains("taken down, suspended or deactivated"), "{refused}");
    assert!(session.granted(&response("{\"accessJwt\":\"a\"}")).is_err());
}

/// bluesky-social/atproto: an expired access token is answered with 400, not 401.
#[test]
fn an_expired_token_is_a_bad_request() {
    let Auth::Session(session) = connect(SETTINGS).unwrap().connector.api.auth else {
        panic!("a session")
    };
    assert!(session.has_ended(400, br#"{"error":"ExpiredToken","message":"Token has expired"}"#));
    assert!(
        session
            .has_ended(400, br#"{"error":"InvalidToken","message":"Token could not be verified"}"#)
    );
    assert!(session.has_ended(401, b""));
    assert!(!session.has_ended(400, br#"{"error":"BadQueryString","message":"no"}"#));
    assert!(!session.has_ended(400, b"<html>") && !session.has_ended(403, b""));
}

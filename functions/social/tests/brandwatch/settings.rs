//! What the settings of a connection say, and what is said of wrong ones.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use shared::connector::{Auth, Left, Reset, TokenBody};
use shared::testing::asked::response;

use crate::support::{NAMED, WHOLE, connect};

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

fn without(settings: &str, key: &str) -> String {
    settings.lines().filter(|line| !line.starts_with(key)).collect::<Vec<_>>().join("\n")
}

/// The vendor's `OpenAPI` file has a GET with a JSON body here; its guide and its library post a form.
#[test]
fn a_password_opens_a_session_by_a_form_and_stays_out_of_the_address() {
    let settings = format!("{WHOLE}platform_client_id = \"acme-1\"\n");
    let auth = connect(&settings).unwrap().connector.api.auth;
    let Auth::Session(session) = auth else { panic!("a session") };
    let call = session.open(&SecretString::from("p&ss=word"));
    assert_eq!(
        call.url.as_str(),
        "https://api.brandwatch.com/oauth/token?username=listening%40ember-oak.example\
         &grant_type=api-password&client_id=brandwatch-api-client&platform_client_id=acme-1"
    );
    assert_eq!(call.body, TokenBody::Form);
    let [(name, secret)] = call.parameters.as_slice() else { panic!("one parameter") };
    assert_eq!((*name, secret.expose_secret()), ("password", "p&ss=word"));
    assert!(call.bearer.is_none());
    assert!(session.renew(&SecretString::from("x")).is_none(), "there is no refresh token");
}

#[test]
fn a_token_is_good_for_a_year() {
    let Auth::Session(session) = connect(WHOLE).unwrap().connector.api.auth else { panic!() };
    let answer = response(
        r#"{"access_token":"aa000000-0aaa-0000-0a00-aa00a000a00a","token_type":"bearer","expires_in":31535999,"scope":"read trust write"}"#,
    );
    let granted = session.granted(&answer).unwrap();
    assert_eq!(granted.access.expose_secret(), "aa000000-0aaa-0000-0a00-aa00a000a00a");
    let lives = granted.expires_at.unwrap().as_micros() - answer.received_at.as_micros();
    assert_eq!(lives, 31_535_999_000_000);
    assert!(granted.refresh.is_none());
    for wrong in ["{}", r#"{"access_token":""}"#, r#"{"error":"unauthorized"}"#, "<html>"] {
        assert!(session.granted(&response(wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn a_given_token_is_sent_as_it_is() {
    let api = connect(NAMED).unwrap().connector.api;
    assert!(matches!(api.auth, Auth::Bearer(_)));
    assert_eq!(api.base.as_str(), "https://api.brandwatch.com/");
}

/// All integrations of a client share thirty calls in any ten minutes; nobody says when there are more.
#[test]
fn five_of_thirty_calls_in_ten_minutes_are_left_to_others() {
    let api = connect(NAMED).unwrap().connector.api;
    let pace = api.pace.unwrap();
    assert_eq!((pace.requests, pace.per), (25, Duration::from_mins(10)));
    let quota = api.quota.unwrap();
    assert!(matches!(quota.left, Left::UsedUpTo("x-rate-limit-used", 25)));
    assert!(matches!(quota.reset, Reset::After(wait) if wait == Duration::from_mins(10)));
}

#[test]
fn exactly_one_way_to_sign_in() {
    assert!(refused(&without(WHOLE, "password")).contains("password is missing"));
    assert!(refused(&without(WHOLE, "username")).contains("username is missing"));
    let neither = without(&without(WHOLE, "password"), "username");
    assert!(refused(&neither).contains("credentials are missing: write username and password"));
    let both = format!("{WHOLE}token = {{ env = \"T\" }}\n");
    assert!(refused(&both).contains("not both"));
}

#[test]
fn wrong_values_are_named() {
    for (key, value, said) in [
        ("project", "0", "project: write the id of a project"),
        ("queries", "[]", "queries: name at least one"),
        ("page_size", "5001", "page_size: write a number from 1 to 5000"),
        ("lookback_days", "0", "lookback_days: write a number from 1 to 366"),
        ("queries_per_request", "201", "queries_per_request: write a number from 1 to 200"),
        ("base_url", "\"https://api.brandwatch.com/v2\"", "base_url: end it after the host"),
    ] {
        let settings = format!("{}\n{key} = {value}\n", without(NAMED, key));
        let error = refused(&settings);
        assert!(error.contains(said), "{error}");
    }
    assert!(refused(&format!("{NAMED}querys = [1]\n")).contains("did you mean \"queries\"?"));
}

#[test]
fn every_stream_is_offered() {
    let connection = connect(NAMED).unwrap();
    let names: Vec<&str> = connection.connector.streams.iter().map(|it| it.facts().name).collect();
    assert_eq!(names, ["queries", "mentions", "mention_edits", "mention_days"]);
    assert!(connection.connector.webhook.is_none());
    assert!(connection.kept.is_empty(), "no pass lists all there is");
}

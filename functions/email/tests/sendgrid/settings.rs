//! What the settings of a connection say, and what is said of wrong ones.

use shared::connector::{Auth, Left, Reset};

use crate::support::{SETTINGS, connect};

fn refused(settings: &str) -> String {
    connect(settings).map(|_| ()).expect_err("wrong settings").to_string()
}

fn with(more: &str) -> String {
    format!("{SETTINGS}{more}\n")
}

#[test]
fn a_key_signs_in_at_the_default_host() {
    let api = connect(SETTINGS).expect("good settings").connector.api;
    assert!(matches!(api.auth, Auth::Bearer(_)));
    assert_eq!(api.base.as_str(), "https://api.sendgrid.com/");
    assert_eq!(api.other_hosts, ["exports.example"]);
    assert!(api.headers.is_empty());
}

#[test]
fn subusers_in_the_european_union_have_their_own_host() {
    let eu = with("base_url = \"https://api.eu.sendgrid.com\"");
    assert_eq!(
        connect(&eu).expect("good").connector.api.base.as_str(),
        "https://api.eu.sendgrid.com/"
    );
    let deep = with("base_url = \"https://api.eu.sendgrid.com/v3\"");
    assert!(refused(&deep).contains("base_url: end it after the host"));
}

#[test]
fn another_account_is_read_on_its_behalf() {
    for account in ["their-subuser", "account-id 1234"] {
        let api =
            connect(&with(&format!("on_behalf_of = {account:?}"))).expect("good").connector.api;
        assert_eq!(api.headers, [("on-behalf-of", account.to_owned())]);
    }
    for account in ["", "  ", "two\\nlines"] {
        let wrong = with(&format!("on_behalf_of = \"{account}\""));
        assert!(refused(&wrong).contains("on_behalf_of"), "{account}");
    }
}

/// Limits are per endpoint, and their numbers are not published.
#[test]
fn the_headers_tell_the_pace() {
    let api = connect(SETTINGS).expect("good settings").connector.api;
    assert!(api.pace.is_none());
    let quota = api.quota.expect("headers");
    assert!(matches!(quota.left, Left::Remaining("x-ratelimit-remaining")));
    assert!(matches!(quota.reset, Reset::UnixSeconds("x-ratelimit-reset")));
}

#[test]
fn numbers_have_limits() {
    for (key, wrong) in [
        ("page_size", 0),
        ("page_size", 501),
        ("export_file_mb", 0),
        ("export_file_mb", 101),
        ("export_poll_seconds", 0),
        ("export_poll_seconds", 3601),
    ] {
        let refusal = refused(&with(&format!("{key} = {wrong}")));
        assert!(refusal.contains(&format!("{key}: write a number from 1 to")), "{refusal}");
    }
}

#[test]
fn download_hosts_are_hosts() {
    for wrong in ["https://exports.example", "exports.example/path", "", "a b", "x@exports.example"]
    {
        let settings = format!("api_key = {{ env = \"K\" }}\ndownload_hosts = [{wrong:?}]\n");
        assert!(refused(&settings).contains("download_hosts: write hosts only"), "{wrong}");
    }
}

#[test]
fn a_misspelt_key_is_named() {
    assert!(refused(&with("download_host = \"x\"")).contains("did you mean \"download_hosts\"?"));
    assert!(refused("region = \"DE\"").contains("api_key"));
}

#[test]
fn every_stream_is_offered() {
    let connection = connect(SETTINGS).expect("good settings");
    let names: Vec<&str> = connection.connector.streams.iter().map(|s| s.facts().name).collect();
    assert_eq!(
        names,
        [
            "bounces",
            "blocks",
            "spam_reports",
            "invalid_emails",
            "unsubscribes",
            "group_suppressions",
            "all_bounces",
            "all_blocks",
            "all_spam_reports",
            "all_invalid_emails",
            "all_unsubscribes",
            "contacts",
            "lists",
            "segments",
            "single_sends"
        ]
    );
}

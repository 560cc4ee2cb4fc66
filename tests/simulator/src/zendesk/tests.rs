//! The helpdesk, asked over HTTP.

mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::{AuthKind, Simulator};

pub(super) async fn simulator() -> Simulator {
    let settings = Settings {
        until: Some(Timestamp::now() - SignedDuration::from_mins(5)),
        ..Settings::default()
    };
    Simulator::start(settings).await.expect("a free port")
}

async fn get(zendesk: &Zendesk, target: &str) -> reqwest::Response {
    let url = if target.starts_with("http") {
        target.to_owned()
    } else {
        format!("{}/api/v2{target}", zendesk.base_url())
    };
    let user = format!("{}/token", zendesk.email());
    let request = reqwest::Client::new().get(url);
    let request = request.basic_auth(user, Some(zendesk.api_token()));
    request.send().await.expect("an answer")
}

async fn page(zendesk: &Zendesk, target: &str) -> Value {
    let text = get(zendesk, target).await.text().await.expect("a body");
    serde_json::from_str(&text).expect("JSON")
}

/// Every row of a cursor export, in order.
async fn walk(zendesk: &Zendesk, stream: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut next = format!("/incremental/{stream}/cursor.json?start_time=0");
    loop {
        let page = page(zendesk, &next).await;
        rows.extend(page[stream].as_array().expect("rows").clone());
        if page["end_of_stream"] == json!(true) {
            return rows;
        }
        next = page["after_url"].as_str().expect("a link").to_owned();
    }
}

fn ids(rows: &[Value]) -> BTreeSet<u64> {
    rows.iter().filter_map(|row| row["id"].as_u64()).collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_history() {
    let until = Some(Timestamp::from_second(1_780_000_000).expect("in range"));
    let settings = |seed| Settings { seed, until, ..Settings::default() };
    let truth = |simulator: &Simulator| format!("{:?}", simulator.zendesk().truth());
    let first = Simulator::start(settings(3)).await.expect("a free port");
    let second = Simulator::start(settings(3)).await.expect("a free port");
    let third = Simulator::start(settings(4)).await.expect("a free port");
    assert_eq!(truth(&first), truth(&second));
    assert_ne!(truth(&first), truth(&third));
}

#[tokio::test]
async fn the_history_has_something_of_everything() {
    let simulator = simulator().await;
    let truth = simulator.zendesk().truth();
    assert!((60..110).contains(&truth.users.len()), "{}", truth.users.len());
    assert!(truth.tickets.len() > truth.users.len());
    assert!(truth.tickets_with(Status::Closed) > truth.tickets_with(Status::New));
    assert!(truth.tickets_with(Status::Deleted) > 0);
    assert!(truth.ratings.len() > 20);
    let silent = |t: &&Ticket| t.generated_timestamp > t.updated_at.as_second();
    assert!(truth.tickets.values().filter(silent).count() > 0);
    let private = |e: &&EventTruth| matches!(e.kind, EventKind::Comment { public: false, .. });
    assert!(truth.events.iter().filter(private).count() > 0);
    let mut tied = BTreeMap::new();
    for event in &truth.events {
        *tied.entry(event.at).or_insert(0) += 1;
    }
    assert!(tied.values().any(|count| *count >= 20), "no bulk update");
    assert!(truth.events.is_sorted_by_key(|event| event.at));
}

#[tokio::test]
async fn a_cursor_export_covers_everything_in_the_order_of_change() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    zendesk.set_page_size(7);
    let truth = zendesk.truth();
    let tickets = walk(zendesk, "tickets").await;
    assert_eq!(ids(&tickets), truth.tickets.keys().copied().collect());
    assert_eq!(tickets.len(), truth.tickets.len());
    assert!(tickets.is_sorted_by_key(|row| row["generated_timestamp"].as_i64()));
    let users = walk(zendesk, "users").await;
    assert_eq!(ids(&users), truth.users.keys().copied().collect());
    zendesk.set_duplicate_rows(true);
    let twice = walk(zendesk, "tickets").await;
    assert!(twice.len() > tickets.len());
    assert_eq!(ids(&twice), ids(&tickets));
}

#[tokio::test]
async fn the_last_minute_is_not_exported_yet() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let user = zendesk.create_user("Nina Neu", Some("nina@example.com"), None);
    assert!(!ids(&walk(zendesk, "users").await).contains(&user));
    assert!(!zendesk.truth().visible_at(simulator.clock().now()).users.contains_key(&user));
    simulator.clock().advance(Duration::from_secs(61));
    assert!(ids(&walk(zendesk, "users").await).contains(&user));
    assert!(zendesk.truth().visible_at(simulator.clock().now()).users.contains_key(&user));
}

#[tokio::test]
async fn a_silent_update_brings_a_ticket_back() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let before = page(zendesk, "/incremental/tickets/cursor?start_time=0").await;
    let ticket = *zendesk.truth().tickets.keys().next().expect("a ticket");
    zendesk.silent_update(ticket);
    simulator.clock().advance(Duration::from_secs(61));
    let after = page(zendesk, before["after_url"].as_str().expect("a link")).await;
    assert_eq!(after["tickets"][0]["id"], json!(ticket));
    assert_eq!(after["tickets"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn cursors_are_refused_beside_a_start_time_and_once_expired() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let first = page(zendesk, "/incremental/tickets/cursor.json?start_time=0").await;
    let next = first["after_url"].as_str().expect("a link").to_owned();
    assert_eq!(get(zendesk, &format!("{next}&start_time=0")).await.status(), 400);
    assert_eq!(get(zendesk, &next).await.status(), 200);
    zendesk.expire_cursors();
    assert_eq!(get(zendesk, &next).await.status(), 400);
}

#[tokio::test]
async fn event_pages_overlap_and_cover_everything() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    zendesk.set_page_size(40);
    let start = "/incremental/ticket_events.json?start_time=0&include=comment_events";
    let mut next = start.to_owned();
    let (mut seen, mut served, mut bodies) = (BTreeSet::new(), 0, 0);
    loop {
        let page = page(zendesk, &next).await;
        let events = page["ticket_events"].as_array().expect("rows");
        served += events.len();
        let children = events.iter().filter_map(|e| e["child_events"].as_array());
        for child in children.flatten() {
            seen.insert(child["id"].as_u64().expect("an id"));
            bodies += usize::from(child["body"].is_string());
        }
        if page["end_of_stream"] == json!(true) {
            break;
        }
        next = page["next_page"].as_str().expect("a link").to_owned();
    }
    let truth = zendesk.truth();
    assert_eq!(seen, truth.events.iter().map(|event| event.child_id).collect());
    assert!(served > truth.events.iter().map(|e| e.event_id).collect::<BTreeSet<_>>().len());
    assert!(bodies > 0);
    let bare = page(zendesk, "/incremental/ticket_events.json?start_time=0").await;
    assert!(bare["ticket_events"][0]["child_events"][0].get("body").is_none());
}

#[tokio::test]
async fn a_page_full_of_one_second_repeats() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let tickets: Vec<u64> = zendesk.truth().tickets.keys().copied().take(30).collect();
    zendesk.bulk_tag(&tickets, "recall");
    let second = zendesk.truth().events.last().expect("an event").at.as_second();
    simulator.clock().advance(Duration::from_secs(61));
    zendesk.set_page_size(10);
    let target = format!("/incremental/ticket_events.json?start_time={second}");
    let page = page(zendesk, &target).await;
    assert_eq!(page["end_time"], json!(second));
    assert_eq!(page["end_of_stream"], json!(false));
}

#[tokio::test]
async fn lists_page_by_cursor_and_offsets_end_at_page_100() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let mut next = "/satisfaction_ratings.json?start_time=0&page[size]=5".to_owned();
    let mut rows = Vec::new();
    loop {
        let page = page(zendesk, &next).await;
        rows.extend(page["satisfaction_ratings"].as_array().expect("rows").clone());
        if page["meta"]["has_more"] == json!(false) {
            break;
        }
        next = page["links"]["next"].as_str().expect("a link").to_owned();
    }
    assert_eq!(ids(&rows), zendesk.truth().ratings.keys().copied().collect());
    assert!(!rows.is_sorted_by_key(|row| row["updated_at"].as_str().map(str::to_owned)));
    assert_eq!(get(zendesk, "/satisfaction_ratings.json?page=101").await.status(), 400);
    zendesk.set_csat(false);
    let refusal = get(zendesk, "/satisfaction_ratings.json").await;
    assert_eq!(refusal.status(), 403);
    assert_eq!(refusal.text().await.expect("a body"), "");
}

#[tokio::test]
async fn what_is_deleted_is_said_so() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let truth = zendesk.truth();
    let alive = |t: &&Ticket| t.deletion == Deletion::No;
    let mut tickets = truth.tickets.values().filter(alive).map(|ticket| ticket.id);
    let (soft, hard) = (tickets.next().expect("one"), tickets.next().expect("two"));
    let user = *truth.users.keys().next_back().expect("a user");
    zendesk.delete_ticket(soft);
    zendesk.permanently_delete_ticket(hard);
    zendesk.permanently_delete_user(user);
    assert_eq!(get(zendesk, &format!("/tickets/{soft}.json")).await.status(), 404);
    let tickets = page(zendesk, "/deleted_tickets.json?page[size]=100").await;
    let tickets = ids(tickets["deleted_tickets"].as_array().expect("rows"));
    assert!(tickets.contains(&soft) && !tickets.contains(&hard));
    let users = page(zendesk, "/deleted_users.json").await;
    let users = users["deleted_users"].as_array().expect("rows").clone();
    let gone = users.iter().find(|row| row["id"] == json!(user)).expect("the user");
    assert_eq!(gone["name"], "Permanently Deleted User");
    assert_eq!(gone["email"], Value::Null);
    simulator.clock().advance(Duration::from_secs(61));
    let rows = walk(zendesk, "tickets").await;
    let row = |id: u64| rows.iter().find(|row| row["id"] == json!(id)).expect("the ticket");
    assert_eq!(row(soft)["status"], "deleted");
    assert_eq!(row(hard)["subject"], "SCRUBBED");
}

#[tokio::test]
async fn a_refresh_token_is_good_once() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let first = zendesk.oauth();
    let me = async |token: &str| {
        let request = reqwest::Client::new().get(format!("{}/api/v2/users/me", zendesk.base_url()));
        request.bearer_auth(token).send().await.expect("an answer").status().as_u16()
    };
    let refresh = async |token: &str| {
        let body = json!({
            "grant_type": "refresh_token",
            "client_id": first.client_id,
            "client_secret": first.client_secret,
            "refresh_token": token,
        });
        let request = reqwest::Client::new().post(&first.token_url).body(body.to_string());
        request.send().await.expect("an answer")
    };
    assert_eq!(me(&first.access_token).await, 200);
    zendesk.expire_access_token();
    assert_eq!(me(&first.access_token).await, 401);
    assert_eq!(refresh(&first.refresh_token).await.status(), 200);
    let spent = refresh(&first.refresh_token).await;
    assert_eq!(spent.status(), 400);
    assert!(spent.text().await.expect("a body").contains("invalid_grant"));
    assert_eq!(me(&zendesk.oauth().access_token).await, 200);
    assert_eq!((zendesk.refreshes(), zendesk.spent_refreshes()), (1, 1));
    zendesk.limit_access_tokens(None, Some(1));
    assert_eq!(me(&zendesk.oauth().access_token).await, 200);
    assert_eq!(me(&zendesk.oauth().access_token).await, 401);
}

#[tokio::test]
async fn exports_are_limited_and_need_an_admin() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let target = "/incremental/users/cursor.json?start_time=0";
    zendesk.set_rate_limit(Some(2), Duration::from_mins(1));
    assert_eq!(get(zendesk, target).await.headers()["x-rate-limit-remaining"], "1");
    get(zendesk, target).await;
    let refusal = get(zendesk, target).await;
    assert_eq!(refusal.status(), 429);
    assert!(refusal.headers().contains_key("retry-after"));
    assert_eq!(get(zendesk, "/users/me.json").await.status(), 200);
    simulator.clock().advance(Duration::from_mins(1));
    assert_eq!(get(zendesk, target).await.status(), 200);
    zendesk.set_admin(false);
    assert_eq!(get(zendesk, target).await.status(), 403);
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential_and_none_is_logged() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let url = format!("{}/api/v2/users/me.json", zendesk.base_url());
    let answer = reqwest::get(url).await.expect("an answer");
    assert_eq!(answer.status(), 401);
    get(zendesk, "/users/me").await;
    let requests = zendesk.requests();
    assert_eq!((requests[0].auth, requests[0].status), (AuthKind::None, Some(401)));
    assert_eq!((requests[1].auth, requests[1].status), (AuthKind::Basic, Some(200)));
    assert!(!format!("{requests:?}").contains(zendesk.api_token()));
}

#[test]
fn a_signature_agrees_with_another_implementation() {
    // From Python: b64encode(hmac.digest(secret, timestamp + body, "sha256")).
    let secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
    let timestamp = "2026-05-28T20:26:40Z";
    assert_eq!(
        signature(secret, timestamp, br#"{"a":1}"#),
        "+qF+jgRJdiGjzCC8UXYewplsdktwWQ0oQKJw3TXRFgY="
    );
    assert_eq!(signature(secret, timestamp, b""), "zEJ2zPqPPVPspjIVWON/5gSpVVUkUZhjX8ATD+LILXw=");
}

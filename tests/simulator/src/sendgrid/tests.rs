//! What the face does as the vendor's API does it.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use serde_json::{Value, json};

use super::{ListName, SendGrid, public_key};
use crate::server::{Answer, Call, Face, Server};
use crate::{Clock, DeliveryPlan, Fault, Faults, Settings, Simulator};

async fn simulator() -> Simulator {
    let until = Timestamp::now() - jiff::SignedDuration::from_mins(10);
    let settings = Settings { people: 200, until: Some(until), ..Settings::default() };
    Simulator::start(settings).await.expect("a free port")
}

async fn get(sendgrid: &SendGrid, target: &str) -> (u16, Value) {
    let request = reqwest::Client::new()
        .get(format!("{}{target}", sendgrid.base_url()))
        .header("accept", "application/json")
        .bearer_auth(sendgrid.api_key());
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), body(response).await)
}

async fn body(response: reqwest::Response) -> Value {
    serde_json::from_slice(&response.bytes().await.expect("a body")).unwrap_or(Value::Null)
}

async fn export(sendgrid: &SendGrid, kind: &str) -> Value {
    let wish = json!({"file_type": kind, "max_file_size": 4}).to_string();
    let response = reqwest::Client::new()
        .post(format!("{}/v3/marketing/contacts/exports", sendgrid.base_url()))
        .header("content-type", "application/json")
        .bearer_auth(sendgrid.api_key())
        .body(wish);
    body(response.send().await.expect("an answer")).await
}

async fn ready(sendgrid: &SendGrid, kind: &str) -> Vec<String> {
    let job = export(sendgrid, kind).await;
    let path = format!("/v3/marketing/contacts/exports/{}", job["id"].as_str().expect("an id"));
    assert_eq!(get(sendgrid, &path).await.1["status"], "pending");
    let (_, told) = get(sendgrid, &path).await;
    assert_eq!(told["status"], "ready");
    let urls = told["urls"].as_array().expect("urls").iter();
    urls.map(|url| url.as_str().expect("a url").to_owned()).collect()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_account() {
    let until = Timestamp::from_second(1_780_000_000).expect("in range");
    let settings = Settings { people: 60, until: Some(until), ..Settings::default() };
    let one = Simulator::start(settings.clone()).await.expect("a free port");
    let two = Simulator::start(settings).await.expect("a free port");
    assert_eq!(format!("{:?}", one.sendgrid().truth()), format!("{:?}", two.sendgrid().truth()));
}

#[tokio::test]
async fn pages_show_every_entry_of_a_closed_window_once() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    let all = sendgrid.truth().lists[&ListName::Bounces].len();
    assert!(all > 4);
    let (end, mut seen) = (Timestamp::now().as_second(), Vec::new());
    for offset in (0..=all).step_by(3) {
        let target =
            format!("/v3/suppression/bounces?start_time=0&end_time={end}&limit=3&offset={offset}");
        let (status, page) = get(sendgrid, &target).await;
        assert_eq!(status, 200);
        seen.extend(
            page.as_array().expect("a list").iter().map(|entry| entry["email"].to_string()),
        );
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (all, all));
}

#[tokio::test]
async fn both_ends_of_a_window_are_inside_it() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    let truth = sendgrid.truth();
    let entry = truth.lists[&ListName::Bounces].values().next().expect("a bounce");
    let count = async |from: i64, to: i64| {
        let target = format!("/v3/suppression/bounces?start_time={from}&end_time={to}");
        get(sendgrid, &target).await.1.as_array().expect("a list").len()
    };
    assert_eq!(count(entry.created, entry.created).await, 1);
    assert_eq!(count(entry.created + 1, entry.created + 1).await, 0);
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    for (target, status) in [
        ("/v3/suppression/bounces?limit=501", 400),
        ("/v3/suppression/bounces?limit=0", 400),
        ("/v3/suppression/bounces?start_time=yesterday", 400),
        ("/v3/suppression/nothing", 404),
        ("/v3/marketing/lists?page_size=1001", 400),
        ("/v3/marketing/lists?page_token=x", 400),
        ("/v3/marketing/contacts/exports/none", 404),
        ("/v3/messages", 404),
    ] {
        let (answered, told) = get(sendgrid, target).await;
        assert_eq!(answered, status, "{target}");
        assert!(told["errors"][0]["message"].is_string(), "{target}");
    }
    let url = format!("{}/v3/suppression/bounces", sendgrid.base_url());
    let anonymous = reqwest::get(&url).await.expect("an answer");
    assert_eq!(anonymous.status(), 401);
    sendgrid.set_subuser(Some("camden"));
    assert_eq!(get(sendgrid, "/v3/suppression/bounces").await.0, 403);
    sendgrid.set_subuser(None);
    sendgrid.set_marketing(false);
    assert_eq!(get(sendgrid, "/v3/marketing/lists").await.0, 403);
}

#[tokio::test]
async fn the_next_page_is_a_whole_address() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    let (_, first) = get(sendgrid, "/v3/marketing/singlesends?page_size=4").await;
    assert_eq!(first["result"].as_array().expect("a list").len(), 4);
    let next = first["_metadata"]["next"].as_str().expect("a link");
    let target = next.strip_prefix(&sendgrid.base_url()).expect("its own host");
    let (_, second) = get(sendgrid, target).await;
    assert_eq!(second["result"].as_array().expect("a list").len(), 2);
    assert!(second["_metadata"].get("next").is_none());
}

#[tokio::test]
async fn contacts_are_exported_in_files_behind_signed_links() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    for kind in ["csv", "json"] {
        let links = ready(sendgrid, kind).await;
        assert!(links.len() > 1);
        let mut contacts = 0;
        for link in &links {
            let file = reqwest::get(link).await.expect("a file").bytes().await.expect("bytes");
            assert!(file.starts_with(&[0x1f, 0x8b]), "a file is gzip");
            let text = std::io::read_to_string(flate2::read::GzDecoder::new(&file[..]));
            let text = text.expect("gzip");
            contacts += text.matches(if kind == "csv" { "\"\n\"" } else { "\n" }).count();
        }
        let alive = sendgrid.truth().contacts.len();
        assert_eq!(contacts, alive, "{kind}");
    }
}

#[tokio::test]
async fn a_link_is_good_alone_and_not_for_ever() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    let links = ready(sendgrid, "csv").await;
    let link = &links[0];
    let client = reqwest::Client::new();
    let status = async |request: reqwest::RequestBuilder| {
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(status(client.get(link)).await, 200);
    assert_eq!(status(client.get(link).bearer_auth(sendgrid.api_key())).await, 400);
    assert_eq!(status(client.get(format!("{link}0"))).await, 403);
    simulator.clock().advance(Duration::from_hours(2));
    assert_eq!(status(client.get(link)).await, 403);
    let fresh = ready(sendgrid, "csv").await;
    sendgrid.expire_exports();
    assert_eq!(status(client.get(&fresh[0])).await, 403);
}

#[tokio::test]
async fn an_export_may_fail() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    sendgrid.set_export_polls(0);
    sendgrid.fail_exports(1);
    let job = export(sendgrid, "csv").await;
    let path = format!("/v3/marketing/contacts/exports/{}", job["id"].as_str().expect("an id"));
    assert_eq!(get(sendgrid, &path).await.1["status"], "failure");
}

#[tokio::test]
async fn too_many_questions_are_told_when_to_come_back() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    sendgrid.set_rate_limit(Some(2), Duration::from_mins(1));
    let ask = async || {
        let url = format!("{}/v3/asm/groups", sendgrid.base_url());
        let request = reqwest::Client::new().get(url).bearer_auth(sendgrid.api_key());
        let response = request.send().await.expect("an answer");
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|v| v.to_str().ok()?.parse::<i64>().ok())
                .expect(name)
        };
        (response.status().as_u16(), header("x-ratelimit-remaining"), header("x-ratelimit-reset"))
    };
    assert_eq!(ask().await.1, 1);
    assert_eq!(ask().await.1, 0);
    let (status, _, reset) = ask().await;
    assert_eq!(status, 429);
    assert!((1..=61).contains(&(reset - Timestamp::now().as_second())));
    assert_eq!(get(sendgrid, "/v3/asm/suppressions").await.0, 200, "limits are per endpoint");
}

#[tokio::test]
async fn pages_are_spoilt_on_demand() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    let bad = sendgrid.faults().inject_on("/bounces", Fault::BadRecord, 1);
    let extra = sendgrid.faults().inject_on("/bounces", Fault::ExtraField, 1);
    let (_, page) = get(sendgrid, "/v3/suppression/bounces").await;
    let page = page.as_array().expect("a list");
    assert_eq!((bad.fired(), extra.fired()), (1, 1));
    assert!(page.iter().any(|entry| entry["created"] == "never"));
    assert!(page.iter().any(|entry| entry["new_field"].is_object()));
    sendgrid.faults().inject(Fault::ExpiredCursor, 1);
    assert_eq!(
        get(sendgrid, "/v3/marketing/singlesends?page_size=4&page_token=NA%3D%3D").await.0,
        400
    );
}

/// Checks signatures on the raw bytes.
struct Receiver {
    key: VerifyingKey,
    events: Mutex<Vec<Value>>,
}

impl Face for Receiver {
    fn answer(&self, call: &Call) -> Answer {
        let header = |name| call.header(name).unwrap_or_default();
        let signature = STANDARD.decode(header("x-twilio-email-event-webhook-signature"));
        let signature = DerSignature::from_bytes(&signature.unwrap_or_default());
        let message =
            [header("x-twilio-email-event-webhook-timestamp").as_bytes(), &call.body].concat();
        if !signature.is_ok_and(|signature| self.key.verify(&message, &signature).is_ok()) {
            return Answer::text(401, "");
        }
        assert!(call.body.ends_with(b"]\r\n"));
        let events: Vec<Value> = serde_json::from_slice(&call.body).expect("a list");
        self.events.lock().expect("no panic before").extend(events);
        Answer::text(202, "")
    }
}

#[tokio::test]
async fn every_event_is_delivered_once_and_signed() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    sendgrid.live(60);
    let keys = sendgrid.connection();
    let (_, public) =
        keys.secrets.iter().find(|(name, _)| *name == "sendgrid-webhook").expect("a key");
    let der = STANDARD.decode(public).expect("base64");
    let key = VerifyingKey::from_public_key_der(&der).expect("a public key");
    let receiver = std::sync::Arc::new(Receiver { key, events: Mutex::default() });
    let server =
        Server::start(std::sync::Arc::clone(&receiver), Faults::default(), Clock::default());
    let server = server.await.expect("a free port");
    let url = format!("http://127.0.0.1:{}/hooks", server.port());
    let report = sendgrid.send_webhooks(&url, &DeliveryPlan::default()).await;
    assert_eq!(report.acknowledged.len(), sendgrid.deliveries().len());
    let ids: Vec<String> = {
        let events = receiver.events.lock().expect("no panic before");
        events
            .iter()
            .map(|event| event["sg_event_id"].as_str().expect("an id").to_owned())
            .collect()
    };
    let truth: Vec<String> = sendgrid.truth().events.into_keys().collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(distinct, truth.iter().collect());

    sendgrid.send_and_click("jo@mail.example");
    let plan = DeliveryPlan {
        secret: Some(sendgrid.other_private_key().to_owned()),
        pause: Duration::ZERO,
        ..DeliveryPlan::default()
    };
    let report = sendgrid.send_webhooks(&url, &plan).await;
    assert_eq!(report.refused[0].1, Some(401));
    assert_ne!(public_key(sendgrid.other_private_key()), *public);
}

/// 139 mails, and nobody clicked.
#[tokio::test]
async fn the_pizza_household_is_in_the_history() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    assert!(sendgrid.truth().events.is_empty());
    sendgrid.push_history();
    let company = simulator.company();
    let household = company.pizza.household.expect("a household");
    let mailbox = &company.households[household].mailbox;
    let truth = sendgrid.truth();
    let count = |kind: &str, machine: Option<bool>| {
        let of = |event: &&super::EventTruth| event.email == *mailbox && event.kind == kind;
        truth.events.values().filter(of).filter(|event| event.machine == machine).count()
    };
    assert!(count("delivered", None) >= 139);
    assert_eq!((count("open", Some(true)), count("open", Some(false))), (139, 0));
    assert_eq!(count("click", None), 0);
}

#[tokio::test]
async fn coming_back_takes_off_the_list() {
    let simulator = simulator().await;
    let sendgrid = simulator.sendgrid();
    sendgrid.leave_group("Jo@mail.example", 10);
    assert!(sendgrid.truth().groups.contains_key(&("jo@mail.example".to_owned(), 10)));
    sendgrid.come_back("jo@mail.example", 10);
    assert!(!sendgrid.truth().groups.contains_key(&("jo@mail.example".to_owned(), 10)));
    sendgrid.add_late(ListName::Blocks, "jo@mail.example", Duration::from_mins(5));
    assert!(sendgrid.remove(ListName::Blocks, "JO@mail.example"));
    assert!(!sendgrid.remove(ListName::Blocks, "jo@mail.example"));
    assert!(sendgrid.truth().removed[&ListName::Blocks].contains_key("jo@mail.example"));
}

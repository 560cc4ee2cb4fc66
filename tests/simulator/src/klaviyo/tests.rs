//! The email platform, asked over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::lists::{Clause, clauses};
use super::*;
use crate::{Fault, Simulator};

async fn simulator() -> Simulator {
    let settings = Settings {
        people: 40,
        until: Some(Timestamp::now() - SignedDuration::from_mins(5)),
        ..Settings::default()
    };
    Simulator::start(settings).await.expect("a free port")
}

async fn ask(klaviyo: &Klaviyo, path: &str, query: &[(&str, &str)]) -> (u16, Value) {
    let url = if path.starts_with("http") {
        path.to_owned()
    } else {
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("{}{path}?{query}", klaviyo.base_url())
    };
    let request = reqwest::Client::new().get(url).header("revision", "2026-07-15");
    let request = request.header("authorization", format!("Klaviyo-API-Key {}", klaviyo.api_key()));
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// Every record of a collection, page by page along the links.
async fn walk(klaviyo: &Klaviyo, path: &str, query: &[(&str, &str)]) -> Vec<Value> {
    let mut records = Vec::new();
    let mut next = path.to_owned();
    loop {
        let (status, page) = ask(klaviyo, &next, query).await;
        assert_eq!(status, 200, "{page}");
        records.extend(page["data"].as_array().expect("records").clone());
        match page["links"]["next"].as_str() {
            Some(link) => link.clone_into(&mut next),
            None => return records,
        }
    }
}

fn ids(records: &[Value]) -> BTreeSet<String> {
    records.iter().filter_map(|record| record["id"].as_str().map(str::to_owned)).collect()
}

const PROFILES: &[(&str, &str)] = &[("sort", "updated"), ("page[size]", "7")];

#[tokio::test]
async fn the_same_seed_gives_the_same_account() {
    let until = Some(Timestamp::from_second(1_780_000_000).expect("in range"));
    let settings = |seed| Settings { seed, until, people: 20, ..Settings::default() };
    let truth = |simulator: &Simulator| format!("{:?}", simulator.klaviyo().truth());
    let first = Simulator::start(settings(3)).await.expect("a free port");
    let second = Simulator::start(settings(3)).await.expect("a free port");
    let third = Simulator::start(settings(4)).await.expect("a free port");
    assert_eq!(truth(&first), truth(&second));
    assert_ne!(truth(&first), truth(&third));
}

#[tokio::test]
async fn the_pizza_household_gets_139_mails_and_clicks_none() {
    let simulator = simulator().await;
    let truth = simulator.klaviyo().truth();
    let pizza = truth.pizza.as_ref().expect("a household");
    let its = truth.events.values().filter(|event| event.profile == *pizza);
    let of = |name: &str| its.clone().filter(|event| event.metric.name == name).count();
    assert_eq!((of("Received Email"), of("Clicked Email")), (139, 0));
}

#[tokio::test]
async fn pages_show_every_record_once() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    let truth = klaviyo.truth();
    let profiles = walk(klaviyo, "/api/profiles", PROFILES).await;
    assert_eq!(profiles.len(), truth.profiles.len());
    assert_eq!(ids(&profiles), truth.profiles.keys().cloned().collect());
    let updated = |record: &Value| record["attributes"]["updated"].as_str().map(str::to_owned);
    let times = profiles
        .iter()
        .map(|it| updated(it).expect("a time").parse::<Timestamp>().expect("a time"));
    assert!(times.is_sorted());
    let events = walk(klaviyo, "/api/events", &[("sort", "datetime"), ("page[size]", "100")]).await;
    assert_eq!(events.len(), truth.events.len());
    klaviyo.set_largest_page(3);
    assert_eq!(ids(&walk(klaviyo, "/api/metrics", &[]).await).len(), METRICS.len());
}

#[tokio::test]
async fn campaigns_need_a_channel_and_hide_the_archived() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    assert_eq!(ask(klaviyo, "/api/campaigns", &[]).await.0, 400);
    let mut seen = BTreeSet::new();
    for channel in ["email", "sms", "mobile_push"] {
        for archived in ["false", "true"] {
            let filter =
                format!("and(equals(messages.channel,'{channel}'),equals(archived,{archived}))");
            let campaigns = walk(klaviyo, "/api/campaigns", &[("filter", &filter)]).await;
            for id in ids(&campaigns) {
                assert!(seen.insert(id), "twice");
            }
        }
    }
    assert_eq!(seen, klaviyo.truth().campaigns.keys().cloned().collect());
    let filter = [("filter", "equals(messages.channel,'email')")];
    let plain = walk(klaviyo, "/api/campaigns", &filter).await;
    assert!(plain.iter().all(|campaign| campaign["attributes"]["archived"] == json!(false)));
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let close = format!("greater-than(updated,{now})");
    for (path, query) in [
        ("/api/profiles", ("filter", "greater-or-equal(updated,2026-01-01T00:00:00Z)")),
        ("/api/profiles", ("filter", "nonsense")),
        ("/api/profiles", ("filter", close.as_str())),
        ("/api/profiles", ("page[size]", "101")),
        ("/api/profiles", ("page[cursor]", "bm9uc2Vuc2U")),
        ("/api/lists", ("page[size]", "11")),
        ("/api/metrics", ("page[size]", "10")),
        ("/api/events", ("page[size]", "1001")),
    ] {
        let (status, body) = ask(klaviyo, path, &[query, ("sort", "datetime")]).await;
        assert_eq!(status, 400, "{path} {query:?}");
        assert_eq!(body["errors"][0]["status"], 400);
    }
    assert_eq!(ask(klaviyo, "/api/nothing", &[]).await.0, 404);
    let url = format!("{}/api/lists", klaviyo.base_url());
    let request = || reqwest::Client::new().get(&url);
    let anonymous = request().header("revision", "2026-07-15").send().await.expect("an answer");
    assert_eq!(anonymous.status(), 401);
    let key = format!("Klaviyo-API-Key {}", klaviyo.api_key());
    let unversioned = request().header("authorization", key).send().await.expect("an answer");
    assert_eq!(unversioned.status(), 400);
}

#[tokio::test]
async fn cursors_expire_and_belong_to_their_question() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    let (_, page) = ask(klaviyo, "/api/profiles", PROFILES).await;
    let next = page["links"]["next"].as_str().expect("a link").to_owned();
    assert_eq!(ask(klaviyo, &next, &[]).await.0, 200);
    let foreign = next.replace("sort=updated", "sort=id");
    assert_eq!(ask(klaviyo, &foreign, &[]).await.0, 400);
    klaviyo.faults().inject(Fault::ExpiredCursor, 1);
    assert_eq!(ask(klaviyo, &next, &[]).await.0, 400);
    klaviyo.expire_cursors();
    assert_eq!(ask(klaviyo, &next, &[]).await.0, 400);
}

#[tokio::test]
async fn two_windows_limit_each_endpoint() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    klaviyo.set_rate_limit(Some((1_000, 2)));
    // Not across the end of a minute.
    while simulator.clock().now().as_second() % 60 > 50 {
        simulator.clock().advance(Duration::from_secs(15));
    }
    assert_eq!(ask(klaviyo, "/api/lists", &[]).await.0, 200);
    assert_eq!(ask(klaviyo, "/api/lists", &[]).await.0, 200);
    assert_eq!(ask(klaviyo, "/api/lists", &[]).await.0, 429);
    assert_eq!(ask(klaviyo, "/api/segments", &[]).await.0, 200);
    simulator.clock().advance(Duration::from_mins(1));
    assert_eq!(ask(klaviyo, "/api/lists", &[]).await.0, 200);
}

#[tokio::test]
async fn tokens_are_refreshed_by_a_form_with_basic() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    let OAuthCredentials { client_id, client_secret, refresh_token, token_url } = klaviyo.oauth();
    let refresh = |token: String, secret: String| {
        reqwest::Client::new()
            .post(&token_url)
            .basic_auth(&client_id, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("grant_type=refresh_token&refresh_token={token}"))
            .send()
    };
    let wrong = refresh(refresh_token.clone(), "wrong".to_owned()).await.expect("an answer");
    assert_eq!(wrong.status(), 401);
    let good = refresh(refresh_token.clone(), client_secret.clone()).await.expect("an answer");
    assert_eq!(good.status(), 200);
    let spent = refresh(refresh_token, client_secret).await.expect("an answer");
    assert_eq!(spent.status(), 400);
    assert_eq!(klaviyo.refreshes(), 1);
}

#[tokio::test]
async fn what_is_gone_is_shown_no_more() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    let id = klaviyo.truth().profiles.keys().next().expect("a profile").clone();
    let filter = format!("any(id,[\"{id}\"])");
    let query = [("filter", filter.as_str()), ("fields[profile]", "updated")];
    assert_eq!(walk(klaviyo, "/api/profiles", &query).await.len(), 1);
    klaviyo.delete_profile(&id);
    assert!(walk(klaviyo, "/api/profiles", &query).await.is_empty());
    assert!(klaviyo.truth().profiles[&id].deleted);
}

#[test]
fn filters_are_read_clause_by_clause() {
    let clause = |operator, field, value| Clause { operator, field, value };
    let of = |filter| clauses(filter).expect("well formed");
    assert_eq!(of("any(id,[\"a\",\"b\"])"), [clause("any", "id", "[\"a\",\"b\"]")]);
    let two = [clause("equals", "a", "1"), clause("less-than", "b", "2")];
    assert_eq!(of("and(equals(a,1),less-than(b,2))"), two);
    assert_eq!(of("equals(a,1),less-than(b,2)"), two);
    assert_eq!(clauses("equals(a"), None);
}

#[tokio::test]
async fn deliveries_hold_what_the_api_shows_and_are_signed() {
    let simulator = simulator().await;
    let klaviyo = simulator.klaviyo();
    assert!(klaviyo.deliveries().is_empty());
    klaviyo.live(40);
    let events = klaviyo.truth().events;
    let deliveries = klaviyo.deliveries();
    assert!(deliveries.len() > 2);
    for delivery in &deliveries {
        let body: Value = serde_json::from_slice(&delivery.body).expect("JSON");
        for item in body["data"].as_array().expect("events") {
            let id = item["payload"]["data"]["id"].as_str().expect("an id");
            assert_eq!(item["topic"].as_str(), events[id].metric.topic);
        }
        let headers =
            delivery.signed("secret", Timestamp::from_second(1_704_391_525).expect("in range"));
        let of = |name| headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str());
        assert_eq!(of("klaviyo-timestamp"), Some("Thu, 04 Jan 2024 18:05:25 GMT"));
        assert_eq!(of("klaviyo-webhook-id"), body["meta"]["klaviyo_webhook_id"].as_str());
    }
}

/// RFC 4231, test case 2, with the data split between the body and the time.
#[test]
fn the_signature_is_hmac_over_body_and_time() {
    assert_eq!(
        signature("Jefe", "for nothing?", b"what do ya want "),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn events_weigh_about_a_kilobyte() {
    let sizes: Vec<usize> = bulk_events(7, 100).map(|event| event.len()).collect();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    assert!((700..1_500).contains(&mean), "{mean}");
}

//! The face keeps to what the vendor documents.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Square, signature};
use crate::{DeliveryPlan, Fault, Settings, Simulator};

async fn simulator() -> Simulator {
    let until = "2026-05-28T20:26:40Z".parse().expect("an instant");
    let settings = Settings { people: 60, until: Some(until), ..Settings::default() };
    Simulator::start(settings).await.expect("a free port")
}

async fn answer(square: &Square, path: &str, body: Option<&Value>) -> (u16, Value) {
    let client = reqwest::Client::new();
    let url = format!("{}{path}", square.base_url());
    let call = match body {
        Some(body) => client.post(url).body(body.to_string()),
        None => client.get(url),
    };
    let call = call.bearer_auth(square.access_token()).header("square-version", "2025-08-20");
    let response = call.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or_default())
}

/// Every record of a search, page by page.
async fn walk(square: &Square, path: &str, name: &str, question: &Value) -> Vec<Value> {
    let (mut rows, mut body) = (Vec::new(), question.clone());
    loop {
        let (status, page) = answer(square, path, Some(&body)).await;
        assert_eq!(status, 200, "{page}");
        rows.extend(page[name].as_array().cloned().unwrap_or_default());
        match page.get("cursor") {
            Some(cursor) => body["cursor"] = cursor.clone(),
            None => return rows,
        }
    }
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row["id"].as_str().map(str::to_owned)).collect()
}

fn orders_of(locations: &[&str]) -> Value {
    json!({
        "location_ids": locations,
        "query": {
            "filter": { "date_time_filter": { "updated_at": { "start_at": "2009-01-01T00:00:00Z" } } },
            "sort": { "sort_field": "UPDATED_AT", "sort_order": "ASC" },
        },
    })
}

#[tokio::test]
async fn paging_shows_every_order_of_ten_locations_once() {
    let simulator = simulator().await;
    let square = simulator.square();
    square.set_page_size(7);
    let truth = square.truth();
    let locations: Vec<&str> =
        truth.locations.iter().map(|location| location.id.as_str()).collect();
    assert!(locations.len() > 10);
    let (too_many, _) = answer(square, "/v2/orders/search", Some(&orders_of(&locations))).await;
    assert_eq!(too_many, 400);
    let mut all = Vec::new();
    for some in locations.chunks(10) {
        let rows = walk(square, "/v2/orders/search", "orders", &orders_of(some)).await;
        assert!(rows.is_sorted_by_key(|row| {
            row["updated_at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok())
        }));
        all.extend(rows);
    }
    assert_eq!(all.len(), truth.orders.len());
    assert_eq!(ids(&all), truth.orders.keys().cloned().collect());
}

#[tokio::test]
async fn a_cursor_is_good_for_the_same_question_only() {
    let simulator = simulator().await;
    let square = simulator.square();
    square.set_page_size(3);
    let question = json!({ "query": { "sort": { "field": "CREATED_AT", "order": "ASC" } } });
    let (_, page) = answer(square, "/v2/customers/search", Some(&question)).await;
    let mut next = question.clone();
    next["cursor"] = page["cursor"].clone();
    assert_eq!(answer(square, "/v2/customers/search", Some(&next)).await.0, 200);
    let mut other = next.clone();
    other["limit"] = json!(50);
    assert_eq!(answer(square, "/v2/customers/search", Some(&other)).await.0, 400);
    square.expire_cursors();
    assert_eq!(answer(square, "/v2/customers/search", Some(&next)).await.0, 400);
}

#[tokio::test]
async fn searches_show_listed_customers_and_bulk_retrieval_the_others_too() {
    let simulator = simulator().await;
    let square = simulator.square();
    let truth = square.truth();
    let listed =
        truth.customers.iter().filter(|(_, record)| record.listed).map(|(id, _)| id.clone());
    let rows = walk(square, "/v2/customers/search", "customers", &json!({})).await;
    assert_eq!(ids(&rows), listed.collect());
    let hidden = truth.customers.iter().find(|(_, record)| !record.listed).expect("one").0;
    let asked = json!({ "customer_ids": [hidden, "NOBODY"] });
    let (_, found) = answer(square, "/v2/customers/bulk-retrieve", Some(&asked)).await;
    assert_eq!(found["responses"][hidden]["customer"]["id"], json!(hidden));
    assert_eq!(found["responses"]["NOBODY"]["errors"][0]["code"], "NOT_FOUND");
}

#[tokio::test]
async fn payments_are_those_of_one_location_and_of_one_year_unless_told_otherwise() {
    let simulator = simulator().await;
    let square = simulator.square();
    let truth = square.truth();
    let (_, page) = answer(square, "/v2/payments?begin_time=2009-01-01T00:00:00Z", None).await;
    let main = &truth.locations[0].id;
    let rows = page["payments"].as_array().expect("payments").clone();
    assert!(rows.iter().all(|row| row["location_id"] == main.as_str()));
    assert!(rows.is_sorted_by(|a, b| a["created_at"].as_str() >= b["created_at"].as_str()));
    let (_, page) = answer(square, "/v2/refunds?begin_time=2009-01-01T00:00:00Z", None).await;
    let refunds = page["refunds"].as_array().expect("refunds").clone();
    assert_eq!(ids(&refunds), truth.refunds.keys().cloned().collect());
}

#[tokio::test]
async fn an_empty_result_leaves_the_list_out() {
    let simulator = simulator().await;
    let square = simulator.square();
    let never =
        json!({ "query": { "filter": { "updated_at": { "end_at": "2009-01-01T00:00:00Z" } } } });
    let (status, page) = answer(square, "/v2/customers/search", Some(&never)).await;
    assert_eq!((status, page), (200, json!({})));
}

#[tokio::test]
async fn wrong_requests_are_refused() {
    let simulator = simulator().await;
    let square = simulator.square();
    let main = square.truth().locations[0].id.clone();
    let mut unsorted = orders_of(&[&main]);
    unsorted["query"]["sort"]["sort_field"] = json!("CREATED_AT");
    for (path, body) in [
        ("/v2/orders/search", unsorted),
        ("/v2/orders/search", orders_of(&[])),
        ("/v2/orders/search", orders_of(&["NOWHERE"])),
        ("/v2/customers/search", json!({ "limit": 101 })),
        ("/v2/loyalty/events/search", json!({ "limit": 31 })),
        ("/v2/loyalty/accounts/search", json!({ "limit": 201 })),
        ("/v2/customers/bulk-retrieve", json!({ "customer_ids": [] })),
    ] {
        assert_eq!(answer(square, path, Some(&body)).await.0, 400, "{path} {body}");
    }
    let url = format!("{}/v2/locations", square.base_url());
    let unversioned = reqwest::Client::new().get(&url).bearer_auth(square.access_token());
    assert_eq!(unversioned.send().await.expect("an answer").status(), 400);
    assert_eq!(reqwest::get(&url).await.expect("an answer").status(), 401);
    square.withhold_scope("LOYALTY_READ");
    let (status, page) = answer(square, "/v2/loyalty/accounts/search", Some(&json!({}))).await;
    assert_eq!((status, &page["errors"][0]["code"]), (403, &json!("INSUFFICIENT_SCOPES")));
}

#[tokio::test]
async fn the_pizza_household_orders_three_times() {
    let simulator = simulator().await;
    let (square, pizza) = (simulator.square(), &simulator.company().pizza);
    let household = &simulator.company().households[pizza.household.expect("a household")];
    let totals: Vec<u64> = pizza.orders.iter().map(|order| order.total).collect();
    let truth = square.truth();
    let sold = truth.orders.values().filter(|order| {
        let total = order.json["total_money"]["amount"].as_u64().unwrap_or(0);
        totals.contains(&total)
            && pizza.orders.iter().any(|one| one.at.as_second() == order.created_at.as_second())
    });
    assert_eq!((household.members.is_empty(), sold.count()), (false, 3));
}

#[tokio::test]
async fn the_world_has_every_kind_of_record_and_is_the_same_again() {
    let [one, two] = [simulator().await, simulator().await];
    let (truth, again) = (one.square().truth(), two.square().truth());
    assert_eq!((&truth.customers, &truth.orders), (&again.customers, &again.orders));
    for count in
        [truth.payments.len(), truth.refunds.len(), truth.accounts.len(), truth.events.len()]
    {
        assert!(count > 0);
    }
    let hours =
        |order: &super::Record| order.updated_at.duration_since(order.created_at).as_hours();
    assert!(truth.orders.values().any(|order| hours(order) >= 1), "no order was taken offline");
    let states: BTreeSet<&str> =
        truth.orders.values().filter_map(|order| order.json["state"].as_str()).collect();
    assert!(states.is_superset(&BTreeSet::from(["OPEN", "COMPLETED", "CANCELED"])), "{states:?}");
}

#[tokio::test]
async fn changes_are_delivered_and_signed_for_the_registered_address() {
    let simulator = simulator().await;
    let square = simulator.square();
    assert!(square.deliveries().is_empty());
    square.live(60);
    let deliveries = square.deliveries();
    assert!(deliveries.len() > 60);
    let headers = deliveries[0].headers("key", "https://a.example/hook");
    let signed = signature("key", "https://a.example/hook", &deliveries[0].body);
    assert!(headers.contains(&("x-square-hmacsha256-signature", signed)));
    assert_ne!(headers, deliveries[0].headers("key", "https://a.example/hook/"));
    // Nobody listens there: each is tried, none is acknowledged.
    let report = square.send_webhooks("http://127.0.0.1:9/", &DeliveryPlan::default()).await;
    assert!(report.acknowledged.is_empty() && report.sent.len() == deliveries.len());
}

#[tokio::test]
async fn page_faults_fire() {
    let simulator = simulator().await;
    let square = simulator.square();
    square.faults().inject(Fault::BadRecord, 1);
    square.faults().inject(Fault::ExtraField, 1);
    let (_, page) = answer(square, "/v2/customers/search", Some(&json!({}))).await;
    let rows = page["customers"].as_array().expect("customers");
    assert!(rows.iter().any(|row| row["id"].is_null()) && rows[0].get("vibe_score").is_some());
    square.faults().inject(Fault::EmptyPageWithNext, 1);
    let (_, page) = answer(square, "/v2/customers/search", Some(&json!({}))).await;
    assert!(page.get("customers").is_none());
    let (_, all) =
        answer(square, "/v2/customers/search", Some(&json!({ "cursor": page["cursor"] }))).await;
    assert_eq!(all["customers"].as_array().map(Vec::len), Some(rows.len() - 1));
}

/// The vendor's own example, from the tests of its Node.js library.
#[test]
fn a_signature_agrees_with_the_vendor() {
    let body = r#"{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification","event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f","created_at":"2022-07-13T20:30:59.037339943Z","data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}"#;
    let url = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9";
    let expected = "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=";
    assert_eq!(signature("Ibxx_5AKakO-3qeNVR61Dw", url, body.as_bytes()), expected);
}

//! The function that answers who somebody is, behind its API.

use std::time::Duration;

use e2e::lambda_runtime::{Function, http_v2_event, schedule_event};
use e2e::process::cloud::Cloud;
use e2e::process::terminate;
use e2e::stand::settled;
use serde_json::{Value, json};

use super::{MINUTE, answered, refuses_nonsense};

const BEHIND_AN_AUTHORISER: [(&str, &str); 1] = [("TRIBUTARY_AUTH", "iam")];

async fn ask(function: &Function, method: &str, path: &str, body: Option<Value>) -> (u64, Value) {
    let body = body.map_or_else(String::new, |body| body.to_string());
    let headers = [("content-type", "application/json")];
    let event = http_v2_event(method, path, &headers, body.as_bytes());
    let answer = answered(function, &event, MINUTE).await;
    let text = answer["body"].as_str().expect("a body");
    let status = answer["statusCode"].as_u64().expect("a status");
    (status, serde_json::from_str(text).unwrap_or_else(|_| panic!("{status}: {text}")))
}

async fn look_up(function: &Function, email: &str) -> Value {
    let by = json!({"email": email});
    let (status, answer) = ask(function, "POST", "/customers/lookup", Some(by)).await;
    assert_eq!(status, 200, "{answer}");
    answer["people"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_lives_through_everything() {
    let cloud = Cloud::start(simulator::Settings { people: 12, ..settled() }).await;
    let one = cloud.desk().create_user("Ann Archer", Some("ann@lookup.example"), None);
    let other = cloud.desk().create_user("Bea Baker", Some("bea@lookup.example"), None);
    cloud.settle();
    answered(&cloud.spawn("helpdesk-sync", &[]), &schedule_event(), MINUTE).await;

    let customers = cloud.spawn("customers", &BEHIND_AN_AUTHORISER);
    let ann = look_up(&customers, "ann@lookup.example").await;
    let path = format!("/customers/{}", ann["person_id"].as_str().expect("an id"));
    for path in [path.clone(), format!("{path}/timeline"), format!("{path}/records")] {
        let (status, answer) = ask(&customers, "GET", &path, None).await;
        assert_eq!(status, 200, "{answer}");
    }
    let records = [one, other].map(|id| format!("zendesk/helpdesk-eu/user/{id}"));
    let ruling = json!({"record_keys": records, "author": "steward", "reason": "one person"});
    let (status, ruled) = ask(&customers, "POST", "/customers/link", Some(ruling)).await;
    assert_eq!(status, 200, "{ruled}");
    let bea = look_up(&customers, "bea@lookup.example").await;
    assert_eq!(bea["record_keys"].as_array().map(Vec::len), Some(2), "{bea}");

    refuses_nonsense(&customers).await;
    let event = http_v2_event("GET", "/openapi.json", &[], b"");
    let answer = answered(&customers, &event, Duration::from_secs(3)).await;
    assert_eq!(answer["statusCode"], 200);
    terminate(customers.id()).await;
    customers.exited().await;
    let customers = cloud.spawn("customers", &BEHIND_AN_AUTHORISER);
    assert_eq!(look_up(&customers, "ann@lookup.example").await["person_id"], bea["person_id"]);
}

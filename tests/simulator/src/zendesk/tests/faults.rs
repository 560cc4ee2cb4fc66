//! The helpdesk misbehaving on request.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{get, ids, page, simulator, walk};
use crate::zendesk::BadRecord;
use crate::{AuthKind, Fault, Injection, RetryAfter};

#[tokio::test]
async fn faults_that_replace_an_answer_fire() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let storm = |retry_after| Fault::Storm429 { retry_after };
    let date = RetryAfter::Date(Timestamp::from_second(1_780_000_000).expect("in range"));
    for (fault, status) in [
        (Fault::Status(520), 520),
        (storm(Some(RetryAfter::Seconds(9))), 429),
        (storm(Some(date)), 429),
        (Fault::Unauthorized, 401),
        (Fault::Forbidden, 403),
        (Fault::Html200, 200),
        (Fault::ErrorEnvelope200, 200),
    ] {
        let injected = zendesk.faults().inject_on("/users/me", fault.clone(), 1);
        let answer = get(zendesk, "/users/me").await;
        assert_eq!(answer.status(), status, "{fault:?}");
        assert_eq!(injected.fired(), 1, "{fault:?}");
        if fault == storm(Some(date)) {
            assert_eq!(answer.headers()["retry-after"], "Thu, 28 May 2026 20:26:40 GMT");
        }
    }
    assert_eq!(zendesk.faults().fired(&storm(None)), 2);
    zendesk.faults().inject(Fault::RedirectElsewhere, 1);
    get(zendesk, "/users/me").await;
    let elsewhere = simulator.elsewhere();
    assert_eq!(elsewhere.len(), 1);
    assert_eq!(elsewhere[0].auth, AuthKind::None, "reqwest keeps credentials to their host");
}

#[tokio::test]
async fn faults_of_delivery_fire() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    let target = "/incremental/users/cursor.json?start_time=0";
    zendesk.faults().inject(Fault::TruncatedPage, 1);
    let text = get(zendesk, target).await.text().await.expect("a whole body");
    assert!(serde_json::from_str::<Value>(&text).is_err());
    zendesk.faults().inject(Fault::WrongContentLength, 1);
    let answer = get(zendesk, target).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.is_err());
    zendesk.faults().inject(Fault::ConnectionReset, 1);
    let user = format!("{}/token", zendesk.email());
    let request = reqwest::Client::new().get(format!("{}/api/v2{target}", zendesk.base_url()));
    assert!(request.basic_auth(user, Some(zendesk.api_token())).send().await.is_err());
    assert_eq!(zendesk.requests().last().expect("a request").status, None);
    zendesk.faults().inject(Fault::SlowBody(Duration::from_millis(200)), 1);
    let begin = std::time::Instant::now();
    page(zendesk, target).await;
    assert!(begin.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn faults_of_paging_fire() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    zendesk.set_page_size(5);
    let faults = zendesk.faults();
    let whole = ids(&walk(zendesk, "tickets").await);
    let bad = faults.schedule(Injection::new(Fault::BadRecord).after(1));
    faults.inject(Fault::ExtraField, 1);
    let empty = faults.inject(Fault::EmptyPageWithNext, 2);
    let changed = faults.schedule(Injection::new(Fault::InsertWhilePaging).after(3));
    let rows = walk(zendesk, "tickets").await;
    assert_eq!((bad.fired(), empty.fired(), changed.fired()), (1, 2, 1));
    assert!(rows.iter().any(|row| row["id"].is_null()));
    assert!(rows.iter().any(|row| row.get("vibe_score").is_some()));
    assert!(whole.difference(&ids(&rows)).count() <= 3);
    let first = page(zendesk, "/incremental/tickets/cursor?start_time=0").await;
    let next = first["after_url"].as_str().expect("a link");
    faults.inject(Fault::StuckCursor, 1);
    let stuck = page(zendesk, next).await;
    assert_eq!(stuck["after_cursor"], first["after_cursor"]);
    assert_eq!(stuck["end_of_stream"], json!(false));
    faults.inject(Fault::ExpiredCursor, 1);
    assert_eq!(get(zendesk, next).await.status(), 400);
    assert_eq!(faults.queued(), 0);
}

#[tokio::test]
async fn bad_records_stand_in_the_export() {
    let simulator = simulator().await;
    let zendesk = simulator.zendesk();
    for kind in BadRecord::ALL {
        zendesk.add_bad_record(kind);
    }
    simulator.clock().advance(Duration::from_secs(61));
    let truth = zendesk.truth();
    assert_eq!((truth.bad_count("tickets"), truth.bad_count("users")), (9, 2));
    let answer = get(zendesk, "/incremental/tickets/cursor?start_time=0").await;
    let text = answer.text().await.expect("a body");
    assert!(text.contains(r"\ud800") && text.contains(r"\u0000") && text.contains("simmering"));
    assert!(text.len() > 500_000);
}

//! The proxy between the real SDK clients and a stub that applies whatever reaches it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, PutRequest, TransactWriteItem, WriteRequest,
};
use aws_sdk_s3::Client as S3;
use axum::extract::State;
use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::sdk_config;

/// What reached the store: the proxy's view of it, and the `Host` it came with.
type Applied = Arc<Mutex<Vec<(Seen, String)>>>;

struct Scene {
    proxy: FaultProxy,
    applied: Applied,
}

impl Scene {
    async fn new() -> Self {
        let applied = Applied::default();
        let app = axum::Router::new().fallback(apply).with_state(Arc::clone(&applied));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { proxy: FaultProxy::start(&url).await, applied }
    }

    async fn dynamodb(&self, attempts: u32) -> DynamoDb {
        DynamoDb::new(&sdk_config(self.proxy.url(), attempts).await)
    }

    async fn s3(&self, attempts: u32) -> S3 {
        S3::new(&sdk_config(self.proxy.url(), attempts).await)
    }

    fn applied(&self) -> Vec<String> {
        let applied = self.applied.lock().expect("unpoisoned");
        applied.iter().map(|(seen, _)| seen.name()).collect()
    }
}

async fn apply(State(applied): State<Applied>, request: axum::extract::Request) -> Reply {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let request = Request::from_parts(parts, body);
    let seen = Seen::of(&request);
    let host = request.headers()["host"].to_str().expect("text").to_owned();
    let answer = match seen.target.as_deref() {
        Some("BatchGetItem") => {
            let asked: Value = serde_json::from_slice(&seen.body).expect("JSON");
            json!({"Responses": {"people": asked["RequestItems"]["people"]["Keys"]}})
        }
        _ => json!({}),
    };
    let reply = match seen.target {
        Some(_) => answer::json(StatusCode::OK, &answer),
        None => Response::new(Full::new(Bytes::from_static(b"stored"))),
    };
    applied.lock().expect("unpoisoned").push((seen, host));
    reply
}

fn person(id: usize) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), AttributeValue::S(format!("person-{id}")))])
}

async fn put(client: &DynamoDb) -> Result<(), aws_sdk_dynamodb::Error> {
    let put = client.put_item().table_name("people");
    put.set_item(Some(person(1))).send().await?;
    Ok(())
}

#[tokio::test]
async fn without_faults_the_store_answers_and_sees_the_signed_host() {
    let scene = Scene::new().await;
    let s3 = scene.s3(1).await;
    let object = s3.get_object().bucket("lake").key("landing/dt=2026/a b");
    let body = object.send().await.expect("an object").body;
    assert_eq!(body.collect().await.expect("whole").to_vec(), b"stored");
    put(&scene.dynamodb(1).await).await.expect("put");

    let proxy_host = scene.proxy.url().trim_start_matches("http://").to_owned();
    let applied = scene.applied.lock().expect("unpoisoned").clone();
    assert!(applied.iter().all(|(_, host)| *host == proxy_host));
    let log = scene.proxy.log();
    assert_eq!(log[0].operation, "GET /lake/landing/dt=2026/a b?x-id=GetObject");
    assert_eq!((log[1].operation.as_str(), log[1].status), ("PutItem", Some(200)));
}

#[tokio::test]
async fn throttling_is_typed_and_retried() {
    let scene = Scene::new().await;
    let on = || Operation::dynamodb("PutItem");
    scene.proxy.inject(Injection::new(on(), StoreFault::ProvisionedThroughputExceeded));
    let error = put(&scene.dynamodb(1).await).await.expect_err("throttled");
    assert!(
        matches!(error, aws_sdk_dynamodb::Error::ProvisionedThroughputExceededException(_)),
        "{error:?}"
    );

    scene.proxy.inject(Injection::new(on(), StoreFault::Throttling));
    let error = put(&scene.dynamodb(1).await).await.expect_err("throttled");
    assert!(matches!(error, aws_sdk_dynamodb::Error::ThrottlingException(_)), "{error:?}");

    let storm = Injection::new(on(), StoreFault::Throttling).times(2);
    scene.proxy.inject(storm.labelled("storm"));
    put(&scene.dynamodb(3).await).await.expect("third attempt");
    assert_eq!(scene.proxy.fired("storm"), 2);
    assert_eq!(scene.proxy.calls(&on()), 5);
    assert_eq!(scene.applied(), ["PutItem"]);
    scene.proxy.assert_all_fired();
}

#[tokio::test]
async fn server_errors_tell_applied_from_not() {
    let scene = Scene::new().await;
    let client = scene.dynamodb(1).await;
    let on = || Operation::dynamodb("PutItem").containing("person-1");
    let refused = Injection::new(on(), StoreFault::InternalServerError);
    scene.proxy.inject(refused);
    scene.proxy.inject(Injection::new(on(), StoreFault::ApplyThen500));
    for applied in [0, 1] {
        let error = put(&client).await.expect_err("500");
        assert!(matches!(error, aws_sdk_dynamodb::Error::InternalServerError(_)), "{error:?}");
        assert_eq!(scene.applied().len(), applied);
    }
    scene.proxy.assert_all_fired();
}

#[tokio::test]
async fn dropped_connections_are_retried_and_may_have_applied() {
    let scene = Scene::new().await;
    let on = || Operation::dynamodb("PutItem");
    scene.proxy.inject(Injection::new(on(), StoreFault::ConnectionReset));
    put(&scene.dynamodb(2).await).await.expect("second attempt");
    assert_eq!(scene.applied().len(), 1);

    scene.proxy.inject(Injection::new(on(), StoreFault::ApplyThenTimeout));
    put(&scene.dynamodb(2).await).await.expect("second attempt");
    assert_eq!(scene.applied().len(), 3);
    let answers: Vec<_> = scene.proxy.log().iter().map(|call| call.status).collect();
    assert_eq!(answers, [None, Some(200), None, Some(200)]);
    scene.proxy.assert_all_fired();
}

#[tokio::test]
async fn a_delayed_request_is_applied_though_its_client_has_gone() {
    let scene = Scene::new().await;
    let delay = StoreFault::Delay(Duration::from_millis(300));
    scene.proxy.inject(Injection::new(Operation::any(), delay));
    let client = scene.dynamodb(1).await;
    let begun = Instant::now();
    let gone = tokio::time::timeout(Duration::from_millis(100), put(&client)).await;
    gone.expect_err("the client gave up");
    while scene.applied().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "never applied");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_batch_read_is_cut_and_the_rest_comes_back_unprocessed() {
    let scene = Scene::new().await;
    let client = scene.dynamodb(1).await;
    let on = Operation::dynamodb("BatchGetItem");
    let cut = StoreFault::UnprocessedKeys { keep: 2 };
    scene.proxy.inject(Injection::new(on, cut).times(5));

    let mut keys: Vec<_> = (0..5).map(person).collect();
    let mut found = Vec::new();
    while !keys.is_empty() {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build();
        let batch = client.batch_get_item();
        let batch = batch.request_items("people", wanted.expect("keys"));
        let answer = batch.send().await.expect("some of it");
        let mut rows = answer.responses.expect("responses");
        found.append(&mut rows.remove("people").expect("rows"));
        let mut rest = answer.unprocessed_keys.unwrap_or_default();
        keys = rest.remove("people").map_or(Vec::new(), |rest| rest.keys);
    }
    assert_eq!(found, (0..5).map(person).collect::<Vec<_>>());
    // The last batch held one key: too small to cut, so not counted.
    assert_eq!(scene.proxy.fired("UnprocessedKeys"), 2);
}

#[tokio::test]
async fn a_batch_write_is_cut_and_the_rest_comes_back_unprocessed() {
    let scene = Scene::new().await;
    let client = scene.dynamodb(1).await;
    let on = Operation::dynamodb("BatchWriteItem");
    let cut = StoreFault::UnprocessedItems { keep: 1 };
    scene.proxy.inject(Injection::new(on, cut));
    let writes: Vec<_> = (0..3)
        .map(|id| PutRequest::builder().set_item(Some(person(id))).build())
        .map(|put| WriteRequest::builder().set_put_request(put.ok()).build())
        .collect();
    let batch = client.batch_write_item();
    let batch = batch.request_items("people", writes.clone());
    let answer = batch.send().await.expect("some of it");
    let rest = answer.unprocessed_items.expect("the rest");
    assert_eq!(rest["people"], writes[1..]);
    scene.proxy.assert_all_fired();
}

#[tokio::test]
async fn a_cancelled_transaction_names_a_reason_for_each_item() {
    let scene = Scene::new().await;
    let client = scene.dynamodb(1).await;
    let fault = StoreFault::TransactionCanceled(vec!["TransactionConflict"]);
    let on = Operation::dynamodb("TransactWriteItems");
    scene.proxy.inject(Injection::new(on, fault));
    let write = |id| {
        let put = Put::builder().table_name("people").set_item(Some(person(id)));
        TransactWriteItem::builder().put(put.build().expect("a put")).build()
    };
    let transaction = client.transact_write_items();
    let transaction = transaction.transact_items(write(1)).transact_items(write(2));
    let error = transaction.send().await.expect_err("cancelled");
    let TransactWriteItemsError::TransactionCanceledException(error) = error.into_service_error()
    else {
        panic!("another error")
    };
    let reasons = error.cancellation_reasons();
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code()).collect();
    assert_eq!(codes, [Some("TransactionConflict"), Some("None")]);
    assert!(scene.applied().is_empty());
}

#[tokio::test]
async fn s3_refusals_carry_their_codes() {
    let scene = Scene::new().await;
    let s3 = scene.s3(1).await;
    let faults = [
        (StoreFault::SlowDown, "SlowDown", 503),
        (StoreFault::InternalError, "InternalError", 500),
        (StoreFault::ConditionalRequestConflict, "ConditionalRequestConflict", 409),
        (StoreFault::AccessDenied, "AccessDenied", 403),
    ];
    for (fault, code, status) in faults {
        scene.proxy.inject(Injection::new(Operation::s3(Method::PUT, "landing/dt=2026"), fault));
        let put = s3.put_object().bucket("lake").key("landing/dt=2026/page");
        let error = put.body(Bytes::from_static(b"x").into()).send().await;
        let error = error.expect_err("refused");
        assert_eq!(error.raw_response().expect("a reply").status().as_u16(), status);
        assert_eq!(error.code(), Some(code));
    }
    assert!(scene.applied().is_empty());
    scene.proxy.assert_all_fired();

    let slow = Injection::new(Operation::s3(Method::PUT, "landing/"), StoreFault::SlowDown);
    scene.proxy.inject(slow.times(2));
    let patient = scene.s3(3).await;
    let put = patient.put_object().bucket("lake").key("landing/page");
    let put = put.body(Bytes::from_static(b"x").into());
    put.send().await.expect("third attempt");
    assert_eq!(scene.proxy.fired("SlowDown"), 3);
}

#[tokio::test]
async fn skipped_calls_pass_and_stopped_faults_stay_counted() {
    let scene = Scene::new().await;
    let client = scene.dynamodb(1).await;
    let fault = || Injection::new(Operation::dynamodb("PutItem"), StoreFault::InternalServerError);
    scene.proxy.inject(fault().skip(2).always());
    put(&client).await.expect("skipped");
    put(&client).await.expect("skipped");
    put(&client).await.expect_err("due");
    put(&client).await.expect_err("due");
    scene.proxy.stop_faults();
    put(&client).await.expect("stopped");
    assert_eq!(scene.proxy.fired("InternalServerError"), 2);
}

#[tokio::test]
#[should_panic(expected = "faults that never fired")]
async fn a_fault_that_never_fired_fails_the_test() {
    let scene = Scene::new().await;
    let never = Operation::dynamodb("Query");
    scene.proxy.inject(Injection::new(never, StoreFault::Throttling));
    put(&scene.dynamodb(1).await).await.expect("put");
    scene.proxy.assert_all_fired();
}

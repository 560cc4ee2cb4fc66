//! Who is refused: web pages, foreign host names, foreign keys.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use aws_sdk_s3::presigning::PresigningConfig;
use reqwest::{Client, Method, RequestBuilder};

use super::*;

const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=local/20260901/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";

/// An operation as an SDK sends it.
fn call(stores: &Embedded, operation: &str, body: String) -> RequestBuilder {
    Client::new()
        .post(&stores.endpoints().dynamodb)
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .header("x-amz-date", "20260901T000000Z")
        .header("authorization", SIGNED)
        .header("content-type", "application/x-amz-json-1.0")
        .body(body)
}

fn put_item(stores: &Embedded, key: &str) -> RequestBuilder {
    let body = format!(r#"{{"TableName":"state","Item":{{"pk":{{"S":"{key}"}}}}}}"#);
    call(stores, "PutItem", body)
}

async fn status(request: RequestBuilder) -> u16 {
    let answer = request.send().await.unwrap();
    assert!(!answer.headers().contains_key("access-control-allow-origin"));
    assert_eq!(answer.headers()["cross-origin-resource-policy"], "same-origin");
    assert_eq!(answer.headers()["content-security-policy"], "sandbox");
    answer.status().as_u16()
}

#[tokio::test]
async fn no_page_reaches_the_tables() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    create_table(&stores.dynamodb_client()).await;
    let preflight = Client::new().request(Method::OPTIONS, &stores.endpoints().dynamodb);
    let preflight = preflight
        .header("origin", "https://evil.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "x-amz-target,authorization");
    assert_eq!(status(preflight).await, 403);
    for origin in ["https://evil.example", "null", "http://localhost:3000"] {
        assert_eq!(status(put_item(&stores, "page").header("origin", origin)).await, 403);
    }
    assert_eq!(status(put_item(&stores, "page").header("sec-fetch-site", "same-site")).await, 403);
    // What a form or a `no-cors` fetch can send without a preflight, and what else no SDK sends.
    let url = &stores.endpoints().dynamodb;
    let simple = Client::new().post(url).header("content-type", "text/plain").body("{}");
    assert_eq!(status(simple.try_clone().unwrap().header("origin", "null")).await, 403);
    assert_eq!(status(simple).await, 400);
    assert_eq!(status(Client::new().get(url)).await, 400);
    assert!(!has_item(&stores.dynamodb_client(), "page").await);
    assert_eq!(status(put_item(&stores, "program")).await, 200);
    assert!(has_item(&stores.dynamodb_client(), "program").await);
}

#[tokio::test]
async fn no_page_reaches_the_objects() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let s3 = stores.s3_client();
    put(&s3, "seen", "body").await;
    let lasting = PresigningConfig::expires_in(Duration::from_mins(1)).unwrap();
    let write =
        s3.put_object().bucket(BUCKET).key("page").presigned(lasting.clone()).await.unwrap();
    let read = s3.get_object().bucket(BUCKET).key("seen").presigned(lasting).await.unwrap();
    let write = || Client::new().put(write.uri()).body("body");
    let read = || Client::new().get(read.uri());
    let preflight = Client::new().request(Method::OPTIONS, &stores.endpoints().s3);
    assert_eq!(status(preflight.header("origin", "https://evil.example")).await, 403);
    assert_eq!(status(write().header("origin", "https://evil.example")).await, 403);
    assert_eq!(status(read().header("sec-fetch-site", "cross-site")).await, 403);
    assert_eq!(keys(&s3, "").await, ["seen"]);
    assert_eq!((status(read()).await, status(write()).await), (200, 200));
    assert_eq!(keys(&s3, "").await, ["page", "seen"]);
}

#[tokio::test]
async fn foreign_host_names_are_refused() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    create_table(&stores.dynamodb_client()).await;
    for host in ["evil.example", "127.0.0.1.evil.example:8000", "192.168.0.1:8000", "0.0.0.0:8000"]
    {
        assert_eq!(status(put_item(&stores, "rebound").header("host", host)).await, 403, "{host}");
        let s3 = Client::new().get(&stores.endpoints().s3).header("host", host);
        assert_eq!(status(s3).await, 403, "{host}");
    }
    assert!(!has_item(&stores.dynamodb_client(), "rebound").await);
    for host in ["localhost:8000", "[::1]:8000", "127.0.0.1"] {
        assert_eq!(status(put_item(&stores, "near").header("host", host)).await, 200, "{host}");
    }
}

#[tokio::test]
async fn a_foreign_key_id_is_refused() {
    use aws_sdk_dynamodb::config::Credentials;
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let config = stores.dynamodb_client().config().to_builder();
    let config = config.credentials_provider(Credentials::new("AKIA", "local", None, None, "test"));
    let stranger = aws_sdk_dynamodb::Client::from_conf(config.build());
    let refused = stranger.list_tables().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("UnrecognizedClientException"));
}

#[tokio::test]
async fn errors_arrive_under_their_names() {
    let data = TempDir::new().unwrap();
    let stores = open(data.path()).await;
    let dynamodb = stores.dynamodb_client();
    create_table(&dynamodb).await;
    let item = || dynamodb.put_item().table_name("state").item("pk", text("key"));
    item().send().await.unwrap();
    let taken = item()
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match taken.send().await.unwrap_err().into_service_error() {
        PutItemError::ConditionalCheckFailedException(error) => {
            assert_eq!(error.item().unwrap()["pk"], text("key"));
        }
        other => panic!("{other:?}"),
    }
    let lost = item().table_name("nowhere").send().await.unwrap_err();
    assert_eq!(lost.code(), Some("ResourceNotFoundException"));
    let empty = item().item("tags", AttributeValue::Ss(Vec::new())).send().await.unwrap_err();
    assert_eq!(empty.code(), Some("ValidationException"));
    assert!(empty.message().unwrap().ends_with("may not be empty"), "{empty:?}");
    let short = dynamodb.describe_table().table_name("x").send().await.unwrap_err();
    assert_eq!(short.code(), Some("ValidationException"));
    assert!(short.message().unwrap().starts_with("TableName must be"), "{short:?}");
    let odd = [
        ("PutItem", r#"{"TableName":"#, "SerializationException"),
        ("PutItem", r#"{"Item":{"pk":{"S":1}}}"#, "SerializationException"),
        ("PutItem", r#"{"Item":{"pk":{}}}"#, "ValidationException"),
        ("Nothing", "{}", "UnknownOperationException"),
    ];
    for (operation, body, error) in odd {
        let answer = call(&stores, operation, body.to_owned()).send().await.unwrap();
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(error), "{text}");
    }
}

//! Requests as the SDKs send them, and what IAM would ask for.

use super::*;
use crate::account::store_names;

fn of(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Vec<String> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request");
    let needed = needed(&request, &store_names());
    needed.into_iter().map(|it| format!("{} {}", it.action, it.resource)).collect()
}

fn call(target: &str, body: &str) -> Vec<String> {
    of(Method::POST, "/", &[("x-amz-target", target)], body)
}

#[test]
fn s3_requests_need_actions_on_folders() {
    let plain = |method, path| of(method, path, &[], "");
    assert_eq!(
        plain(Method::GET, "/tributary/tributary.toml?x-id=GetObject"),
        ["s3:GetObject Bucket/tributary.toml"]
    );
    assert_eq!(plain(Method::HEAD, "/tributary/lake/a/b"), ["s3:GetObject Bucket/lake/"]);
    assert_eq!(plain(Method::PUT, "/tributary/raw/source%3Dx/y"), ["s3:PutObject Bucket/raw/"]);
    assert_eq!(plain(Method::DELETE, "/tributary/landing/a"), ["s3:DeleteObject Bucket/landing/"]);
    assert_eq!(
        plain(Method::DELETE, "/tributary/lake/a?uploadId=7"),
        ["s3:AbortMultipartUpload Bucket/lake/"]
    );
    assert_eq!(plain(Method::POST, "/tributary/lake/a?uploads"), ["s3:PutObject Bucket/lake/"]);
    assert_eq!(
        plain(Method::GET, "/tributary?list-type=2&prefix=lake%2Ftickets%2F"),
        ["s3:ListBucket Bucket?prefix=lake/"]
    );
    assert_eq!(plain(Method::GET, "/tributary/?list-type=2"), ["s3:ListBucket Bucket"]);
    assert_eq!(plain(Method::GET, "/another/raw/a"), ["s3:GetObject another/raw/"]);
    assert_eq!(plain(Method::PUT, "/tributary"), ["s3:PUT of a bucket Bucket"]);
}

#[test]
fn what_a_write_reads_is_needed_too() {
    let put = |header| of(Method::PUT, "/tributary/lake/a", &[header], "");
    assert_eq!(put(("if-none-match", "*")), ["s3:PutObject Bucket/lake/"]);
    let read = "s3:GetObject Bucket/lake/";
    assert_eq!(put(("if-match", "\"e\"")), ["s3:PutObject Bucket/lake/", read]);
    let copied = put(("x-amz-copy-source", "/tributary/landing/a"));
    assert_eq!(copied, ["s3:PutObject Bucket/lake/", "s3:GetObject Bucket/landing/"]);
    let body =
        "<Delete><Object><Key>lake/a</Key></Object><Object><Key>raw/b</Key></Object></Delete>";
    assert_eq!(
        of(Method::POST, "/tributary?delete", &[], body),
        ["s3:DeleteObject Bucket/lake/", "s3:DeleteObject Bucket/raw/"]
    );
}

#[test]
fn a_transaction_needs_what_is_in_it() {
    let body = r#"{"TransactItems": [{"Put": {"TableName": "tributary-customers"}},
        {"ConditionCheck": {"TableName": "tributary-state"}}]}"#;
    assert_eq!(
        call("DynamoDB_20120810.TransactWriteItems", body),
        ["dynamodb:PutItem CustomersTable", "dynamodb:ConditionCheckItem StateTable"]
    );
    let body = r#"{"RequestItems": {"other": [], "tributary-state": []}}"#;
    assert_eq!(
        call("DynamoDB_20120810.BatchWriteItem", body),
        ["dynamodb:BatchWriteItem other", "dynamodb:BatchWriteItem StateTable"]
    );
    let body = r#"{"TableName": "tributary-state"}"#;
    assert_eq!(call("DynamoDB_20120810.Query", body), ["dynamodb:Query StateTable"]);
}

#[test]
fn queues_and_secrets_go_by_their_names() {
    let body = r#"{"QueueUrl": "http://127.0.0.1:1/000000000000/deliveries"}"#;
    assert_eq!(call("AmazonSQS.SendMessage", body), ["sqs:SendMessage queue/deliveries"]);
    assert_eq!(
        call("secretsmanager.GetSecretValue", r#"{"SecretId": "a/b"}"#),
        ["secretsmanager:GetSecretValue secret/a/b"]
    );
    assert_eq!(
        call("secretsmanager.CreateSecret", r#"{"Name": "a/b", "SecretString": "x"}"#),
        ["secretsmanager:CreateSecret secret/a/b"]
    );
    assert_eq!(call("Logs_20140328.PutLogEvents", "{}"), ["Logs_20140328:PutLogEvents "]);
}

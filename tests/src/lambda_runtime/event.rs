//! Events as AWS words them: a schedule's tick, messages from a queue, an HTTP request.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ACCOUNT, REGION};
use crate::fake_aws::Message;

/// A tick of `EventBridge` Scheduler for a target without an input of its own.
pub fn schedule_event() -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4(),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": REGION,
        "resources": [format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/sync")],
        "detail": "{}",
    })
}

/// Messages with these bodies, each received for the first time.
pub fn sqs_event<B: Into<String>>(bodies: impl IntoIterator<Item = B>) -> Value {
    let messages: Vec<_> =
        bodies.into_iter().map(|body| Message::first_receipt(body.into())).collect();
    sqs_event_from("queue", &messages)
}

/// Messages received from a [`crate::fake_aws::FakeAws`] queue, as Lambda's poller hands them on.
pub fn sqs_event_from(queue: &str, messages: &[Message]) -> Value {
    let records: Vec<Value> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.id,
                "receiptHandle": message.receipt_handle,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": message.receive_count.to_string(),
                    "SentTimestamp": message.sent_ms.to_string(),
                    "SenderId": ACCOUNT,
                    "ApproximateFirstReceiveTimestamp": message.first_received_ms.to_string(),
                },
                "messageAttributes": message_attributes(&message.attributes),
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"),
                "awsRegion": REGION,
            })
        })
        .collect();
    json!({ "Records": records })
}

/// The queue says `StringValue` where the event says `stringValue`.
fn message_attributes(attributes: &Map<String, Value>) -> Value {
    let attributes = attributes.iter().map(|(name, value)| {
        let event = json!({
            "stringValue": value["StringValue"],
            "binaryValue": value["BinaryValue"],
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": value["DataType"],
        });
        (name.clone(), event)
    });
    Value::Object(attributes.collect())
}

/// A request through API Gateway's `HttpApi`, payload 2.0; the path may carry a query.
pub fn http_v2_event(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Value {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let now = Timestamp::now();
    let id = Uuid::new_v4().to_string();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined(headers.iter().map(|(name, value)| (name.to_lowercase(), *value))),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": "local.execute-api.eu-central-1.amazonaws.com",
            "domainPrefix": "local",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "e2e",
            },
            "requestId": id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": !body.is_empty(),
    });
    if !query.is_empty() {
        let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        event["queryStringParameters"] =
            joined(pairs.map(|(name, value)| (name.to_owned(), value)));
    }
    if !body.is_empty() {
        event["body"] = BASE64_STANDARD.encode(body).into();
    }
    event
}

/// The gateway joins repeated names with commas.
fn joined<'a>(pairs: impl Iterator<Item = (String, &'a str)>) -> Value {
    let mut joined = Map::new();
    for (name, value) in pairs {
        let value = match joined.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before},{value}"),
            None => value.to_owned(),
        };
        joined.insert(name, value.into());
    }
    Value::Object(joined)
}

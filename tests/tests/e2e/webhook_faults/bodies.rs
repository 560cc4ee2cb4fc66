//! Bodies that are too large, too deep, not what they say, or that cannot be stored.

use std::io::Write as _;
use std::time::Duration;

use e2e::fault_proxy::{Injection, Operation, StoreFault};
use http::{Method, StatusCode};
use simulator::DeliveryPlan;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Door;

const MEBIBYTE: usize = 1024 * 1024;
const HUGE: usize = 300 * MEBIBYTE;

/// Opens a connection and sends the head of a request, by hand.
async fn head(door: &Door, length: &str) -> TcpStream {
    let rest = door.url.strip_prefix("http://").expect("plain http");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut connection = TcpStream::connect(host).await.expect("the door");
    let head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\n{length}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("a listener");
    connection
}

async fn status_line(mut connection: impl AsyncReadExt + Unpin) -> String {
    let mut line = [0; 12];
    connection.read_exact(&mut line).await.expect("an answer");
    String::from_utf8_lossy(&line).into_owned()
}

/// RELIABILITY 28: 300 MB are announced, and refused before one of them is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_announced_as_huge_is_refused_before_it_is_sent() {
    let door = Door::open().await;
    let connection = head(&door, &format!("content-length: {HUGE}")).await;
    let answered = tokio::time::timeout(Duration::from_secs(5), status_line(connection)).await;
    assert_eq!(answered.expect("an answer without a body"), "HTTP/1.1 413");
    door.assert_nothing_stored().await;
}

/// RELIABILITY 28: 300 MB without a length are refused once the cap is reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_without_a_length_is_refused_at_the_cap() {
    let door = Door::open().await;
    let connection = head(&door, "transfer-encoding: chunked").await;
    let (reader, mut writer) = connection.into_split();
    let answered = tokio::spawn(status_line(reader));
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
    let mut sent = 0;
    while sent < HUGE && !answered.is_finished() && writer.write_all(&chunk).await.is_ok() {
        sent += 0x10000;
    }
    assert_eq!(answered.await.unwrap(), "HTTP/1.1 413");
    // The cap of one mebibyte, and what the buffers of the two sockets hold.
    assert!(sent < 32 * MEBIBYTE, "{sent} bytes were taken");
    door.assert_nothing_stored().await;
}

fn gzip(bytes: &[u8], times: usize) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..times {
        writer.write_all(bytes).expect("memory takes it");
    }
    writer.finish().expect("memory takes it")
}

/// RELIABILITY 29: bombs in gzip and zstd, and a hundred thousand levels of JSON.
#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_bottomless_json_end_in_quarantine() {
    let door = Door::open().await;
    let (_, delivery) = door.news("bomb@example.org");
    let spaces = vec![b' '; MEBIBYTE];
    let deep = format!("{{\"a\":{}", "[".repeat(100_000)).into_bytes();
    let zstd = zstd::bulk::compress(&spaces.repeat(100), 3).unwrap();
    let cases = [
        (gzip(&spaces, 100), Some("gzip"), "the body is too large when decompressed"),
        (zstd, Some("zstd"), "the body is too large when decompressed"),
        (gzip(&deep, 1), Some("gzip"), "is nested deeper than 64 levels"),
        ("[".repeat(65).into_bytes(), None, "is nested deeper than 64 levels"),
        (b"not gzip".to_vec(), Some("gzip"), "the body is not what it says"),
        (b"not JSON".to_vec(), None, "is not JSON"),
    ];
    for (number, (body, encoding, reason)) in cases.into_iter().enumerate() {
        assert!(body.len() < MEBIBYTE);
        let invocation = format!("invocation-{number}");
        let like = simulator::zendesk::Delivery { invocation_id: invocation, ..delivery.clone() };
        let answer = door.post_signed(body, &like, encoding).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{reason}");
        let landed = door.stand.landed().await;
        assert_eq!(landed.quarantined.len(), number + 1, "{reason}");
        assert!(landed.quarantined.iter().any(|record| record.reason == reason), "{reason}");
        assert!(landed.items.is_empty());
    }
    door.stand.settle();
    door.stand.recover().await;
}

/// Security checklist 7: an encoding that we do not undo is not stored either.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_content_encoding_is_refused() {
    let door = Door::open().await;
    let (_, delivery) = door.news("br@example.org");
    for encoding in ["br", "gzip, gzip"] {
        let body = delivery.body.to_vec();
        let answer = door.post_signed(body, &delivery, Some(encoding)).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{encoding}");
    }
    door.assert_nothing_stored().await;
}

/// A compressed delivery lands like a plain one.
#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_delivery_lands() {
    let door = Door::open().await;
    let (user, delivery) = door.news("packed@example.org");
    let answer = door.post_signed(gzip(&delivery.body, 1), &delivery, Some("gzip")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert!(door.stand.landed().await.person(user).is_some());
    door.stand.settle();
    door.stand.recover().await;
}

/// A trigger's body is no event: it is kept, with a word on what to change.
#[tokio::test(flavor = "multi_thread")]
async fn the_body_of_a_trigger_is_quarantined_with_a_word_on_what_to_do() {
    let door = Door::open().await;
    let ticket = *door.desk().truth().tickets.keys().next().unwrap();
    door.desk().fire_trigger(ticket);
    let report = door.desk().send_webhooks(&door.url, &DeliveryPlan::default()).await;
    assert_eq!(report.acknowledged.len(), 1);
    let landed = door.stand.landed().await;
    assert_eq!(landed.quarantined.len(), 1);
    let reason = &landed.quarantined[0].reason;
    assert!(reason.contains("connect the webhook to Zendesk events instead"), "{reason}");
    door.stand.recover().await;
}

/// RELIABILITY 35, A: S3 refuses; the sender hears 503 and when to come back, comes back, and the delivery lands.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_cannot_be_stored_is_sent_again_and_lands() {
    let door = Door::open().await;
    let refused = || Operation::s3(Method::PUT, "raw/");
    door.stand.s3.inject(Injection::new(refused(), StoreFault::AccessDenied));
    let (user, delivery) = door.news("stored@example.org");
    let answer = super::with(door.http.post(&door.url), &delivery.headers);
    let answer = answer.body(delivery.body.clone()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(after < 60, "the helpdesk gives up at a minute");
    door.assert_nothing_stored().await;
    door.stand.s3.inject(Injection::new(refused(), StoreFault::AccessDenied).times(2));
    let report = door.desk().send_webhooks(&door.url, &DeliveryPlan::default()).await;
    assert_eq!((report.calls, report.acknowledged.len()), (3, 1), "{report:?}");
    assert_eq!(door.stand.s3.fired("AccessDenied"), 3);
    assert!(door.stand.landed().await.person(user).is_some());
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 31, 33, 34: stores that hesitate are not the sender's business.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_survives_hesitating_stores_without_being_sent_again() {
    let door = Door::open().await;
    let put = || Operation::s3(Method::PUT, "tributary/");
    for fault in [StoreFault::SlowDown, StoreFault::ApplyThenTimeout] {
        door.stand.s3.inject(Injection::new(put(), fault).times(2));
    }
    for (operation, fault) in [
        ("PutItem", StoreFault::ApplyThenTimeout),
        ("PutItem", StoreFault::Throttling),
        ("UpdateItem", StoreFault::ApplyThen500),
        ("BatchGetItem", StoreFault::ProvisionedThroughputExceeded),
    ] {
        door.stand.dynamodb.inject(Injection::new(Operation::dynamodb(operation), fault));
    }
    let (user, _) = door.news("hesitant@example.org");
    let report = door.desk().send_webhooks(&door.url, &DeliveryPlan::default()).await;
    assert_eq!((report.calls, report.acknowledged.len()), (1, 1), "{report:?}");
    door.stand.s3.assert_all_fired();
    door.stand.dynamodb.assert_all_fired();
    let landed = door.stand.landed().await;
    assert!(landed.person(user).is_some());
    assert_eq!(landed.repeated(), 0);
    door.stand.settle();
    door.stand.recover().await;
}

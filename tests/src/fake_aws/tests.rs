//! Both services through the real SDK.

use std::time::{Duration, Instant};

use aws_sdk_secretsmanager::Client as SecretsManager;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_sqs::Client as Sqs;
use aws_sdk_sqs::types::{
    DeleteMessageBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
    SendMessageBatchRequestEntry,
};

use super::*;
use crate::sdk_config;

async fn sqs(aws: &FakeAws, attempts: u32) -> Sqs {
    Sqs::new(&sdk_config(aws.url(), attempts).await)
}

async fn secrets(aws: &FakeAws, attempts: u32) -> SecretsManager {
    SecretsManager::new(&sdk_config(aws.url(), attempts).await)
}

async fn receive(client: &Sqs, queue: &Queue, wait_s: i32) -> Vec<aws_sdk_sqs::types::Message> {
    let receive = client.receive_message().queue_url(queue.url());
    let receive = receive.max_number_of_messages(10).wait_time_seconds(wait_s);
    receive.send().await.expect("received").messages.unwrap_or_default()
}

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let created = client.create_queue().queue_name("deliveries").send().await;
    let url = created.expect("created").queue_url.expect("a URL");
    let found = client.get_queue_url().queue_name("deliveries").send().await;
    assert_eq!(found.expect("found").queue_url.as_ref(), Some(&url));
    let source = MessageAttributeValue::builder().data_type("String").string_value("zendesk");
    let send = client.send_message().queue_url(&url).message_body("hello");
    let send = send.message_attributes("source", source.build().expect("typed"));
    let id = send.send().await.expect("sent").message_id.expect("an id");

    let queue = aws.queue("deliveries");
    let [message] = &receive(&client, &queue, 0).await[..] else { panic!("one message") };
    assert_eq!(message.message_id.as_ref(), Some(&id));
    assert_eq!(message.body.as_deref(), Some("hello"));
    let attribute = &message.message_attributes.as_ref().expect("attributes")["source"];
    assert_eq!(attribute.string_value.as_deref(), Some("zendesk"));
    assert!(receive(&client, &queue, 0).await.is_empty(), "it is in flight");
    assert_eq!(queue.messages()[0].receive_count, 1);

    let receipt = message.receipt_handle.as_ref().expect("a receipt");
    let delete = client.delete_message().queue_url(&url);
    delete.receipt_handle(receipt).send().await.expect("deleted");
    assert!(queue.messages().is_empty());
    assert_eq!((aws.calls("SendMessage"), aws.calls("ReceiveMessage")), (1, 2));
}

#[tokio::test]
async fn batches_answer_entry_by_entry() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let queue = aws.create_queue("deliveries");
    let entry = |id: &str, body: &str| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(body);
        entry.build().expect("an entry")
    };
    let batch = client.send_message_batch().queue_url(queue.url());
    let sent = batch.entries(entry("a", "1")).entries(entry("b", "2")).send().await.expect("sent");
    assert_eq!((sent.successful.len(), sent.failed.len()), (2, 0));

    let receipt = queue.receive(1).remove(0).receipt_handle;
    let entry_of = |id: &str, receipt: &str| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(receipt);
        entry.build().expect("an entry")
    };
    let batch = client.delete_message_batch().queue_url(queue.url());
    let batch = batch.entries(entry_of("good", &receipt)).entries(entry_of("bad", "nonsense"));
    let deleted = batch.send().await.expect("answered");
    assert_eq!(deleted.successful[0].id, "good");
    assert_eq!(
        (&*deleted.failed[0].id, &*deleted.failed[0].code),
        ("bad", "ReceiptHandleIsInvalid")
    );
    assert_eq!(queue.messages().len(), 1);

    let batch = client.send_message_batch().queue_url(queue.url());
    let twice = batch.entries(entry("a", "1")).entries(entry("a", "2")).send().await;
    let error = twice.expect_err("same ids").into_service_error();
    assert!(error.is_batch_entry_ids_not_distinct(), "{error:?}");
}

#[tokio::test]
async fn an_undeleted_message_returns_and_then_dies() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let dead = aws.create_queue("dead");
    let policy = format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"2"}}"#, dead.arn());
    let create = client.create_queue().queue_name("deliveries");
    let create = create.attributes(QueueAttributeName::VisibilityTimeout, "1");
    let create = create.attributes(QueueAttributeName::RedrivePolicy, policy);
    create.send().await.expect("created");
    let queue = aws.queue("deliveries");
    queue.send("poison");

    for count in [1, 2] {
        // The first comes back by itself, after a second; the last is held until told.
        let message = receive(&client, &queue, 5).await.remove(0);
        let attributes = message.attributes.expect("attributes");
        let name = aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
        assert_eq!(attributes[&name], count.to_string());
        let _ = queue.clone().visibility(Duration::from_mins(1));
    }
    assert!(dead.messages().is_empty(), "its last receipt still runs");
    queue.expire_visibility();
    assert_eq!(dead.messages()[0].body, "poison");
    assert!(queue.messages().is_empty());

    dead.move_to(&queue);
    assert_eq!(queue.receive(10)[0].receive_count, 1, "a redriven message starts afresh");
}

#[tokio::test]
async fn a_long_poll_ends_with_the_message_or_the_time() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let queue = aws.create_queue("deliveries");
    let begun = Instant::now();
    let (received, ()) = tokio::join!(receive(&client, &queue, 20), async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        queue.send("late");
    });
    assert_eq!(received[0].body.as_deref(), Some("late"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let begun = Instant::now();
    assert!(receive(&client, &queue, 1).await.is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn visibility_can_be_changed_while_in_flight() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let queue = aws.create_queue("deliveries");
    queue.send("again");
    let receipt = queue.receive(1).remove(0).receipt_handle;
    let change = |time| {
        let change = client.change_message_visibility().queue_url(queue.url());
        change.receipt_handle(&receipt).visibility_timeout(time).send()
    };
    let attributes = || async {
        let get = client.get_queue_attributes().queue_url(queue.url());
        let answer = get.attribute_names(QueueAttributeName::All).send().await;
        let all = answer.expect("attributes").attributes.expect("attributes");
        let of = |name| all[&name].clone();
        [
            of(QueueAttributeName::ApproximateNumberOfMessages),
            of(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        ]
    };
    assert_eq!(attributes().await, ["0", "1"]);
    change(0).await.expect("shown again");
    assert_eq!(attributes().await, ["1", "0"]);
    let error = change(5).await.expect_err("no longer in flight");
    assert!(error.into_service_error().is_message_not_inflight());
}

#[tokio::test]
async fn sqs_errors_are_typed() {
    let aws = FakeAws::start().await;
    let client = sqs(&aws, 1).await;
    let send = || client.send_message().queue_url(aws.queue("deliveries").url());
    let error = send().message_body("x").send().await.expect_err("no queue");
    assert!(error.into_service_error().is_queue_does_not_exist());

    let queue = aws.create_queue("deliveries");
    aws.fail_next(1, "SendMessage", Failure::Throttled);
    aws.fail_next(1, "SendMessage", Failure::AccessDenied);
    let error = send().message_body("x").send().await.expect_err("throttled");
    assert!(error.into_service_error().is_request_throttled());
    let error = send().message_body("x").send().await.expect_err("denied");
    assert!(error.into_service_error().is_kms_access_denied());
    let large = "x".repeat(1024 * 1024 + 1);
    let error = send().message_body(large).send().await.expect_err("too large");
    assert_eq!(error.into_service_error().code(), Some("InvalidParameterValue"));
    assert!(queue.messages().is_empty());

    aws.fail_next(2, "SendMessage", Failure::Internal);
    let patient = sqs(&aws, 3).await;
    let send = patient.send_message().queue_url(queue.url());
    send.message_body("x").send().await.expect("third attempt");
    assert_eq!((queue.messages().len(), aws.failed("SendMessage")), (1, 4));
    aws.assert_all_fired();
}

#[tokio::test]
async fn a_secret_has_versions_and_stages() {
    let aws = FakeAws::start().await;
    let client = secrets(&aws, 1).await;
    let get = || client.get_secret_value().secret_id("zendesk");
    let error = get().send().await.expect_err("no secret");
    assert!(error.into_service_error().is_resource_not_found_exception());

    let create = client.create_secret().name("zendesk").secret_string("one");
    let arn = create.send().await.expect("created").arn.expect("an ARN");
    let put = |token: &str, text: &str| {
        let put = client.put_secret_value().secret_id(&arn);
        put.client_request_token(token).secret_string(text).send()
    };
    let token = "11111111-1111-1111-1111-111111111111";
    let first = put(token, "two").await.expect("put");
    let again = put(token, "two").await.expect("the same again");
    assert_eq!(first.version_id, again.version_id);
    let error = put(token, "three").await.expect_err("another value");
    assert!(error.into_service_error().is_resource_exists_exception());

    let current = get().send().await.expect("current");
    assert_eq!(current.secret_string.as_deref(), Some("two"));
    assert_eq!(current.version_id.as_deref(), Some(token));
    let previous = get().version_stage("AWSPREVIOUS").send().await.expect("previous");
    assert_eq!(previous.secret_string.as_deref(), Some("one"));
    assert_eq!(aws.secret("zendesk").as_deref(), Some("two"));

    aws.set_secret("zendesk", "three");
    let current = get().send().await.expect("current");
    assert_eq!(current.secret_string.as_deref(), Some("three"));
    let by_id = get().version_id(token).send().await.expect("by id");
    assert_eq!(by_id.version_stages(), ["AWSPREVIOUS"]);
}

#[tokio::test]
async fn secrets_can_fail_too() {
    let aws = FakeAws::start().await;
    aws.set_secret("zendesk", "token");
    let get = |client: SecretsManager| client.get_secret_value().secret_id("zendesk").send();
    aws.fail_next(1, "GetSecretValue", Failure::Internal);
    let error = get(secrets(&aws, 1).await).await.expect_err("500");
    assert!(error.into_service_error().is_internal_service_error());
    aws.fail_next(1, "GetSecretValue", Failure::AccessDenied);
    let error = get(secrets(&aws, 3).await).await.expect_err("denied");
    assert_eq!(error.code(), Some("AccessDeniedException"));
    aws.fail_next(1, "GetSecretValue", Failure::Throttled);
    get(secrets(&aws, 2).await).await.expect("second attempt");
    aws.fail_next(9, "GetSecretValue", Failure::Internal);
    aws.stop_failures();
    get(secrets(&aws, 1).await).await.expect("stopped");
    assert_eq!((aws.calls("GetSecretValue"), aws.failed("GetSecretValue")), (5, 3));
}

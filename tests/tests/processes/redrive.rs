//! Dead letters: what could not land again and again, and lands when it is sent once more.

use std::time::Duration;

use e2e::lambda_runtime::{schedule_event, sqs_event_from};
use e2e::process::cloud::Cloud;
use e2e::services::Services;
use e2e::stand::settled;
use serde_json::Value;
use shared::landing::Objects;
use shared::schema::Table;
use simulator::zendesk::NewTicket;

const MINUTE: Duration = Duration::from_mins(1);
const RECEIVES: u32 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_failed_too_often_lands_when_its_dead_letter_is_sent_again() {
    let cloud = Cloud::start(simulator::Settings { people: 8, ..settled() }).await;
    let services = Services::start().await;
    let queues = services.queues(RECEIVES).await;
    let endpoint = [
        ("AWS_ENDPOINT_URL_SQS", services.url.as_str()),
        ("TRIBUTARY_QUEUE_URL", queues.url.as_str()),
    ];
    let door = cloud.spawn("helpdesk-webhook", &endpoint);
    let inbox = cloud.spawn("helpdesk-sync", &[]);
    let ticket = cloud.desk().create_ticket(NewTicket {
        requester_id: *cloud.desk().truth().users.keys().next_back().expect("a user"),
        subject: "A long story".to_owned(),
        description: "And then. ".repeat(25_000),
        channel: "web",
        priority: None,
    });
    let delivery = cloud.desk().deliveries().pop().expect("a delivery tells of it");
    let answer = door.invoke(&cloud.request(&delivery), MINUTE).await.expect("an answer");
    assert_eq!(answer["statusCode"], 202, "{answer}");

    // Its body is lost for a while.
    let (objects, keys) = (Objects::new(&cloud.stores()), cloud.landed().await.keys);
    let key = keys.iter().find(|key| key.starts_with("deliveries/")).expect("its body");
    let (body, _) = objects.read(key).await.expect("its body");
    objects.remove(key).await.expect("it is removed");
    for count in 1..=RECEIVES {
        let [message] = &queues.receive().await[..] else { panic!("one message") };
        assert_eq!(message.receive_count, count);
        let event = sqs_event_from("deliveries", std::slice::from_ref(message));
        let answer = inbox.invoke(&event, MINUTE).await.expect("a partial batch response");
        assert_eq!(failed(&answer), std::slice::from_ref(&message.id));
        queues.give_back(message).await;
    }
    assert!(queues.receive().await.is_empty(), "it is among the dead letters");

    objects.create(key, body, &[]).await.expect("the body is there again");
    assert_eq!(queues.send_dead_again().await, 1);
    let [message] = &queues.receive().await[..] else { panic!("one message") };
    assert_eq!(message.receive_count, 1, "it starts afresh");
    let event = sqs_event_from("deliveries", std::slice::from_ref(message));
    let answer = inbox.invoke(&event, MINUTE).await.expect("a partial batch response");
    assert_eq!(failed(&answer), Vec::<String>::new());
    queues.delete(message).await;
    assert!(queues.receive().await.is_empty() && queues.receive_dead().await.is_empty());
    assert!(cloud.landed().await.row(Table::Ticket, "ticket", ticket).is_some());

    // The next poll finds it known, and everything is as if nothing had failed.
    cloud.settle();
    inbox.invoke(&schedule_event(), MINUTE).await.expect("a tick");
    cloud.landed().await.assert_is(&cloud.desk().truth());
}

fn failed(answer: &Value) -> Vec<String> {
    let failures = answer["batchItemFailures"].as_array().expect("a partial batch response");
    failures.iter().filter_map(|item| item["itemIdentifier"].as_str()).map(str::to_owned).collect()
}

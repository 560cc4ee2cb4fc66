//! From the vendor through the gateway, the door and the queue to the sync function.

use std::sync::Arc;
use std::time::Duration;

use e2e::fake_aws::Failure;
use e2e::lambda_runtime::{Function, Gateway, http_v2_event, sqs_event_from};
use e2e::permissions::Asked;
use e2e::process::cloud::Cloud;
use e2e::process::terminate;
use jiff::Timestamp;
use serde_json::Value;
use simulator::hubspot::signature_v3;
use simulator::zendesk::NewTicket;
use simulator::{DeliveryPlan, Simulator};

use super::systems::System;
use super::{MINUTE, answered, refuses_nonsense};

/// More characters than a queue message or an item holds, and fewer than a webhook may have.
pub(super) const LARGE: usize = 400_000;

type Delivery = (Vec<(&'static str, String)>, Vec<u8>);

/// Pushes what happens, lands it, and puts both functions through what else may come.
pub(super) async fn pushed_and_landed(
    system: &System,
    (door, asked): (Function, Asked),
    sync: &Function,
) {
    let cloud = &system.cloud;
    let door = Arc::new(door);
    let gateway = Gateway::before(Arc::clone(&door)).await;
    for (connection, vendor) in system.vendors() {
        vendor.live(15);
        let url = format!("{}/webhooks/{}/{connection}", gateway.url(), system.name);
        let plan = DeliveryPlan {
            duplicate: 20,
            shuffle: true,
            // The company's clock is ahead by now, and the doors have one of their own.
            stamp: Some(Timestamp::now()),
            ..DeliveryPlan::default()
        };
        let report = vendor.push(&url, &plan).expect("it pushes").await;
        assert!(report.refused.is_empty() && !report.sent.is_empty(), "{report:?}");
    }
    let (connection, large) = large(&cloud.simulator, system.name);
    let event = request(connection, &large);
    let answer = answered(&door, &event, MINUTE).await;
    assert!(answer["statusCode"] == 202 || answer["statusCode"] == 200, "{answer}");
    assert!(asked.has("s3:PutObject", "Bucket/deliveries/"), "{:#?}", asked.all());
    all_but_the_poison_lands(cloud, sync).await;

    // The queue is down, and the vendor is told to come again before the function's time is up.
    cloud.aws.fail_next(20, "SendMessage", Failure::Internal);
    let answer = answered(&door, &event, Duration::from_secs(10)).await;
    assert_eq!(answer["statusCode"], 503, "{answer}");
    cloud.aws.stop_failures();

    refuses_nonsense(&door).await;
    assert_eq!(answered(&door, &event, MINUTE).await["statusCode"], 202);
    terminate(door.id()).await;
    door.exited().await;
    let door = cloud.spawn(&format!("{}-webhook", system.name), &[]);
    assert_eq!(answered(&door, &event, MINUTE).await["statusCode"], 202);
}

/// Lands everything in the queue; of each batch, only a message that says nothing goes back.
async fn all_but_the_poison_lands(cloud: &Cloud, sync: &Function) {
    cloud.queue.send("no JSON");
    let poison = cloud.queue.messages().pop().expect("it was sent").id;
    loop {
        let batch = cloud.queue.receive(10);
        if batch.is_empty() {
            break;
        }
        let answer = answered(sync, &sqs_event_from(cloud.queue.name(), &batch), MINUTE).await;
        let failed: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .expect("a partial batch response")
            .iter()
            .filter_map(|item| item["itemIdentifier"].as_str())
            .collect();
        let poisoned: Vec<&str> =
            batch.iter().map(|message| &*message.id).filter(|id| *id == poison).collect();
        assert_eq!(failed, poisoned, "{:#?}", sync.logs());
        for message in batch.iter().filter(|message| message.id != poison) {
            cloud.queue.delete(message);
        }
    }
    let left = cloud.queue.messages();
    assert_eq!(left.iter().map(|message| &*message.id).collect::<Vec<_>>(), [&*poison]);
    cloud.queue.expire_visibility();
    cloud.queue.delete(&cloud.queue.receive(1)[0]);
}

fn request(path: &str, (headers, body): &Delivery) -> Value {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    http_v2_event("POST", path, &headers, body)
}

/// A delivery too large for a message, whose record is too large for an item; where it goes, and itself.
fn large(simulator: &Simulator, system: &str) -> (&'static str, Delivery) {
    let now = Timestamp::now();
    let padded = |body: &[u8], at: &str| {
        let mut body: Value = serde_json::from_slice(body).expect("JSON");
        let place = body.pointer_mut(at).expect("the record");
        place["padding"] = "x".repeat(LARGE).into();
        body.to_string().into_bytes()
    };
    match system {
        "email" => {
            let klaviyo = simulator.klaviyo();
            let mut delivery = klaviyo.deliveries().pop().expect("a delivery");
            let properties = "/data/0/payload/data/attributes/event_properties";
            let body = String::from_utf8(padded(&delivery.body, properties)).expect("UTF-8");
            // An event that nobody has seen yet.
            delivery.body = body.replace(&delivery.events[0], "LARGE0001").into();
            let headers = delivery.signed(klaviyo.webhook_secret(), now);
            ("/webhooks/email/klaviyo", (headers, delivery.body.to_vec()))
        }
        "helpdesk" => {
            let desk = simulator.zendesk();
            desk.create_ticket(NewTicket {
                requester_id: *desk.truth().users.keys().next_back().expect("a user"),
                subject: "And then. ".repeat(LARGE / 10),
                description: "Short.".to_owned(),
                channel: "web",
                priority: None,
            });
            let delivery = desk.deliveries().pop().expect("a delivery");
            let headers = delivery.signed(desk.webhook_secret(), now);
            ("/webhooks/helpdesk/zendesk", (headers, delivery.body.to_vec()))
        }
        "pos" => {
            let square = simulator.square();
            square.create_customer("Mira", None);
            let mut delivery = square.deliveries().pop().expect("a delivery");
            delivery.body = padded(&delivery.body, "/data/object/customer").into();
            let headers = delivery.headers(square.webhook_secret(), "https://hooks.example/pos");
            ("/webhooks/pos/square", (headers, delivery.body.to_vec()))
        }
        _ => {
            let events = Value::from(simulator.hubspot().events());
            let body = padded(events.to_string().as_bytes(), "/0");
            let secrets = simulator.hubspot().connection().secrets;
            let mut secrets = secrets.into_iter();
            let (_, secret) =
                secrets.find(|(name, _)| *name == "hubspot-webhook").expect("a signing secret");
            let millis = now.as_millisecond();
            let signature = signature_v3(&secret, "https://hooks.example/crm", &body, millis);
            let headers = vec![
                ("content-type", "application/json".to_owned()),
                ("x-hubspot-signature-v3", signature),
                ("x-hubspot-request-timestamp", millis.to_string()),
            ];
            ("/webhooks/crm/hubspot", (headers, body))
        }
    }
}

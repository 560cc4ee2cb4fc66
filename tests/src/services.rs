//! SQS and Secrets Manager as the SDK sees them: the doubles of this crate, or those of another implementation of AWS.

use aws_config::SdkConfig;
use aws_sdk_sqs::types::{Message as Received, MessageSystemAttributeName, QueueAttributeName};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::account::{config, elsewhere};
use crate::fake_aws::{FakeAws, Message};

/// Both services, with names that no other test uses.
pub struct Services {
    /// The endpoint of both.
    pub url: String,
    /// Queues.
    pub sqs: aws_sdk_sqs::Client,
    /// Secrets.
    pub secrets: aws_sdk_secretsmanager::Client,
    own: String,
    _double: Option<FakeAws>,
}

/// A queue, and where what cannot be delivered from it goes.
pub struct Queues {
    sqs: aws_sdk_sqs::Client,
    /// What the SDK calls `QueueUrl`.
    pub url: String,
    /// The same of the dead letters.
    pub dead: String,
}

impl Services {
    /// The services of this run of the tests.
    pub async fn start() -> Self {
        let double = match elsewhere() {
            Some(_) => None,
            None => Some(FakeAws::start().await),
        };
        let url = elsewhere()
            .or_else(|| double.as_ref().map(|double| double.url().to_owned()))
            .expect("one or the other");
        let config: SdkConfig = config(&url);
        Self {
            sqs: aws_sdk_sqs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            own: Uuid::new_v4().simple().to_string(),
            url,
            _double: double,
        }
    }

    /// The name made the test's own.
    pub fn own(&self, name: &str) -> String {
        format!("{name}-{}", self.own)
    }

    /// Creates a secret; returns its name.
    pub async fn create_secret(&self, name: &str, text: &str) -> String {
        let name = self.own(name);
        let create = self.secrets.create_secret().name(&name).secret_string(text);
        create.send().await.expect("a secret");
        name
    }

    /// Gives a secret a new version, as an operator does who rotates it.
    pub async fn put_secret(&self, name: &str, text: &str) {
        let put = self.secrets.put_secret_value().secret_id(name).secret_string(text);
        put.send().await.expect("a version");
    }

    /// The current version of a secret, if there is one of this name.
    pub async fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get_secret_value().secret_id(name).send().await.ok()?.secret_string
    }

    /// A queue whose messages are dead letters once they have been received so often without being deleted.
    pub async fn queues(&self, receives: u32) -> Queues {
        let dead = self.sqs.create_queue().queue_name(self.own("dead-letters")).send().await;
        let dead = dead.expect("a queue").queue_url.expect("a URL");
        let arn = QueueAttributeName::QueueArn;
        let attributes = self.sqs.get_queue_attributes().queue_url(&dead);
        let attributes = attributes.attribute_names(arn.clone()).send().await.expect("attributes");
        let arn = &attributes.attributes.expect("attributes")[&arn];
        let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": receives.to_string()});
        let queue = self.sqs.create_queue().queue_name(self.own("deliveries"));
        let queue = queue.attributes(QueueAttributeName::RedrivePolicy, redrive.to_string());
        let url = queue.send().await.expect("a queue").queue_url.expect("a URL");
        Queues { sqs: self.sqs.clone(), url, dead }
    }
}

impl Queues {
    /// Receives what is there, as Lambda's poller does.
    pub async fn receive(&self) -> Vec<Message> {
        self.receive_from(&self.url).await
    }

    /// Receives what is among the dead letters.
    pub async fn receive_dead(&self) -> Vec<Message> {
        self.receive_from(&self.dead).await
    }

    async fn receive_from(&self, url: &str) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let receive = receive
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let received = receive.send().await.expect("an answer").messages.unwrap_or_default();
        received.into_iter().map(message).collect()
    }

    /// Removes a message that has been dealt with.
    pub async fn delete(&self, message: &Message) {
        let delete = self.sqs.delete_message().queue_url(&self.url);
        delete.receipt_handle(&message.receipt_handle).send().await.expect("it is deleted");
    }

    /// Shows a message again at once, as if its time in flight had passed.
    pub async fn give_back(&self, message: &Message) {
        let change = self.sqs.change_message_visibility().queue_url(&self.url);
        let change = change.receipt_handle(&message.receipt_handle).visibility_timeout(0);
        change.send().await.expect("it is shown again");
    }

    /// Sends the dead letters again, one by one: `StartMessageMoveTask` does the same inside SQS, and neither the doubles nor
    /// moto have it. Returns how many there were.
    pub async fn send_dead_again(&self) -> usize {
        let dead = self.receive_dead().await;
        for message in &dead {
            let send = self.sqs.send_message().queue_url(&self.url).message_body(&message.body);
            send.send().await.expect("it is sent");
            let delete = self.sqs.delete_message().queue_url(&self.dead);
            delete.receipt_handle(&message.receipt_handle).send().await.expect("it is deleted");
        }
        dead.len()
    }
}

fn message(received: Received) -> Message {
    let name = MessageSystemAttributeName::ApproximateReceiveCount;
    let count = received.attributes.as_ref().and_then(|all| all.get(&name)?.parse().ok());
    Message {
        id: received.message_id.expect("an id"),
        receipt_handle: received.receipt_handle.expect("a receipt"),
        body: received.body.expect("a body"),
        receive_count: count.expect("a count"),
        sent_ms: 0,
        first_received_ms: 0,
        attributes: Map::new(),
    }
}

//! A queue in the hands of a test, without the SDK between.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Map;

use super::Aws;
use super::queue::{Contents, Message, Redrive};
use crate::lambda_runtime::{ACCOUNT, REGION};

/// A queue of a [`super::FakeAws`].
#[derive(Clone)]
pub struct Queue {
    aws: Arc<Aws>,
    name: String,
}

impl Queue {
    pub(super) fn new(aws: Arc<Aws>, name: &str) -> Self {
        let name = name.to_owned();
        Self { aws, name }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the SDK calls `QueueUrl`.
    pub fn url(&self) -> String {
        url(&self.aws, &self.name)
    }

    /// What a policy or an event calls it.
    pub fn arn(&self) -> String {
        arn(&self.name)
    }

    /// Sends what has been received `max_receives` times, and not deleted, to the other queue.
    #[must_use]
    pub fn redrive_to(self, dead: &Self, max_receives: u32) -> Self {
        let queue = dead.name.clone();
        self.with(|contents| {
            contents.redrive = Some(Redrive { queue, max_receives });
        });
        self
    }

    /// How long a received message stays hidden.
    #[must_use]
    pub fn visibility(self, time: Duration) -> Self {
        self.with(|contents| contents.visibility = time);
        self
    }

    /// Everything in the queue, hidden messages included, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.with(|contents| contents.messages().cloned().collect())
    }

    /// Receives up to `limit` visible messages and hides them, as a poller does; does not wait.
    pub fn receive(&self, limit: usize) -> Vec<Message> {
        self.with(|contents| contents.take(limit, contents.visibility))
    }

    /// Adds a message.
    pub fn send(&self, body: &str) {
        let message = Message::new(body.to_owned(), Map::new());
        self.with(|contents| contents.push(message, None));
    }

    /// Adds another delivery of a message under its own id, as a queue that delivers at least once may.
    pub fn duplicate(&self, message: &Message) {
        let message = message.clone();
        self.with(|contents| contents.push(message, Some(Duration::ZERO)));
    }

    /// Deletes a received message.
    pub fn delete(&self, message: &Message) {
        self.with(|contents| contents.delete(&message.receipt_handle));
    }

    /// Shows every hidden message at once, as if its time had passed.
    pub fn expire_visibility(&self) {
        self.with(Contents::show_all);
    }

    /// Moves every message to another queue and forgets how often it was received: the console's redrive.
    pub fn move_to(&self, other: &Self) {
        let messages: Vec<_> = self.with(|contents| contents.drain().collect());
        other.with(|contents| {
            for mut message in messages {
                message.receive_count = 0;
                contents.push(message, Some(Duration::ZERO));
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        let worked = self.aws.queues.with(&self.name, work);
        worked.unwrap_or_else(|| panic!("there is no queue {}", self.name))
    }
}

pub(super) fn url(aws: &Aws, name: &str) -> String {
    format!("{}/{ACCOUNT}/{name}", aws.url)
}

pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

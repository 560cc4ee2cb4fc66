//! Queues in memory: visibility, receive counts, dead letters.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

/// A message as a receiver gets it, or as it lies in the queue.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same at every delivery.
    pub id: String,
    /// What deletes it; another at every delivery, empty before the first.
    pub receipt_handle: String,
    /// The text.
    pub body: String,
    /// How often it has been received.
    pub receive_count: u32,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// When it was first received, zero if never.
    pub first_received_ms: i64,
    /// `MessageAttributes`, in SQS's JSON.
    pub attributes: Map<String, Value>,
}

impl Message {
    pub(super) fn new(body: String, attributes: Map<String, Value>) -> Self {
        Self {
            id: Uuid::new_v4().to_string(),
            receipt_handle: String::new(),
            body,
            receive_count: 0,
            sent_ms: Timestamp::now().as_millisecond(),
            first_received_ms: 0,
            attributes,
        }
    }

    /// A message just received for the first time, from no queue in particular.
    pub(crate) fn first_receipt(body: String) -> Self {
        let mut message = Self::new(body, Map::new());
        message.received();
        message
    }

    fn received(&mut self) {
        self.receive_count += 1;
        self.receipt_handle = Uuid::new_v4().to_string();
        if self.first_received_ms == 0 {
            self.first_received_ms = Timestamp::now().as_millisecond();
        }
    }
}

/// What a queue holds, and how it behaves.
pub(super) struct Contents {
    pub(super) visibility: Duration,
    pub(super) delay: Duration,
    pub(super) wait: Duration,
    pub(super) redrive: Option<Redrive>,
    messages: Vec<Lying>,
}

/// Where a message goes when it has been received too often.
#[derive(Clone)]
pub(super) struct Redrive {
    pub(super) queue: String,
    pub(super) max_receives: u32,
}

struct Lying {
    message: Message,
    visible_at: Instant,
}

/// How many messages are in which state.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) visible: usize,
    pub(super) in_flight: usize,
    pub(super) delayed: usize,
}

impl Default for Contents {
    /// AWS's own defaults.
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            delay: Duration::ZERO,
            wait: Duration::ZERO,
            redrive: None,
            messages: Vec::new(),
        }
    }
}

impl Contents {
    pub(super) fn push(&mut self, message: Message, delay: Option<Duration>) {
        self.messages
            .push(Lying { message, visible_at: Instant::now() + delay.unwrap_or(self.delay) });
    }

    pub(super) fn take(&mut self, limit: usize, visibility: Duration) -> Vec<Message> {
        let now = Instant::now();
        let visible = self.messages.iter_mut().filter(|lying| lying.visible_at <= now);
        visible
            .take(limit)
            .map(|lying| {
                lying.message.received();
                lying.visible_at = now + visibility;
                lying.message.clone()
            })
            .collect()
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().map(|lying| &lying.message)
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Message> {
        self.messages.drain(..).map(|lying| lying.message)
    }

    /// Deletes by the latest receipt; an older one deletes nothing, and is no error.
    pub(super) fn delete(&mut self, receipt: &str) {
        self.messages.retain(|lying| lying.message.receipt_handle != receipt);
    }

    /// Hides a message in flight for so long from now; false when it is not in flight.
    pub(super) fn hide(&mut self, receipt: &str, time: Duration) -> bool {
        let now = Instant::now();
        let in_flight =
            |lying: &&mut Lying| lying.message.receipt_handle == receipt && lying.visible_at > now;
        let found = self.messages.iter_mut().find(in_flight);
        found.map(|lying| lying.visible_at = now + time).is_some()
    }

    pub(super) fn show_all(&mut self) {
        let now = Instant::now();
        for lying in &mut self.messages {
            lying.visible_at = lying.visible_at.min(now);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let now = Instant::now();
        let mut counts = Counts::default();
        for lying in &self.messages {
            match lying.message.receive_count {
                _ if lying.visible_at <= now => counts.visible += 1,
                0 => counts.delayed += 1,
                _ => counts.in_flight += 1,
            }
        }
        counts
    }

    /// When the next hidden message appears.
    pub(super) fn next_visible(&self) -> Option<Instant> {
        self.messages.iter().map(|lying| lying.visible_at).min()
    }

    /// Takes out what is visible again after its last permitted receipt.
    fn dead(&mut self) -> Option<(String, Vec<Message>)> {
        let now = Instant::now();
        let Redrive { queue, max_receives } = self.redrive.clone()?;
        let dead = self.messages.extract_if(.., |lying| {
            lying.visible_at <= now && lying.message.receive_count >= max_receives
        });
        Some((queue, dead.map(|lying| lying.message).collect()))
    }
}

/// Every queue by its name.
#[derive(Default)]
pub(super) struct Queues {
    queues: Mutex<HashMap<String, Contents>>,
    changed: Notify,
}

impl Queues {
    pub(super) fn create(&self, name: &str) -> bool {
        let mut queues = self.swept();
        let new = !queues.contains_key(name);
        queues.entry(name.to_owned()).or_default();
        new
    }

    /// Works on a queue, if there is one of that name, and wakes whoever waits for messages.
    pub(super) fn with<T>(&self, name: &str, work: impl FnOnce(&mut Contents) -> T) -> Option<T> {
        let worked = self.swept().get_mut(name).map(work);
        self.changed.notify_waiters();
        worked
    }

    /// Receives what is visible, waiting up to `wait` for the first; none if there is no such queue.
    pub(super) async fn receive(
        &self,
        name: &str,
        limit: usize,
        visibility: Option<Duration>,
        wait: Option<Duration>,
    ) -> Option<Vec<Message>> {
        let begun = Instant::now();
        loop {
            let changed = self.changed.notified();
            let (messages, until, wake) = {
                let mut queues = self.swept();
                let queue = queues.get_mut(name)?;
                let messages = queue.take(limit, visibility.unwrap_or(queue.visibility));
                let until = begun + wait.unwrap_or(queue.wait);
                let wake = queue.next_visible().map_or(until, |next| next.min(until));
                (messages, until, wake)
            };
            if !messages.is_empty() || Instant::now() >= until {
                return Some(messages);
            }
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    /// The queues, once every dead message has moved to where it belongs.
    fn swept(&self) -> MutexGuard<'_, HashMap<String, Contents>> {
        let mut queues = self.queues.lock().expect("the lock is never poisoned");
        let dead: Vec<_> = queues.values_mut().filter_map(Contents::dead).collect();
        if dead.iter().any(|(_, messages)| !messages.is_empty()) {
            self.changed.notify_waiters();
        }
        for (name, messages) in dead {
            let queue = queues.entry(name).or_default();
            for message in messages {
                queue.push(message, Some(Duration::ZERO));
            }
        }
        queues
    }
}

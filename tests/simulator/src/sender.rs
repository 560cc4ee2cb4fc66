//! Sends the outbox to a receiver as the vendor would: some lost, some twice, out of order, with retries.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use crate::dice;

/// How to treat the deliveries on their way.
#[derive(Clone, Debug)]
pub struct DeliveryPlan {
    /// Percent that are never sent.
    pub drop: u32,
    /// Percent that are sent twice.
    pub duplicate: u32,
    /// Whether their order is lost.
    pub shuffle: bool,
    /// How many are under way at once.
    pub concurrency: usize,
    /// How long the receiver may take.
    pub timeout: Duration,
    /// The pause before a retry; the vendor's own is longer.
    pub pause: Duration,
    /// The time in the signature; the simulator's present, unless said otherwise.
    pub stamp: Option<Timestamp>,
    /// The secret to sign with; the current one, unless said otherwise.
    pub secret: Option<String>,
    /// Seeds what is dropped, duplicated and shuffled.
    pub seed: u64,
}

impl Default for DeliveryPlan {
    /// Each once, in order, one after the other.
    fn default() -> Self {
        Self {
            drop: 0,
            duplicate: 0,
            shuffle: false,
            concurrency: 1,
            timeout: Duration::from_secs(12),
            pause: Duration::from_millis(50),
            stamp: None,
            secret: None,
            seed: 7,
        }
    }
}

/// One webhook call, ready to be sent.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// By which a receiver tells duplicates.
    pub id: String,
    /// The headers, signature included.
    pub headers: Vec<(&'static str, String)>,
    /// The raw body.
    pub body: Bytes,
}

/// How often a vendor tries again after an answer: status, none for a time-out, and the seconds of `Retry-After`.
pub(crate) type Retries = fn(Option<u16>, Option<u64>) -> usize;

/// What became of the deliveries, by [`Parcel::id`].
#[derive(Clone, Debug, Default)]
pub struct DeliveryReport {
    /// How many calls were made, retries and duplicates included.
    pub calls: usize,
    /// Sent at least once.
    pub sent: BTreeSet<String>,
    /// Answered 2xx at least once.
    pub acknowledged: BTreeSet<String>,
    /// Never sent.
    pub dropped: Vec<String>,
    /// Sent twice.
    pub duplicated: Vec<String>,
    /// Given up on, with the last status; none for a timeout or a broken connection.
    pub refused: Vec<(String, Option<u16>)>,
}

pub(crate) async fn send(
    deliveries: Vec<Parcel>,
    url: &str,
    plan: &DeliveryPlan,
    retries: Retries,
) -> DeliveryReport {
    let mut report = DeliveryReport::default();
    let mut queue = Vec::new();
    let dice = &mut dice(plan.seed, 3);
    for delivery in deliveries {
        if dice.random_ratio(plan.drop.min(100), 100) {
            report.dropped.push(delivery.id);
            continue;
        }
        if dice.random_ratio(plan.duplicate.min(100), 100) {
            report.duplicated.push(delivery.id.clone());
            queue.push(delivery.clone());
        }
        queue.push(delivery);
    }
    if plan.shuffle {
        queue.shuffle(dice);
    }
    let client = reqwest::Client::new();
    let calls: Vec<_> =
        queue.iter().map(|delivery| call(&client, url, delivery, plan, retries)).collect();
    let outcomes: Vec<_> =
        stream::iter(calls).buffer_unordered(plan.concurrency.max(1)).collect().await;
    for (id, calls, status) in outcomes {
        report.calls += calls;
        report.sent.insert(id.clone());
        match status {
            Some(200..=299) => {
                report.acknowledged.insert(id);
            }
            refused => report.refused.push((id, refused)),
        }
    }
    report
}

/// One delivery with its retries: its id, the calls made and the last status.
async fn call(
    client: &reqwest::Client,
    url: &str,
    delivery: &Parcel,
    plan: &DeliveryPlan,
    retries: Retries,
) -> (String, usize, Option<u16>) {
    let mut calls = 0;
    loop {
        calls += 1;
        let mut request = client.post(url).timeout(plan.timeout).body(delivery.body.clone());
        for (name, value) in &delivery.headers {
            request = request.header(*name, value);
        }
        let (status, wait) = match request.send().await {
            Ok(response) => {
                let wait = response.headers().get("retry-after");
                let wait = wait.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                (Some(response.status().as_u16()), wait)
            }
            Err(error) if error.is_timeout() => (None, None),
            // A refused connection is a receiver that is gone.
            Err(_) => return (delivery.id.clone(), calls, None),
        };
        if matches!(status, Some(200..=299)) || calls > retries(status, wait) {
            return (delivery.id.clone(), calls, status);
        }
        tokio::time::sleep(plan.pause).await;
    }
}

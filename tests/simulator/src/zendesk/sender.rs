//! Sends the outbox to a receiver as the vendor would: some lost, some twice, out of order, with retries.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use jiff::Timestamp;
use rand::RngExt as _;
use rand::seq::SliceRandom as _;

use super::webhooks::Delivery;
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

/// What became of the deliveries, by [`Delivery::id`].
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

/// Tries after the first. Source: the vendor's documentation of webhook retries.
const RETRIES_CONFLICT: usize = 3;
const RETRIES_TIMEOUT: usize = 5;

pub(super) async fn send(
    deliveries: Vec<Delivery>,
    url: &str,
    plan: &DeliveryPlan,
    secret: &str,
    now: Timestamp,
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
    let secret = plan.secret.as_deref().unwrap_or(secret);
    let at = plan.stamp.unwrap_or(now);
    let client = reqwest::Client::new();
    let outcomes: Vec<_> = stream::iter(&queue)
        .map(|delivery| call(&client, url, delivery, plan, delivery.signed(secret, at)))
        .buffer_unordered(plan.concurrency.max(1))
        .collect()
        .await;
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
    delivery: &Delivery,
    plan: &DeliveryPlan,
    headers: Vec<(&'static str, String)>,
) -> (String, usize, Option<u16>) {
    let mut calls = 0;
    loop {
        calls += 1;
        let mut request = client.post(url).timeout(plan.timeout).body(delivery.body.clone());
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        let (status, retries) = match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                let wait = response.headers().get("retry-after");
                let wait = wait.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
                let retries = match (status, wait) {
                    (409, _) | (429 | 503, Some(..60)) => RETRIES_CONFLICT,
                    _ => 0,
                };
                (Some(status), retries)
            }
            Err(error) if error.is_timeout() => (None, RETRIES_TIMEOUT),
            Err(_) => (None, 0),
        };
        if calls > retries {
            return (delivery.id.clone(), calls, status);
        }
        tokio::time::sleep(plan.pause).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use crate::server::{Answer, Call, Face, Server};
    use crate::zendesk::{signature, tests::simulator};
    use crate::{Clock, Faults};

    use super::*;

    /// Checks signatures, and answers from a script first.
    struct Receiver {
        secret: String,
        script: Mutex<Vec<Answer>>,
    }

    impl Face for Receiver {
        fn answer(&self, call: &Call) -> Answer {
            let header = |name| call.header(name).unwrap_or_default();
            let timestamp = header("x-zendesk-webhook-signature-timestamp");
            let expected = signature(&self.secret, timestamp, &call.body);
            if header("x-zendesk-webhook-signature") != expected {
                return Answer::text(401, "");
            }
            let scripted = self.script.lock().expect("no panic before").pop();
            scripted.unwrap_or_else(|| Answer::text(202, ""))
        }
    }

    async fn receiver(secret: &str, script: Vec<Answer>) -> (Server, String) {
        let receiver = Receiver { secret: secret.to_owned(), script: Mutex::new(script) };
        let server = Server::start(receiver, Faults::default(), Clock::default());
        let server = server.await.expect("a free port");
        let url = format!("http://127.0.0.1:{}/hooks", server.port());
        (server, url)
    }

    #[tokio::test]
    async fn each_change_is_delivered_once_and_signed() {
        let simulator = simulator().await;
        let zendesk = simulator.zendesk();
        assert!(zendesk.deliveries().is_empty());
        zendesk.live(40);
        let ticket = *zendesk.truth().tickets.keys().next().expect("a ticket");
        zendesk.fire_trigger(ticket);
        let (server, url) = receiver(zendesk.webhook_secret(), Vec::new()).await;
        let report = zendesk.send_webhooks(&url, &DeliveryPlan::default()).await;
        let ids: BTreeSet<String> = zendesk.deliveries().into_iter().map(|d| d.id).collect();
        assert!(ids.len() > 20);
        assert_eq!((&report.sent, &report.acknowledged), (&ids, &ids));
        assert_eq!(server.requests().len(), ids.len());
        let again = zendesk.send_webhooks(&url, &DeliveryPlan::default()).await;
        assert_eq!(again.calls, 0);
    }

    #[tokio::test]
    async fn some_are_lost_and_some_come_twice() {
        let simulator = simulator().await;
        let zendesk = simulator.zendesk();
        zendesk.live(100);
        let all = zendesk.deliveries().len();
        let (server, url) = receiver(zendesk.webhook_secret(), Vec::new()).await;
        let plan = DeliveryPlan {
            drop: 20,
            duplicate: 20,
            shuffle: true,
            concurrency: 8,
            ..DeliveryPlan::default()
        };
        let report = zendesk.send_webhooks(&url, &plan).await;
        assert!(!report.dropped.is_empty() && !report.duplicated.is_empty());
        assert_eq!(report.sent.len() + report.dropped.len(), all);
        assert_eq!(server.requests().len(), report.sent.len() + report.duplicated.len());
    }

    #[tokio::test]
    async fn it_retries_as_the_vendor_does() {
        let simulator = simulator().await;
        let zendesk = simulator.zendesk();
        let user = zendesk.create_user("Nina Neu", None, None);
        let busy = |wait: u32| Answer::text(503, "").with("retry-after", wait);
        let script = vec![Answer::text(409, ""), busy(5)];
        let (_server, url) = receiver(zendesk.webhook_secret(), script).await;
        let report = zendesk.send_webhooks(&url, &DeliveryPlan::default()).await;
        assert_eq!((report.calls, report.acknowledged.len()), (3, 1));
        for refusal in [busy(60), Answer::text(500, "")] {
            zendesk.rename_user(user, "Nina Neuer");
            let (_server, url) = receiver(zendesk.webhook_secret(), vec![refusal]).await;
            let report = zendesk.send_webhooks(&url, &DeliveryPlan::default()).await;
            assert_eq!((report.calls, report.refused.len()), (1, 1));
        }
        zendesk.rename_user(user, "Nina Alt");
        let (_server, url) = receiver(zendesk.old_webhook_secret(), Vec::new()).await;
        let report = zendesk.send_webhooks(&url, &DeliveryPlan::default()).await;
        assert_eq!(report.refused[0].1, Some(401));
    }
}

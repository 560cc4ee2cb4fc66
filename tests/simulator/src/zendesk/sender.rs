//! Sends the helpdesk's outbox, with the vendor's own retries.

use super::webhooks::Delivery;
use crate::sender::{DeliveryPlan, DeliveryReport, Parcel, send};

/// Tries after the first. Source: the vendor's documentation of webhook retries.
const RETRIES_CONFLICT: usize = 3;
const RETRIES_TIMEOUT: usize = 5;

fn retries(status: Option<u16>, wait: Option<u64>) -> usize {
    match (status, wait) {
        (None, _) => RETRIES_TIMEOUT,
        (Some(409), _) | (Some(429 | 503), Some(..60)) => RETRIES_CONFLICT,
        _ => 0,
    }
}

pub(super) async fn send_all(
    deliveries: Vec<Delivery>,
    url: &str,
    plan: &DeliveryPlan,
    secret: &str,
    now: jiff::Timestamp,
) -> DeliveryReport {
    let secret = plan.secret.as_deref().unwrap_or(secret);
    let at = plan.stamp.unwrap_or(now);
    let parcels = deliveries.into_iter().map(|delivery| Parcel {
        headers: delivery.signed(secret, at),
        id: delivery.id,
        body: delivery.body,
    });
    send(parcels.collect(), url, plan, retries).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
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

//! Webhooks as they come: forged, replayed, doubled, late, huge; what is acknowledged is landed.

mod bodies;
mod events;

use e2e::stand::{CONNECTION, Stand, few};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use simulator::DeliveryPlan;
use simulator::zendesk::Delivery;

const SIGNATURE: &str = "x-zendesk-webhook-signature";

type Headers = Vec<(&'static str, String)>;

/// A stand with its door open.
struct Door {
    stand: Stand,
    url: String,
    http: reqwest::Client,
}

impl Door {
    async fn open() -> Self {
        Self::to(Stand::small().await).await
    }

    async fn to(stand: Stand) -> Self {
        let url = stand.serve().await;
        Self { stand, url, http: reqwest::Client::new() }
    }

    fn desk(&self) -> &simulator::Zendesk {
        self.stand.simulator.zendesk()
    }

    /// A customer whose address changed just now, and the delivery that says so.
    fn news(&self, email: &str) -> (u64, Delivery) {
        let user = *self.desk().truth().users.keys().next_back().expect("a user");
        self.desk().change_email(user, email);
        (user, self.last())
    }

    /// The newest delivery of the helpdesk.
    fn last(&self) -> Delivery {
        self.desk().deliveries().pop().expect("something happened")
    }

    /// Posts a body under headers of one's own.
    async fn post(&self, headers: &Headers, body: impl Into<reqwest::Body>) -> Answer {
        Self::answer(with(self.http.post(&self.url), headers).body(body)).await
    }

    /// Posts a delivery as the helpdesk signed it.
    async fn deliver(&self, delivery: &Delivery) -> Answer {
        self.post(&delivery.headers, delivery.body.clone()).await
    }

    /// Posts a body of one's own, well signed.
    async fn post_signed(&self, body: Vec<u8>, like: &Delivery, encoding: Option<&str>) -> Answer {
        let forged = Delivery { body: body.into(), ..like.clone() };
        let mut headers = forged.signed(self.desk().webhook_secret(), Timestamp::now());
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
        self.post(&headers, forged.body).await
    }

    async fn answer(call: reqwest::RequestBuilder) -> Answer {
        let answer = call.send().await.expect("an answer");
        Answer { status: answer.status(), body: answer.text().await.expect("a body") }
    }

    /// Fails if anything at all was stored.
    async fn assert_nothing_stored(&self) {
        let landed = self.stand.landed().await;
        assert!(landed.keys.is_empty(), "{:?}", landed.keys);
        assert!(landed.state.is_empty() && landed.items.is_empty());
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: StatusCode,
    body: String,
}

fn with(call: reqwest::RequestBuilder, headers: &Headers) -> reqwest::RequestBuilder {
    headers.iter().fold(call, |call, (name, value)| call.header(*name, value))
}

fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(other, _)| *other != name).cloned().collect()
}

/// RELIABILITY 44: forged, missing, truncated and empty signatures, and a body that was tampered with.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_without_a_right_signature_is_refused_and_leaves_no_trace() {
    let door = Door::open().await;
    let (_, delivery) = door.news("signed@example.org");
    let unsigned = without(&delivery.headers, SIGNATURE);
    let signature = &delivery.headers.iter().find(|(name, _)| *name == SIGNATURE).unwrap().1;
    let forged = delivery.signed("not the secret", delivery.at);
    let signed_as = |text: &str| [unsigned.clone(), vec![(SIGNATURE, text.to_owned())]].concat();
    let timeless = without(&delivery.headers, "x-zendesk-webhook-signature-timestamp");
    for headers in [
        forged,
        unsigned.clone(),
        signed_as(&signature[..20]),
        signed_as(""),
        signed_as("!"),
        timeless,
    ] {
        let answer = door.post(&headers, delivery.body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
        assert_eq!(answer.body, "");
    }
    let mut tampered = delivery.body.to_vec();
    tampered.push(b' ');
    assert_eq!(door.post(&delivery.headers, tampered).await.status, StatusCode::UNAUTHORIZED);
    door.assert_nothing_stored().await;
}

/// Security checklist 8, 9: who knocks learns nothing of which connections there are.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_connection_is_refused_in_the_same_words_as_a_wrong_signature() {
    let door = Door::open().await;
    let (_, delivery) = door.news("unknown@example.org");
    let unknown = door.url.replace(CONNECTION, "helpdesk-us");
    let forged = delivery.signed("not the secret", delivery.at);
    let two_mebibytes = vec![b' '; 2 * 1024 * 1024];
    for (method, headers, body) in [
        (http::Method::POST, &forged, delivery.body.to_vec()),
        (http::Method::POST, &forged, two_mebibytes),
        (http::Method::GET, &forged, Vec::new()),
        (http::Method::PUT, &forged, delivery.body.to_vec()),
    ] {
        let ask =
            |url: &str| with(door.http.request(method.clone(), url), headers).body(body.clone());
        let (known, unknown) =
            (Door::answer(ask(&door.url)).await, Door::answer(ask(&unknown)).await);
        assert_eq!(known, unknown, "{method} of {} bytes", body.len());
        assert!(known.status.is_client_error());
    }
    assert_eq!(door.http.get(&door.url).send().await.unwrap().status(), 405);
    door.assert_nothing_stored().await;
}

/// RELIABILITY 42: while a secret is rotated, both the old and the new one are good.
#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_of_a_rotation_are_accepted_and_no_third() {
    let keys = "webhook_secrets = [{ file = \"webhook\" }, { file = \"old-webhook\" }]";
    let door = Door::to(Stand::with(few(), keys).await).await;
    let (new, old) = (door.desk().webhook_secret(), door.desk().old_webhook_secret());
    for (secret, accepted) in [(new, true), (old, true), ("neither", false)] {
        door.news(&format!("{}@example.org", secret.len()));
        let plan = DeliveryPlan { secret: Some(secret.to_owned()), ..DeliveryPlan::default() };
        let report = door.desk().send_webhooks(&door.url, &plan).await;
        assert_eq!(report.acknowledged.len(), usize::from(accepted), "{secret}: {report:?}");
    }
    door.stand.settle();
    door.stand.recover().await;
}

/// RELIABILITY 42: after the rotation, the old secret opens nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_rotated_out_is_refused() {
    let door = Door::open().await;
    door.news("rotated@example.org");
    let secret = Some(door.desk().old_webhook_secret().to_owned());
    let plan = DeliveryPlan { secret, ..DeliveryPlan::default() };
    let report = door.desk().send_webhooks(&door.url, &plan).await;
    assert_eq!(report.refused[0].1, Some(401));
    door.assert_nothing_stored().await;
}

/// RELIABILITY 43, 27: outside of five minutes, before or after, a good signature is too old or too young.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_replayed_after_six_minutes_is_refused() {
    let door = Door::open().await;
    for (minutes, accepted) in [(-6, false), (6, false), (-4, true), (4, true)] {
        let (_, delivery) = door.news(&format!("m{minutes}@example.org"));
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let headers = delivery.signed(door.desk().webhook_secret(), at);
        let answer = door.post(&headers, delivery.body.clone()).await;
        let expected = if accepted { StatusCode::ACCEPTED } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{minutes} minutes");
        if minutes == 6 {
            door.assert_nothing_stored().await;
        }
    }
    door.stand.settle();
    door.stand.recover().await;
}

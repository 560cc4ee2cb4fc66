//! The queue between the door and the inbox.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::error::{Error, json_reason};
use crate::landing::{Objects, compress, decompress};
use crate::receive::{Envelope, Inlet};
use crate::schema::Sha256;

/// A message may have 256 KiB; base64 and the envelope take a quarter of it.
const LARGEST_MESSAGE: usize = 180 * 1024;

/// What the door sends to the queue.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// A delivery that fits.
    Whole(Envelope),
    /// One that does not: the object that holds it.
    Pointer { key: String },
}

/// The sending end of the queue.
#[derive(Debug)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
    objects: Objects,
}

impl Queue {
    /// The queue at `url`; what is too large for a message goes to `objects`.
    pub fn new(client: aws_sdk_sqs::Client, url: impl Into<String>, objects: Objects) -> Self {
        Self { client, url: url.into(), objects }
    }
}

#[async_trait]
impl Inlet for Queue {
    async fn accept(&self, delivery: Envelope) -> Result<(), Error> {
        let text = |message: &Message| {
            serde_json::to_string(message).map_err(|error| Error::Invariant(json_reason(&error)))
        };
        let large = delivery.body.len() > LARGEST_MESSAGE;
        let message = if large {
            let whole: Bytes = serde_json::to_vec(&delivery)
                .map_err(|error| Error::Invariant(json_reason(&error)))?
                .into();
            let key = format!("deliveries/{}/{}.json.zst", delivery.connection, Sha256::of(&whole));
            self.objects.create(&key, compress(&whole)?, &[]).await?;
            text(&Message::Pointer { key })?
        } else {
            text(&Message::Whole(delivery))?
        };
        self.client
            .send_message()
            .queue_url(&self.url)
            .message_body(message)
            .send()
            .await
            .map_err(|error| Error::landing("sending a delivery to the queue", error))?;
        info!(large, "delivery queued");
        Ok(())
    }
}

/// The delivery in a message's body, or in the object that the body points to.
pub(super) async fn open(body: &str, objects: &Objects) -> Result<Envelope, Error> {
    let message: Message = serde_json::from_str(body)
        .map_err(|error| Error::Decode(format!("queue message: {}", json_reason(&error))))?;
    match message {
        Message::Whole(envelope) => Ok(envelope),
        Message::Pointer { key } => {
            let (bytes, _) = objects.read(&key).await?;
            serde_json::from_slice(&decompress(&bytes)?)
                .map_err(|error| Error::Decode(format!("{key}: {}", json_reason(&error))))
        }
    }
}

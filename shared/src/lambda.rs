//! The two mains of every system function: `sync` for schedules and queues, `webhook` for the door.

mod current;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use axum::Router;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use lambda_http::tower::ServiceExt as _;
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::{error, info};

pub use current::{Current, Made, Version};
pub use lambda_runtime::Error;

use crate::budget::Budget;
use crate::config::{Foreign, Settings, Sources, StoreSettings};
use crate::error::Error as Failure;
use crate::http::{Patience, TokenVault};
use crate::hub::{Hub, Selection};
use crate::landing::Objects;
use crate::ledger::Outcome;
use crate::receive::{Envelope, Inlet, Receiver};
use crate::schema::Sha256;
use crate::secrets::Secrets;
use crate::stores::{Stores, aws_config};
use crate::sync::Unobserved;
use crate::vault::SecretsManagerVault;

/// Kept back from an invocation's time: for the last writes, the ledger and the answer.
const RESERVE: Duration = Duration::from_secs(3);
/// A message may have 256 KiB; base64 and the envelope take a quarter of it.
const LARGEST_MESSAGE: usize = 180 * 1024;
/// Deliveries of one batch that land at the same time.
const DELIVERIES_AT_ONCE: usize = 4;

/// Runs the scheduled sync of a system's sources; also lands batches of deliveries from the system's queue.
///
/// Environment: `TRIBUTARY_CONFIG` (`s3://bucket/key` or a path), `TRIBUTARY_BUCKET`, `TRIBUTARY_CUSTOMERS_TABLE`,
/// `TRIBUTARY_STATE_TABLE` (unless the settings have a `[store]`).
pub async fn sync(sources: &'static Sources) -> Result<(), Error> {
    log();
    let hub = &Current::new(move || Box::pin(sync_hub(sources))).await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<Value>| async move {
        SyncFunction { hub: hub.get().await }.handle(event).await
    }))
    .await
}

/// Runs the door for the webhooks of a system's sources: verifies, sends to `TRIBUTARY_QUEUE_URL`, answers.
pub async fn webhook(sources: &'static Sources) -> Result<(), Error> {
    log();
    serve(Current::new(move || Box::pin(door(sources))).await?).await
}

/// Answers requests by the router as it is now.
pub async fn serve(router: Current<Router>) -> Result<(), Error> {
    let router = &router;
    lambda_http::run(lambda_http::service_fn(move |request: lambda_http::Request| async move {
        router.get().await.oneshot(request).await
    }))
    .await
}

/// Structured logs on stdout, written at once: a frozen function flushes nothing.
pub fn log() {
    let filter = crate::logging::filter("info");
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_target(false)
        .init();
}

fn variable(name: &str) -> Result<String, Failure> {
    std::env::var(name)
        .map_err(|_| Failure::Config(format!("the environment variable {name} is not set")))
}

/// What every function of a deployment stands on.
pub struct Deployment {
    /// The settings, unlocked.
    pub settings: Settings,
    /// Bucket and tables.
    pub stores: Stores,
    /// The reader of secrets.
    pub secrets: Secrets,
    /// Region, credentials and endpoints.
    pub config: aws_config::SdkConfig,
    /// Which settings these are; none when they are in a file.
    pub version: Option<Version>,
}

/// Reads the settings and opens the stores that the environment names.
pub async fn deployment(sources: &Sources) -> Result<Deployment, Failure> {
    let config = aws_config().await;
    let (mut settings, version) = read_settings(&config, sources).await?;
    let names = match &settings.store {
        Some(names) => names.clone(),
        None => StoreSettings {
            bucket: variable("TRIBUTARY_BUCKET")?,
            customers_table: variable("TRIBUTARY_CUSTOMERS_TABLE")?,
            state_table: variable("TRIBUTARY_STATE_TABLE")?,
        },
    };
    let stores = Stores::new(&config, names);
    let secret_store = aws_sdk_secretsmanager::Client::new(&config);
    let secrets = Secrets::new(&settings.folder, Some(secret_store));
    settings.unlock(&secrets).await?;
    Ok(Deployment { settings, stores, secrets, config, version })
}

async fn sync_hub(sources: &Sources) -> Result<Made<Arc<Hub>>, Failure> {
    let (hub, _, version) = hub(sources).await?;
    Ok((Arc::new(hub), version))
}

async fn door(sources: &Sources) -> Result<Made<Router>, Failure> {
    let queue_url = variable("TRIBUTARY_QUEUE_URL")?;
    let (hub, config, version) = hub(sources).await?;
    let client = aws_sdk_sqs::Client::new(&config);
    let queue = Queue::new(client, queue_url, hub.landing().objects().clone());
    let receiver =
        Receiver::new(Arc::clone(hub.settings()), hub.secrets().clone(), Arc::new(queue));
    Ok((receiver.router(), version))
}

async fn hub(sources: &Sources) -> Result<(Hub, aws_config::SdkConfig, Option<Version>), Failure> {
    let Deployment { settings, stores, secrets, config, version } = deployment(sources).await?;
    let secret_store = aws_sdk_secretsmanager::Client::new(&config);
    let tokens: Arc<dyn TokenVault> =
        Arc::new(SecretsManagerVault::new(secret_store, "tributary/tokens"));
    let hub = Hub::new(Arc::new(settings), &stores, secrets, &tokens, Patience::default())?;
    Ok((hub, config, version))
}

async fn read_settings(
    config: &aws_config::SdkConfig,
    sources: &Sources,
) -> Result<Made<Settings>, Failure> {
    let place = variable("TRIBUTARY_CONFIG")?;
    let Some((bucket, key)) = place.strip_prefix("s3://").and_then(|place| place.split_once('/'))
    else {
        return Ok((Settings::load(Path::new(&place), sources, Foreign::Skip)?, None));
    };
    let failed = |error: crate::error::Cause| {
        Failure::landing(format!("reading the settings at {place}"), error)
    };
    let client = aws_sdk_s3::Client::new(config);
    let object = client
        .get_object()
        .bucket(bucket)
        .key(key)
        .send()
        .await
        .map_err(|error| failed(error.into()))?;
    let etag = object.e_tag.unwrap_or_default();
    let body = object.body.collect().await.map_err(|error| failed(error.into()))?.to_vec();
    let text = String::from_utf8(body).map_err(|error| failed(error.into()))?;
    let settings = Settings::parse(&text, "", sources, Foreign::Skip)?;
    Ok((settings, Some(Version { client, bucket: bucket.into(), key: key.into(), etag })))
}

struct SyncFunction {
    hub: Arc<Hub>,
}

/// What a schedule may say: which connection or stream to read; everything when empty.
#[derive(Debug, Default, Deserialize)]
struct Schedule {
    connection: Option<String>,
    stream: Option<String>,
}

impl SyncFunction {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Error> {
        let LambdaEvent { payload, context } = event;
        let budget = Budget::of(
            context
                .deadline()
                .duration_since(SystemTime::now())
                .unwrap_or_default()
                .saturating_sub(RESERVE),
        );
        if payload["Records"][0]["eventSource"] == "aws:sqs" {
            let batch: SqsEvent = serde_json::from_value(payload)
                .map_err(|error| Failure::Decode(crate::error::json_reason(&error)))?;
            return Ok(serde_json::to_value(self.land(batch).await)?);
        }
        // An event that cannot be read must not be taken for the one that names nothing and reads everything.
        let schedule: Option<Schedule> = serde_json::from_value(payload).map_err(|error| {
            Failure::Decode(format!("event: {}", crate::error::json_reason(&error)))
        })?;
        let Schedule { connection, stream } = schedule.unwrap_or_default();
        let selection = Selection { connection, stream, ..Selection::default() };
        let runs = self.hub.sync(&selection, budget, &Unobserved).await?;
        if let Some(failed) = runs.iter().find(|run| run.outcome == Outcome::Failed) {
            let failures = runs.iter().filter(|run| run.outcome == Outcome::Failed).count();
            let Some(why) = &failed.error else { return Err("a stream failed".into()) };
            // The invocation fails so that the alarm sees it; what landed has landed, and the next run goes on.
            return Err(format!(
                "{failures} of {} streams failed; {}/{}: {why}",
                runs.len(),
                failed.connection,
                failed.stream
            )
            .into());
        }
        Ok(json!({ "runs": runs }))
    }

    /// Lands a batch; only the deliveries that failed come back to the queue.
    async fn land(&self, batch: SqsEvent) -> SqsBatchResponse {
        let batch_item_failures = stream::iter(batch.records)
            .map(|message| async move {
                let id = message.message_id.unwrap_or_default();
                let landed = self.land_message(message.body.as_deref().unwrap_or_default()).await;
                landed.err().map(|failure| {
                    error!(
                        message = id,
                        kind = failure.kind(),
                        error = failure.chain(),
                        "delivery goes back to the queue"
                    );
                    let mut item = BatchItemFailure::default();
                    item.item_identifier = id;
                    item
                })
            })
            .buffer_unordered(DELIVERIES_AT_ONCE)
            .filter_map(async |failure| failure)
            .collect()
            .await;
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = batch_item_failures;
        response
    }

    async fn land_message(&self, body: &str) -> Result<(), Failure> {
        let message: Message = serde_json::from_str(body).map_err(|error| {
            Failure::Decode(format!("queue message: {}", crate::error::json_reason(&error)))
        })?;
        let envelope = match message {
            Message::Whole(envelope) => envelope,
            Message::Pointer { key } => {
                let (bytes, _) = self.hub.landing().objects().read(&key).await?;
                serde_json::from_slice(&crate::landing::decompress(&bytes)?).map_err(|error| {
                    Failure::Decode(format!("{key}: {}", crate::error::json_reason(&error)))
                })?
            }
        };
        self.hub.land(&envelope).await.map(drop)
    }
}

/// What the door sends to the queue.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Message {
    /// A delivery that fits.
    Whole(Envelope),
    /// One that does not: the object that holds it.
    Pointer { key: String },
}

/// The queue between the door and the inbox.
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
    async fn accept(&self, delivery: Envelope) -> Result<(), Failure> {
        let text = |message: &Message| {
            serde_json::to_string(message)
                .map_err(|error| Failure::Invariant(crate::error::json_reason(&error)))
        };
        let large = delivery.body.len() > LARGEST_MESSAGE;
        let message = if large {
            let whole: Bytes = serde_json::to_vec(&delivery)
                .map_err(|error| Failure::Invariant(crate::error::json_reason(&error)))?
                .into();
            let key = format!("deliveries/{}/{}.json.zst", delivery.connection, Sha256::of(&whole));
            self.objects.create(&key, crate::landing::compress(&whole)?, &[]).await?;
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
            .map_err(|error| Failure::landing("sending a delivery to the queue", error))?;
        info!(large, "delivery queued");
        Ok(())
    }
}

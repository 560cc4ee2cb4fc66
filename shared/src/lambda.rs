//! The two mains of every system function: `sync` for schedules and queues, `webhook` for the door.

mod current;
mod queue;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use axum::Router;
use futures_util::stream::{self, StreamExt};
use lambda_http::tower::ServiceExt as _;
use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::{error, warn};

pub use current::{Current, Made, Version};
pub use lambda_runtime::Error;
pub use queue::Queue;

use crate::budget::Budget;
use crate::clock;
use crate::config::{Connection, Foreign, Settings, Sources, StoreSettings};
use crate::error::Error as Failure;
use crate::http::{Meter, Patience, TokenVault};
use crate::hub::{Hub, Selection};
use crate::landing::Objects;
use crate::ledger::{Calls, Ledger, Outcome, not_before};
use crate::metrics::{Detail, Metrics, Work};
use crate::receive::Receiver;
use crate::secrets::Secrets;
use crate::stores::{Stores, aws_config};
use crate::sync::{Observer, Progress};
use crate::vault::SecretsManagerVault;

/// Kept back from an invocation's time: for the last writes, the ledger and the answer.
const RESERVE: Duration = Duration::from_secs(3);
/// Deliveries of one batch that land at the same time.
const DELIVERIES_AT_ONCE: usize = 4;

/// Runs the scheduled sync of a system's sources; also lands batches of deliveries from the system's queue.
///
/// Environment: `TRIBUTARY_CONFIG` (`s3://bucket/key` or a path), `TRIBUTARY_BUCKET`, `TRIBUTARY_CUSTOMERS_TABLE`,
/// `TRIBUTARY_STATE_TABLE` (unless the settings have a `[store]`); `TRIBUTARY_TOKENS_PREFIX` where renewed OAuth tokens are
/// not `tributary/tokens/<connection>`; for metrics `TRIBUTARY_METRICS`, `TRIBUTARY_DEPLOYMENT`, `TRIBUTARY_SYSTEM`.
pub async fn sync(sources: &'static Sources) -> Result<(), Error> {
    log();
    let metrics = &metrics()?;
    let hub = &Current::new(move || Box::pin(sync_hub(sources))).await?;
    lambda_runtime::run(lambda_runtime::service_fn(|event: LambdaEvent<Value>| async move {
        SyncFunction { hub: hub.get().await, metrics: metrics.as_ref() }.handle(event).await
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

/// The metrics that the environment asks for; none where it asks for none.
fn metrics() -> Result<Option<Metrics>, Failure> {
    let asked = std::env::var("TRIBUTARY_METRICS").unwrap_or_default();
    let Some(detail) = Detail::parse(&asked)? else { return Ok(None) };
    let deployment = variable("TRIBUTARY_DEPLOYMENT")?;
    let system = variable("TRIBUTARY_SYSTEM")?;
    Ok(Some(Metrics { deployment, system, detail }))
}

/// What every function of a deployment stands on.
pub struct Deployment {
    /// The settings.
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

/// Reads the settings, unlocks them, and opens the stores that the environment names.
pub async fn deployment(sources: &Sources) -> Result<Deployment, Failure> {
    let mut deployment = open(sources).await?;
    deployment.settings.unlock(&deployment.secrets).await?;
    Ok(deployment)
}

/// The same without the identity key.
async fn open(sources: &Sources) -> Result<Deployment, Failure> {
    let config = aws_config().await;
    let (settings, version) = read_settings(&config, sources).await?;
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
    Ok(Deployment { settings, stores, secrets, config, version })
}

async fn sync_hub(sources: &Sources) -> Result<Made<Arc<Hub>>, Failure> {
    let Deployment { settings, stores, secrets, config, version } = deployment(sources).await?;
    let vault = SecretsManagerVault::of_deployment(aws_sdk_secretsmanager::Client::new(&config));
    let tokens: Arc<dyn TokenVault> = Arc::new(vault);
    let hub = Hub::new(Arc::new(settings), &stores, secrets, &tokens, Patience::default())?;
    Ok((Arc::new(hub), version))
}

async fn door(sources: &Sources) -> Result<Made<Router>, Failure> {
    let queue_url = variable("TRIBUTARY_QUEUE_URL")?;
    // Whoever faces the internet needs no identity key, so the settings stay locked.
    let Deployment { settings, stores, secrets, config, version } = open(sources).await?;
    let client = aws_sdk_sqs::Client::new(&config);
    let queue = Queue::new(client, queue_url, Objects::new(&stores));
    let receiver = Receiver::new(Arc::new(settings), secrets, Arc::new(queue));
    Ok((receiver.router(), version))
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

struct SyncFunction<'m> {
    hub: Arc<Hub>,
    metrics: Option<&'m Metrics>,
}

/// What a schedule may say: which connection or stream to read; everything when empty.
#[derive(Debug, Default, Deserialize)]
struct Schedule {
    connection: Option<String>,
    stream: Option<String>,
}

/// What the deliveries of a batch brought, and what they made us ask of the source, by connection.
type Tallies = Mutex<BTreeMap<String, (Ledger, Calls)>>;

impl SyncFunction<'_> {
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
        let runs = self.hub.sync(&selection, budget, self).await?;
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
        let mut answer = json!({ "runs": runs });
        if let Some(at) = not_before(&runs) {
            answer["not_before"] = at.to_string().into();
        }
        Ok(answer)
    }

    /// Lands a batch; only the deliveries that failed come back to the queue.
    async fn land(&self, batch: SqsEvent) -> SqsBatchResponse {
        let started = Instant::now();
        let tallies = Tallies::default();
        let batch_item_failures = stream::iter(batch.records)
            .map(async |message| {
                let id = message.message_id.unwrap_or_default();
                let body = message.body.unwrap_or_default();
                let failure = self.land_message(&body, &tallies).await.err()?;
                error!(
                    message = id,
                    kind = failure.kind(),
                    error = failure.chain(),
                    "delivery goes back to the queue"
                );
                let mut item = BatchItemFailure::default();
                item.item_identifier = id;
                Some(item)
            })
            .buffer_unordered(DELIVERIES_AT_ONCE)
            .filter_map(async |failure| failure)
            .collect()
            .await;
        let time = started.elapsed();
        for (name, (ledger, calls)) in tallies.into_inner().unwrap_or_else(PoisonError::into_inner)
        {
            if let Ok(Connection { source, .. }) = self.hub.connection(&name) {
                self.tell(&Work::of_deliveries(&name, source, ledger, calls, time));
            }
        }
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = batch_item_failures;
        response
    }

    async fn land_message(&self, body: &str, tallies: &Tallies) -> Result<(), Failure> {
        let envelope = queue::open(body, self.hub.landing().objects()).await?;
        let meter = Meter::default();
        let received = self.hub.land(&envelope, &meter).await;
        let brought = match &received {
            Ok(received) => received.ledger(),
            Err(Failure::Miscounted(ledger)) => *ledger,
            Err(_) => Ledger::default(),
        };
        let mut tallies = tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let (ledger, calls) = tallies.entry(envelope.connection).or_default();
        ledger.add(&brought);
        calls.add(meter.calls());
        received.map(drop)
    }

    /// Writes the record, where records are asked for, as a line of its own between those of the log.
    fn tell(&self, work: &Work<'_>) {
        let Some(metrics) = &self.metrics else { return };
        let written = serde_json::to_vec(&metrics.record(work, clock::now()))
            .map_err(std::io::Error::from)
            .and_then(|mut line| {
                line.push(b'\n');
                std::io::stdout().lock().write_all(&line)
            });
        if let Err(error) = written {
            warn!(error = error.to_string(), "a record of metrics was not written");
        }
    }
}

/// Tells of each run when it ends, so that a function which is killed later has told of it.
impl Observer for SyncFunction<'_> {
    fn on(&self, connection: &str, _: &str, progress: Progress<'_>) {
        if let Progress::Finished(run) = progress
            && let Ok(connection) = self.hub.connection(connection)
        {
            self.tell(&Work::of_run(run, connection.source));
        }
    }
}

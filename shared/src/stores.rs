//! The AWS clients and names of one deployment, and how long a refused operation is repeated.

use std::error::Error as StdError;
use std::time::Duration;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    TimeToLiveSpecification,
};
use aws_types::service_config::ServiceConfigKey;
use backon::{BackoffBuilder, ExponentialBuilder};

use crate::config::StoreSettings;
use crate::error::Error;
use crate::usage::Counting;

/// Where everything of one deployment is stored.
#[derive(Clone, Debug)]
pub struct Stores {
    /// Objects.
    pub s3: aws_sdk_s3::Client,
    /// Items.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// Bucket and tables.
    pub names: StoreSettings,
}

/// The AWS settings of this process: region, credentials and endpoints from the environment, as everywhere in AWS.
pub async fn aws_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).load().await
}

/// Where a service is to be asked, if not at AWS's own address: `AWS_ENDPOINT_URL_<service>`, or that of all services.
pub fn endpoint_of(config: &SdkConfig, service: &str) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL");
    let key = key.profile("endpoint_url").build().ok()?;
    let own = config.service_config().and_then(|settings| settings.load_config(key));
    own.or_else(|| config.endpoint_url().map(str::to_owned))
}

impl Stores {
    /// Clients for the AWS account, or for whatever the environment's endpoints point at.
    pub fn new(config: &SdkConfig, names: StoreSettings) -> Self {
        Self {
            s3: aws_sdk_s3::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            names,
        }
    }

    /// The same stores, with clients that count what they do ([`crate::usage`]).
    pub(crate) fn counted(&self) -> Self {
        let s3 = self.s3.config().to_builder().interceptor(Counting).build();
        let dynamodb = self.dynamodb.config().to_builder().interceptor(Counting).build();
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            names: self.names.clone(),
        }
    }

    /// Creates the bucket and the tables where they are missing; in AWS the template does this.
    pub async fn create_missing(&self) -> Result<(), Error> {
        let bucket = &self.names.bucket;
        if self.s3.head_bucket().bucket(bucket).send().await.is_err() {
            self.s3
                .create_bucket()
                .bucket(bucket)
                .send()
                .await
                .map_err(|error| Error::landing(format!("creating the bucket {bucket}"), error))?;
        }
        for table in [&self.names.state_table, &self.names.customers_table] {
            self.create_table(table).await?;
        }
        Ok(())
    }

    async fn create_table(&self, name: &str) -> Result<(), Error> {
        if self.dynamodb.describe_table().table_name(name).send().await.is_ok() {
            return Ok(());
        }
        let failed = |error: Box<dyn StdError + Send + Sync>| {
            Error::landing(format!("creating the table {name}"), error)
        };
        let mut create =
            self.dynamodb.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
        for (attribute, role) in [("pk", KeyType::Hash), ("sk", KeyType::Range)] {
            create = create
                .attribute_definitions(
                    AttributeDefinition::builder()
                        .attribute_name(attribute)
                        .attribute_type(ScalarAttributeType::S)
                        .build()
                        .map_err(|error| failed(error.into()))?,
                )
                .key_schema(
                    KeySchemaElement::builder()
                        .attribute_name(attribute)
                        .key_type(role)
                        .build()
                        .map_err(|error| failed(error.into()))?,
                );
        }
        create.send().await.map_err(|error| failed(error.into()))?;
        let ttl = TimeToLiveSpecification::builder()
            .attribute_name("ttl")
            .enabled(true)
            .build()
            .map_err(|error| failed(error.into()))?;
        self.dynamodb
            .update_time_to_live()
            .table_name(name)
            .time_to_live_specification(ttl)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        Ok(())
    }
}

/// What is left of a store operation once nothing more can be done about it.
#[derive(Debug)]
pub(crate) enum StoreFault {
    /// The operation's condition does not hold.
    Condition,
    /// Anything else, described.
    Other(Error),
}

/// The error of an operation that has no condition.
pub(crate) fn unconditional(fault: StoreFault) -> Error {
    match fault {
        StoreFault::Other(error) => error,
        StoreFault::Condition => {
            Error::Invariant("an unconditional request was refused by a condition".to_owned())
        }
    }
}

/// Runs a store operation until it is applied, refused by its own condition, or out of patience (about a minute).
///
/// Safe because every write of ours is conditional or the same each time: an operation that timed out but was applied
/// is answered by its condition.
pub(crate) async fn persist<T, E, F>(
    what: &str,
    mut operation: impl FnMut() -> F,
) -> Result<T, StoreFault>
where
    F: Future<Output = Result<T, SdkError<E>>>,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let schedule = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(40))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(14)
        .with_jitter();
    let mut waits = schedule.build();
    loop {
        let error = match operation().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        match verdict(&error) {
            Verdict::Condition => return Err(StoreFault::Condition),
            Verdict::Again if let Some(wait) = waits.next() => {
                tracing::debug!(what, wait_ms = wait.as_millis(), "repeating a store operation");
                tokio::time::sleep(wait).await;
            }
            _ => {
                let cause = DisplayErrorContext(&error).to_string();
                return Err(StoreFault::Other(Error::landing(what, cause)));
            }
        }
    }
}

enum Verdict {
    Condition,
    Again,
    Final,
}

fn verdict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Verdict {
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, message) = match error {
        SdkError::ServiceError(service) => {
            (service.err().code().unwrap_or_default(), service.err().message().unwrap_or_default())
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            return Verdict::Again;
        }
        _ => return Verdict::Final,
    };
    match code {
        "ConditionalCheckFailedException" | "PreconditionFailed" => Verdict::Condition,
        // A cancelled transaction names the reason of each action; only a failed condition is final.
        "TransactionCanceledException" if message.contains("ConditionalCheckFailed") => {
            Verdict::Condition
        }
        "TransactionCanceledException"
        | "TransactionConflictException"
        | "TransactionInProgressException"
        | "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "ConditionalRequestConflict"
        | "InternalServerError"
        | "InternalError"
        | "ServiceUnavailable" => Verdict::Again,
        _ => match status {
            Some(412) => Verdict::Condition,
            Some(409 | 429) => Verdict::Again,
            Some(status) if status >= 500 => Verdict::Again,
            _ => Verdict::Final,
        },
    }
}

//! S3 and `DynamoDB` inside this process, over one folder, so that everything runs on a laptop without an AWS account.
//!
//! The AWS SDK talks to both over loopback exactly as it talks to AWS: only endpoint and credentials differ.
//!
//! ```text
//! <data>/s3/<bucket>/<key>    every object is a plain file under its key (see `s3`)
//! <data>/dynamodb.sqlite      every table (with -wal and -shm beside it)
//! <data>/lock                 held by the one process that serves the folder
//! <data>/endpoints.json       where it serves; present while it does
//! ```
//!
//! The first process to open a folder owns and serves it; others attach to that one over loopback. Every program on this
//! machine can, another user's too; web pages open in a browser here cannot (see `guard`).

mod clients;
mod dynamodb;
mod endpoints;
mod error;
mod guard;
mod http;
mod lock;
mod s3;
mod server;

use std::path::Path;
use std::time::{Duration, Instant};

pub use endpoints::Endpoints;
pub use error::EmbeddedError;

use lock::FolderLock;
use server::Server;

/// How long `open` waits for a process that holds the folder but does not answer: one that is starting or stopping.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it looks again in that time.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How the stores are opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Loopback port for S3; 0 takes any free one.
    pub s3_port: u16,
    /// Loopback port for `DynamoDB`; 0 takes any free one.
    pub dynamodb_port: u16,
    /// What a crash may take.
    pub durability: Durability,
    /// How often expired `DynamoDB` items are removed.
    pub sweep_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            s3_port: 0,
            dynamodb_port: 0,
            durability: Durability::Full,
            sweep_every: Duration::from_mins(1),
        }
    }
}

/// What a crash may take. Killing the process takes nothing in either mode: an acknowledged write stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power cut may take the last moments; what is left is whole.
    Full,
    /// A power cut may damage the stores: for data that can be made again, such as the demo's.
    Relaxed,
}

/// The stores over one folder: served by this process, or by another one that this process attached to.
#[derive(Debug)]
pub struct Embedded {
    endpoints: Endpoints,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    server: Option<Server>,
}

impl Embedded {
    /// Starts the stores over `data` or, when another process already serves that folder, attaches to it.
    ///
    /// Attached, `options` have no effect: the owner's hold.
    pub async fn open(data: &Path, options: Options) -> Result<Self, EmbeddedError> {
        let data = lock::prepare_folder(data)?;
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(lock) = FolderLock::try_take(&data)? {
                let (server, endpoints) = Server::start(&data, options, lock).await?;
                return Ok(Self::new(endpoints, Some(server)));
            }
            if let Some(endpoints) = Endpoints::of_owner(&data).await {
                return Ok(Self::new(endpoints, None));
            }
            if Instant::now() >= patience {
                return Err(EmbeddedError::Unanswered { folder: data });
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn new(endpoints: Endpoints, server: Option<Server>) -> Self {
        let s3 = clients::s3(&endpoints.s3);
        let dynamodb = clients::dynamodb(&endpoints.dynamodb);
        Self { endpoints, s3, dynamodb, server }
    }

    /// Where the stores answer, and whether this process serves them.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Region, credentials and endpoint of S3, for libraries that bring a client of their own.
    pub fn aws_config(&self) -> aws_config::SdkConfig {
        clients::config(&self.endpoints().s3)
    }

    /// An S3 client for this folder; clones share connections.
    pub fn s3_client(&self) -> aws_sdk_s3::Client {
        self.s3.clone()
    }

    /// A `DynamoDB` client for this folder; clones share connections.
    pub fn dynamodb_client(&self) -> aws_sdk_dynamodb::Client {
        self.dynamodb.clone()
    }

    /// The environment under which any AWS SDK or tool uses these stores.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        clients::env(&self.endpoints)
    }

    /// Makes sure that `name` exists as a bucket, which is the folder `s3/<name>`.
    pub async fn create_bucket(&self, name: &str) -> Result<(), EmbeddedError> {
        match self.s3.create_bucket().bucket(name).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.into_service_error() {
                error if error.is_bucket_already_owned_by_you() => Ok(()),
                error => Err(EmbeddedError::Bucket { name: name.into(), source: Box::new(error) }),
            },
        }
    }

    /// Finishes running requests, closes the stores and releases the folder; attached, it merely detaches.
    ///
    /// Dropping does the same without waiting for running requests.
    pub async fn shutdown(self) {
        if let Some(server) = self.server {
            server.shutdown().await;
        }
    }
}

//! The AWS account of a test: S3 and `DynamoDB` embedded in this process, or another implementation of AWS.
//!
//! With `TRIBUTARY_TEST_AWS=http://127.0.0.1:5000` in the environment everything goes there instead, into a bucket and
//! tables of the test's own. `tests/on_moto.py` runs the suite so.

use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use lake::Place;
use shared::config::StoreSettings;
use shared::stores::Stores;
use tributary::embedded::{Embedded, Options};
use uuid::Uuid;

/// Where buckets are made without saying where.
pub const REGION: &str = "us-east-1";

/// Bucket and tables of one test.
pub struct Account {
    names: StoreSettings,
    at: At,
}

enum At {
    Home { embedded: Embedded, data: PathBuf },
    Elsewhere(String),
}

/// The other implementation of AWS that the tests are to use.
pub fn elsewhere() -> Option<String> {
    std::env::var("TRIBUTARY_TEST_AWS").ok().filter(|url| !url.is_empty())
}

/// Whether this test has to be left out because it is about the embedded stores; says so.
#[expect(clippy::print_stderr, reason = "beside the name of a test that proved nothing")]
pub fn only_embedded(why: &str) -> bool {
    let skipped = elsewhere().is_some();
    if skipped {
        eprintln!("skipped, because TRIBUTARY_TEST_AWS is set: {why}");
    }
    skipped
}

impl Account {
    /// An account with a bucket and tables that are empty; embedded, they are under `data`.
    pub async fn open(data: &Path) -> Self {
        let account = match elsewhere() {
            None => {
                let embedded = Embedded::open(data, Options::default()).await;
                let embedded = embedded.expect("the stores open");
                let data = data.to_owned();
                Self { names: store_names(), at: At::Home { embedded, data } }
            }
            Some(url) => {
                let own = Uuid::new_v4().simple();
                let names = StoreSettings {
                    bucket: format!("tributary-{own}"),
                    customers_table: format!("tributary-customers-{own}"),
                    state_table: format!("tributary-state-{own}"),
                };
                Self { names, at: At::Elsewhere(url) }
            }
        };
        account.stores().create_missing().await.expect("bucket and tables");
        account
    }

    /// What they are called.
    pub fn names(&self) -> &StoreSettings {
        &self.names
    }

    /// Bucket and tables.
    pub fn stores(&self) -> Stores {
        match &self.at {
            At::Home { embedded, .. } => Stores {
                s3: embedded.s3_client(),
                dynamodb: embedded.dynamodb_client(),
                names: self.names.clone(),
            },
            At::Elsewhere(url) => Stores::new(&config(url), self.names.clone()),
        }
    }

    /// The endpoint of S3.
    pub fn s3(&self) -> &str {
        match &self.at {
            At::Home { embedded, .. } => &embedded.endpoints().s3,
            At::Elsewhere(url) => url,
        }
    }

    /// The endpoint of `DynamoDB`.
    pub fn dynamodb(&self) -> &str {
        match &self.at {
            At::Home { embedded, .. } => &embedded.endpoints().dynamodb,
            At::Elsewhere(url) => url,
        }
    }

    /// The bucket as the lake sees it through S3.
    pub fn lake(&self) -> Place {
        Place::bucket(&config(self.s3()), &self.names.bucket).expect("a bucket")
    }

    /// The bucket as the folder that it is, when it is one.
    pub fn folder(&self) -> Option<Place> {
        Some(Place::folder(&self.file("")?).expect("a folder"))
    }

    /// The file that an object is, when it is one.
    pub fn file(&self, key: &str) -> Option<PathBuf> {
        let At::Home { data, .. } = &self.at else { return None };
        Some(data.join("s3").join(&self.names.bucket).join(key))
    }
}

/// Region, credentials and endpoint of a stand-in.
pub fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "stand");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Bucket and tables as the command line names them in an embedded store.
pub fn store_names() -> StoreSettings {
    StoreSettings {
        bucket: "tributary".to_owned(),
        customers_table: "tributary-customers".to_owned(),
        state_table: "tributary-state".to_owned(),
    }
}

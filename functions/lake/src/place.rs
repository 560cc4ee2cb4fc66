//! Where the lake is: a bucket, or a folder with the same keys.

use std::path::Path as FilePath;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use deltalake_core::logstore::{LogStoreRef, StorageConfig, default_logstore};
use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3Builder, AwsCredential, S3ConditionalPut};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    CredentialProvider, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    PutPayload,
};
use shared::stores::endpoint_of;
use url::Url;

use crate::error::LakeError;

/// Where landed rows and tables are; keys are the same in a bucket and in a folder.
#[derive(Debug, Clone)]
pub struct Place {
    /// With `/` at the root of the bucket or file system.
    store: Arc<dyn ObjectStore>,
    /// Of the deployment; ends in `/`.
    url: Url,
}

impl Place {
    /// A bucket, with the region, credentials and endpoint of the AWS SDK.
    pub fn bucket(config: &SdkConfig, bucket: &str) -> Result<Self, LakeError> {
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(config.region().map_or("us-east-1", |region| region.as_ref()))
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        if let Some(endpoint) = endpoint_of(config, "s3") {
            builder = builder
                .with_allow_http(endpoint.starts_with("http://"))
                .with_endpoint(endpoint)
                .with_virtual_hosted_style_request(false);
        }
        if let Some(provider) = config.credentials_provider() {
            builder = builder.with_credentials(Arc::new(SdkCredentials(provider)));
        }
        let store =
            builder.build().map_err(|error| LakeError::store("connecting to the bucket", error))?;
        let url = Url::parse(&format!("s3://{bucket}/"));
        let url = url.map_err(|error| {
            LakeError::Setting(format!("the bucket's name {bucket:?}: {error}"))
        })?;
        Ok(Self { store: Arc::new(store), url })
    }

    /// A folder, made if it is missing.
    pub fn folder(folder: &FilePath) -> Result<Self, LakeError> {
        let what = || format!("opening the folder {}", folder.display());
        std::fs::create_dir_all(folder).map_err(|error| LakeError::store(what(), error))?;
        let folder = folder.canonicalize().map_err(|error| LakeError::store(what(), error))?;
        let url = Url::from_directory_path(&folder).map_err(|()| {
            LakeError::Setting(format!("{} is no absolute folder", folder.display()))
        })?;
        Ok(Self { store: Arc::new(LocalFileSystem::new()), url })
    }

    /// The objects, and the URL that stands for their root, for a query engine.
    pub fn objects(&self) -> (&Url, &Arc<dyn ObjectStore>) {
        (&self.url, &self.store)
    }

    /// The URL of a key.
    pub(crate) fn url_of(&self, key: &str) -> Result<Url, LakeError> {
        self.url.join(key).map_err(|error| LakeError::store(format!("naming {key}"), error))
    }

    /// The path of a key in the store.
    fn path_of(&self, key: &str) -> Result<Path, LakeError> {
        let path = self.url_of(key)?;
        Path::from_url_path(path.path())
            .map_err(|error| LakeError::store(format!("naming {key}"), error))
    }

    /// The folder of a table.
    fn table_url(&self, table: &str) -> Result<Url, LakeError> {
        self.url_of(&format!("lake/{table}/"))
    }

    /// The log of a table.
    pub(crate) fn log_of(&self, table: &str) -> Result<LogStoreRef, LakeError> {
        let url = self.table_url(table)?;
        let path = self.path_of(&format!("lake/{table}"))?;
        let prefixed = Arc::new(PrefixStore::new(Arc::clone(&self.store), path));
        Ok(default_logstore(prefixed, Arc::clone(&self.store), &url, &StorageConfig::default()))
    }

    pub(crate) async fn read(&self, key: &str) -> Result<Option<bytes::Bytes>, LakeError> {
        let failed = |error| LakeError::store(format!("reading {key}"), error);
        match self.store.get(&self.path_of(key)?).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Creates an object unless there is one; says whether it did.
    pub(crate) async fn create(&self, key: &str, body: Vec<u8>) -> Result<bool, LakeError> {
        let options = PutOptions::from(PutMode::Create);
        match self.store.put_opts(&self.path_of(key)?, PutPayload::from(body), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(LakeError::store(format!("creating {key}"), error)),
        }
    }

    /// The objects under a prefix by their keys, oldest key first.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<(String, ObjectMeta)>, LakeError> {
        let root = self.path_of("")?;
        let path = self.path_of(prefix.trim_end_matches('/'))?;
        let found: Vec<ObjectMeta> = self
            .store
            .list(Some(&path))
            .try_collect()
            .await
            .map_err(|error| LakeError::store(format!("listing {prefix}"), error))?;
        let keyed = found.into_iter().filter_map(|object| {
            let key: Vec<String> =
                object.location.prefix_match(&root)?.map(|part| part.as_ref().to_owned()).collect();
            Some((key.join("/"), object))
        });
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(keyed)
    }

    /// Removes objects; one that is gone already is no error.
    pub(crate) async fn remove(&self, keys: &[String]) -> Result<(), LakeError> {
        let paths: Vec<Path> =
            keys.iter().map(|key| self.path_of(key)).collect::<Result<_, _>>()?;
        let removals = futures_util::stream::iter(paths.into_iter().map(Ok));
        let mut outcomes = self.store.delete_stream(Box::pin(removals));
        loop {
            match outcomes.try_next().await {
                Ok(Some(_)) | Err(object_store::Error::NotFound { .. }) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    return Err(LakeError::store("removing committed landing objects", error));
                }
            }
        }
    }
}

/// The credentials of the AWS SDK, which finds and renews them.
#[derive(Debug)]
struct SdkCredentials(SharedCredentialsProvider);

#[async_trait::async_trait]
impl CredentialProvider for SdkCredentials {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let found = self.0.provide_credentials().await.map_err(|error| {
            object_store::Error::Generic { store: "S3", source: Box::new(error) }
        })?;
        Ok(Arc::new(AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(ToOwned::to_owned),
        }))
    }
}

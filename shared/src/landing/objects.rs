//! Objects in S3: created once under a key that follows from their content, never overwritten.

use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;

use crate::error::Error;
use crate::stores::{StoreFault, Stores, persist};

/// The bucket of a deployment.
#[derive(Clone, Debug)]
pub struct Objects {
    client: aws_sdk_s3::Client,
    bucket: String,
}

/// What a creation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The object is new.
    New,
    /// An earlier run created it.
    AlreadyThere,
}

/// Level 1: three times smaller than level 0's worth of time suggests, and twice as fast as the default.
const LEVEL: i32 = 1;

/// Compresses with zstd.
pub fn compress(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    zstd::bulk::compress(bytes, LEVEL)
        .map_err(|error| Error::landing("compressing an object", error))
}

/// The most that one of our own objects decompresses to.
const MAX_OBJECT: u64 = 512 * 1024 * 1024;

/// Decompresses one of our own objects.
pub fn decompress(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    use std::io::Read as _;
    let mut out = Vec::new();
    zstd::stream::Decoder::new(bytes)
        .and_then(|decoder| decoder.take(MAX_OBJECT).read_to_end(&mut out))
        .map_err(|error| Error::landing("decompressing an object", error))?;
    Ok(out)
}

impl Objects {
    /// The bucket of a deployment.
    pub fn new(stores: &Stores) -> Self {
        Self { client: stores.s3.clone(), bucket: stores.names.bucket.clone() }
    }

    /// A bucket by name.
    pub fn in_bucket(client: aws_sdk_s3::Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Creates an object if its key is free (`If-None-Match: *`).
    pub async fn create(
        &self,
        key: &str,
        body: Vec<u8>,
        metadata: &[(&str, String)],
    ) -> Result<Created, Error> {
        let body = Bytes::from(body);
        let created = persist("creating an object", || {
            let mut put = self
                .client
                .put_object()
                .bucket(&self.bucket)
                .key(key)
                .if_none_match("*")
                .content_type("application/zstd")
                .body(ByteStream::from(body.clone()));
            for (name, value) in metadata {
                put = put.metadata(*name, value);
            }
            put.send()
        })
        .await;
        match created {
            Ok(_) => Ok(Created::New),
            Err(StoreFault::Condition) => Ok(Created::AlreadyThere),
            Err(StoreFault::Other(error)) => Err(error),
        }
    }

    /// Reads an object and its metadata.
    pub async fn read(
        &self,
        key: &str,
    ) -> Result<(Vec<u8>, std::collections::HashMap<String, String>), Error> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            Error::landing(format!("reading {key}"), error)
        };
        let object = self
            .client
            .get_object()
            .bucket(&self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| failed(error.into()))?;
        let metadata = object.metadata.unwrap_or_default();
        let body = object.body.collect().await.map_err(|error| failed(error.into()))?;
        Ok((body.to_vec(), metadata))
    }

    /// The keys under a prefix, in order.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.bucket)
            .prefix(prefix)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| Error::landing(format!("listing {prefix}"), error))?;
            keys.extend(
                page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key),
            );
        }
        Ok(keys)
    }

    /// Removes an object.
    pub async fn remove(&self, key: &str) -> Result<(), Error> {
        persist("removing an object", || {
            self.client.delete_object().bucket(&self.bucket).key(key).send()
        })
        .await
        .map(drop)
        .map_err(|fault| match fault {
            StoreFault::Other(error) => error,
            StoreFault::Condition => {
                Error::Invariant("a removal was refused by a condition".to_owned())
            }
        })
    }
}

//! The embedded stores, through the AWS SDK.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod crash;
mod folder;
mod objects;
mod racing;
mod strangers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ScalarAttributeType, TimeToLiveSpecification, TransactWriteItem,
};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier};
use tempfile::TempDir;
use tributary::embedded::{Durability, Embedded, EmbeddedError, Options};

const BUCKET: &str = "tributary";

async fn open(data: &Path) -> Embedded {
    let stores = Embedded::open(data, Options::default()).await.unwrap();
    stores.create_bucket(BUCKET).await.unwrap();
    stores
}

async fn get(s3: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let object = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: &str) -> String {
    let body = ByteStream::from(body.as_bytes().to_vec());
    let put = s3.put_object().bucket(BUCKET).key(key).body(body).send().await.unwrap();
    put.e_tag.unwrap()
}

async fn keys(s3: &aws_sdk_s3::Client, prefix: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut pages =
        s3.list_objects_v2().bucket(BUCKET).prefix(prefix).max_keys(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys
}

async fn create_table(dynamodb: &aws_sdk_dynamodb::Client) {
    let key =
        AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let create =
        dynamodb.create_table().table_name("state").billing_mode(BillingMode::PayPerRequest);
    let create =
        create.attribute_definitions(key.build().unwrap()).key_schema(schema.build().unwrap());
    create.send().await.unwrap();
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn has_item(dynamodb: &aws_sdk_dynamodb::Client, key: &str) -> bool {
    dynamodb
        .get_item()
        .table_name("state")
        .key("pk", text(key))
        .send()
        .await
        .unwrap()
        .item
        .is_some()
}

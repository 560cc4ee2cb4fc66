//! AWS SDK clients for the embedded stores: fixed credentials, nothing read from environment, files or metadata service.

use aws_sdk_dynamodb as dynamodb;
use aws_sdk_s3 as s3;

use super::Endpoints;

/// Key id and secret: S3 checks that requests are signed with them, `DynamoDB` that they name the key id. They are no
/// secret; what keeps web pages out is the guard.
pub(super) const KEY: &str = "local";
const REGION: &str = "us-east-1";

/// For libraries that take settings instead of a client; good for S3 only.
pub(super) fn config(s3_endpoint: &str) -> aws_config::SdkConfig {
    use s3::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
    let credentials = Credentials::new(KEY, KEY, None, None, "tributary");
    aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(s3_endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(super) fn s3(endpoint: &str) -> s3::Client {
    use s3::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
    let config = s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "tributary"))
        // It guards against dead networks; on loopback a pause is a busy disk.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    s3::Client::from_conf(config.build())
}

pub(super) fn dynamodb(endpoint: &str) -> dynamodb::Client {
    use dynamodb::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
    let config = dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(KEY, KEY, None, None, "tributary"))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    dynamodb::Client::from_conf(config.build())
}

pub(super) fn env(endpoints: &Endpoints) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL_S3", endpoints.s3.clone()),
        ("AWS_ENDPOINT_URL_DYNAMODB", endpoints.dynamodb.clone()),
        ("AWS_ACCESS_KEY_ID", KEY.into()),
        ("AWS_SECRET_ACCESS_KEY", KEY.into()),
        ("AWS_REGION", REGION.into()),
    ]
}

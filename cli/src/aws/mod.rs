//! A deployment in AWS, found by the name of its stack with the caller's own credentials; nothing is remembered.

mod call;
pub(crate) mod difference;
pub(crate) mod references;
mod refusal;
pub(crate) mod samconfig;
pub(crate) mod secrets;
mod stack;
pub(crate) mod steps;

use std::path::Path;

use aws_config::{Region, SdkConfig};
use shared::config::{Foreign, Settings, StoreSettings};
use shared::stores::aws_config;

use crate::arguments::Global;
use crate::failure::Failure;
use crate::sources::sources;

pub(crate) use refusal::{Refusal, hint_in};

/// The stack's name where nobody says another.
pub(crate) const STACK: &str = "tributary";

/// A deployed stack.
pub(crate) struct Deployment {
    /// Its name.
    pub(crate) stack: String,
    /// Region, credentials and endpoints.
    pub(crate) aws: SdkConfig,
    facts: stack::Stack,
}

/// The settings that the functions read.
pub(crate) struct Stored {
    pub(crate) text: String,
    pub(crate) etag: String,
}

impl Deployment {
    /// Finds the stack that the command line, the environment or `samconfig.toml` names.
    pub(crate) async fn find(global: &Global) -> Result<Self, Failure> {
        let stack = stack_name(global)?;
        let aws = config().await;
        if aws.region().is_none() {
            return Err(Failure::misuse(
                "no AWS region is set",
                "export AWS_REGION=eu-central-1, or whichever the stack is in; or name it in samconfig.toml",
            ));
        }
        call::require_credentials(&aws).await?;
        let facts = stack::Stack::describe(&aws, &stack).await?;
        let deployment = Self { stack, aws, facts };
        deployment.names()?;
        Ok(deployment)
    }

    /// Its region.
    pub(crate) fn region(&self) -> &str {
        self.aws.region().map_or("", |region| region.as_ref())
    }

    /// Bucket and tables.
    pub(crate) fn names(&self) -> Result<StoreSettings, Failure> {
        Ok(StoreSettings {
            bucket: self.output("BucketName")?,
            customers_table: self.output("CustomersTableName")?,
            state_table: self.output("StateTableName")?,
        })
    }

    /// A value that the stack puts out.
    pub(crate) fn output(&self, key: &str) -> Result<String, Failure> {
        self.facts.outputs.get(key).cloned().ok_or_else(|| {
            Failure::misuse(
                format!(
                    "the stack {} ({}) has no {key}: it is not Tributary's, or not deployed to its end",
                    self.stack, self.facts.status
                ),
                "name the right stack with --aws=STACK, or deploy it: `sam deploy`",
            )
        })
    }

    fn parameter(&self, key: &str) -> Option<&str> {
        self.facts.parameters.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The settings' key in the bucket.
    pub(crate) fn config_key(&self) -> &str {
        self.parameter("ConfigKey").unwrap_or("tributary.toml")
    }

    /// Where the settings are.
    pub(crate) fn settings_place(&self) -> Result<String, Failure> {
        Ok(format!("s3://{}/{}", self.names()?.bucket, self.config_key()))
    }

    /// What the names of its secrets begin with.
    pub(crate) fn secrets_prefix(&self) -> &str {
        self.parameter("SecretsPrefix").unwrap_or(STACK)
    }

    /// The key that encrypts, if it is the operator's own.
    pub(crate) fn kms_key(&self) -> Option<&str> {
        self.parameter("KmsKeyArn")
    }

    /// Whether the functions of a system are deployed.
    pub(crate) fn runs(&self, system: &str) -> bool {
        self.parameter(&system_parameter(system)) == Some("on")
    }

    /// The settings in the bucket, if there are any yet.
    pub(crate) async fn stored(&self) -> Result<Option<Stored>, Failure> {
        let what = format!("reading {}", self.settings_place()?);
        let get = aws_sdk_s3::Client::new(&self.aws).get_object();
        let object = match get.bucket(self.names()?.bucket).key(self.config_key()).send().await {
            Ok(object) => object,
            Err(error) => {
                let refusal = Refusal::of_sdk(&error);
                return if refusal.code == "NoSuchKey" {
                    Ok(None)
                } else {
                    Err(refusal.during(&what))
                };
            }
        };
        let etag = object.e_tag.unwrap_or_default();
        let body = object
            .body
            .collect()
            .await
            .map_err(|error| Failure::failed(format!("{what}: {error}"), "try again"))?;
        let text = String::from_utf8(body.to_vec()).map_err(|_| {
            Failure::misuse(
                format!("{what}: they are no text"),
                "`tributary config push` replaces them",
            )
        })?;
        Ok(Some(Stored { text, etag }))
    }

    /// The settings that commands work with: a file that is named, or else those in the bucket.
    pub(crate) async fn settings(&self, global: &Global) -> Result<Settings, Failure> {
        if let Some(file) = &global.config {
            return Ok(Settings::load(file, &sources(), Foreign::Refuse)?);
        }
        let Some(stored) = self.stored().await? else {
            return Err(Failure::misuse(
                format!("there are no settings at {}", self.settings_place()?),
                "`tributary config push` puts them there",
            ));
        };
        Ok(Settings::parse(&stored.text, "", &sources(), Foreign::Refuse)?)
    }
}

/// Which stack is meant: `--aws=STACK`, `TRIBUTARY_AWS_STACK`, `samconfig.toml`, or else `tributary`.
pub(crate) fn stack_name(global: &Global) -> Result<String, Failure> {
    let said = global.aws.clone().filter(|name| !name.is_empty());
    let name = said
        .or_else(|| std::env::var("TRIBUTARY_AWS_STACK").ok())
        .or_else(|| samconfig::SamConfig::read(Path::new("")).stack)
        .unwrap_or_else(|| STACK.to_owned());
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-:/".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(Failure::misuse(
            format!("{name:?} is not the name of a stack"),
            "names of stacks have letters, digits and hyphens",
        ));
    }
    Ok(name)
}

/// Region, credentials and endpoints of this process; the region may also be that of `samconfig.toml`.
pub(crate) async fn config() -> SdkConfig {
    let aws = aws_config().await;
    match (aws.region(), samconfig::SamConfig::read(Path::new("")).region) {
        (None, Some(region)) => aws.into_builder().region(Region::new(region)).build(),
        _ => aws,
    }
}

/// The template's parameter that switches a system on: `Helpdesk`.
pub(crate) fn system_parameter(system: &str) -> String {
    let (first, rest) = system.split_at(1.min(system.len()));
    first.to_uppercase() + rest
}

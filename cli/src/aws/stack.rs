//! A stack as `CloudFormation` describes it: its parameters and outputs.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use serde::Deserialize;

use super::call::{Service, call};
use crate::failure::Failure;

const CLOUD_FORMATION: Service = Service { id: "CloudFormation", name: "cloudformation" };

/// What a deployed stack was given and what it made.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) status: String,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Asks for the stack of this name.
    pub(super) async fn describe(aws: &SdkConfig, name: &str) -> Result<Self, Failure> {
        let form = [("content-type", "application/x-www-form-urlencoded; charset=utf-8")];
        // A stack's name has letters, digits and hyphens; its id is an ARN, with nothing that a form would have to escape
        // but colons and slashes, which may stand.
        let body = format!("Action=DescribeStacks&Version=2010-05-15&StackName={name}");
        let region = aws.region().map(ToString::to_string).unwrap_or_default();
        let answer = call(aws, CLOUD_FORMATION, &form, &body).await.map_err(|refusal| {
            if refusal.code == "ValidationError" && refusal.message.contains("does not exist") {
                return Failure::misuse(
                    format!("there is no stack {name} in {region}"),
                    "deploy it (docs/deploy.md), or name another: --aws=STACK, and AWS_REGION for the region",
                );
            }
            refusal.during(&format!("asking for the stack {name} in {region}"))
        })?;
        Self::read(&answer).ok_or_else(|| {
            Failure::failed(
                format!("CloudFormation's description of the stack {name} cannot be read"),
                "run it again with -vv, and report what it says",
            )
        })
    }

    fn read(xml: &str) -> Option<Self> {
        let Response { result } = quick_xml::de::from_str(xml).ok()?;
        let found = result.stacks.member.into_iter().next()?;
        let pairs = |members: Members<Pair>| {
            members.member.into_iter().map(|pair| (pair.key, pair.value)).collect()
        };
        Some(Self {
            status: found.status,
            parameters: pairs(found.parameters),
            outputs: pairs(found.outputs),
        })
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "DescribeStacksResult")]
    result: DescribeStacksResult,
}

#[derive(Deserialize)]
struct DescribeStacksResult {
    #[serde(rename = "Stacks")]
    stacks: Members<Described>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(rename = "StackStatus")]
    status: String,
    #[serde(rename = "Parameters", default)]
    parameters: Members<Pair>,
    #[serde(rename = "Outputs", default)]
    outputs: Members<Pair>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Members<T> {
    member: Vec<T>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { member: Vec::new() }
    }
}

#[derive(Deserialize)]
struct Pair {
    #[serde(alias = "ParameterKey", alias = "OutputKey")]
    key: String,
    #[serde(alias = "ParameterValue", alias = "OutputValue", default)]
    value: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_outputs_are_picked_from_the_description() {
        let xml = r#"<DescribeStacksResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/">
          <DescribeStacksResult><Stacks><member>
            <StackId>arn:aws:cloudformation:eu-central-1:1:stack/tributary/1</StackId>
            <StackName>tributary</StackName>
            <Tags/>
            <Capabilities><member>CAPABILITY_IAM</member></Capabilities>
            <StackStatus>UPDATE_COMPLETE</StackStatus>
            <Parameters>
              <member><ParameterKey>Helpdesk</ParameterKey><ParameterValue>on</ParameterValue></member>
              <member><ParameterKey>KmsKeyArn</ParameterKey><ParameterValue/></member>
            </Parameters>
            <Outputs>
              <member><Description>Where &amp; what</Description><OutputKey>BucketName</OutputKey>
                <OutputValue>tributary-bucket-1</OutputValue></member>
            </Outputs>
          </member></Stacks></DescribeStacksResult>
          <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
        </DescribeStacksResponse>"#;
        let stack = Stack::read(xml).expect("it can be read");
        assert_eq!(stack.status, "UPDATE_COMPLETE");
        assert_eq!(stack.parameters["Helpdesk"], "on");
        assert_eq!(stack.parameters["KmsKeyArn"], "");
        assert_eq!(stack.outputs["BucketName"], "tributary-bucket-1");
        assert!(Stack::read("<html>a proxy's page</html>").is_none());
    }
}

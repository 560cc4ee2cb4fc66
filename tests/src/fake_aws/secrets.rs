//! Secrets Manager's operations: versions, and the stages that point at them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Answer;
use super::error::AwsError;
use crate::lambda_runtime::{ACCOUNT, REGION};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// Every secret by its name.
#[derive(Default)]
pub(super) struct Secrets(Mutex<HashMap<String, Vec<Version>>>);

struct Version {
    id: String,
    /// `SecretString` or `SecretBinary`, as it came.
    value: Map<String, Value>,
    stages: Vec<String>,
    created_s: i64,
}

impl Secrets {
    pub(super) fn answer(&self, operation: &str, input: &Value) -> Answer {
        match operation {
            "GetSecretValue" => self.get(input),
            "CreateSecret" => self.create(input),
            "PutSecretValue" => {
                let name = name(&input["SecretId"]);
                let mut secrets = self.secrets();
                put(name, secrets.get_mut(name).ok_or_else(not_found)?, input)
            }
            _ => Err(AwsError::unknown_operation(operation)),
        }
    }

    pub(super) fn current(&self, name: &str) -> Option<String> {
        let secrets = self.secrets();
        let version = secrets.get(name)?.iter().find(|version| version.is(CURRENT))?;
        version.value.get("SecretString")?.as_str().map(str::to_owned)
    }

    pub(super) fn set(&self, name: &str, text: &str) {
        let mut secrets = self.secrets();
        let versions = secrets.entry(name.to_owned()).or_default();
        // A new version under a new id cannot collide.
        let _ = put(name, versions, &json!({"SecretString": text}));
    }

    fn get(&self, input: &Value) -> Answer {
        let name = name(&input["SecretId"]);
        let secrets = self.secrets();
        let versions = secrets.get(name).ok_or_else(not_found)?;
        let version = match (input["VersionId"].as_str(), input["VersionStage"].as_str()) {
            (Some(id), stage) => versions
                .iter()
                .find(|version| version.id == id && stage.is_none_or(|stage| version.is(stage))),
            (None, stage) => {
                let stage = stage.unwrap_or(CURRENT);
                versions.iter().find(|version| version.is(stage))
            }
        };
        let version = version.ok_or_else(not_found)?;
        let mut answer = described(name, version);
        answer["CreatedDate"] = version.created_s.into();
        for (field, value) in &version.value {
            answer[field] = value.clone();
        }
        Ok(answer)
    }

    fn create(&self, input: &Value) -> Answer {
        let name = input["Name"].as_str().unwrap_or_default();
        let mut secrets = self.secrets();
        if secrets.contains_key(name) {
            return Err(exists(&format!("the secret {name} already exists.")));
        }
        put(name, secrets.entry(name.to_owned()).or_default(), input)
    }

    fn secrets(&self) -> MutexGuard<'_, HashMap<String, Vec<Version>>> {
        self.0.lock().expect("the lock is never poisoned")
    }
}

impl Version {
    fn is(&self, stage: &str) -> bool {
        self.stages.iter().any(|own| own == stage)
    }
}

/// Adds a version and moves the stages to it; the same token with the same value changes nothing.
fn put(name: &str, versions: &mut Vec<Version>, input: &Value) -> Answer {
    let value: Map<String, Value> = ["SecretString", "SecretBinary"]
        .into_iter()
        .filter_map(|field| Some((field.to_owned(), input.get(field)?.clone())))
        .collect();
    let token = input["ClientRequestToken"].as_str().map(str::to_owned);
    let id = token.unwrap_or_else(|| Uuid::new_v4().to_string());
    if let Some(version) = versions.iter().find(|version| version.id == id) {
        if version.value == value {
            return Ok(described(name, version));
        }
        return Err(exists("a different value already has this ClientRequestToken."));
    }
    let stages = match input["VersionStages"].as_array() {
        Some(stages) => {
            stages.iter().filter_map(|stage| stage.as_str().map(str::to_owned)).collect()
        }
        None => vec![CURRENT.to_owned()],
    };
    for stage in &stages {
        leave(versions, stage);
    }
    let version = Version { id, value, stages, created_s: Timestamp::now().as_second() };
    let answer = described(name, &version);
    versions.push(version);
    Ok(answer)
}

/// Takes the stage from whichever version has it; the one no longer current becomes the previous one.
fn leave(versions: &mut [Version], stage: &str) {
    let Some(place) = versions.iter().position(|version| version.is(stage)) else {
        return;
    };
    versions[place].stages.retain(|own| own != stage);
    if stage == CURRENT {
        leave(versions, PREVIOUS);
        versions[place].stages.push(PREVIOUS.to_owned());
    }
}

fn described(name: &str, version: &Version) -> Value {
    json!({
        "ARN": format!("{}{name}-AbCdEf", arn_prefix()),
        "Name": name,
        "VersionId": version.id,
        "VersionStages": version.stages,
    })
}

/// A secret goes by its name or its ARN, whose last six letters are not the name's.
fn name(id: &Value) -> &str {
    let id = id.as_str().unwrap_or_default();
    match id.strip_prefix(&arn_prefix()) {
        Some(name) => name.strip_suffix("-AbCdEf").unwrap_or(name),
        None => id,
    }
}

fn arn_prefix() -> String {
    format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:")
}

fn not_found() -> AwsError {
    AwsError::new("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}

fn exists(reason: &str) -> AwsError {
    let message = format!("The operation failed because {reason}");
    AwsError::new("ResourceExistsException", message)
}

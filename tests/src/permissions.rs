//! What a process asks AWS for, in the words of IAM: read off its requests, as AWS itself does before it allows them.
//!
//! With `TRIBUTARY_TEST_CALLS=<folder>` in the environment, what each process asked for is left there, and
//! `tests/policies.py` compares it with what `template.yaml` grants.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Method, Request};
use serde::Serialize;
use serde_json::Value;
use shared::config::StoreSettings;
use uuid::Uuid;

use crate::fault_proxy::decoded;

/// The folder in which a run of the tests leaves what was asked for.
const FOLDER: &str = "TRIBUTARY_TEST_CALLS";

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Permission {
    /// `s3:PutObject`.
    pub action: String,
    /// As the template calls it: `Bucket/raw/`, `Bucket?prefix=lake/`, `StateTable`, `queue/<name>`, `secret/<name>`.
    pub resource: String,
}

/// What one process has asked for; clones share it.
#[derive(Clone)]
pub struct Asked {
    names: Arc<StoreSettings>,
    notes: Arc<Mutex<Notes>>,
}

struct Notes {
    function: String,
    seen: BTreeSet<Permission>,
    file: Option<File>,
}

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    function: &'a str,
    #[serde(flatten)]
    permission: &'a Permission,
}

impl Asked {
    /// Nothing yet, by a process of this function on these stores.
    pub fn by(function: &str, names: StoreSettings) -> Self {
        let file = std::env::var_os(FOLDER).map(|folder| {
            let folder = PathBuf::from(folder);
            std::fs::create_dir_all(&folder).expect("the folder of calls can be made");
            let file = folder.join(format!("{function}-{}.ndjson", Uuid::new_v4()));
            File::create(file).expect("the folder of calls can be written")
        });
        let notes = Notes { function: function.to_owned(), seen: BTreeSet::new(), file };
        Self { names: Arc::new(names), notes: Arc::new(Mutex::new(notes)) }
    }

    /// Notes what a request needs.
    pub fn note(&self, request: &Request<Bytes>) {
        let needed = needed(request, &self.names);
        let mut notes = self.notes();
        for permission in needed {
            if !notes.seen.insert(permission.clone()) {
                continue;
            }
            let line = Line { function: &notes.function, permission: &permission };
            let line = serde_json::to_string(&line).expect("text is JSON");
            if let Some(file) = &mut notes.file {
                writeln!(file, "{line}").expect("the folder of calls can be written");
            }
        }
    }

    /// Whether the process has asked for this action on a resource whose name begins so.
    pub fn has(&self, action: &str, resource: &str) -> bool {
        let notes = self.notes();
        notes.seen.iter().any(|seen| seen.action == action && seen.resource.starts_with(resource))
    }

    /// Everything so far.
    pub fn all(&self) -> BTreeSet<Permission> {
        self.notes().seen.clone()
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().expect("the lock is never poisoned")
    }
}

/// What IAM asks for before it lets a request through.
fn needed(request: &Request<Bytes>, names: &StoreSettings) -> Vec<Permission> {
    let target = request.headers().get("x-amz-target");
    let Some((service, operation)) =
        target.and_then(|target| target.to_str().ok()?.split_once('.'))
    else {
        return of_s3(request, names);
    };
    let input: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    match service {
        "AmazonSQS" => {
            let queue = text("QueueUrl").rsplit('/').next().unwrap_or_default();
            vec![permission("sqs", operation, format!("queue/{queue}"))]
        }
        "secretsmanager" => {
            let name = if operation == "CreateSecret" { text("Name") } else { text("SecretId") };
            vec![permission("secretsmanager", operation, format!("secret/{name}"))]
        }
        service if service.starts_with("DynamoDB") => of_dynamodb(operation, &input, names),
        other => vec![permission(other, operation, String::new())],
    }
}

/// A transaction needs what each of its actions needs; a batch has an action of its own, for every table in it.
fn of_dynamodb(operation: &str, input: &Value, names: &StoreSettings) -> Vec<Permission> {
    let on = |operation: &str, table: &str| {
        let resource = match table {
            table if table == names.customers_table => "CustomersTable",
            table if table == names.state_table => "StateTable",
            other => other,
        };
        permission("dynamodb", operation, resource.to_owned())
    };
    if let Some(actions) = input["TransactItems"].as_array() {
        let actions = actions.iter().filter_map(Value::as_object).flatten();
        return actions
            .map(|(verb, action)| {
                let operation = if verb == "ConditionCheck" {
                    "ConditionCheckItem"
                } else {
                    &format!("{verb}Item")
                };
                on(operation, action["TableName"].as_str().unwrap_or_default())
            })
            .collect();
    }
    match input["RequestItems"].as_object() {
        Some(tables) => tables.keys().map(|table| on(operation, table)).collect(),
        None => vec![on(operation, input["TableName"].as_str().unwrap_or_default())],
    }
}

/// S3 says by method, key and query what is asked for, and by headers what else has to be read.
fn of_s3(request: &Request<Bytes>, names: &StoreSettings) -> Vec<Permission> {
    let path = decoded(request.uri().path());
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((&path[1..], ""));
    let bucket = if bucket == names.bucket { "Bucket" } else { bucket };
    let query = decoded(request.uri().query().unwrap_or_default());
    let asked = |name: &str| {
        let mut pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(asked, _)| *asked == name).map(|(_, value)| value.to_owned())
    };
    let on =
        |action: &str, key: &str| permission("s3", action, format!("{bucket}/{}", folder(key)));
    let method = request.method();
    if key.is_empty() {
        return match (method, asked("delete")) {
            (&Method::GET | &Method::HEAD, _) => {
                let prefix = asked("prefix").map(|prefix| format!("?prefix={}", folder(&prefix)));
                let resource = format!("{bucket}{}", prefix.unwrap_or_default());
                vec![permission("s3", "ListBucket", resource)]
            }
            (&Method::POST, Some(_)) => {
                let body = String::from_utf8_lossy(request.body());
                let keys = body.split("<Key>").skip(1);
                keys.map(|key| on("DeleteObject", key.split('<').next().unwrap_or_default()))
                    .collect()
            }
            _ => vec![permission("s3", &format!("{method} of a bucket"), bucket.to_owned())],
        };
    }
    let upload = asked("uploadId").is_some();
    match *method {
        Method::GET if upload => vec![on("ListMultipartUploadParts", key)],
        Method::GET | Method::HEAD => vec![on("GetObject", key)],
        Method::DELETE if upload => vec![on("AbortMultipartUpload", key)],
        Method::DELETE => vec![on("DeleteObject", key)],
        Method::PUT | Method::POST => {
            let mut needed = vec![on("PutObject", key)];
            if let Some(source) = request.headers().get("x-amz-copy-source") {
                let source = decoded(source.to_str().unwrap_or_default());
                let key = source.trim_start_matches('/').split_once('/').unwrap_or_default().1;
                needed.push(on("GetObject", key));
            }
            // Whether the object is the one that is meant is told to those only who may read it.
            if request.headers().contains_key("if-match") {
                needed.push(on("GetObject", key));
            }
            needed
        }
        _ => vec![on(method.as_str(), key)],
    }
}

fn permission(service: &str, operation: &str, resource: String) -> Permission {
    Permission { action: format!("{service}:{operation}"), resource }
}

/// A folder within another that a policy names.
const NEWS_OF_PEOPLE: &str = "landing/identity/people/";

/// `raw/source=…` is `raw/`: policies tell folders apart. A key without a folder is itself.
fn folder(key: &str) -> &str {
    if key.starts_with(NEWS_OF_PEOPLE) {
        return NEWS_OF_PEOPLE;
    }
    key.find('/').map_or(key, |end| &key[..=end])
}

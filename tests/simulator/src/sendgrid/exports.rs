//! Exports of contacts: jobs, signed links, and files that are gzip.

use std::collections::BTreeMap;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::account::Account;
use super::api::error;
use super::records::{COLUMNS, Contact, time};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// How long a link is good for.
const LINK_LIFE: SignedDuration = SignedDuration::from_hours(1);

/// The exports of an account.
pub(super) struct Exports {
    pub(super) per_file: usize,
    pub(super) polls: usize,
    pub(super) failures: usize,
    jobs: BTreeMap<String, Job>,
    generation: u32,
}

struct Job {
    created_at: Timestamp,
    polls_left: usize,
    failed: bool,
    contacts: usize,
    files: Vec<Vec<u8>>,
    kind: &'static str,
}

impl Default for Exports {
    fn default() -> Self {
        Self { per_file: 40, polls: 1, failures: 0, jobs: BTreeMap::new(), generation: 0 }
    }
}

impl Exports {
    pub(super) fn expire(&mut self) {
        self.jobs.clear();
        self.generation += 1;
    }

    /// A signature nobody can guess and everybody can repeat; the simulation needs no more.
    fn signature(&self, job: &str, file: usize, expires: i64) -> String {
        use sha2::Digest as _;
        let text = format!("{}/{job}/{file}/{expires}", self.generation);
        URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(text.as_bytes()))
    }
}

impl Account {
    pub(super) fn exports(&mut self, call: &Call, job: Option<&str>, faults: &Faults) -> Answer {
        match job {
            None if call.method == Method::POST => self.begin_export(call, faults),
            Some(job) if call.method == Method::GET => self.export(call, job, faults),
            _ => error(404, "not found"),
        }
    }

    fn begin_export(&mut self, call: &Call, faults: &Faults) -> Answer {
        let is_json =
            call.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        let Ok(wish) = serde_json::from_slice::<Value>(&call.body) else {
            return error(400, "request body is invalid");
        };
        let kind = match wish["file_type"].as_str() {
            Some("csv") => "csv",
            Some("json") => "json",
            _ => return error(400, "file_type must be csv or json"),
        };
        let size = &wish["max_file_size"];
        if !is_json || !(size.is_null() || size.as_u64().is_some_and(|size| size > 0)) {
            return error(400, "max_file_size must be a number of megabytes");
        }
        let id = self.export_id();
        let alive: Vec<&Contact> =
            self.contacts.values().filter(|contact| !contact.deleted).collect();
        let mut files: Vec<Vec<String>> = alive
            .chunks(self.exports.per_file)
            .map(|contacts| contacts.iter().map(|contact| line(contact, kind)).collect())
            .collect();
        if let Some(first) = files.first_mut() {
            let is = |wanted: Fault| move |fault: &Fault| *fault == wanted;
            if faults.take(call.target(), is(Fault::BadRecord)).is_some() {
                first.push(bad_line(kind));
            }
        }
        let contacts = alive.len();
        let files = files.iter().map(|lines| gzip(lines, kind)).collect();
        let failed = self.exports.failures > 0;
        self.exports.failures = self.exports.failures.saturating_sub(1);
        let polls_left = self.exports.polls;
        let job = Job { created_at: call.at, polls_left, failed, contacts, files, kind };
        self.exports.jobs.insert(id.clone(), job);
        Answer::json(202, json!({"id": id, "_metadata": {}}).to_string())
    }

    fn export(&mut self, call: &Call, id: &str, faults: &Faults) -> Answer {
        if faults.take(call.target(), |fault| *fault == Fault::ExpiredCursor).is_some() {
            self.exports.jobs.remove(id);
        }
        let Some(job) = self.exports.jobs.get_mut(id) else { return error(404, "not found") };
        let mut told = json!({
            "id": id, "status": "pending", "created_at": time(job.created_at),
            "updated_at": time(call.at), "expires_at": time(job.created_at + SignedDuration::from_hours(72)),
            "_metadata": {},
        });
        if job.polls_left > 0 {
            job.polls_left -= 1;
            return Answer::json(200, told.to_string());
        }
        if job.failed {
            told["status"] = "failure".into();
            told["message"] = "the export failed".into();
            return Answer::json(200, told.to_string());
        }
        let (files, kind, contacts) = (job.files.len(), job.kind, job.contacts);
        let expires = (call.at + LINK_LIFE).as_second();
        let base = call.base_url();
        let link = |file: usize| {
            let signature = self.exports.signature(id, file, expires);
            format!(
                "{base}/exports-bucket/{id}/{file}.{kind}.gz?X-Amz-Expires={expires}&X-Amz-Signature={signature}"
            )
        };
        told["status"] = "ready".into();
        told["urls"] = (0..files).map(link).collect();
        told["contact_count"] = contacts.into();
        told["completed_at"] = time(call.at).into();
        Answer::json(200, told.to_string())
    }

    /// The storage behind the links: whoever shows a key besides is refused, as by the vendor's.
    pub(super) fn download(&self, call: &Call, id: &str, name: &str) -> Answer {
        let refusal = |status, code: &str| {
            Answer::text(
                status,
                format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>"),
            )
        };
        if call.bearer().is_some() || call.basic().is_some() {
            return refusal(400, "InvalidArgument");
        }
        let file = name.split('.').next().and_then(|file| file.parse::<usize>().ok());
        let expires = call.query("X-Amz-Expires").and_then(|at| at.parse::<i64>().ok());
        let (Some(file), Some(expires)) = (file, expires) else {
            return refusal(403, "AccessDenied");
        };
        let signature = self.exports.signature(id, file, expires);
        if call.query("X-Amz-Signature") != Some(&signature) || call.at.as_second() > expires {
            return refusal(403, "AccessDenied");
        }
        let file = self.exports.jobs.get(id).and_then(|job| job.files.get(file));
        file.map_or_else(|| refusal(404, "NoSuchKey"), |file| Answer::text(200, file.clone()))
    }
}

fn line(contact: &Contact, kind: &str) -> String {
    if kind == "csv" { contact.csv() } else { contact.json().to_string() }
}

/// A contact without an id.
fn bad_line(kind: &str) -> String {
    if kind == "csv" {
        COLUMNS.map(|_| "\"\"").join(",")
    } else {
        json!({"contact_id": null, "email": "jo@mail.example"}).to_string()
    }
}

/// A write to memory does not fail.
fn gzip(lines: &[String], kind: &str) -> Vec<u8> {
    let mut text = String::new();
    if kind == "csv" {
        text.push_str(&COLUMNS.map(|column| format!("\"{column}\"")).join(","));
        text.push('\n');
    }
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

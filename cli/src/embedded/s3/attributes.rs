//! What S3 knows about an object and a file cannot say.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::dto::{self, ETag, Timestamp};
use serde::{Deserialize, Serialize};

/// The headers a client gave an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Headers {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Timestamp>,
}

/// Reads the header fields that all writing operations share.
macro_rules! headers_of {
    ($input:expr) => {
        $crate::embedded::s3::attributes::Headers {
            metadata: $input.metadata.take().unwrap_or_default().into_iter().collect(),
            content_type: $input.content_type.take(),
            content_encoding: $input
                .content_encoding
                .take()
                .and_then($crate::embedded::s3::attributes::of_object),
            content_disposition: $input.content_disposition.take(),
            content_language: $input.content_language.take(),
            cache_control: $input.cache_control.take(),
            expires: $input.expires.take(),
        }
    };
}
pub(super) use headers_of;

/// The content encoding without `aws-chunked`, which is how SDKs send a body and not what the object is.
pub(super) fn of_object(content_encoding: String) -> Option<String> {
    if !content_encoding.contains("aws-chunked") {
        return Some(content_encoding);
    }
    let kept: Vec<_> =
        content_encoding.split(',').map(str::trim).filter(|name| *name != "aws-chunked").collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

impl Headers {
    pub(super) fn metadata(&self) -> Option<dto::Metadata> {
        (!self.metadata.is_empty()).then(|| self.metadata.clone().into_iter().collect())
    }
}

/// Which bytes attributes belong to.
///
/// An object's file is written once and then renamed into place, so length and time of writing tell it from the file it
/// replaces. When a copy of the data folder has lost the times, the hash does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    pub(super) length: u64,
    pub(super) written_ns: u64,
    pub(super) md5: String,
}

impl Identity {
    pub(super) fn new(file: &Metadata, md5: String) -> Self {
        Self { length: file.len(), written_ns: written_ns(file), md5 }
    }

    pub(super) fn is_of(&self, file: &Metadata) -> bool {
        self.length == file.len() && self.written_ns == written_ns(file)
    }
}

fn written_ns(file: &Metadata) -> u64 {
    let since_epoch =
        file.modified().unwrap_or(UNIX_EPOCH).duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or_default()
}

/// All that is known about one version of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attributes {
    pub(super) identity: Identity,
    pub(super) etag: String,
    #[serde(default)]
    pub(super) headers: Headers,
    /// By the names of their headers, such as `x-amz-checksum-crc32`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checksums: BTreeMap<String, String>,
}

impl Attributes {
    /// For a file that was put into the bucket by hand.
    pub(super) fn of_plain_file(identity: Identity) -> Self {
        Self {
            etag: identity.md5.clone(),
            identity,
            headers: Headers::default(),
            checksums: BTreeMap::new(),
        }
    }

    pub(super) fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    pub(super) fn checksum(&self, header: &str) -> Option<String> {
        self.checksums.get(header).cloned()
    }
}

/// The file beside an object: the version in place, and for the instant of a replacement also its successor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) versions: Vec<Attributes>,
}

/// When the file was written.
pub(super) fn modified(file: &Metadata) -> Timestamp {
    file.modified().unwrap_or(SystemTime::UNIX_EPOCH).into()
}

//! Listings: pages of keys and common prefixes.

use std::fmt::Write as _;
use std::fs;
use std::ops::ControlFlow;

use s3s::dto::{self, CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output};
use s3s::{S3Result, s3_error};

use super::attributes::modified;
use super::objects::Store;
use super::walk::{Visitor, walk};
use super::{failed, key_path};

/// S3 never lists more at once.
const PAGE: usize = 1000;

/// One page in the making.
struct Page<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
    after: &'a str,
    size: usize,
    entries: Vec<Entry>,
    truncated: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    Key(String),
    Prefix(String),
}

impl Entry {
    fn name(&self) -> &str {
        match self {
            Self::Key(name) | Self::Prefix(name) => name,
        }
    }
}

impl Page<'_> {
    /// What `key` shows up as: itself, or the prefix it shares with others up to the delimiter.
    fn entry(&self, key: &str) -> Option<Entry> {
        let rest = key.strip_prefix(self.prefix)?;
        let shared =
            self.delimiter.and_then(|delimiter| Some(rest.find(delimiter)? + delimiter.len()));
        Some(match shared {
            Some(length) => Entry::Prefix(key[..self.prefix.len() + length].to_owned()),
            None => Entry::Key(key.to_owned()),
        })
    }
}

impl Visitor for Page<'_> {
    fn enters(&self, folder: &str) -> bool {
        let wanted = folder.starts_with(self.prefix) || self.prefix.starts_with(folder);
        let ahead = folder > self.after || self.after.starts_with(folder);
        let counted = matches!(self.entries.last(), Some(Entry::Prefix(prefix)) if folder.starts_with(prefix));
        wanted && ahead && !counted
    }

    fn key(&mut self, key: &str) -> ControlFlow<()> {
        let Some(entry) = self.entry(key) else { return ControlFlow::Continue(()) };
        if entry.name() <= self.after || self.entries.last() == Some(&entry) {
            return ControlFlow::Continue(());
        }
        if self.entries.len() == self.size {
            self.truncated = true;
            return ControlFlow::Break(());
        }
        self.entries.push(entry);
        ControlFlow::Continue(())
    }
}

impl Store {
    /// One page of keys; its continuation token is the last name on it.
    pub(super) fn list(&self, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
        let bucket = self.bucket(&input.bucket)?;
        let size = match input.max_keys {
            None => PAGE,
            Some(keys) => usize::try_from(keys)
                .map_err(|_| s3_error!(InvalidArgument, "max-keys must not be negative"))?
                .min(PAGE),
        };
        let mut page = Page {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            after: input
                .continuation_token
                .as_deref()
                .or(input.start_after.as_deref())
                .unwrap_or_default(),
            size,
            entries: Vec::new(),
            truncated: false,
        };
        if size > 0 {
            let _ = walk(&bucket, "", &mut page).map_err(|error| failed("list", &bucket, error))?;
        }
        let Page { entries, truncated, .. } = page;
        let next = entries.last().filter(|_| truncated).map(|entry| entry.name().to_owned());
        let url = input
            .encoding_type
            .as_ref()
            .is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let encoded = |name: String| if url { url_encoded(&name) } else { name };
        let key_count = i32::try_from(entries.len()).ok();
        let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
        for entry in entries {
            match entry {
                Entry::Prefix(prefix) => {
                    common_prefixes.push(CommonPrefix { prefix: Some(encoded(prefix)) });
                }
                Entry::Key(key) => contents.extend(
                    self.listed(&input.bucket, &key)
                        .map(|object| dto::Object { key: Some(encoded(key)), ..object }),
                ),
            }
        }
        Ok(ListObjectsV2Output {
            key_count,
            max_keys: i32::try_from(size).ok(),
            is_truncated: Some(truncated),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            next_continuation_token: next,
            continuation_token: input.continuation_token,
            delimiter: input.delimiter.map(encoded),
            encoding_type: input.encoding_type,
            name: Some(input.bucket),
            prefix: input.prefix.map(encoded),
            start_after: input.start_after.map(encoded),
            ..Default::default()
        })
    }

    /// Size, time and `ETag` of a key on a page; `None` when it has just been deleted.
    fn listed(&self, bucket: &str, key: &str) -> Option<dto::Object> {
        let stat = fs::metadata(key_path(&self.bucket_path(bucket), key).ok()?).ok()?;
        let versions = self.record(bucket, key).map(|record| record.versions).unwrap_or_default();
        // A file put there by hand has none until someone asks for it: hashing whole files is no part of listing.
        let e_tag = versions
            .iter()
            .find(|version| version.identity.is_of(&stat))
            .map(super::attributes::Attributes::etag);
        Some(dto::Object {
            size: i64::try_from(stat.len()).ok(),
            last_modified: Some(modified(&stat)),
            e_tag,
            ..Default::default()
        })
    }
}

/// For clients that asked for it: names may hold characters that XML cannot.
fn url_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/*".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

//! Multipart uploads: a folder of parts that becomes one object.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{CompletedPart, ETag, Part};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attributes::{Headers, modified};
use super::conditions::WriteIf;
use super::draft::{Draft, Finished, rename_into};
use super::objects::{Candidate, Store};
use super::{failed, is_missing, key_path};

/// S3's lower limit for every part but the last.
const SMALLEST_PART: u64 = 5 << 20;

/// What an upload will be, kept beside its parts.
#[derive(Debug, Serialize, Deserialize)]
struct Upload {
    bucket: String,
    key: String,
    headers: Headers,
}

impl Store {
    fn upload_path(&self, id: &str) -> S3Result<PathBuf> {
        let id = Uuid::parse_str(id).map_err(|_| {
            s3_error!(NoSuchUpload, "no such upload has begun for this key, or it has ended")
        })?;
        Ok(self.root().join(".uploads").join(id.to_string()))
    }

    /// The folder of an upload that has begun for this key.
    fn upload(&self, id: &str, bucket: &str, key: &str) -> S3Result<(PathBuf, Upload)> {
        let folder = self.upload_path(id)?;
        let upload: Option<Upload> = fs::read(folder.join("upload.json"))
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        match upload {
            Some(upload) if upload.bucket == bucket && upload.key == key => Ok((folder, upload)),
            _ => Err(s3_error!(
                NoSuchUpload,
                "no such upload has begun for this key, or it has ended"
            )),
        }
    }

    pub(super) fn begin_upload(
        &self,
        bucket: &str,
        key: &str,
        headers: Headers,
    ) -> S3Result<String> {
        key_path(&self.bucket(bucket)?, key)?;
        let id = Uuid::new_v4().to_string();
        let path = self.upload_path(&id)?.join("upload.json");
        let upload = Upload { bucket: bucket.to_owned(), key: key.to_owned(), headers };
        let json =
            serde_json::to_vec(&upload).map_err(|error| failed("write", &path, error.into()))?;
        let mut draft = Draft::create(&self.drafts())?;
        draft.write(&json)?;
        draft.finish(false)?.place(&path).map_err(|error| failed("write", &path, error))?;
        Ok(id)
    }

    pub(super) fn check_upload(&self, id: &str, bucket: &str, key: &str) -> S3Result {
        self.upload(id, bucket, key).map(drop)
    }

    /// Keeps a part as `<number>.<md5>`; sent again, the client's list of parts says which one counts.
    pub(super) fn keep_part(&self, id: &str, number: i32, part: &Finished) -> S3Result<ETag> {
        if !(1..=10_000).contains(&number) {
            return Err(s3_error!(InvalidArgument, "part numbers go from 1 to 10000"));
        }
        let md5 = part.identity.md5.clone();
        let path = self.upload_path(id)?.join(format!("{number}.{md5}"));
        part.place(&path).map_err(|error| failed("place", &path, error))?;
        Ok(ETag::Strong(md5))
    }

    pub(super) fn parts(&self, id: &str, bucket: &str, key: &str) -> S3Result<Vec<Part>> {
        let (folder, _) = self.upload(id, bucket, key)?;
        let list = || -> io::Result<BTreeMap<i32, Part>> {
            let mut parts = BTreeMap::new();
            for entry in fs::read_dir(&folder)? {
                let (entry, name) = entry.map(|entry| (entry.metadata(), entry.file_name()))?;
                let (stat, name) = (entry?, name.to_string_lossy());
                let Some((number, md5)) = name.split_once('.') else { continue };
                let Ok(number) = number.parse() else { continue };
                parts.insert(
                    number,
                    Part {
                        part_number: Some(number),
                        e_tag: Some(ETag::Strong(md5.to_owned())),
                        size: i64::try_from(stat.len()).ok(),
                        last_modified: Some(modified(&stat)),
                        ..Default::default()
                    },
                );
            }
            Ok(parts)
        };
        let parts = list().map_err(|error| failed("list", &folder, error))?;
        Ok(parts.into_values().collect())
    }

    /// Joins the listed parts into the object.
    pub(super) fn complete_upload(
        &self,
        id: &str,
        (bucket, key): (&str, &str),
        parts: &[CompletedPart],
        condition: &WriteIf,
    ) -> S3Result<ETag> {
        let (folder, upload) = self.upload(id, bucket, key)?;
        let mut draft = Draft::create(&self.drafts())?;
        let (mut md5, mut previous) = (Md5::new(), 0);
        for (index, part) in parts.iter().enumerate() {
            let number = part
                .part_number
                .ok_or_else(|| s3_error!(InvalidPart, "every part needs its number"))?;
            if number <= previous {
                return Err(s3_error!(InvalidPartOrder, "list the parts in ascending order"));
            }
            previous = number;
            // Hexadecimal only, as it becomes part of a path.
            let etag =
                part.e_tag.as_ref().map(ETag::value).filter(|etag| hex::decode(etag).is_ok());
            let etag = etag.ok_or_else(|| {
                s3_error!(InvalidPart, "part {number} needs the ETag it was answered with")
            })?;
            let path = folder.join(format!("{number}.{etag}"));
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if is_missing(&error) => {
                    return Err(s3_error!(InvalidPart, "part {number} never came"));
                }
                Err(error) => return Err(failed("open", &path, error)),
            };
            let (length, part_md5) = draft.append(file)?;
            if length < SMALLEST_PART && index + 1 < parts.len() {
                return Err(s3_error!(EntityTooSmall, "every part but the last must have 5 MiB"));
            }
            md5.update(&part_md5);
        }
        if parts.is_empty() {
            return Err(s3_error!(InvalidRequest, "an upload needs at least one part"));
        }
        let etag = format!("{}-{}", hex::encode(md5.finalize()), parts.len());
        let file = draft.finish(self.sync())?;
        let candidate = Candidate {
            file: &file,
            headers: upload.headers,
            etag: Some(etag),
            checksums: BTreeMap::new(),
        };
        let etag = self.place(bucket, key, candidate, condition)?;
        self.discard(id);
        Ok(etag)
    }

    pub(super) fn abort_upload(&self, id: &str, bucket: &str, key: &str) -> S3Result {
        self.check_upload(id, bucket, key)?;
        self.discard(id);
        Ok(())
    }

    /// Out of sight at once, then gone; what is left of it goes with the next start.
    fn discard(&self, id: &str) {
        let Ok(folder) = self.upload_path(id) else { return };
        let waste = self.drafts().join(id);
        let _ = rename_into(&folder, &waste);
        let _ = fs::remove_dir_all(&waste);
    }
}

//! Bytes on their way in: hashed and verified in a file that is no object yet.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use hyper::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::{self, StreamingBlob};
use s3s::{S3Result, TrailingHeaders, s3_error};

use super::attributes::Identity;
use super::failed;

/// Header names of the checksums S3 knows, in the order of `ChecksumHasher`'s fields.
pub(super) const CHECKSUMS: [&str; 5] = [
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-crc64nvme",
];

static DRAFTS: AtomicU64 = AtomicU64::new(0);

/// A file that is removed unless it is moved to where it belongs.
pub(super) struct Draft {
    path: PathBuf,
    file: File,
    md5: Md5,
}

impl Draft {
    pub(super) fn create(folder: &Path) -> S3Result<Self> {
        let path = folder.join(DRAFTS.fetch_add(1, Ordering::Relaxed).to_string());
        match File::create_new(&path) {
            Ok(file) => Ok(Self { path, file, md5: Md5::new() }),
            Err(error) => Err(failed("create", &path, error)),
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> S3Result {
        self.md5.update(bytes);
        self.file.write_all(bytes).map_err(|error| failed("write", &self.path, error))
    }

    /// Appends a whole file and returns its length and MD5.
    pub(super) fn append(&mut self, mut from: File) -> S3Result<(u64, [u8; 16])> {
        let (mut buffer, mut length, mut md5) = (vec![0; 1 << 18], 0, Md5::new());
        loop {
            let read =
                from.read(&mut buffer).map_err(|error| failed("read into", &self.path, error))?;
            if read == 0 {
                return Ok((length, md5.finalize()));
            }
            md5.update(&buffer[..read]);
            self.write(&buffer[..read])?;
            length += read as u64;
        }
    }

    /// Ends writing; `sync` also waits until the disk has the bytes.
    pub(super) fn finish(mut self, sync: bool) -> S3Result<Finished> {
        let finish = || -> io::Result<fs::Metadata> {
            if sync {
                self.file.sync_data()?;
            }
            self.file.metadata()
        };
        let file = finish().map_err(|error| failed("write", &self.path, error))?;
        let md5 = std::mem::replace(&mut self.md5, Md5::new()).finalize();
        Ok(Finished { identity: Identity::new(&file, hex::encode(md5)), draft: self })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Gone already when it was moved.
        let _ = fs::remove_file(&self.path);
    }
}

/// A complete file, ready to be moved.
pub(super) struct Finished {
    pub(super) identity: Identity,
    draft: Draft,
}

impl Finished {
    /// Moves the file to `target`, creating folders on the way.
    pub(super) fn place(&self, target: &Path) -> io::Result<()> {
        rename_into(&self.draft.path, target)
    }
}

/// Renames over `target`; its folders are created, again when a delete has just removed them as empty.
pub(super) fn rename_into(from: &Path, target: &Path) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        match fs::rename(from, target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < 8 => {
                attempts += 1;
                match target.parent().map(fs::create_dir_all) {
                    Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            done => return done,
        }
    }
}

/// What the client says about a body it sends, to be checked against what arrives.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// In the order of [`CHECKSUMS`].
    pub(super) checksums: [Option<String>; 5],
    pub(super) algorithm: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) length: Option<i64>,
}

/// Takes the claims out of an input that carries a body.
macro_rules! claims_of {
    ($input:expr) => {
        $crate::embedded::s3::draft::Claims {
            checksums: [
                $input.checksum_crc32.take(),
                $input.checksum_crc32c.take(),
                $input.checksum_sha1.take(),
                $input.checksum_sha256.take(),
                $input.checksum_crc64nvme.take(),
            ],
            algorithm: $input
                .checksum_algorithm
                .take()
                .map(|algorithm| algorithm.as_str().to_owned()),
            md5: $input.content_md5.take(),
            length: $input.content_length,
        }
    };
}
pub(super) use claims_of;

impl Claims {
    /// A hasher for every checksum that came, is announced as a trailer, or is to be answered.
    fn hasher(&self, headers: &HeaderMap) -> ChecksumHasher {
        let trailer =
            headers.get("x-amz-trailer").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let algorithm = self.algorithm.as_deref().unwrap_or_default();
        let wanted = |index: usize| {
            let name = CHECKSUMS[index];
            self.checksums[index].is_some()
                || trailer.eq_ignore_ascii_case(name)
                || name
                    .strip_prefix("x-amz-checksum-")
                    .is_some_and(|name| name.eq_ignore_ascii_case(algorithm))
        };
        ChecksumHasher {
            crc32: wanted(0).then(Default::default),
            crc32c: wanted(1).then(Default::default),
            sha1: wanted(2).then(Default::default),
            sha256: wanted(3).then(Default::default),
            crc64nvme: wanted(4).then(Default::default),
        }
    }

    fn check(
        mut self,
        md5: &str,
        computed: &[Option<String>; 5],
        trailers: Option<TrailingHeaders>,
    ) -> S3Result {
        if let Some(trailers) = trailers.and_then(|trailers| trailers.take()) {
            for (claim, name) in self.checksums.iter_mut().zip(CHECKSUMS) {
                if let Some(value) = trailers.get(name).and_then(|value| value.to_str().ok()) {
                    *claim = Some(value.to_owned());
                }
            }
        }
        for ((claim, computed), name) in self.checksums.iter().zip(computed).zip(CHECKSUMS) {
            if claim.is_some() && claim != computed {
                return Err(s3_error!(BadDigest, "{name} does not match the body"));
            }
        }
        match self.md5 {
            Some(claim)
                if STANDARD.decode(&claim).map(hex::encode).ok().as_deref() != Some(md5) =>
            {
                Err(s3_error!(BadDigest, "Content-MD5 does not match the body"))
            }
            _ => Ok(()),
        }
    }
}

/// A received body and its checksums by header name.
pub(super) struct Received {
    pub(super) file: Finished,
    pub(super) checksums: BTreeMap<String, String>,
}

/// Receives a body into `folder` and verifies every claim about it.
pub(super) async fn receive(
    folder: &Path,
    sync: bool,
    body: Option<StreamingBlob>,
    claims: Claims,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
) -> S3Result<Received> {
    let mut draft = Draft::create(folder)?;
    let mut hasher = claims.hasher(headers);
    let mut length = 0_u64;
    if let Some(mut body) = body {
        while let Some(bytes) = body.next().await {
            let bytes =
                bytes.map_err(|error| s3_error!(IncompleteBody, "the body broke off: {error}"))?;
            hasher.update(&bytes);
            length += bytes.len() as u64;
            draft.write(&bytes)?;
        }
    }
    if claims.length.is_some_and(|claim| u64::try_from(claim) != Ok(length)) {
        return Err(s3_error!(
            IncompleteBody,
            "{length} bytes came, Content-Length says otherwise"
        ));
    }
    let file = draft.finish(sync)?;
    let dto::Checksum {
        checksum_crc32,
        checksum_crc32c,
        checksum_sha1,
        checksum_sha256,
        checksum_crc64nvme,
        ..
    } = hasher.finalize();
    let computed =
        [checksum_crc32, checksum_crc32c, checksum_sha1, checksum_sha256, checksum_crc64nvme];
    claims.check(&file.identity.md5, &computed, trailers)?;
    let named = CHECKSUMS.into_iter().zip(computed);
    let checksums = named.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Ok(Received { file, checksums })
}

//! Objects as files: reading, placing and removing them, one at a time for each key.

use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::ETag;
use s3s::{S3Result, s3_error};

use super::attributes::{Attributes, Headers, Identity, Record};
use super::conditions::WriteIf;
use super::draft::{Draft, Finished};
use super::{failed, is_missing, key_path};
use crate::embedded::{Durability, EmbeddedError};

/// Keys share locks by hash; two that do merely wait for each other's rename.
const LOCKS: usize = 256;

/// The folder of all buckets.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    sync: bool,
    locks: Vec<Mutex<()>>,
}

/// An object as it was at one instant; later writes replace the file and leave this one readable.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) file: File,
    pub(super) stat: Metadata,
    pub(super) attributes: Attributes,
}

/// What is to become an object.
pub(super) struct Candidate<'a> {
    pub(super) file: &'a Finished,
    pub(super) headers: Headers,
    /// The MD5 of the file when `None`.
    pub(super) etag: Option<String>,
    pub(super) checksums: std::collections::BTreeMap<String, String>,
}

impl Store {
    pub(super) fn open(root: &Path, durability: Durability) -> Result<Self, EmbeddedError> {
        let store = Self {
            root: root.to_owned(),
            sync: durability == Durability::Full,
            locks: std::iter::repeat_with(Mutex::default).take(LOCKS).collect(),
        };
        let drafts = store.drafts();
        let empty = || -> io::Result<()> {
            fs::create_dir_all(&drafts)?;
            fs::remove_dir_all(&drafts)?;
            fs::create_dir(&drafts)
        };
        empty().map_err(|source| EmbeddedError::Folder { path: drafts.clone(), source })?;
        Ok(store)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether an acknowledged object must be on the disk.
    pub(super) fn sync(&self) -> bool {
        self.sync
    }

    pub(super) fn drafts(&self) -> PathBuf {
        self.root.join(".draft")
    }

    pub(super) fn bucket_path(&self, bucket: &str) -> PathBuf {
        // s3s has checked the name: no dot in front, no separators.
        self.root.join(bucket)
    }

    /// The folder of an existing bucket.
    pub(super) fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.bucket_path(bucket);
        if path.is_dir() {
            Ok(path)
        } else {
            Err(s3_error!(NoSuchBucket, "there is no such bucket"))
        }
    }

    fn record_path(&self, bucket: &str, key: &str) -> PathBuf {
        let hash = hex::encode(Md5::checksum(key.as_bytes()));
        self.root.join(".attributes").join(bucket).join(&hash[..2]).join(hash + ".json")
    }

    /// The attributes kept for an object, of the version in place and perhaps of one that was being replaced.
    pub(super) fn record(&self, bucket: &str, key: &str) -> Option<Record> {
        serde_json::from_slice(&fs::read(self.record_path(bucket, key)).ok()?).ok()
    }

    fn lock(&self, bucket: &str, key: &str) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one((bucket, key));
        let index = usize::try_from(hash % LOCKS as u64).unwrap_or_default();
        // Nothing is left half done under the lock: every step is a rename or a removal.
        self.locks[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an object.
    pub(super) fn open_object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        let guard = self.lock(bucket, key);
        let opened = self.look(bucket, key)?;
        drop(guard);
        if let Some(object) = opened {
            Ok(object)
        } else {
            self.bucket(bucket)?;
            Err(s3_error!(NoSuchKey, "there is no object under this key"))
        }
    }

    /// The object in place, if any; to be called under its lock.
    fn look(&self, bucket: &str, key: &str) -> S3Result<Option<Object>> {
        let Ok(path) = key_path(&self.bucket_path(bucket), key) else {
            return Ok(None);
        };
        let open = || -> io::Result<(File, Metadata)> {
            let file = File::open(&path)?;
            let stat = file.metadata()?;
            Ok((file, stat))
        };
        let (mut file, stat) = match open() {
            Ok((_, stat)) if stat.is_dir() => return Ok(None),
            Ok(opened) => opened,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(failed("open", &path, error)),
        };
        let versions = self.record(bucket, key).map(|record| record.versions).unwrap_or_default();
        if let Some(attributes) = versions.iter().find(|version| version.identity.is_of(&stat)) {
            return Ok(Some(Object { attributes: attributes.clone(), file, stat }));
        }
        let identity =
            Identity::new(&stat, md5_of(&mut file).map_err(|error| failed("read", &path, error))?);
        let same = versions.into_iter().find(|version| version.identity.md5 == identity.md5);
        let attributes = match same {
            Some(version) => Attributes { identity, ..version },
            None => Attributes::of_plain_file(identity),
        };
        Ok(Some(Object { file, stat, attributes }))
    }

    /// Makes `candidate` the object under `key`, if `condition` holds at that instant.
    pub(super) fn place(
        &self,
        bucket: &str,
        key: &str,
        candidate: Candidate<'_>,
        condition: &WriteIf,
    ) -> S3Result<ETag> {
        let target = key_path(&self.bucket(bucket)?, key)?;
        let _guard = self.lock(bucket, key);
        let current = self.look(bucket, key)?.map(|object| object.attributes);
        condition.check(current.as_ref().map(Attributes::etag).as_ref())?;
        let identity = candidate.file.identity.clone();
        let attributes = Attributes {
            etag: candidate.etag.unwrap_or_else(|| identity.md5.clone()),
            identity,
            headers: candidate.headers,
            checksums: candidate.checksums,
        };
        let etag = attributes.etag();
        // Attributes first, those of the object in place kept beside: whichever file a crash leaves finds its own.
        self.write_record(bucket, key, std::iter::once(attributes).chain(current).collect())?;
        candidate.file.place(&target).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::AlreadyExists
            | io::ErrorKind::DirectoryNotEmpty => s3_error!(
                InvalidArgument,
                "the local store keeps objects as files: {key:?} cannot be an object and the prefix of others at once"
            ),
            _ => failed("place", &target, error),
        })?;
        Ok(etag)
    }

    fn write_record(&self, bucket: &str, key: &str, versions: Vec<Attributes>) -> S3Result {
        let path = self.record_path(bucket, key);
        let record = Record { key: key.to_owned(), versions };
        let json =
            serde_json::to_vec(&record).map_err(|error| failed("write", &path, error.into()))?;
        let mut draft = Draft::create(&self.drafts())?;
        draft.write(&json)?;
        draft.finish(false)?.place(&path).map_err(|error| failed("write", &path, error))
    }

    /// Removes an object; one that is not there is no error.
    pub(super) fn remove(&self, bucket: &str, key: &str, condition: &WriteIf) -> S3Result {
        let bucket_path = self.bucket(bucket)?;
        // A name that no object can have.
        let Ok(path) = key_path(&bucket_path, key) else {
            return Ok(());
        };
        let _guard = self.lock(bucket, key);
        if !condition.is_unconditional() {
            let current = self.look(bucket, key)?;
            condition.check(current.map(|object| object.attributes.etag()).as_ref())?;
        }
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if is_missing(&error) || path.is_dir() => return Ok(()),
            Err(error) => return Err(failed("remove", &path, error)),
        }
        // What follows is tidiness; attributes without an object are never looked at.
        let _ = fs::remove_file(self.record_path(bucket, key));
        for folder in path.ancestors().skip(1).take_while(|folder| *folder != bucket_path) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }
}

fn md5_of(file: &mut File) -> io::Result<String> {
    let (mut md5, mut buffer) = (Md5::new(), vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => md5.update(&buffer[..read]),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex::encode(md5.finalize()))
}

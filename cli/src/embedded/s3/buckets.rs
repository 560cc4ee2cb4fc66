//! Buckets: folders below the root.

use std::fs;
use std::io;

use s3s::dto::{
    Bucket, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    ListBucketsOutput,
};
use s3s::{S3Request, s3_error};

use super::attributes::modified;
use super::failed;
use super::objects::Store;
use super::operations::{Answer, answer};

impl Store {
    pub(super) fn answer_create_bucket(
        &self,
        request: &S3Request<CreateBucketInput>,
    ) -> Answer<CreateBucketOutput> {
        let path = self.bucket_path(&request.input.bucket);
        match fs::create_dir(&path) {
            Ok(()) => {
                answer(CreateBucketOutput { location: Some(format!("/{}", request.input.bucket)) })
            }
            Err(_) if path.is_dir() => {
                Err(s3_error!(BucketAlreadyOwnedByYou, "the bucket exists already"))
            }
            Err(error) => Err(failed("create", &path, error)),
        }
    }

    pub(super) fn answer_delete_bucket(
        &self,
        request: &S3Request<DeleteBucketInput>,
    ) -> Answer<DeleteBucketOutput> {
        let path = self.bucket(&request.input.bucket)?;
        match fs::remove_dir(&path) {
            Ok(()) => answer(DeleteBucketOutput::default()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Err(s3_error!(BucketNotEmpty, "remove its objects first"))
            }
            Err(error) => Err(failed("remove", &path, error)),
        }
    }

    pub(super) fn answer_list_buckets(&self) -> Answer<ListBucketsOutput> {
        let list = || -> io::Result<Vec<Bucket>> {
            let mut buckets = Vec::new();
            for entry in fs::read_dir(self.root())? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let stat = entry.metadata()?;
                if stat.is_dir() && s3s::path::check_bucket_name(&name) {
                    let creation_date = Some(modified(&stat));
                    buckets.push(Bucket { name: Some(name), creation_date, ..Default::default() });
                }
            }
            buckets.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(buckets)
        };
        let buckets = list().map_err(|error| failed("list", self.root(), error))?;
        answer(ListBucketsOutput { buckets: Some(buckets), ..Default::default() })
    }
}

//! Writing objects: PUT, copy and the deletion of many.

use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, ETagCondition, Error, MetadataDirective, PutObjectInput,
    PutObjectOutput,
};
use s3s::{S3Request, s3_error};

use super::attributes::{Headers, headers_of, modified};
use super::conditions::{ReadIf, WriteIf};
use super::draft::{Draft, claims_of, receive};
use super::key_path;
use super::objects::{Candidate, Store};
use super::operations::{Answer, answer};

impl Store {
    pub(super) async fn answer_put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> Answer<PutObjectOutput> {
        let mut input = request.input;
        let bucket = self.bucket(&input.bucket)?;
        let condition =
            WriteIf { matches: input.if_match.take(), none_matches: input.if_none_match.take() };
        let headers = headers_of!(input);
        let claims = claims_of!(input);
        let drafts = self.drafts();
        let body = input.body.take();
        let received =
            receive(&drafts, self.sync(), body, claims, &request.headers, request.trailing_headers)
                .await?;
        if input.key.ends_with('/') && received.file.identity.length == 0 {
            // A folder, as some tools mark them; a folder exists by what is in it.
            key_path(&bucket, input.key.trim_end_matches('/'))?;
            return answer(PutObjectOutput::default());
        }
        let checksums = received.checksums.clone();
        let candidate =
            Candidate { file: &received.file, headers, etag: None, checksums: received.checksums };
        let etag = self.place(&input.bucket, &input.key, candidate, &condition)?;
        let checksum = |name: &str| checksums.get(name).cloned();
        answer(PutObjectOutput {
            e_tag: Some(etag),
            checksum_crc32: checksum("x-amz-checksum-crc32"),
            checksum_crc32c: checksum("x-amz-checksum-crc32c"),
            checksum_sha1: checksum("x-amz-checksum-sha1"),
            checksum_sha256: checksum("x-amz-checksum-sha256"),
            checksum_crc64nvme: checksum("x-amz-checksum-crc64nvme"),
            ..Default::default()
        })
    }

    pub(super) fn answer_copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> Answer<CopyObjectOutput> {
        let mut input = request.input;
        let CopySource::Bucket { bucket, key, .. } = &input.copy_source else {
            return Err(s3_error!(NotImplemented, "the local store copies from buckets only"));
        };
        let source = self.open_object(bucket, key)?;
        let condition = ReadIf {
            matches: input.copy_source_if_match.take(),
            none_matches: input.copy_source_if_none_match.take(),
            modified_since: input.copy_source_if_modified_since.take(),
            unmodified_since: input.copy_source_if_unmodified_since.take(),
        };
        condition.check(&source.attributes.etag(), &modified(&source.stat)).map_err(|_| {
            s3_error!(PreconditionFailed, "the object does not meet the precondition")
        })?;
        let replace = input.metadata_directive.as_ref();
        let replace =
            replace.is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let headers: Headers = if replace { headers_of!(input) } else { source.attributes.headers };
        let mut draft = Draft::create(&self.drafts())?;
        draft.append(source.file)?;
        let file = draft.finish(self.sync())?;
        let candidate =
            Candidate { file: &file, headers, etag: None, checksums: source.attributes.checksums };
        let etag = self.place(&input.bucket, &input.key, candidate, &WriteIf::default())?;
        let last_modified = Some(modified(&self.open_object(&input.bucket, &input.key)?.stat));
        let result = CopyObjectResult { e_tag: Some(etag), last_modified, ..Default::default() };
        answer(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() })
    }

    pub(super) fn answer_delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> Answer<DeleteObjectsOutput> {
        let input = request.input;
        self.bucket(&input.bucket)?;
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            let condition =
                WriteIf { matches: object.e_tag.map(ETagCondition::ETag), none_matches: None };
            match self.remove(&input.bucket, &object.key, &condition) {
                Ok(()) => {
                    deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
                }
                Err(error) => errors.push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    key: Some(object.key),
                    message: error.message().map(str::to_owned),
                    ..Default::default()
                }),
            }
        }
        let deleted = (!input.delete.quiet.unwrap_or_default()).then_some(deleted);
        answer(DeleteObjectsOutput { deleted, errors: Some(errors), ..Default::default() })
    }
}

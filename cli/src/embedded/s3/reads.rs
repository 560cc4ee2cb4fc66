//! Reading objects: GET and HEAD.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use futures_util::stream;
use hyper::body::Bytes;
use s3s::dto::{GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, StreamingBlob};
use s3s::{Body, S3Request, s3_error};

use super::attributes::modified;
use super::conditions::ReadIf;
use super::objects::Store;
use super::operations::{Answer, answer};

/// How much of a file is read at once.
const CHUNK: u64 = 1 << 18;

/// The output fields that GET and HEAD share.
macro_rules! described {
    ($output:ident, $object:expr, $with_checksums:expr) => {{
        let attributes = &$object.attributes;
        let headers = attributes.headers.clone();
        let checksum = |name: &str| attributes.checksum(name).filter(|_| $with_checksums);
        $output {
            content_length: i64::try_from($object.stat.len()).ok(),
            last_modified: Some(modified(&$object.stat)),
            e_tag: Some(attributes.etag()),
            accept_ranges: Some("bytes".to_owned()),
            metadata: headers.metadata(),
            content_type: headers.content_type.or_else(|| Some("binary/octet-stream".to_owned())),
            content_encoding: headers.content_encoding,
            content_disposition: headers.content_disposition,
            content_language: headers.content_language,
            cache_control: headers.cache_control,
            expires: headers.expires,
            checksum_crc32: checksum("x-amz-checksum-crc32"),
            checksum_crc32c: checksum("x-amz-checksum-crc32c"),
            checksum_sha1: checksum("x-amz-checksum-sha1"),
            checksum_sha256: checksum("x-amz-checksum-sha256"),
            checksum_crc64nvme: checksum("x-amz-checksum-crc64nvme"),
            ..Default::default()
        }
    }};
}

/// The preconditions of a GET or HEAD.
macro_rules! read_if {
    ($input:expr) => {
        ReadIf {
            matches: $input.if_match.take(),
            none_matches: $input.if_none_match.take(),
            modified_since: $input.if_modified_since.take(),
            unmodified_since: $input.if_unmodified_since.take(),
        }
    };
}

impl Store {
    pub(super) fn answer_get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> Answer<GetObjectOutput> {
        let mut input = request.input;
        let object = self.open_object(&input.bucket, &input.key)?;
        read_if!(input).check(&object.attributes.etag(), &modified(&object.stat))?;
        let length = object.stat.len();
        let range = input.range.map(|range| range.check(length)).transpose()?;
        let with_checksums = input.checksum_mode.is_some() && range.is_none();
        let described = described!(GetObjectOutput, object, with_checksums);
        let (wanted, content_range) = match range {
            None => (0..length, None),
            Some(range) => {
                let header =
                    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
                (range, Some(header))
            }
        };
        answer(GetObjectOutput {
            content_length: i64::try_from(wanted.end - wanted.start).ok(),
            content_range,
            body: Some(
                content(object.file, wanted).map_err(|error| s3_error!(error, InternalError))?,
            ),
            ..described
        })
    }

    pub(super) fn answer_head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> Answer<HeadObjectOutput> {
        let mut input = request.input;
        let object = self.open_object(&input.bucket, &input.key)?;
        read_if!(input).check(&object.attributes.etag(), &modified(&object.stat))?;
        answer(described!(HeadObjectOutput, object, input.checksum_mode.is_some()))
    }
}

/// A range of a file as a body; a small one in one piece.
fn content(mut file: File, range: Range<u64>) -> io::Result<StreamingBlob> {
    file.seek(SeekFrom::Start(range.start))?;
    let mut left = range.end - range.start;
    let mut next = move || -> io::Result<Option<Bytes>> {
        if left == 0 {
            return Ok(None);
        }
        let mut chunk = vec![0; usize::try_from(left.min(CHUNK)).map_err(io::Error::other)?];
        file.read_exact(&mut chunk)?;
        left -= chunk.len() as u64;
        Ok(Some(chunk.into()))
    };
    if range.end - range.start <= CHUNK {
        return Ok(Body::from(next()?.unwrap_or_default()).into());
    }
    Ok(StreamingBlob::wrap(stream::iter(std::iter::from_fn(move || next().transpose()))))
}

//! S3 over a folder: s3s speaks the protocol and checks signatures, this module keeps the objects.
//!
//! ```text
//! s3/<bucket>/<key>                     the bytes of an object, under its own name
//! s3/.attributes/<bucket>/<xx>/<hash>   what a file cannot say: ETag, metadata, content type, checksums (JSON, names its key)
//! s3/.uploads/<id>/                     multipart uploads that have begun
//! s3/.draft/                            bytes still arriving; emptied on start
//! ```
//!
//! An object appears by one rename of a complete, verified file, after its attributes were written, and under a lock on
//! its key. So a killed process leaves the old object or the new one, each with its own attributes; conditional writes
//! have one winner; and a refused checksum leaves nothing. Files put into a bucket by hand are objects too.
//!
//! `s3s-fs`, the ready-made choice, gives of these only the rename. It writes metadata after the object, into a file whose
//! name holds the whole key in base64: with keys over 159 bytes the object stays, the request fails, and its retry under
//! `If-None-Match` hears that the object is there, so the metadata is lost unseen. It keeps bytes whose checksum it
//! refused, never removes metadata, and reads the whole bucket for each page of a listing.
//!
//! What a folder cannot do is refused with a message: a key that is also a prefix of another (`a` and `a/b`), empty, `.`
//! and `..` segments, and segments over 255 bytes. A key ending in `/` is a folder: writing it empty is accepted, keeps
//! nothing. Where file names ignore case (macOS, Windows), keys do too.

mod attributes;
mod buckets;
mod conditions;
mod draft;
mod listing;
mod objects;
mod operations;
mod reads;
mod uploads;
mod walk;
mod writes;

use std::io;
use std::path::{Path, PathBuf};

use axum::body::Body;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Error, S3Result, s3_error};

use super::clients::KEY;
use super::http;
use super::{Durability, EmbeddedError};

pub(super) fn service(data: &Path, durability: Durability) -> Result<S3Service, EmbeddedError> {
    let store = objects::Store::open(&data.join("s3"), durability)?;
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(SimpleAuth::from_single(KEY, KEY));
    Ok(builder.build())
}

impl http::Store for S3Service {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match self.call(request.map(s3s::Body::from)).await {
            Ok(answer) => answer.map(Body::new),
            Err(error) => {
                tracing::error!(?error, "could not write an S3 answer");
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                answer
            }
        }
    }
}

/// Names the file in an internal error; clients see it, and the file is theirs.
fn failed(doing: &str, path: &Path, error: io::Error) -> S3Error {
    let mut failure = s3_error!(InternalError, "cannot {doing} {}: {error}", path.display());
    failure.set_source(Box::new(error));
    failure
}

/// The path of a key below its bucket, for keys that a folder can hold.
fn key_path(bucket: &Path, key: &str) -> S3Result<PathBuf> {
    let mut path = bucket.to_owned();
    for segment in key.split('/') {
        if segment.is_empty() || segment == "." || segment == ".." || segment.contains('\0') {
            return Err(s3_error!(
                InvalidArgument,
                "the local store keeps objects as files and cannot name one {key:?}: no empty, '.' or '..' segments"
            ));
        }
        if segment.len() > 255 {
            return Err(s3_error!(
                KeyTooLongError,
                "the local store keeps objects as files: no segment of a key may exceed 255 bytes"
            ));
        }
        path.push(segment);
    }
    Ok(path)
}

fn is_missing(error: &io::Error) -> bool {
    // A file where the path wants a folder: the object is not there either.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

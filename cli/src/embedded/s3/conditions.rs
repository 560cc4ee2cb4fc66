//! Preconditions of reads and writes, as S3 answers them.

use s3s::dto::{ETag, ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};

/// What a write demands of the object in place.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteIf {
    pub(super) matches: Option<ETagCondition>,
    pub(super) none_matches: Option<ETagCondition>,
}

impl WriteIf {
    pub(super) fn is_unconditional(&self) -> bool {
        self.matches.is_none() && self.none_matches.is_none()
    }

    pub(super) fn check(&self, current: Option<&ETag>) -> S3Result {
        match (&self.none_matches, current) {
            (Some(ETagCondition::ETag(_)), _) => {
                return Err(s3_error!(
                    NotImplemented,
                    "S3 writes understand If-None-Match: * only"
                ));
            }
            (Some(ETagCondition::Any), Some(_)) => {
                return Err(s3_error!(PreconditionFailed, "the object exists already"));
            }
            _ => {}
        }
        match (&self.matches, current) {
            (Some(_), None) => Err(s3_error!(NoSuchKey, "there is no object under this key")),
            (Some(ETagCondition::ETag(expected)), Some(current))
                if !expected.strong_cmp(current) =>
            {
                Err(s3_error!(PreconditionFailed, "the object has another ETag"))
            }
            _ => Ok(()),
        }
    }
}

/// What a read demands of the object in place.
#[derive(Debug, Clone, Default)]
pub(super) struct ReadIf {
    pub(super) matches: Option<ETagCondition>,
    pub(super) none_matches: Option<ETagCondition>,
    pub(super) modified_since: Option<Timestamp>,
    pub(super) unmodified_since: Option<Timestamp>,
}

impl ReadIf {
    /// `ETags` win over times (RFC 9110, section 13.2.2).
    pub(super) fn check(&self, current: &ETag, modified: &Timestamp) -> S3Result {
        let holds = match (&self.matches, &self.unmodified_since) {
            (Some(ETagCondition::ETag(expected)), _) => expected.strong_cmp(current),
            (None, Some(since)) => modified <= since,
            _ => true,
        };
        if !holds {
            return Err(s3_error!(PreconditionFailed, "the object does not meet the precondition"));
        }
        let changed = match (&self.none_matches, &self.modified_since) {
            (Some(ETagCondition::Any), _) => false,
            (Some(ETagCondition::ETag(known)), _) => !known.weak_cmp(current),
            (None, Some(since)) => modified > since,
            (None, None) => true,
        };
        if changed { Ok(()) } else { Err(s3_error!(NotModified)) }
    }
}

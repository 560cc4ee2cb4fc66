//! What a source answers: a response, the records in it, and where to read on.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde::de::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Error, json_reason};
use crate::schema::Timestamp;

/// One successful answer of a source.
#[derive(Debug, Clone)]
pub struct Response {
    /// 2xx.
    pub status: u16,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// The body, decompressed.
    pub body: Bytes,
    /// When the last byte arrived; the only clock that a connector sees.
    pub received_at: Timestamp,
}

impl Response {
    /// Reads the body as JSON into borrowed types; the error names the place, never the value.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Decode(json_reason(&error)))
    }

    /// The lines of a body that holds one JSON value a line (NDJSON); empty lines count for nothing.
    pub fn lines(&self) -> Result<Vec<Record<'_>>, Error> {
        let lines = self.body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        lines
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice::<&RawValue>(line).map(Cow::Borrowed))
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Decode(json_reason(&error)))
    }

    /// A header as text, if present and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A record in the vendor's words: borrowed from the response, or put together from parts of it.
pub type Record<'a> = Cow<'a, RawValue>;

/// The records of one response and what to ask next.
#[derive(Debug)]
pub struct Page<'a, C> {
    /// The records.
    pub records: Vec<Record<'a>>,
    /// Where to read on.
    pub next: Next<C>,
}

impl<'a, C> Page<'a, C> {
    /// Records as they stand in the response.
    pub fn new(records: Vec<&'a RawValue>, next: Next<C>) -> Self {
        Self { records: records.into_iter().map(Cow::Borrowed).collect(), next }
    }

    /// No record: a step on the way to some, such as asking whether an export is ready.
    pub fn empty(next: Next<C>) -> Self {
        Self { records: Vec::new(), next }
    }
}

/// Where to read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next<C> {
    /// Ask again now.
    More(C),
    /// Ask again, not before this long: an export job that is not ready yet.
    Later(C, Duration),
    /// Caught up; start here next time.
    Done(C),
}

impl<C> Next<C> {
    /// The cursor, whatever comes next.
    pub fn cursor(&self) -> &C {
        match self {
            Self::More(cursor) | Self::Later(cursor, _) | Self::Done(cursor) => cursor,
        }
    }

    /// The same step with another cursor type.
    pub fn map<D>(self, change: impl FnOnce(C) -> D) -> Next<D> {
        match self {
            Self::More(cursor) => Next::More(change(cursor)),
            Self::Later(cursor, wait) => Next::Later(change(cursor), wait),
            Self::Done(cursor) => Next::Done(change(cursor)),
        }
    }
}

impl<C, E> Next<Result<C, E>> {
    /// The step, or why its cursor could not be made.
    pub fn transpose(self) -> Result<Next<C>, E> {
        Ok(match self {
            Self::More(cursor) => Next::More(cursor?),
            Self::Later(cursor, wait) => Next::Later(cursor?, wait),
            Self::Done(cursor) => Next::Done(cursor?),
        })
    }
}

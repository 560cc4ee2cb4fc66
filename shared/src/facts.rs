//! What is known about a source and its streams, as data with evidence: the driver obeys it, the docs print it.

use std::time::Duration;

/// A value with where it is known from.
#[derive(Debug, Clone, Copy)]
pub struct Fact<T> {
    /// What holds.
    pub value: T,
    /// The vendor's page, or the observation, that says so.
    pub evidence: &'static str,
}

/// States a fact with its evidence.
pub const fn fact<T>(value: T, evidence: &'static str) -> Fact<T> {
    Fact { value, evidence }
}

/// A source: one vendor's product that Tributary reads.
#[derive(Debug)]
pub struct SourceFacts {
    /// Part of every object key: never renamed.
    pub name: &'static str,
    /// `helpdesk`, `email`, `pos`, `crm` or `social`.
    pub system: &'static str,
    /// The product's name as its vendor writes it.
    pub title: &'static str,
    /// The version of the vendor's API that is called.
    pub api_version: Fact<&'static str>,
    /// When the vendor switches that version off (`2027-07-15`), if announced.
    pub sunset: Option<Fact<&'static str>>,
    /// What to set up on the vendor's side before the first sync.
    pub setup: &'static str,
}

/// One stream: a collection of a source.
#[derive(Debug)]
pub struct StreamFacts {
    /// The stream's name; part of every object key: never renamed.
    pub name: &'static str,
    /// The object in `record_key`, e.g. `ticket`.
    pub object: &'static str,
    /// What is read, in one sentence.
    pub reads: &'static str,
    /// How long a change takes to become visible; windows end at now − lag.
    pub lag: Fact<Duration>,
    /// How far each run reads back over what it has read before.
    pub lookback: Fact<Duration>,
    /// The resolution of the vendor's change times.
    pub granularity: Fact<Granularity>,
    /// The order in which records arrive.
    pub order: Fact<Order>,
    /// How deletions become known.
    pub deletes: Fact<Deletes>,
    /// How long a pass is good for: the stream starts anew no sooner, unless it is asked for by name.
    pub every: Option<Duration>,
    /// The most records that one question can reach, where the vendor has such a ceiling.
    pub page_ceiling: Option<Fact<u32>>,
    /// The rate to keep for this stream, shared by all streams that name the same quota.
    pub quota: Option<Fact<Quota>>,
    /// Statuses with which the source answers a cursor that it no longer knows.
    pub expired_cursor: &'static [u16],
    /// Scopes or roles that the credentials need.
    pub scopes: &'static [&'static str],
    /// Why the source may answer 403 or 404 without that being a fault, e.g. a feature that is off.
    pub optional: Option<&'static str>,
    /// Why a first read of everything cannot come back empty, where it cannot: then no rows are no success.
    pub never_empty: Option<&'static str>,
    /// Whether the source's webhooks report changes of these records.
    pub pushed: bool,
}

/// Resolution of change times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granularity {
    /// Whole seconds: several changes can share one.
    Second,
    /// Milliseconds.
    Millisecond,
    /// Microseconds or finer.
    Microsecond,
}

impl Granularity {
    /// One tick in microseconds.
    pub const fn micros(self) -> i64 {
        match self {
            Self::Second => 1_000_000,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
        }
    }
}

/// Order of records in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By time of change, oldest first: the cursor may be saved after each page.
    ByChange,
    /// None to rely on: the start of the next window is kept until the last page.
    Unordered,
}

/// How deletions become known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// The record itself arrives marked as deleted.
    Tombstone,
    /// Another stream lists what was deleted.
    Listed(&'static str),
    /// Every pass of this stream lists all there is of its object: what it does not list any more is gone.
    FullPass,
    /// The full passes of another stream show what is gone of this object.
    FullPassOf(&'static str),
    /// Every known record is asked for again, this many ids at a time: what the source does not answer is gone.
    Recheck(usize),
    /// Records of this stream are never deleted, or nobody can tell.
    None,
}

/// An allowed request rate: at most `requests` in any span of length `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Requests in one span.
    pub requests: u32,
    /// The span.
    pub per: Duration,
}

/// A rate that several streams share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// The quota's name; streams with the same name draw on the same requests.
    pub name: &'static str,
    /// Its rate.
    pub pace: Pace,
}

impl Pace {
    /// `requests` in any minute.
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, per: Duration::from_mins(1) }
    }
}

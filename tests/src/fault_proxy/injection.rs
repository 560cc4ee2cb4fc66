//! Which calls fail, how, and how often.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};

use super::batch;

/// What goes wrong in a store.
#[derive(Clone, Debug)]
pub enum StoreFault {
    /// `DynamoDB`: the table's capacity is spent.
    ProvisionedThroughputExceeded,
    /// `DynamoDB`: the account's request rate is too high.
    Throttling,
    /// `DynamoDB`: a 500, before anything is applied.
    InternalServerError,
    /// `DynamoDB`: of a `BatchGetItem`, only the first `keep` keys are read.
    UnprocessedKeys {
        /// How many keys are read.
        keep: usize,
    },
    /// `DynamoDB`: of a `BatchWriteItem`, only the first `keep` items are written.
    UnprocessedItems {
        /// How many items are written.
        keep: usize,
    },
    /// `DynamoDB`: a transaction is cancelled, item by item for these reasons (`TransactionConflict`); `None` for the rest.
    TransactionCanceled(Vec<&'static str>),
    /// S3: 503, slow down.
    SlowDown,
    /// S3: a 500, before anything is applied.
    InternalError,
    /// S3: 409, another conditional write is under way.
    ConditionalRequestConflict,
    /// S3: 403.
    AccessDenied,
    /// The store applies the request, and the connection ends before the answer.
    ApplyThenTimeout,
    /// The store applies the request and answers 500.
    ApplyThen500,
    /// The connection is reset before the store sees the request.
    ConnectionReset,
    /// The request waits before it reaches the store.
    Delay(Duration),
}

impl StoreFault {
    /// The fault's name, by which [`super::FaultProxy::fired`] counts it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ProvisionedThroughputExceeded => "ProvisionedThroughputExceeded",
            Self::Throttling => "Throttling",
            Self::InternalServerError => "InternalServerError",
            Self::UnprocessedKeys { .. } => "UnprocessedKeys",
            Self::UnprocessedItems { .. } => "UnprocessedItems",
            Self::TransactionCanceled(_) => "TransactionCanceled",
            Self::SlowDown => "SlowDown",
            Self::InternalError => "InternalError",
            Self::ConditionalRequestConflict => "ConditionalRequestConflict",
            Self::AccessDenied => "AccessDenied",
            Self::ApplyThenTimeout => "ApplyThenTimeout",
            Self::ApplyThen500 => "ApplyThen500",
            Self::ConnectionReset => "ConnectionReset",
            Self::Delay(_) => "Delay",
        }
    }

    /// A batch no larger than what would be kept cannot be cut, so the fault would not be one.
    fn applies(&self, seen: &Seen) -> bool {
        match (self, seen.target.as_deref()) {
            (Self::UnprocessedKeys { keep }, Some("BatchGetItem"))
            | (Self::UnprocessedItems { keep }, Some("BatchWriteItem")) => {
                batch::size(&seen.body) > *keep
            }
            (Self::UnprocessedKeys { .. } | Self::UnprocessedItems { .. }, _) => false,
            _ => true,
        }
    }
}

/// Which calls are meant.
#[derive(Clone, Debug, Default)]
pub struct Operation {
    target: Option<String>,
    method: Option<Method>,
    key: Option<String>,
    text: Option<String>,
}

impl Operation {
    /// Every call.
    pub fn any() -> Self {
        Self::default()
    }

    /// A `DynamoDB` operation by name: `PutItem`, `TransactWriteItems`.
    pub fn dynamodb(name: &str) -> Self {
        Self { target: Some(name.to_owned()), ..Self::default() }
    }

    /// An S3 call by method and a part of its decoded path and query: `landing/`, `list-type=2`, `x-id=GetObject`.
    pub fn s3(method: Method, key: &str) -> Self {
        Self { method: Some(method), key: Some(key.to_owned()), ..Self::default() }
    }

    /// Only those `DynamoDB` calls whose JSON holds this text: a table, a key.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.text = Some(text.to_owned());
        self
    }

    pub(super) fn matches(&self, seen: &Seen) -> bool {
        self.target.as_ref().is_none_or(|target| seen.target.as_ref() == Some(target))
            && self
                .method
                .as_ref()
                .is_none_or(|method| seen.target.is_none() && seen.method == method)
            && self.key.as_ref().is_none_or(|key| seen.path.contains(key))
            && self.text.as_ref().is_none_or(|text| {
                !text.is_empty()
                    && seen.body.windows(text.len()).any(|part| part == text.as_bytes())
            })
    }
}

/// A fault, the calls it hits, and how often.
#[derive(Clone, Debug)]
pub struct Injection {
    on: Operation,
    fault: StoreFault,
    times: usize,
    skip: usize,
    label: String,
}

impl Injection {
    /// The next matching call fails, once.
    pub fn new(on: Operation, fault: StoreFault) -> Self {
        Self { on, label: fault.name().to_owned(), fault, times: 1, skip: 0 }
    }

    /// Fires on so many calls.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Fires on every call until the faults stop.
    #[must_use]
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Lets so many matching calls pass first.
    #[must_use]
    pub fn skip(mut self, skip: usize) -> Self {
        self.skip = skip;
        self
    }

    /// A name to count it by, where the fault's own is not enough.
    #[must_use]
    pub fn labelled(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    pub(super) fn fault(&self) -> &StoreFault {
        &self.fault
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }
}

/// The injections and how far each has come.
#[derive(Default)]
pub(super) struct Plan {
    armed: Vec<Armed>,
    disarmed: usize,
}

struct Armed {
    injection: Injection,
    matched: usize,
    fired: usize,
}

impl Plan {
    pub(super) fn arm(&mut self, injection: Injection) {
        self.armed.push(Armed { injection, matched: 0, fired: 0 });
    }

    pub(super) fn disarm(&mut self) {
        self.disarmed = self.armed.len();
    }

    /// Counts the call for every injection it matches, and picks the one that fires.
    pub(super) fn hit(&mut self, seen: &Seen) -> Option<Injection> {
        let mut hit = None;
        for armed in &mut self.armed[self.disarmed..] {
            let Injection { on, fault, .. } = &armed.injection;
            if !on.matches(seen) || !fault.applies(seen) {
                continue;
            }
            armed.matched += 1;
            let due = armed.matched > armed.injection.skip && armed.fired < armed.injection.times;
            if due && hit.is_none() {
                armed.fired += 1;
                hit = Some(armed.injection.clone());
            }
        }
        hit
    }

    pub(super) fn fired(&self, label: &str) -> usize {
        let labelled = |armed: &&Armed| armed.injection.label == label;
        self.armed.iter().filter(labelled).map(|armed| armed.fired).sum()
    }

    pub(super) fn unfired(&self) -> Vec<String> {
        let unfired = self.armed.iter().filter(|armed| armed.fired == 0);
        unfired
            .map(|armed| format!("{} on {:?}", armed.injection.label, armed.injection.on))
            .collect()
    }
}

/// What a request says of itself; the body only where it is JSON.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) target: Option<String>,
    pub(super) path: String,
    pub(super) body: Bytes,
}

impl Seen {
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        // DynamoDB_20120810.PutItem
        let target = request.headers().get("x-amz-target");
        let target = target
            .and_then(|target| target.to_str().ok()?.split_once('.'))
            .map(|(_, operation)| operation.to_owned());
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        Self {
            method: request.method().clone(),
            path: decoded(path),
            body: match target {
                Some(_) => request.body().clone(),
                None => Bytes::new(),
            },
            target,
        }
    }

    pub(super) fn name(&self) -> String {
        match &self.target {
            Some(target) => target.clone(),
            None => format!("{} {}", self.method, self.path),
        }
    }
}

/// `dt%3D2026` reads `dt=2026`, as the test wrote it.
pub(crate) fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        if let Some(Ok(byte)) = after.get(..2).map(|hex| u8::from_str_radix(hex, 16)) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(b'%');
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

//! Facts about streams in words.

use std::time::Duration;

use shared::facts::{Deletes, Granularity, Order, Quota, StreamFacts};

/// A length of time as facts have them: whole units, nothing for none.
pub(super) fn long(time: Duration) -> String {
    match time.as_secs() {
        0 => "none".to_owned(),
        seconds if seconds % 86_400 == 0 => format!("{} d", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

pub(super) fn order(order: Order) -> &'static str {
    match order {
        Order::ByChange => "by change",
        Order::Unordered => "none",
    }
}

pub(super) fn deletes(deletes: Deletes) -> String {
    match deletes {
        Deletes::Tombstone => "marked in the stream".to_owned(),
        Deletes::Listed(stream) => format!("listed by {stream}"),
        Deletes::FullPass => "what a full pass does not list any more".to_owned(),
        Deletes::FullPassOf(stream) => {
            format!("what a full pass of {stream} does not list any more")
        }
        Deletes::Recheck(_) => "what the source does not know any more when asked by id".to_owned(),
        Deletes::None => "not told".to_owned(),
    }
}

pub(super) fn granularity(granularity: Granularity) -> &'static str {
    match granularity {
        Granularity::Second => "seconds",
        Granularity::Millisecond => "milliseconds",
        Granularity::Microsecond => "microseconds",
    }
}

pub(super) fn quota(quota: Quota) -> String {
    let Quota { name, pace } = quota;
    let per = match pace.per.as_secs() {
        60 => "min".to_owned(),
        1 => "s".to_owned(),
        _ => long(pace.per),
    };
    format!("{}/{per} ({name})", pace.requests)
}

/// Every fact of a stream that has evidence, with it.
pub(super) fn evidence(stream: &StreamFacts) -> Vec<(String, &'static str)> {
    let mut facts = vec![
        (format!("lag {}", long(stream.lag.value)), stream.lag.evidence),
        (format!("lookback {}", long(stream.lookback.value)), stream.lookback.evidence),
        (
            format!("times in {}", granularity(stream.granularity.value)),
            stream.granularity.evidence,
        ),
        (format!("order {}", order(stream.order.value)), stream.order.evidence),
        (format!("deletes {}", deletes(stream.deletes.value)), stream.deletes.evidence),
    ];
    if let Some(ceiling) = stream.page_ceiling {
        facts.push((format!("at most {} records per question", ceiling.value), ceiling.evidence));
    }
    if let Some(fact) = stream.quota {
        facts.push((format!("quota {}", quota(fact.value)), fact.evidence));
    }
    facts
}

//! Records that only look alike: found among different people, and joined above the threshold of the settings.

use std::collections::{BTreeMap, BTreeSet};

use people::candidates::{self, Candidate, Plan};
use shared::identity::{Likeness, Override, Partition, Ruling};
use shared::landing::Landing;
use shared::schema::{ContactType, Known, RecordKey, Timestamp};

use super::rows::Record;
use crate::failure::Failure;

/// Pairs that are written before it is told what they did.
const TOLD_AT_ONCE: usize = 20;
/// Who says so, where a steward's name would stand.
const AUTHOR: &str = "tributary resolve";

/// Pairs of different people whose names, dates and addresses look alike.
pub(super) fn likely(records: &[Record], partition: &Partition) -> Result<Vec<Candidate>, Failure> {
    let by_record = partition.by_record();
    let living = records.iter().filter(|record| !record.provenance.deleted);
    let table = candidates::People {
        records: living.map(comparable).collect(),
        ..candidates::People::default()
    };
    let found = candidates::candidates(&table, &Plan::default())
        .map_err(|error| Failure::failed(error.to_string(), "this is a bug; please report it"))?;
    let person = |key: &str| Some(by_record.get(&key.parse::<RecordKey>().ok()?)?.person_id);
    let mut pairs = found.candidates;
    pairs.retain(|pair| person(&pair.a) != person(&pair.b));
    Ok(pairs)
}

fn comparable(record: &Record) -> candidates::Person {
    let Record { provenance, person } = record;
    let point =
        |kind: ContactType| person.contact_points.iter().find(move |point| point.r#type == kind);
    let reached = |kind| point(kind).and_then(|point| Some(point.normalised.as_ref()?.into()));
    let address = point(ContactType::Address);
    let text = |field: &Known<String>| field.value().map(Into::into);
    let (given, family) = match (person.name.given.value(), person.name.full.value()) {
        (None, Some(full)) => match full.rsplit_once(' ') {
            Some((given, family)) => (Some(given.into()), Some(family.into())),
            None => (Some(full.into()), None),
        },
        _ => (text(&person.name.given), text(&person.name.family)),
    };
    candidates::Person {
        key: provenance.record_key.as_str().into(),
        source: provenance.connection_id.clone(),
        given,
        family,
        birth_date: person.birth_date.value().map(|date| date.to_string().into()),
        house_number: None,
        lines: address
            .map(|point| point.lines.iter().map(Into::into).collect())
            .unwrap_or_default(),
        locality: address.and_then(|point| text(&point.locality)),
        postal_code: address.and_then(|point| text(&point.postal_code)),
        region: address.and_then(|point| text(&point.region)),
        phone: reached(ContactType::Phone),
        email: reached(ContactType::Email),
    }
}

/// Whether this is a pair that looks alike, and no steward's ruling.
pub(crate) fn is_alike(ruled: &Override) -> bool {
    matches!(ruled.ruling, Ruling::Alike(_))
}

/// The pairs above the threshold, but those of a record that looks like more than `most` others: it looks like nobody in
/// particular, as a shared identifier recognises nobody.
pub(super) fn above(
    threshold: f64,
    likely: &[Candidate],
    most: usize,
    at: Timestamp,
) -> Result<Vec<Override>, Failure> {
    let pairs: Vec<&Candidate> =
        likely.iter().filter(|pair| is_above(threshold, millibits(pair.bits))).collect();
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    for key in pairs.iter().flat_map(|pair| [&pair.a, &pair.b]) {
        *others.entry(key).or_default() += 1;
    }
    let few = |key: &str| others.get(key).is_none_or(|others| *others <= most);
    let key = |key: &str| {
        key.parse::<RecordKey>()
            .map_err(|error| Failure::failed(error.to_string(), "this is a bug; please report it"))
    };
    let pairs = pairs.into_iter().filter(|pair| few(&pair.a) && few(&pair.b));
    let pairs = pairs.map(|pair| {
        let likeness = Likeness {
            one: key(&pair.a)?,
            other: key(&pair.b)?,
            millibits: millibits(pair.bits),
            model: pair.model.clone(),
        };
        let reason = format!("more probable than {threshold}");
        Ok(Override { ruling: Ruling::Alike(likeness), author: AUTHOR.into(), reason, at })
    });
    pairs.collect()
}

/// Those of the pairs that are kept that are above the threshold, where no others are looked for.
pub(super) fn still_above(threshold: f64, kept: &[Override]) -> Vec<Override> {
    let mut kept = kept.to_vec();
    kept.retain(|ruled| match &ruled.ruling {
        Ruling::Alike(likeness) => is_above(threshold, likeness.millibits),
        _ => false,
    });
    kept
}

/// Puts these pairs in the place of those that were kept until now, and tells what that did to people.
///
/// New ones come before former ones go: a pair that a newer model weighs differently is never apart in between.
pub(super) async fn keep(
    landing: &Landing,
    kept: &[Override],
    wanted: &[Override],
) -> Result<(), Failure> {
    let rulings = |all: &[Override]| -> BTreeSet<Ruling> {
        all.iter().map(|ruled| ruled.ruling.clone()).collect()
    };
    let (held, held_from_now) = (rulings(kept), rulings(wanted));
    let new: Vec<&Override> = wanted.iter().filter(|ruled| !held.contains(&ruled.ruling)).collect();
    let former: Vec<&Override> =
        kept.iter().filter(|ruled| !held_from_now.contains(&ruled.ruling)).collect();
    for some in new.chunks(TOLD_AT_ONCE) {
        for ruled in some {
            landing.people().rule(ruled).await?;
        }
        landing.tell_of_rulings().await?;
    }
    for some in former.chunks(TOLD_AT_ONCE) {
        for ruled in some {
            landing.people().unrule(ruled).await?;
        }
        landing.tell_of_rulings().await?;
    }
    // What an earlier run, or a steward's ruling, could not tell.
    Ok(landing.tell_of_rulings().await?)
}

fn is_above(threshold: f64, millibits: i64) -> bool {
    let bits = (threshold / (1.0 - threshold)).log2();
    millibits > self::millibits(bits)
}

/// Weights are kept in whole thousandths of a bit, so that whoever reads them sees the same number.
#[expect(clippy::cast_possible_truncation, reason = "no weight has more than a few hundred bits")]
fn millibits(bits: f64) -> i64 {
    (bits * 1_000.0).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(a: &str, b: &str, bits: f64) -> Candidate {
        let odds = bits.exp2();
        Candidate {
            a: format!("a/b/c/{a}").into(),
            b: format!("d/e/f/{b}").into(),
            bits,
            probability: odds / (1.0 + odds),
            contributions: Vec::new(),
            model: "m".into(),
        }
    }

    fn chosen(threshold: f64, pairs: &[Candidate], most: usize) -> Vec<i64> {
        let above = above(threshold, pairs, most, Timestamp::UNIX_EPOCH).expect("keys");
        let bits = above.iter().map(|ruled| match &ruled.ruling {
            Ruling::Alike(likeness) => likeness.millibits,
            other => panic!("{other:?}"),
        });
        bits.collect()
    }

    #[test]
    fn what_is_more_probable_than_the_threshold_is_chosen() {
        // Even odds are no bits at all, and 0.99 is 6.6 of them.
        let pairs = [pair("1", "1", 9.25), pair("2", "2", 6.5), pair("3", "3", -1.0)];
        assert_eq!(chosen(0.99, &pairs, 12), [9_250]);
        assert_eq!(chosen(0.5, &pairs, 12), [9_250, 6_500]);
        assert!(chosen(0.9999, &pairs, 12).is_empty());
        let kept = above(0.5, &pairs, 12, Timestamp::UNIX_EPOCH).expect("keys");
        assert_eq!(still_above(0.5, &kept), kept);
        assert_eq!(still_above(0.99, &kept).len(), 1);
    }

    #[test]
    fn who_looks_like_too_many_looks_like_nobody() {
        let pairs =
            [pair("1", "1", 9.0), pair("1", "2", 9.0), pair("1", "3", 9.0), pair("2", "4", 8.0)];
        assert_eq!(chosen(0.9, &pairs, 3).len(), 4);
        assert_eq!(chosen(0.9, &pairs, 2), [8_000]);
    }
}

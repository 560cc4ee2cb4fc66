//! Last version wins, over columns: which of the new rows stay, and which of the old ones give way.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{SortOptions, filter_record_batch, interleave_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::row::{Row, RowConverter, Rows, SortField};
use foldhash::fast::RandomState;
use twox_hash::XxHash3_64;

use crate::error::LakeError;
use crate::layout::{Kind, Layout, Wins};

/// One row of several batches: which batch, and which row of it.
pub(crate) type Place = (usize, usize);

/// Where each key is.
pub(crate) type Index<'k> = HashMap<&'k [u8], usize, RandomState>;

/// The keys of a batch, and its ranks once somebody asks, as bytes that compare like the rows.
struct Ranked<'b> {
    batch: &'b RecordBatch,
    keys: Rows,
    ranks: OnceCell<Rows>,
}

/// Makes keys and ranks of the rows of one table.
pub(crate) struct Ranking {
    layout: &'static Layout,
    keys: RowConverter,
    ranks: RowConverter,
}

impl Ranking {
    pub(crate) fn new(layout: &'static Layout) -> Result<Self, LakeError> {
        let field = |name: &str, wins: Wins| -> Result<SortField, LakeError> {
            let data_type = layout.columns.field_with_name(name)?.data_type().clone();
            let options = SortOptions { descending: wins == Wins::Least, nulls_first: true };
            Ok(SortField::new_with_options(data_type, options))
        };
        let keys = layout.key.iter().map(|name| field(name, Wins::Greatest));
        let ranks = layout.rank.iter().map(|(name, wins)| field(name, *wins));
        Ok(Self {
            layout,
            keys: RowConverter::new(keys.collect::<Result<_, _>>()?)?,
            ranks: RowConverter::new(ranks.collect::<Result<_, _>>()?)?,
        })
    }

    /// The columns that decide, without those that only come along.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.layout.key.iter().copied().chain(self.layout.rank.iter().map(|(name, _)| *name))
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Rows, LakeError> {
        Ok(self.keys.convert_columns(&columns(batch, self.layout.key.iter().copied())?)?)
    }

    fn ranks(&self, batch: &RecordBatch) -> Result<Rows, LakeError> {
        let names = self.layout.rank.iter().map(|(name, _)| *name);
        Ok(self.ranks.convert_columns(&columns(batch, names)?)?)
    }

    /// Of each key the row that wins, in order of first appearance.
    pub(crate) fn winners(&self, batches: &[RecordBatch]) -> Result<Vec<Place>, LakeError> {
        let ranked = self.ranked(batches)?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut at = Index::with_capacity_and_hasher(rows, RandomState::default());
        let mut kept: Vec<Place> = Vec::with_capacity(rows);
        for (batch, of) in ranked.iter().enumerate() {
            for row in 0..of.keys.num_rows() {
                let place = *at.entry(of.keys.row(row).data()).or_insert(kept.len());
                match kept.get_mut(place) {
                    None => kept.push((batch, row)),
                    Some(best) => {
                        if self.rank(of, row)? > self.rank(&ranked[best.0], best.1)? {
                            *best = (batch, row);
                        }
                    }
                }
            }
        }
        Ok(kept)
    }

    fn ranked<'b>(&self, batches: &'b [RecordBatch]) -> Result<Vec<Ranked<'b>>, LakeError> {
        let ranked = batches
            .iter()
            .map(|batch| Ok(Ranked { batch, keys: self.keys(batch)?, ranks: OnceCell::new() }));
        ranked.collect()
    }

    fn rank<'r>(&self, of: &'r Ranked<'_>, row: usize) -> Result<Row<'r>, LakeError> {
        if let Some(ranks) = of.ranks.get() {
            return Ok(ranks.row(row));
        }
        let ranks = self.ranks(of.batch)?;
        Ok(of.ranks.get_or_init(|| ranks).row(row))
    }
}

fn columns<'n>(
    batch: &RecordBatch,
    names: impl Iterator<Item = &'n str>,
) -> Result<Vec<ArrayRef>, LakeError> {
    names
        .map(|name| {
            let column = batch.column_by_name(name).cloned();
            column.ok_or_else(|| LakeError::Columns(format!("there is no column {name}").into()))
        })
        .collect()
}

/// New rows of one partition, one of each key, against the files that are there.
pub(crate) struct Contest<'r> {
    ranking: &'r Ranking,
    batches: Vec<Ranked<'r>>,
    /// The number of each batch's first row.
    firsts: Vec<usize>,
    /// Which of the new rows stay.
    stays: Vec<bool>,
}

impl<'r> Contest<'r> {
    pub(crate) fn new(ranking: &'r Ranking, new: &'r [RecordBatch]) -> Result<Self, LakeError> {
        let mut rows = 0;
        let mut firsts = Vec::with_capacity(new.len());
        for batch in new {
            firsts.push(rows);
            rows += batch.num_rows();
        }
        Ok(Self { ranking, batches: ranking.ranked(new)?, firsts, stays: vec![true; rows] })
    }

    /// The number of each key's row.
    pub(crate) fn index(&self) -> Index<'_> {
        let keys = self.batches.iter().flat_map(|of| of.keys.iter());
        keys.enumerate().map(|(number, key)| (key.data(), number)).collect()
    }

    /// Which of these old rows stay; new rows that one of them outranks are dropped.
    pub(crate) fn meet(&self, index: &Index<'_>, old: &RecordBatch) -> Result<Met, LakeError> {
        let keys = self.ranking.keys(old)?;
        let rivals: Vec<Option<usize>> =
            keys.iter().map(|key| index.get(key.data()).copied()).collect();
        if rivals.iter().all(Option::is_none) {
            return Ok(Met::default());
        }
        let ranks = self.ranking.ranks(old)?;
        let mut met = Met { stays: Some(vec![true; rivals.len()]), ..Met::default() };
        for (row, rival) in rivals.into_iter().enumerate() {
            let Some(rival) = rival else { continue };
            if self.rank(rival)? > ranks.row(row) {
                met.replaced += 1;
                met.stays.as_mut().into_iter().for_each(|stays| stays[row] = false);
            } else {
                met.outranked.push(rival);
            }
        }
        Ok(met)
    }

    /// The rank of the new row of this number.
    fn rank(&self, number: usize) -> Result<Row<'_>, LakeError> {
        let batch = self.firsts.partition_point(|first| *first <= number) - 1;
        self.ranking.rank(&self.batches[batch], number - self.firsts[batch])
    }

    /// Drops new rows that an old one outranks.
    pub(crate) fn drop_new(&mut self, rows: &[usize]) {
        for row in rows {
            self.stays[*row] = false;
        }
    }

    /// The new rows that stay.
    pub(crate) fn remaining(&self) -> Result<Vec<RecordBatch>, LakeError> {
        let batches = self.batches.iter().zip(&self.firsts).map(|(of, first)| {
            let stays = &self.stays[*first..*first + of.batch.num_rows()];
            if stays.iter().all(|stays| *stays) {
                return Ok(of.batch.clone());
            }
            Ok(filter_record_batch(of.batch, &BooleanArray::from(stays.to_vec()))?)
        });
        batches.collect()
    }
}

/// What came of old rows that met the new ones.
#[derive(Default)]
pub(crate) struct Met {
    /// Which of the old rows stay; all of them when none of their keys is among the new ones.
    pub(crate) stays: Option<Vec<bool>>,
    /// How many of the old rows gave way.
    pub(crate) replaced: u64,
    /// The new rows that an old one outranks.
    pub(crate) outranked: Vec<usize>,
}

/// These rows of the batches; the batches as they are when that is all of them.
pub(crate) fn gathered(
    batches: &[RecordBatch],
    rows: &[Place],
) -> Result<Vec<RecordBatch>, LakeError> {
    if rows.len() == batches.iter().map(RecordBatch::num_rows).sum::<usize>() {
        return Ok(batches.to_vec());
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    Ok(vec![interleave_record_batch(&batches, rows)?])
}

/// Rows by the partition to which they belong: the bucket of the key's hash among those there are, or the month.
pub(crate) fn by_partition(
    layout: &Layout,
    batches: &[RecordBatch],
    rows: Vec<Place>,
    buckets: &Buckets,
) -> Result<BTreeMap<String, Vec<Place>>, LakeError> {
    let column = match layout.kind {
        Kind::Current => layout.key[0],
        Kind::Log => layout.time,
    };
    let depth = buckets.depth();
    // Rows of one day are of one month, and keys whose hashes begin with the same bits are of one bucket.
    let mut groups = Vec::with_capacity(batches.len());
    for batch in batches {
        let [column] = columns(batch, std::iter::once(column))?
            .try_into()
            .map_err(|_| LakeError::Columns("one column was asked for".into()))?;
        groups.push(match layout.kind {
            Kind::Current => {
                let keys = column.as_string::<i32>().iter().map(Option::unwrap_or_default);
                keys.map(|key| i64::from(first_bits(hash(key), depth))).collect::<Vec<_>>()
            }
            Kind::Log if layout.time == "source_version" => {
                days(column.as_primitive::<Int64Type>().iter())
            }
            Kind::Log => days(column.as_primitive::<TimestampMicrosecondType>().iter()),
        });
    }
    let mut by_group = HashMap::<i64, Vec<Place>, RandomState>::default();
    for (batch, row) in rows {
        by_group.entry(groups[batch][row]).or_default().push((batch, row));
    }
    let mut by_partition = BTreeMap::<String, Vec<Place>>::new();
    for (group, rows) in by_group {
        let partition = match layout.kind {
            Kind::Current => buckets.beginning_with(group, depth),
            Kind::Log => month(group),
        };
        by_partition.entry(partition).or_default().extend(rows);
    }
    // As they came, whichever group was first.
    for rows in by_partition.values_mut() {
        rows.sort_unstable();
    }
    Ok(by_partition)
}

const DAY: i64 = 86_400_000_000;

/// The day of each time in microseconds, by number.
fn days(times: impl Iterator<Item = Option<i64>>) -> Vec<i64> {
    times.map(|micros| micros.unwrap_or_default().div_euclid(DAY)).collect()
}

/// The month of a day, as `2026-11`; `undated` where a version is no time.
fn month(day: i64) -> String {
    const FIRST: i64 = 3_652;
    const LAST: i64 = 47_482;
    let at = (FIRST..LAST)
        .contains(&day)
        .then(|| jiff::Timestamp::from_microsecond(day * DAY).ok())
        .flatten();
    at.map_or_else(|| "undated".to_owned(), |at| at.strftime("%Y-%m").to_string())
}

/// The buckets of a table: each holds the keys whose hash begins with its bits. `b` holds all; one that outgrows its
/// file splits into `b0` and `b1`, and so on, so a small table is one file and a large one has files of one size.
#[derive(Debug, Default)]
pub(crate) struct Buckets(std::collections::BTreeSet<String>);

impl Buckets {
    pub(crate) fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// All the buckets that are left when each has split so often.
    pub(crate) fn of_depth(depth: u32) -> Self {
        let mut names = vec!["b".to_owned()];
        for _ in 0..depth {
            names = names.iter().flat_map(|name| halves(name)).collect();
        }
        Self::new(names)
    }

    /// How many bits of a hash tell all of them apart.
    fn depth(&self) -> u32 {
        let longest = self.0.iter().map(String::len).max().unwrap_or(1);
        u32::try_from(longest - 1).unwrap_or(u64::BITS).min(32)
    }

    /// The bucket of the keys whose hashes begin with these bits.
    fn beginning_with(&self, bits: i64, depth: u32) -> String {
        let hash = bits.cast_unsigned().checked_shl(u64::BITS - depth).unwrap_or_default();
        let mut name = "b".to_owned();
        for depth in 0..u64::BITS {
            let has_deeper = self
                .0
                .range(name.clone()..)
                .next()
                .is_some_and(|next| next.len() > name.len() && next.starts_with(&name));
            if self.0.contains(&name) || !has_deeper {
                break;
            }
            name.push(bit(hash, depth));
        }
        name
    }
}

/// The first bits of a hash, as a number.
fn first_bits(hash: u64, depth: u32) -> u32 {
    u32::try_from(hash.checked_shr(u64::BITS - depth).unwrap_or_default()).unwrap_or(u32::MAX)
}

/// The halves of a bucket.
pub(crate) fn halves(bucket: &str) -> [String; 2] {
    [format!("{bucket}0"), format!("{bucket}1")]
}

/// Which of the keys of a bucket belong in its second half.
pub(crate) fn in_second_half(bucket: &str, keys: &ArrayRef) -> BooleanArray {
    let depth = u32::try_from(bucket.len().saturating_sub(1)).unwrap_or(u32::MAX);
    let keys = keys.as_string::<i32>().iter().map(Option::unwrap_or_default);
    keys.map(|key| bit(hash(key), depth) == '1').collect::<Vec<bool>>().into()
}

fn hash(key: &str) -> u64 {
    XxHash3_64::oneshot(key.as_bytes())
}

fn bit(hash: u64, depth: u32) -> char {
    if hash.rotate_left(depth) >> (u64::BITS - 1) == 1 { '1' } else { '0' }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Buckets {
        fn of(&self, key: &str) -> String {
            let depth = self.depth();
            self.beginning_with(first_bits(hash(key), depth).into(), depth)
        }
    }

    #[test]
    fn every_key_has_one_bucket_however_they_have_split() {
        let buckets = Buckets::new(["b00", "b01", "b1"].map(str::to_owned));
        for number in 0..2_000 {
            let key = format!("zendesk/eu/user/{number}");
            let bucket = buckets.of(&key);
            let bits: String = (0..2).map(|depth| bit(hash(&key), depth)).collect();
            assert_eq!(
                bucket,
                if bits.starts_with('1') { "b1".to_owned() } else { format!("b{bits}") }
            );
        }
    }

    #[test]
    fn a_region_without_a_file_is_a_bucket_of_its_own() {
        let buckets = Buckets::new(["b1".to_owned()]);
        let key = (0..100).map(|n: u8| n.to_string()).find(|key| bit(hash(key), 0) == '0').unwrap();
        assert_eq!(buckets.of(&key), "b0");
        assert_eq!(Buckets::default().of(&key), "b");
    }

    #[test]
    fn versions_that_are_no_times_are_undated() {
        let month = |micros| month(days([Some(micros)].into_iter())[0]);
        assert_eq!(month(17), "undated");
        assert_eq!(month(1_767_225_599_999_999), "2025-12");
        assert_eq!(month(1_767_225_600_000_000), "2026-01");
        assert_eq!(month(i64::MAX), "undated");
    }
}

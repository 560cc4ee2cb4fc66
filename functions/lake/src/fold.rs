//! Last version wins, over columns: which of the new rows stay, and which of the old ones give way.

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, RecordBatch, UInt32Array};
use arrow::compute::{SortOptions, interleave_record_batch, take_record_batch};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::row::{RowConverter, Rows, SortField};
use twox_hash::XxHash3_64;

use crate::error::LakeError;
use crate::layout::{Kind, Layout, Wins};

/// Keys and ranks of rows as bytes that compare like the rows.
struct Ranked {
    keys: Rows,
    ranks: Rows,
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

    /// Keeps of each key the row that wins.
    pub(crate) fn winners(&self, batches: &[RecordBatch]) -> Result<RecordBatch, LakeError> {
        let ranked: Vec<Ranked> =
            batches.iter().map(|batch| self.ranked(batch)).collect::<Result<_, _>>()?;
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        let mut at: HashMap<&[u8], usize> = HashMap::with_capacity(rows);
        let mut kept: Vec<(usize, usize)> = Vec::with_capacity(rows);
        for (batch, rows) in ranked.iter().enumerate() {
            for row in 0..rows.keys.num_rows() {
                let place = *at.entry(rows.keys.row(row).data()).or_insert(kept.len());
                match kept.get_mut(place) {
                    None => kept.push((batch, row)),
                    Some(best) => {
                        if rows.ranks.row(row) > ranked[best.0].ranks.row(best.1) {
                            *best = (batch, row);
                        }
                    }
                }
            }
        }
        drop(at);
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        Ok(interleave_record_batch(&batches, &kept)?)
    }

    fn ranked(&self, batch: &RecordBatch) -> Result<Ranked, LakeError> {
        Ok(Ranked { keys: self.keys(batch)?, ranks: self.ranks(batch)? })
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
    new: Ranked,
    /// Which of the new rows stay.
    stays: Vec<bool>,
}

impl<'r> Contest<'r> {
    pub(crate) fn new(ranking: &'r Ranking, rows: &RecordBatch) -> Result<Self, LakeError> {
        Ok(Self { ranking, new: ranking.ranked(rows)?, stays: vec![true; rows.num_rows()] })
    }

    /// Where each key is.
    pub(crate) fn index(&self) -> HashMap<&[u8], usize> {
        (0..self.new.keys.num_rows()).map(|row| (self.new.keys.row(row).data(), row)).collect()
    }

    /// Which of these old rows stay; new rows that one of them outranks are dropped.
    pub(crate) fn meet(
        &self,
        index: &HashMap<&[u8], usize>,
        old: &RecordBatch,
    ) -> Result<Met, LakeError> {
        let keys = self.ranking.keys(old)?;
        let rivals: Vec<Option<usize>> =
            (0..keys.num_rows()).map(|row| index.get(keys.row(row).data()).copied()).collect();
        if rivals.iter().all(Option::is_none) {
            return Ok(Met::default());
        }
        let ranks = self.ranking.ranks(old)?;
        let mut met = Met { stays: Some(vec![true; rivals.len()]), ..Met::default() };
        for (row, rival) in rivals.into_iter().enumerate() {
            let Some(rival) = rival else { continue };
            if self.new.ranks.row(rival) > ranks.row(row) {
                met.replaced += 1;
                met.stays.as_mut().into_iter().for_each(|stays| stays[row] = false);
            } else {
                met.outranked.push(rival);
            }
        }
        Ok(met)
    }

    /// Drops new rows that an old one outranks.
    pub(crate) fn drop_new(&mut self, rows: &[usize]) {
        for row in rows {
            self.stays[*row] = false;
        }
    }

    /// The new rows that stay.
    pub(crate) fn remaining(&self, rows: &RecordBatch) -> Result<RecordBatch, LakeError> {
        if self.stays.iter().all(|stays| *stays) {
            return Ok(rows.clone());
        }
        Ok(arrow::compute::filter_record_batch(rows, &BooleanArray::from(self.stays.clone()))?)
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

/// Rows by partition, in order of first appearance within each.
pub(crate) fn split(
    rows: &RecordBatch,
    partitions: &[String],
) -> Result<Vec<(String, RecordBatch)>, LakeError> {
    let mut by_partition = std::collections::BTreeMap::<&str, Vec<u32>>::new();
    for (row, partition) in (0_u32..).zip(partitions) {
        by_partition.entry(partition).or_default().push(row);
    }
    if by_partition.len() == 1 {
        return Ok(by_partition.into_keys().map(|name| (name.to_owned(), rows.clone())).collect());
    }
    by_partition
        .into_iter()
        .map(|(name, indices)| {
            Ok((name.to_owned(), take_record_batch(rows, &UInt32Array::from(indices))?))
        })
        .collect()
}

/// Where the rows belong: the bucket of the key's hash among those there are, or the month.
pub(crate) fn partitions(
    layout: &Layout,
    rows: &RecordBatch,
    buckets: &Buckets,
) -> Result<Vec<String>, LakeError> {
    let [column] = columns(
        rows,
        std::iter::once(match layout.kind {
            Kind::Current => layout.key[0],
            Kind::Log => layout.time,
        }),
    )?
    .try_into()
    .map_err(|_| LakeError::Columns("one column was asked for".into()))?;
    Ok(match layout.kind {
        Kind::Current => {
            let keys = column.as_string::<i32>();
            keys.iter().map(|key| buckets.of(key.unwrap_or_default())).collect()
        }
        Kind::Log if layout.time == "source_version" => {
            let versions = column.as_primitive::<Int64Type>();
            versions.iter().map(|version| month(version.unwrap_or_default())).collect()
        }
        Kind::Log => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            times.iter().map(|at| month(at.unwrap_or_default())).collect()
        }
    })
}

/// The month of a time in microseconds, as `2026-11`; `undated` where a version is no time.
fn month(micros: i64) -> String {
    const FIRST: i64 = 315_532_800_000_000;
    const LAST: i64 = 4_102_444_800_000_000;
    let at = (FIRST..LAST)
        .contains(&micros)
        .then(|| jiff::Timestamp::from_microsecond(micros).ok())
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

    /// The bucket of a key.
    pub(crate) fn of(&self, key: &str) -> String {
        let hash = hash(key);
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
        assert_eq!(month(17), "undated");
        assert_eq!(month(1_767_225_600_000_000), "2026-01");
    }
}

//! The committer: landed rows into the tables, every row exactly once.
//!
//! Three barriers, each enough where the others have a gap: objects are created under keys that are free, a table
//! remembers the last batch that it took, and of two rows with one key the last version wins.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use arrow::array::{AsArray as _, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use shared::budget::Budget;
use shared::crash::{Point, point};
use shared::landing::decompress;

use crate::error::LakeError;
use crate::fold::{Buckets, Contest, Ranking, by_partition, gathered, halves, in_second_half};
use crate::intake::{Intake, Landed};
use crate::layout::{Kind, Layout, layouts};
use crate::manifest::{self, Committed, Folded, Manifest};
use crate::place::Place;
use crate::table::{Change, DataFile, FileWriter, LakeTable, Why};

/// Landing objects that are read at the same time.
const READS_AT_ONCE: usize = 8;

/// Files that a bucket may have before they are merged into one.
const FILES_OF_A_BUCKET: usize = 6;

/// Rows that a bucket may have before it splits: files of some 20 to 60 MB.
pub(crate) const ROWS_OF_A_BUCKET: u64 = 256 * 1024;

/// Brings everything that has landed into the tables; several may run, one makes progress.
pub async fn commit(place: &Place, budget: Budget) -> Result<Vec<Committed>, LakeError> {
    let mut committed = Vec::new();
    let mut slowest = Duration::ZERO;
    while budget.allows(slowest + slowest / 2) {
        let started = Instant::now();
        let (number, manifest) = match manifest::newest(place).await? {
            Some(newest) if !newest.is_done => {
                (newest.number, manifest::read(place, newest.number).await?)
            }
            newest => {
                let number = newest.as_ref().map_or(0, |newest| newest.number) + 1;
                let previous = match &newest {
                    Some(newest) => manifest::read(place, newest.number).await?.objects,
                    None => Vec::new(),
                };
                let Some(manifest) = manifest::write(place, number, &previous).await? else {
                    break;
                };
                (number, manifest)
            }
        };
        point(Point::AfterManifest);
        match batch(place, number, &manifest).await? {
            Some(done) => committed.push(done),
            // Another committer finished it meanwhile.
            None => break,
        }
        slowest = slowest.max(started.elapsed());
    }
    Ok(committed)
}

/// Commits one batch to all its tables; none if another committer did.
async fn batch(
    place: &Place,
    number: u64,
    manifest: &Manifest,
) -> Result<Option<Committed>, LakeError> {
    let landed = match read(place, manifest, Intake::new()?).await {
        // One line does not fit: it alone is set aside, and its neighbours land.
        Err(LakeError::Line { .. }) => read(place, manifest, Intake::careful()?).await,
        landed => landed,
    };
    let landed = match landed {
        Err(LakeError::Vanished { .. }) if manifest::is_done(place, number).await? => {
            return Ok(None);
        }
        landed => landed?,
    };
    let mut committed =
        Committed { batch: number, objects: manifest.objects.len(), tables: BTreeMap::new() };
    for (landed_as, rows) in landed {
        for layout in layouts().iter().filter(|layout| layout.landed_as == Some(landed_as)) {
            if let Some(folded) = table(place, layout, &rows, number).await? {
                committed.tables.insert(layout.name.clone(), folded);
            }
            point(Point::AfterTableCommit);
        }
    }
    manifest::finish(place, &committed).await?;
    point(Point::BeforeLandingRemoved);
    place.remove(&manifest.objects).await?;
    tracing::info!(
        batch = number,
        objects = committed.objects,
        tables = committed.tables.len(),
        "committed"
    );
    Ok(Some(committed))
}

async fn read(place: &Place, manifest: &Manifest, mut intake: Intake) -> Result<Landed, LakeError> {
    let reads = manifest.objects.iter().map(|key| async move {
        let object = place.read(key).await?;
        object.map(|object| (key, object)).ok_or_else(|| LakeError::Vanished { key: key.clone() })
    });
    let mut objects = stream::iter(reads).buffered(READS_AT_ONCE);
    while let Some((key, object)) = objects.try_next().await? {
        let lines = decompress(&object)
            .map_err(|error| LakeError::store(format!("reading {key}"), error))?;
        intake.read(key, &lines, manifest.created_at)?;
    }
    intake.finish()
}

/// Folds the rows of one batch into one table; none if they are there already.
async fn table(
    place: &Place,
    layout: &'static Layout,
    landed: &[RecordBatch],
    number: u64,
) -> Result<Option<Folded>, LakeError> {
    let table = LakeTable::open_or_create(place, layout).await?;
    if table.batch().await?.is_some_and(|last| last >= number) {
        return Ok(None);
    }
    let ranking = Ranking::new(layout)?;
    let winners = ranking.winners(landed)?;
    let mut files = BTreeMap::<String, Vec<DataFile>>::new();
    for file in table.files()? {
        files.entry(file.partition.clone()).or_default().push(file);
    }
    let buckets = Buckets::new(files.keys().cloned());
    let mut fold = Fold {
        table: &table,
        ranking: &ranking,
        change: Change::default(),
        folded: Folded { rows: count(landed), ..Folded::default() },
    };
    for (partition, winners) in by_partition(layout, landed, winners, &buckets)? {
        let files = files.remove(&partition).unwrap_or_default();
        fold.partition(&partition, &gathered(landed, &winners)?, files).await?;
        point(Point::AfterSomeFiles);
    }
    let Fold { change, mut folded, .. } = fold;
    folded.files = change.added.len() as u64;
    point(Point::AfterFiles);
    if !change.added.is_empty() || !change.removed.is_empty() {
        table.commit(change, Why::Batch(number)).await?;
    }
    Ok(Some(folded))
}

fn count(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(RecordBatch::num_rows).sum::<usize>() as u64
}

struct Fold<'t> {
    table: &'t LakeTable,
    ranking: &'t Ranking,
    change: Change,
    folded: Folded,
}

/// A file of which some rows give way.
struct Touched {
    file: DataFile,
    stays: Vec<bool>,
}

impl Touched {
    /// A file of which every row stays.
    fn whole(file: DataFile) -> Self {
        Self { stays: vec![true; usize::try_from(file.rows).unwrap_or_default()], file }
    }
}

impl Fold<'_> {
    async fn partition(
        &mut self,
        partition: &str,
        new: &[RecordBatch],
        files: Vec<DataFile>,
    ) -> Result<(), LakeError> {
        let (touched, untouched, remaining) = self.compare(new, files).await?;
        let added = count(&remaining);
        self.folded.added += added;
        if touched.is_empty() && added == 0 {
            return Ok(());
        }
        match self.table.layout.kind {
            Kind::Log => self.append(partition, touched, &remaining).await,
            Kind::Current if touched.is_empty() && untouched.len() < FILES_OF_A_BUCKET => {
                self.append(partition, touched, &remaining).await
            }
            Kind::Current => {
                let untouched = untouched.into_iter().map(Touched::whole);
                let all = touched.into_iter().chain(untouched).collect();
                self.merge(partition, all, &remaining).await
            }
        }
    }

    /// Which files lose rows to the new ones, which do not, and which of the new rows stay.
    async fn compare(
        &mut self,
        new: &[RecordBatch],
        files: Vec<DataFile>,
    ) -> Result<(Vec<Touched>, Vec<DataFile>, Vec<RecordBatch>), LakeError> {
        let mut contest = Contest::new(self.ranking, new)?;
        let index = contest.index();
        let mut decisive: Vec<&str> = self.ranking.columns().collect();
        decisive.sort_unstable();
        decisive.dedup();
        let span = span(self.table.layout, new);
        let (mut touched, mut untouched, mut outranked) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            if span.as_ref().is_some_and(|span| span.misses(&file)) {
                untouched.push(file);
                continue;
            }
            let (mut stays, mut replaced) = (Vec::new(), 0);
            let read = self.table.read(&file, Some(&decisive), |old| {
                let met = contest.meet(&index, &old)?;
                match met.stays {
                    Some(of) => stays.extend(of),
                    None => stays.resize(stays.len() + old.num_rows(), true),
                }
                replaced += met.replaced;
                outranked.extend(met.outranked);
                Ok(())
            });
            read.await?;
            self.folded.replaced += replaced;
            if replaced == 0 {
                untouched.push(file);
            } else {
                touched.push(Touched { file, stays });
            }
        }
        drop(index);
        contest.drop_new(&outranked);
        let remaining = contest.remaining()?;
        Ok((touched, untouched, remaining))
    }

    /// Files that lose rows are written without them; the new rows are a file of their own.
    async fn append(
        &mut self,
        partition: &str,
        touched: Vec<Touched>,
        new: &[RecordBatch],
    ) -> Result<(), LakeError> {
        for touched in touched {
            let mut writer = FileWriter::new(self.table, partition)?;
            self.copy(&touched, |rows| writer.push(&rows)).await?;
            self.finish(writer).await?;
            self.change.removed.push(touched.file);
        }
        let mut writer = FileWriter::new(self.table, partition)?;
        new.iter().try_for_each(|rows| writer.push(rows))?;
        self.finish(writer).await
    }

    /// One file out of all; two when it is too large, by the next bit of the hash.
    async fn merge(
        &mut self,
        bucket: &str,
        old: Vec<Touched>,
        new: &[RecordBatch],
    ) -> Result<(), LakeError> {
        let rows = old.iter().map(|touched| touched.file.rows).sum::<u64>() + count(new);
        if rows > ROWS_OF_A_BUCKET {
            return self.halve(bucket, old, new).await;
        }
        self.unite(bucket, old, new).await
    }

    /// One file out of all.
    async fn unite(
        &mut self,
        partition: &str,
        old: Vec<Touched>,
        new: &[RecordBatch],
    ) -> Result<(), LakeError> {
        let mut writer = FileWriter::new(self.table, partition)?;
        for touched in old {
            self.copy(&touched, |rows| writer.push(&rows)).await?;
            self.change.removed.push(touched.file);
        }
        new.iter().try_for_each(|rows| writer.push(rows))?;
        self.finish(writer).await
    }

    async fn halve(
        &mut self,
        bucket: &str,
        old: Vec<Touched>,
        new: &[RecordBatch],
    ) -> Result<(), LakeError> {
        let key = self.table.layout.key[0];
        let [first, second] = halves(bucket);
        let mut first = FileWriter::new(self.table, &first)?;
        let mut second = FileWriter::new(self.table, &second)?;
        let mut part = |rows: RecordBatch| -> Result<(), LakeError> {
            let keys = rows
                .column_by_name(key)
                .ok_or_else(|| LakeError::Columns("the key is missing".into()))?;
            let in_second = in_second_half(bucket, keys);
            second.push(&filter_record_batch(&rows, &in_second)?)?;
            first.push(&filter_record_batch(&rows, &arrow::compute::not(&in_second)?)?)
        };
        for touched in old {
            self.copy(&touched, &mut part).await?;
            self.change.removed.push(touched.file);
        }
        new.iter().cloned().try_for_each(part)?;
        self.finish(first).await?;
        self.finish(second).await
    }

    /// The rows of a file that stay.
    async fn copy(
        &self,
        touched: &Touched,
        mut to: impl FnMut(RecordBatch) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        let mut at = 0;
        self.table
            .read(&touched.file, None, |rows| {
                let stays = &touched.stays[at..at + rows.num_rows()];
                at += rows.num_rows();
                if stays.iter().all(|stays| *stays) {
                    return to(rows);
                }
                to(filter_record_batch(&rows, &stays.to_vec().into())?)
            })
            .await
    }

    async fn finish(&mut self, writer: FileWriter) -> Result<(), LakeError> {
        if writer.rows() > 0 {
            self.change.added.push(writer.finish(self.table).await?);
        }
        Ok(())
    }
}

/// From the first to the last time of new rows.
struct Span {
    column: &'static str,
    first: i64,
    last: i64,
}

/// Where the key determines the time, files of other times cannot hold the same keys.
fn span(layout: &'static Layout, batches: &[RecordBatch]) -> Option<Span> {
    if layout.kind == Kind::Current || !layout.key_tells_time() {
        return None;
    }
    let mut span = Span { column: layout.time, first: i64::MAX, last: i64::MIN };
    for rows in batches {
        let column = rows.column_by_name(layout.time)?;
        let (first, last) = if *column.data_type() == DataType::Int64 {
            let numbers = column.as_primitive::<Int64Type>();
            (arrow::compute::min(numbers)?, arrow::compute::max(numbers)?)
        } else {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            (arrow::compute::min(times)?, arrow::compute::max(times)?)
        };
        span = Span { first: span.first.min(first), last: span.last.max(last), ..span };
    }
    Some(span)
}

impl Span {
    fn misses(&self, file: &DataFile) -> bool {
        let statistics =
            file.statistics.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
        let Some(statistics) = statistics else { return false };
        let bound = |of: &str| micros(&statistics[of][self.column]);
        match (bound("minValues"), bound("maxValues")) {
            // Other writers of statistics round times to milliseconds.
            (Some(least), Some(greatest)) => {
                greatest.saturating_add(1_000) < self.first
                    || least.saturating_sub(1_000) > self.last
            }
            _ => false,
        }
    }
}

fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_microsecond)
        }
        _ => None,
    }
}

/// Merges the files of one partition, for housekeeping: nothing is compared, every row stays.
pub(crate) async fn compact(
    table: &LakeTable,
    partition: &str,
    files: Vec<DataFile>,
) -> Result<Change, LakeError> {
    let ranking = Ranking::new(table.layout)?;
    let mut fold =
        Fold { table, ranking: &ranking, change: Change::default(), folded: Folded::default() };
    let all = files.into_iter().map(Touched::whole).collect();
    match table.layout.kind {
        Kind::Current => fold.merge(partition, all, &[]).await?,
        Kind::Log => fold.unite(partition, all, &[]).await?,
    }
    Ok(fold.change)
}

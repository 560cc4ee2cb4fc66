//! `tributary query`: SQL over the tables, by `DataFusion`, in this process.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray as _, RecordBatch};
use datafusion::arrow::compute::sum;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, SchemaRef, UInt64Type};
use datafusion::arrow::json::ArrayWriter;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SQLOptions, SessionConfig, SessionContext};
use lake::{Place, TableFacts};

use crate::arguments::{Global, Query};
use crate::display::{grouped, say, table};
use crate::failure::{Exit, Failure};
use crate::log::tell;
use crate::session::Session;

/// Rows that the table on a terminal shows.
const SHOWN: usize = 200;

pub(crate) async fn run(global: &Global, query: &Query) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let answered = answer(global, query, &session).await;
    session.close().await;
    answered
}

async fn answer(global: &Global, query: &Query, session: &Session) -> Result<Exit, Failure> {
    let context = context(&session.lake()?).await?;
    // Nobody but the committer may write to the tables, and a query makes no other files than the one it is told to.
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false);
    let frame =
        context.sql_with_options(&query.sql, reading).await.map_err(|error| wrong(&error))?;
    if let Some(file) = &query.parquet {
        return write_parquet(frame, file).await;
    }
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(|error| wrong(&error))?;
    if global.json {
        say(json(&batches)?);
    } else if query.csv {
        say(csv(&schema, &batches)?.trim_end());
    } else {
        show(&schema, &batches)?;
    }
    Ok(Exit::Success)
}

/// Every table and view by its name; tables without rows yet are empty.
async fn context(place: &Place) -> Result<SessionContext, Failure> {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Columns are what the tables say, not DataFusion's own variants of them.
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config(config);
    let (root, objects) = place.objects();
    context.register_object_store(root, Arc::clone(objects));
    let tables = lake::tables(place).await?;
    for (name, columns) in lake::columns_of_tables() {
        let facts = tables.iter().find(|facts| facts.name == name && !facts.urls.is_empty());
        let provider = match facts {
            None => empty(columns),
            Some(facts) => files_of(facts),
        };
        let provider = provider.map_err(|error| wrong(&error))?;
        context
            .register_table(TableReference::bare(name), provider)
            .map_err(|error| wrong(&error))?;
    }
    for (name, query) in lake::views() {
        let create = format!("CREATE VIEW {name} AS {query}");
        context.sql(&create).await.map_err(|error| wrong(&error))?;
    }
    Ok(context)
}

fn empty(columns: SchemaRef) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    Ok(Arc::new(MemTable::try_new(columns, vec![Vec::new()])?))
}

/// The files that the table's log names, and no others.
fn files_of(facts: &TableFacts) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let urls = facts.urls.iter().map(|url| ListingTableUrl::parse(url.as_str()));
    let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_, _>>()?)
        .with_listing_options(ListingOptions::new(Arc::new(ParquetFormat::default())))
        .with_schema(Arc::clone(&facts.columns));
    Ok(Arc::new(ListingTable::try_new(config)?))
}

async fn write_parquet(frame: DataFrame, file: &Path) -> Result<Exit, Failure> {
    let Some(path) = file.to_str() else {
        return Err(Failure::misuse("the file's name is not Unicode", "choose another name"));
    };
    let options = DataFrameWriteOptions::new().with_single_file_output(true);
    let written = frame.write_parquet(path, options, None).await.map_err(|error| wrong(&error))?;
    // DataFusion answers with one column: how many rows each file got.
    let rows = written
        .iter()
        .filter_map(|batch| sum(batch.columns().first()?.as_primitive_opt::<UInt64Type>()?));
    tell(&format!("{} rows written to {path}", grouped(rows.sum())));
    Ok(Exit::Success)
}

fn json(batches: &[RecordBatch]) -> Result<String, Failure> {
    let mut writer = ArrayWriter::new(Vec::new());
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    let written = writer.write_batches(&batches).and_then(|()| writer.finish());
    written.map_err(|error| wrong(&error.into()))?;
    let text = String::from_utf8(writer.into_inner()).unwrap_or_default();
    Ok(if text.is_empty() { "[]".to_owned() } else { text })
}

fn csv(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<String, Failure> {
    if let Some(field) = schema.fields().iter().find(|field| is_nested(field.data_type())) {
        return Err(Failure::misuse(
            format!("CSV has no way to write the column {}, which is nested", field.name()),
            "select fields of it (name['given'], ext['vip']), or use --json or --parquet",
        ));
    }
    let mut writer = WriterBuilder::new().with_header(true).build(Vec::new());
    for batch in batches {
        writer.write(batch).map_err(|error| wrong(&error.into()))?;
    }
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        writer
            .write(&RecordBatch::new_empty(Arc::clone(schema)))
            .map_err(|error| wrong(&error.into()))?;
    }
    Ok(String::from_utf8(writer.into_inner()).unwrap_or_default())
}

fn is_nested(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(_) | DataType::Struct(_) | DataType::Map(..))
}

fn show(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(), Failure> {
    let total: usize = batches.iter().map(RecordBatch::num_rows).sum();
    say(rendered(schema, batches)?.to_string());
    if total > SHOWN {
        tell(&format!(
            "the first {SHOWN} of {} rows; --json, --csv and --parquet give all",
            grouped(total as u64)
        ));
    }
    Ok(())
}

/// The first rows as a table for people.
fn rendered(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<comfy_table::Table, Failure> {
    let mut list = table([]);
    list.set_header(schema.fields().iter().map(|field| field.name().clone()));
    let options = FormatOptions::default().with_null("");
    let mut left = SHOWN;
    for batch in batches {
        let columns =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns =
            columns.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(&error.into()))?;
        for row in 0..batch.num_rows().min(left) {
            list.add_row(columns.iter().map(|column| column.value(row).to_string()));
        }
        left = left.saturating_sub(batch.num_rows());
    }
    Ok(list)
}

fn wrong(error: &DataFusionError) -> Failure {
    Failure::misuse(
        format!("the query failed: {}", error.strip_backtrace()),
        "`tributary tables` lists the tables, `SELECT * FROM information_schema.columns` their columns; \
         \"order\" is a word of SQL and needs its quotes",
    )
}

//! `tributary query`: SQL over the tables, by DataFusion, in this process.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv::WriterBuilder;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::json::ArrayWriter;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::datasource::MemTable;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use lake::{Place, VIEWS, layout};

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
    let context = context(&session.lake().await?).await?;
    let frame = context.sql(&query.sql).await.map_err(|error| wrong(&error))?;
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
pub(crate) async fn context(place: &Place) -> Result<SessionContext, Failure> {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Columns are what the tables say, not DataFusion's own variants of them.
    config.options_mut().execution.parquet.schema_force_view_types = false;
    let context = SessionContext::new_with_config(config);
    context.register_object_store(&place.url_of("")?, Arc::clone(place.store()));
    let tables = lake::tables(place).await?;
    for layout in layout::layouts() {
        let name = datafusion::sql::TableReference::bare(layout.name.as_str());
        let facts = tables.iter().find(|facts| facts.name == layout.name && !facts.urls.is_empty());
        let registered = match facts {
            None => {
                let empty = MemTable::try_new(Arc::clone(&layout.columns), vec![Vec::new()]);
                context.register_table(name, Arc::new(empty.map_err(|error| wrong(&error))?))
            }
            Some(facts) => {
                let urls = facts.urls.iter().map(|url| ListingTableUrl::parse(url.as_str()));
                let urls = urls.collect::<Result<Vec<_>, _>>().map_err(|error| wrong(&error))?;
                let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
                let config = ListingTableConfig::new_with_multi_paths(urls)
                    .with_listing_options(options)
                    .with_schema(Arc::clone(&facts.columns));
                let listing = ListingTable::try_new(config).map_err(|error| wrong(&error))?;
                context.register_table(name, Arc::new(listing))
            }
        };
        registered.map_err(|error| wrong(&error))?;
    }
    for view in VIEWS {
        let create = format!("CREATE VIEW {} AS {}", view.name, view.sql);
        context.sql(&create).await.map_err(|error| wrong(&error))?;
    }
    Ok(context)
}

/// The rows of a query, for the demo and for tests.
pub(crate) async fn rows(
    context: &SessionContext,
    sql: &str,
) -> Result<(SchemaRef, Vec<RecordBatch>), Failure> {
    let frame = context.sql(sql).await.map_err(|error| wrong(&error))?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    Ok((schema, frame.collect().await.map_err(|error| wrong(&error))?))
}

async fn write_parquet(frame: DataFrame, file: &Path) -> Result<Exit, Failure> {
    let Some(path) = file.to_str() else {
        return Err(Failure::misuse("the file's name is not Unicode", "choose another name"));
    };
    let options = DataFrameWriteOptions::new().with_single_file_output(true);
    let written = frame.write_parquet(path, options, None).await.map_err(|error| wrong(&error))?;
    let rows = written.iter().filter_map(|batch| {
        use datafusion::arrow::array::AsArray as _;
        let counts =
            batch.column(0).as_primitive_opt::<datafusion::arrow::datatypes::UInt64Type>()?;
        datafusion::arrow::compute::sum(counts)
    });
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
            format!(
                "CSV has no way to write the column {}, a {}",
                field.name(),
                lake::type_name(field)
            ),
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
pub(crate) fn rendered(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<comfy_table::Table, Failure> {
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

//! `tributary athena-ddl`: the statements that make the tables known to Athena.

use serde_json::json;

use crate::arguments::{AthenaDdl, Global};
use crate::display::{say, say_json};
use crate::failure::{Exit, Failure};
use crate::session::Session;

pub(crate) async fn run(global: &Global, options: &AthenaDdl) -> Result<Exit, Failure> {
    let session = Session::open(global).await?;
    let bucket = options.bucket.clone().unwrap_or_else(|| session.names().bucket.clone());
    let tables = match session.lake() {
        Ok(place) => lake::tables(&place).await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    session.close().await;
    let ddl = lake::athena_ddl(&options.database, &bucket, &tables?);
    if global.json {
        say_json(&json!({ "database": options.database, "bucket": bucket, "ddl": ddl }))?;
    } else {
        say(ddl.trim_end());
    }
    Ok(Exit::Success)
}

//! The operations, by the names that `DynamoDB` gives them: JSON in, JSON out.

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What `DynamoDB` calls invalid although it is about the form of a request.
const INVALID: [&str; 6] = [
    "missing field",
    "unknown variant",
    "invalid type: null",
    "empty AttributeValue",
    "Supplied AttributeValue",
    "recursion limit",
];

/// Runs an operation; `None` when there is none of that name.
pub(super) fn run(
    database: &Database,
    operation: &str,
    request: &[u8],
) -> Option<Result<Vec<u8>, DynoxideError>> {
    let call = Call { database, request };
    Some(match operation {
        "BatchExecuteStatement" => call.of(Database::batch_execute_statement),
        "BatchGetItem" => call.of(Database::batch_get_item),
        "BatchWriteItem" => call.of(Database::batch_write_item),
        "CreateTable" => call.of(Database::create_table),
        "DeleteItem" => call.of(Database::delete_item),
        "DeleteTable" => call.of(Database::delete_table),
        "DescribeStream" => call.of(Database::describe_stream),
        "DescribeTable" => call.of(Database::describe_table),
        "DescribeTimeToLive" => call.of(Database::describe_time_to_live),
        "ExecuteStatement" => call.of(Database::execute_statement),
        "ExecuteTransaction" => call.of(Database::execute_transaction),
        "GetItem" => call.of(Database::get_item),
        "GetRecords" => call.of(Database::get_records),
        "GetShardIterator" => call.of(Database::get_shard_iterator),
        "ListStreams" => call.of(Database::list_streams),
        "ListTables" => call.of(Database::list_tables),
        "ListTagsOfResource" => call.of(Database::list_tags_of_resource),
        "PutItem" => call.of(Database::put_item),
        "Query" => call.of(Database::query),
        "Scan" => call.of(Database::scan),
        "SearchVectors" => call.of(Database::search_vectors),
        "TagResource" => call.of(Database::tag_resource),
        "TransactGetItems" => call.of(Database::transact_get_items),
        "TransactWriteItems" => call.of(Database::transact_write_items),
        "UntagResource" => call.of(Database::untag_resource),
        "UpdateItem" => call.of(Database::update_item),
        "UpdateTable" => call.of(Database::update_table),
        "UpdateTimeToLive" => call.of(Database::update_time_to_live),
        _ => return None,
    })
}

struct Call<'a> {
    database: &'a Database,
    request: &'a [u8],
}

impl Call<'_> {
    fn of<Request: DeserializeOwned, Answer: Serialize>(
        &self,
        operation: impl FnOnce(&Database, Request) -> Result<Answer, DynoxideError>,
    ) -> Result<Vec<u8>, DynoxideError> {
        let request = serde_json::from_slice(self.request).map_err(|error| unreadable(&error))?;
        let answer = operation(self.database, request)?;
        serde_json::to_vec(&answer)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    }
}

/// The error for a request that dynoxide's types did not take. They put its kind in front where they know better than
/// `serde_json` (`VALIDATION:`, `SERIALIZATION:`), which puts its position behind.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let (kind, message) = text.split_once(':').unwrap_or_default();
    if kind.starts_with("VALIDATION") {
        DynoxideError::ValidationException(message.to_owned())
    } else if kind.starts_with("SERIALIZATION") {
        DynoxideError::SerializationException(message.to_owned())
    } else if INVALID.iter().any(|fault| text.contains(fault)) {
        DynoxideError::ValidationException(text.to_owned())
    } else {
        DynoxideError::SerializationException(text.to_owned())
    }
}

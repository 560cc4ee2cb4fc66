//! Cuts a batch in two: what reaches the store, and what is handed back as unprocessed.

use bytes::Bytes;
use http::{Response, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Map, Value};

type Tables = Map<String, Value>;

/// How many keys or items a batch request holds.
pub(super) fn size(body: &[u8]) -> usize {
    let mut request = parse(body);
    let tables = tables(&mut request).values_mut();
    tables.map(|table| entries(table).len()).sum()
}

/// The request cut down to its first `keep` entries, none if that is zero, and the tables with the rest.
pub(super) fn split(body: &[u8], keep: usize) -> (Option<Bytes>, Tables) {
    let mut kept = parse(body);
    let mut rest = tables(&mut kept).clone();
    let mut left = keep;
    for (name, table) in tables(&mut kept).iter_mut() {
        let entries_kept = entries(table);
        let take = left.min(entries_kept.len());
        left -= take;
        entries_kept.truncate(take);
        entries(&mut rest[name]).drain(..take);
    }
    tables(&mut kept).retain(|_, table| !entries(table).is_empty());
    rest.retain(|_, table| !entries(table).is_empty());
    let kept = (keep > 0).then(|| kept.to_string().into());
    (kept, rest)
}

/// Adds the rest to the answer, beside whatever the store itself left undone.
pub(super) async fn add_unprocessed(
    reply: Response<Full<Bytes>>,
    field: &str,
    rest: Tables,
) -> Response<Full<Bytes>> {
    if !reply.status().is_success() {
        return reply;
    }
    let (mut parts, body) = reply.into_parts();
    let Ok(body) = body.collect().await;
    let mut answer = parse(&body.to_bytes());
    let undone = answer
        .as_object_mut()
        .expect("a batch answer is an object")
        .entry(field)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .expect("unprocessed entries come by table");
    for (name, mut table) in rest {
        match undone.get_mut(&name) {
            Some(already) => entries(already).append(entries(&mut table)),
            None => {
                undone.insert(name, table);
            }
        }
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove("x-amz-crc32");
    Response::from_parts(parts, Full::new(answer.to_string().into()))
}

fn parse(body: &[u8]) -> Value {
    serde_json::from_slice(body).expect("DynamoDB speaks JSON")
}

fn tables(request: &mut Value) -> &mut Tables {
    request["RequestItems"].as_object_mut().expect("a batch request has RequestItems")
}

/// A write lists its items under the table, a read under the table's `Keys`.
fn entries(table: &mut Value) -> &mut Vec<Value> {
    let list = if table.is_array() { table } else { &mut table["Keys"] };
    list.as_array_mut().expect("a batch lists its entries")
}

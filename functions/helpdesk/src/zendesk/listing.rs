//! Lists with cursor pagination, a hundred records a page; the pagination by number would end at record 10,000.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::connector::Stream;
use shared::error::Error;
use shared::facts::StreamFacts;
use shared::page::Response;
use shared::paging::{List, Listed, Map};
use shared::request::Request;

const PAGE_SIZE: u8 = 100;

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(
        borrow,
        rename = "satisfaction_ratings",
        alias = "deleted_users",
        alias = "deleted_tickets"
    )]
    records: Vec<&'a RawValue>,
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    has_more: bool,
    after_cursor: Option<String>,
}

/// A list that is read from its beginning by every run, under the name that it has in the API.
pub(super) fn list(facts: &'static StreamFacts, map: Map) -> impl Stream {
    List::new(facts, move |after| request(facts.name, after), read, map)
}

/// Asks for the page behind a token.
pub(super) fn request(name: &str, after: Option<&str>) -> Request {
    let request = Request::get(format!("/api/v2/{name}.json")).query("page[size]", PAGE_SIZE);
    match after {
        Some(token) => request.query("page[after]", token),
        None => request,
    }
}

/// The records of a page, and the token of the next if there is one.
pub(super) fn read(response: &Response) -> Result<Listed<'_>, Error> {
    let Answer { records, meta } = response.json()?;
    match (meta.has_more, meta.after_cursor) {
        (false, _) => Ok((records, None)),
        (true, Some(token)) => Ok((records, Some(token))),
        (true, None) => {
            Err(Error::Decode("meta.after_cursor is missing, but there is more".to_owned()))
        }
    }
}

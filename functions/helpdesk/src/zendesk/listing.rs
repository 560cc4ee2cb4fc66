//! Lists with cursor pagination, a hundred records a page; the pagination by number would end at record 10,000.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::error::Error;
use shared::page::{Next, Page, Response};
use shared::request::Request;

const PAGE_SIZE: u8 = 100;

/// The place in a list that is read from its beginning by every run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Place {
    /// The token of the page before, within a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

#[derive(Deserialize)]
struct List<'a> {
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

impl Place {
    pub(super) fn request(&self, path: &str) -> Request {
        request(path, self.after.as_deref())
    }

    pub(super) fn page(response: &Response) -> Result<Page<'_, Self>, Error> {
        let (records, after) = read(response)?;
        let next = match after {
            Some(token) => Next::More(Self { after: Some(token) }),
            None => Next::Done(Self::default()),
        };
        Ok(Page::new(records, next))
    }
}

/// Asks for the page behind a token.
pub(super) fn request(path: &str, after: Option<&str>) -> Request {
    let request = Request::get(path).query("page[size]", PAGE_SIZE);
    match after {
        Some(token) => request.query("page[after]", token),
        None => request,
    }
}

/// The records of a page, and the token of the next if there is one.
pub(super) fn read(response: &Response) -> Result<(Vec<&RawValue>, Option<String>), Error> {
    let List { records, meta } = response.json()?;
    match (meta.has_more, meta.after_cursor) {
        (false, _) => Ok((records, None)),
        (true, Some(token)) => Ok((records, Some(token))),
        (true, None) => {
            Err(Error::Decode("meta.after_cursor is missing, but there is more".to_owned()))
        }
    }
}

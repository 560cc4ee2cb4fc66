//! JSON:API collections: records, what they refer to, and the token of the next page.

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::{Error, Invalid};
use shared::fields::Fields;
use shared::page::Response;
use shared::paging::Listed;
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::Ext;
use url::Url;

/// One page of a collection.
pub(super) struct Listing<'a> {
    pub(super) records: Vec<&'a RawValue>,
    /// Records of other kinds that these refer to.
    pub(super) included: Vec<&'a RawValue>,
    /// The token of the next page, if there is one.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(borrow)]
    included: Option<Vec<&'a RawValue>>,
    links: Option<Links>,
}

#[derive(Deserialize)]
struct Links {
    next: Option<String>,
}

const CURSOR: &str = "page[cursor]";

impl<'a> Listing<'a> {
    /// Reads a page that was asked for with the token `asked`.
    ///
    /// Of the link to the next page only the token is used: so nobody can send our credentials elsewhere.
    pub(super) fn read(response: &'a Response, asked: Option<&str>) -> Result<Self, Error> {
        let Document { data, included, links } = response.json()?;
        let next = links.and_then(|links| links.next).map(|link| token(&link)).transpose()?;
        if next.is_some() && next.as_deref() == asked {
            return Err(Error::Stuck("the next page is the page that was asked for".to_owned()));
        }
        Ok(Self { records: data, included: included.unwrap_or_default(), next })
    }
}

/// The question for the page behind a token, or for the first one.
pub(super) fn behind(request: Request, token: Option<&str>) -> Request {
    match token {
        Some(token) => request.query(CURSOR, token),
        None => request,
    }
}

/// The records of a page, and the token of the next.
pub(super) fn listed(response: &Response) -> Result<Listed<'_>, Error> {
    Listing::read(response, None).map(|listing| (listing.records, listing.next))
}

fn token(link: &str) -> Result<String, Error> {
    let link = Url::parse(link).ok();
    let token = link.and_then(|link| {
        link.query_pairs().find(|(name, _)| name == CURSOR).map(|(_, token)| token.into_owned())
    });
    token
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Error::Decode("links.next is a link without page[cursor]".to_owned()))
}

/// A record with one more field in front, of which `value` is the JSON text.
pub(super) fn with(record: &RawValue, name: &str, value: &str) -> Result<Box<RawValue>, Error> {
    let Some(rest) = record.get().trim_start().strip_prefix('{') else {
        return Ok(record.to_owned());
    };
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    RawValue::from_string(format!("{{\"{name}\":{value}{comma}{rest}"))
        .map_err(|_| Error::Decode("a record is not JSON".to_owned()))
}

/// What nobody took of a record, apart from what JSON:API itself needs.
pub(super) fn beyond(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Ext {
    for own in ["type", "relationships", "links"] {
        record.ignore(own);
    }
    record.into_ext(rows)
}

/// The same as JSON text of an object, if there is anything.
pub(super) fn rest(fields: Fields<'_>, rows: &mut Rows<'_>) -> Option<String> {
    object_text(&fields.into_ext(rows))
}

/// Fields that are JSON text already, as JSON text of an object, if there are any.
pub(super) fn object_text(fields: &Ext) -> Option<String> {
    let fields = fields.iter().map(|(name, json)| format!("{}:{json}", serde_json::json!(name)));
    let fields = fields.collect::<Vec<_>>().join(",");
    (!fields.is_empty()).then(|| format!("{{{fields}}}"))
}

/// The id of the record that `name` among the relationships refers to.
pub(super) fn related(
    relationships: Option<&mut Fields<'_>>,
    name: &'static str,
) -> Result<Option<String>, Invalid> {
    let Some(relationships) = relationships else { return Ok(None) };
    let Some(mut relation) = relationships.object(name)? else { return Ok(None) };
    let Some(mut data) = relation.object("data")? else { return Ok(None) };
    data.id("id")
}

//! Up to a hundred objects, read one after the other: their links, then the objects themselves as they are now.
//!
//! Search answers with no links and lags behind; so lists give ids only, and what lands is read by id.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use shared::error::Error;
use shared::page::{Record, Response};
use shared::request::Request;

use super::{ASSOCIATIONS, OBJECTS};

/// What `batch/read` takes, and so what lists are asked for.
pub(super) const AT_ONCE: usize = 100;
/// The field that a record gets from us: ids of other objects, by their type.
pub(super) const LINKS: &str = "links";

/// The ids that an object is linked to.
type Linked = BTreeMap<String, Vec<Link>>;

/// One end of a link; the primary one goes first, then by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Link {
    secondary: bool,
    /// Ids are numbers written as text: the shorter one is the smaller one.
    digits: usize,
    id: String,
}

/// Objects on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Batch {
    ids: Vec<String>,
    /// Whom they are linked to, one map for each type that was asked for.
    links: Vec<Linked>,
    /// Inputs of the type that is asked for now, where a question did not get all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further: Vec<Further>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Further {
    id: String,
    after: String,
}

/// What one answer came to.
pub(super) enum Step<'r> {
    /// There is more to ask about these objects.
    On(Batch),
    /// The objects, with their links.
    Read(Vec<Record<'r>>),
}

#[derive(Deserialize)]
struct Associations<'a> {
    #[serde(borrow)]
    results: Vec<Association<'a>>,
    #[serde(default)]
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Association<'a> {
    from: From,
    #[serde(default, borrow)]
    to: Vec<To<'a>>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct From {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct To<'a> {
    /// An integer in the older API files, text in the newer ones.
    #[serde(borrow)]
    to_object_id: &'a RawValue,
    #[serde(default)]
    association_types: Vec<AssociationType>,
}

#[derive(Deserialize)]
struct AssociationType {
    label: Option<String>,
}

/// Where a list goes on.
#[derive(Deserialize)]
pub(super) struct Paging {
    pub(super) next: Option<After>,
}

/// The token of the next page.
#[derive(Deserialize)]
pub(super) struct After {
    pub(super) after: String,
}

/// Why a part of a question was not answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    category: Option<String>,
    sub_category: Option<String>,
}

impl Problem {
    /// An object that is linked to nothing, or gone meanwhile, is named among the errors (status 207).
    fn means_none(&self) -> bool {
        let words = [&self.category, &self.sub_category];
        let mut said = words.into_iter().flatten().peekable();
        said.peek().is_none()
            || said.any(|word| word.contains("NOT_FOUND") || word.contains("NO_ASSOCIATIONS"))
    }
}

/// The objects of an answer to `batch/read`.
#[derive(Deserialize)]
struct Objects<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Identified {
    id: String,
}

/// Reads objects by id.
pub(super) fn by_id(kind: &str, ids: &[String], properties: &[String]) -> Request {
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    let body = json!({ "inputs": inputs, "properties": properties });
    Request::post(format!("{OBJECTS}/{kind}/batch/read"), body)
}

/// The objects that were read by id.
pub(super) fn found(response: &Response) -> Result<Vec<&RawValue>, Error> {
    Ok(response.json::<Objects<'_>>()?.results)
}

impl Batch {
    pub(super) fn new(ids: Vec<String>) -> Self {
        Self { ids, links: Vec::new(), further: Vec::new() }
    }

    /// Asks for the next thing that is not known about the objects.
    pub(super) fn request(
        &self,
        kind: &str,
        linked: &[&'static str],
        properties: &[String],
    ) -> Request {
        let Some(to) = linked.get(self.asked(linked)) else {
            return by_id(kind, &self.ids, properties);
        };
        let inputs: Vec<_> = if self.further.is_empty() {
            self.ids.iter().map(|id| json!({ "id": id })).collect()
        } else {
            self.further.iter().map(|more| json!({ "id": more.id, "after": more.after })).collect()
        };
        Request::post(format!("{ASSOCIATIONS}/{kind}/{to}/batch/read"), json!({ "inputs": inputs }))
    }

    /// The number of the type of links that is asked for now.
    fn asked(&self, linked: &[&'static str]) -> usize {
        let begun = usize::from(!self.further.is_empty());
        self.links.len().min(linked.len()).saturating_sub(begun)
    }

    pub(super) fn page<'r>(
        &self,
        linked: &[&'static str],
        response: &'r Response,
    ) -> Result<Step<'r>, Error> {
        if self.asked(linked) < linked.len() {
            return self.link(response).map(Step::On);
        }
        let records = found(response)?;
        if linked.is_empty() {
            return Ok(Step::Read(records.into_iter().map(Cow::Borrowed).collect()));
        }
        records
            .into_iter()
            .map(|record| self.with_links(linked, record))
            .collect::<Result<_, _>>()
            .map(Step::Read)
    }

    fn link(&self, response: &Response) -> Result<Self, Error> {
        let Associations { results, errors } = response.json()?;
        if errors.iter().any(|problem| !problem.means_none()) {
            return Err(Error::Decode("the links of some objects could not be read".to_owned()));
        }
        let mut next = self.clone();
        if next.further.is_empty() {
            next.links.push(Linked::new());
        }
        next.further.clear();
        let Some(links) = next.links.last_mut() else { return Ok(next) };
        for Association { from, to, paging } in results {
            if let Some(After { after }) = paging.and_then(|paging| paging.next) {
                let same = |asked: &&Further| asked.id == from.id && asked.after == after;
                if self.further.iter().any(|asked| same(&asked)) {
                    return Err(Error::Stuck("the links go on where they were".to_owned()));
                }
                next.further.push(Further { id: from.id.clone(), after });
            }
            let to = to.iter().map(To::link).collect::<Result<Vec<_>, _>>()?;
            let linked = links.entry(from.id).or_default();
            linked.extend(to);
            linked.sort_unstable();
            linked.dedup_by(|later, one| later.id == one.id);
        }
        Ok(next)
    }

    /// The object with the links that earlier answers told, as one record.
    fn with_links<'r>(
        &self,
        linked: &[&'static str],
        record: &'r RawValue,
    ) -> Result<Record<'r>, Error> {
        let Ok(Identified { id }) = serde_json::from_str(record.get()) else {
            return Ok(Cow::Borrowed(record));
        };
        let ids = |links: &Linked| -> Vec<String> {
            let links = links.get(&id).into_iter().flatten();
            links.map(|link| link.id.clone()).collect()
        };
        let links: BTreeMap<&str, Vec<String>> =
            linked.iter().copied().zip(self.links.iter().map(ids)).collect();
        let invariant = |_| Error::Invariant("links do not serialise".to_owned());
        let links = to_raw_value(&links).map_err(invariant)?;
        // An object with an id is not empty, so a comma follows.
        let rest = record.get().trim_start().trim_start_matches('{');
        let text = format!("{{\"{LINKS}\":{links},{rest}");
        RawValue::from_string(text).map(Cow::Owned).map_err(invariant)
    }
}

impl To<'_> {
    fn link(&self) -> Result<Link, Error> {
        let id = self.to_object_id.get().trim_matches('"').to_owned();
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::Decode("toObjectId is no id".to_owned()));
        }
        let primary = |kind: &AssociationType| {
            kind.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("primary"))
        };
        let secondary = !self.association_types.iter().any(primary);
        Ok(Link { secondary, digits: id.len(), id })
    }
}

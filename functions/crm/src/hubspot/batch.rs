//! Some objects, read one after the other: their links, what their stages mean, then the objects as they are now.
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

use super::kinds::{Kind, Reader};
use super::links::{Link, Linked, is_id};
use super::stages::{self, Stages};
use super::{ASSOCIATIONS, OBJECTS};

/// The field that a record gets from us: ids of other objects, by their type.
pub(super) const LINKS: &str = "links";
/// The field that a record gets from us: what the account says of its stages.
pub(super) const STAGES: &str = "stages";

/// How long a batch may be as it is noted beside the raw bytes: S3 keeps 2 KB of notes with an object, base64 makes
/// four characters of three, and the other notes and the rest of the cursor take 200.
const LONGEST_NOTE: usize = 1_350;
/// The longest address that is asked; HubSpot's servers end at about 15,000 characters (airbyte's connector).
const LONGEST_QUERY: usize = 10_000;

/// Objects on their way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Batch {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ids: Vec<String>,
    /// Whom they are linked to, one entry for each type that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<Linked>,
    /// Inputs of the type that is asked for now, where a question did not get all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    further: Vec<Further>,
    /// What the account says of its stages, once asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) stages: Option<Stages>,
}

/// What is to be asked about a batch.
enum Question {
    /// Whom of this type the objects are linked to.
    Links(&'static str),
    /// What the stages of their pipelines mean.
    Stages,
    /// The objects themselves.
    Objects,
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

/// Reads objects by id, without links.
pub(super) fn by_id(reader: &Reader, ids: &[String], with_history: bool) -> Request {
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
    let mut body = json!({ "inputs": inputs, "properties": *reader.properties });
    if let Some(name) = reader.history().filter(|_| with_history) {
        body["propertiesWithHistory"] = json!([name]);
    }
    Request::post(format!("{OBJECTS}/{}/batch/read", reader.kind.path), body)
}

/// Reads one object together with its links; none if one question cannot ask for all of it.
pub(super) fn whole(reader: &Reader, id: &str) -> Option<Request> {
    let Reader { kind, properties, .. } = reader;
    let properties = properties.join(",");
    if !is_id(id) || properties.len() > LONGEST_QUERY {
        return None;
    }
    let request = Request::get(format!("{OBJECTS}/{}/{id}", kind.path))
        .query("archived", "false")
        .query("associations", kind.linked.join(","))
        .query("properties", properties);
    Some(match reader.history() {
        Some(name) => request.query("propertiesWithHistory", name),
        None => request,
    })
}

/// The objects in the answer to [`by_id`] or to [`whole`].
pub(super) fn found(response: &Response) -> Result<Vec<&RawValue>, Error> {
    #[derive(Deserialize)]
    struct Either<'a> {
        #[serde(borrow)]
        results: Option<Vec<&'a RawValue>>,
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    match response.json()? {
        Either { results: Some(results), .. } => Ok(results),
        Either { id: Some(_), .. } => Ok(vec![response.json()?]),
        Either { .. } => Err(Error::Decode("neither objects nor one object".to_owned())),
    }
}

impl Batch {
    /// Objects of which no more is known than what earlier ones told of the account's stages.
    pub(super) fn new(ids: Vec<String>, stages: Option<Stages>) -> Self {
        Self { ids, links: Vec::new(), further: Vec::new(), stages }
    }

    fn question(&self, kind: &Kind) -> Question {
        let begun = usize::from(!self.further.is_empty());
        let asked = self.links.len().min(kind.linked.len()).saturating_sub(begun);
        match kind.linked.get(asked) {
            Some(to) => Question::Links(to),
            None if kind.staged && self.stages.is_none() => Question::Stages,
            None => Question::Objects,
        }
    }

    /// Asks for the next thing that is not known about the objects.
    pub(super) fn request(&self, reader: &Reader) -> Request {
        let path = reader.kind.path;
        let to = match self.question(reader.kind) {
            Question::Links(to) => to,
            Question::Stages => return stages::request(path),
            Question::Objects => return by_id(reader, &self.ids, true),
        };
        let inputs: Vec<_> = if self.further.is_empty() {
            self.ids.iter().map(|id| json!({ "id": id })).collect()
        } else {
            self.further.iter().map(|more| json!({ "id": more.id, "after": more.after })).collect()
        };
        Request::post(format!("{ASSOCIATIONS}/{path}/{to}/batch/read"), json!({ "inputs": inputs }))
    }

    pub(super) fn page<'r>(&self, kind: &Kind, response: &'r Response) -> Result<Step<'r>, Error> {
        match self.question(kind) {
            Question::Links(_) => return self.link(response).map(Step::On),
            Question::Stages => {
                let stages = Some(Stages::read(response)?);
                return Ok(Step::On(Self { stages, ..self.clone() }));
            }
            Question::Objects => {}
        }
        let Objects { results: records } = response.json()?;
        if kind.linked.is_empty() {
            return Ok(Step::Read(records.into_iter().map(Cow::Borrowed).collect()));
        }
        records
            .into_iter()
            .map(|record| self.with_links(kind.linked, record))
            .collect::<Result<_, _>>()
            .map(Step::Read)
    }

    /// What of it is needed to take an answer apart again, for the notes beside the raw bytes.
    ///
    /// Of objects with very many links that is too long. It is then noted as if links were asked for, which gives no
    /// records: a replay passes such a page over, rather than taking the links away.
    pub(super) fn noted(&self, kind: &Kind) -> Self {
        let nothing = Self::new(Vec::new(), None);
        match self.question(kind) {
            Question::Links(_) => nothing,
            Question::Stages => {
                Self { links: vec![Linked::default(); kind.linked.len()], ..nothing }
            }
            Question::Objects => {
                let told = Self { ids: Vec::new(), ..self.clone() };
                let fits =
                    serde_json::to_string(&told).is_ok_and(|text| text.len() <= LONGEST_NOTE);
                if fits { told } else { nothing }
            }
        }
    }

    fn link(&self, response: &Response) -> Result<Self, Error> {
        let Associations { results, errors } = response.json()?;
        if errors.iter().any(|problem| !problem.means_none()) {
            return Err(Error::Decode("the links of some objects could not be read".to_owned()));
        }
        let mut next = self.clone();
        if next.further.is_empty() {
            next.links.push(Linked::default());
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
            if !is_id(&from.id) {
                return Err(Error::Decode("from.id is no id".to_owned()));
            }
            let to = to.iter().map(To::link).collect::<Result<Vec<_>, _>>()?;
            links.add(from.id, to);
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
        let ids = self.links.iter().map(|links| links.of(&id));
        let links: BTreeMap<&str, Vec<&str>> = linked.iter().copied().zip(ids).collect();
        let invariant = |_| Error::Invariant("links do not serialise".to_owned());
        let links = to_raw_value(&links).map_err(invariant)?;
        let stages = self.stages.as_ref().map(to_raw_value).transpose().map_err(invariant)?;
        let stages = stages.map(|stages| format!("\"{STAGES}\":{stages},")).unwrap_or_default();
        // An object with an id is not empty, so a comma follows.
        let rest = record.get().trim_start().trim_start_matches('{');
        let text = format!("{{\"{LINKS}\":{links},{stages}{rest}");
        RawValue::from_string(text).map(Cow::Owned).map_err(invariant)
    }
}

impl To<'_> {
    fn link(&self) -> Result<Link, Error> {
        let id = self.to_object_id.get().trim_matches('"').to_owned();
        if !is_id(&id) {
            return Err(Error::Decode("toObjectId is no id".to_owned()));
        }
        let primary = |kind: &AssociationType| {
            kind.label.as_deref().is_some_and(|label| label.eq_ignore_ascii_case("primary"))
        };
        Ok(Link::new(id, self.association_types.iter().any(primary)))
    }
}

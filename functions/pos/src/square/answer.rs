//! What every answer has in common: a list under a name, a token for the next page, and errors in place of either.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::error::Error;
use shared::page::Response;
use shared::paging::Listed;

/// One of the errors in an answer, as far as it matters.
#[derive(Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    code: Option<Cow<'a, str>>,
}

type Body<'r> = BTreeMap<String, &'r RawValue>;

/// The records under `list` and the token of the next page, if there is one.
///
/// An empty list is left out of the answer, so an answer may be `{}`. One that has other things to say instead, such as
/// an error, is no empty list.
pub(super) fn listed<'r>(response: &'r Response, list: &str) -> Result<Listed<'r>, Error> {
    let body: Body<'r> = response.json()?;
    refuse_errors(&body)?;
    let records = match body.get(list) {
        Some(records) => part::<Option<Vec<&'r RawValue>>>(records, list)?.unwrap_or_default(),
        None if body.keys().all(|key| matches!(key.as_str(), "cursor" | "errors" | "count")) => {
            Vec::new()
        }
        None => {
            return Err(Error::Decode(format!("{list} is missing, and something else is there")));
        }
    };
    let token = match body.get("cursor") {
        Some(token) => part::<Option<String>>(token, "cursor")?,
        None => None,
    };
    Ok((records, token.filter(|token| !token.is_empty())))
}

/// The answers to a bulk question, each with the record or with errors of its own.
///
/// Only "not found" says that a record is gone; any other error says nothing about it.
pub(super) fn found<'r>(response: &'r Response, record: &str) -> Result<Vec<&'r RawValue>, Error> {
    let body: Body<'r> = response.json()?;
    refuse_errors(&body)?;
    let Some(answers) = body.get("responses") else {
        return if body.is_empty() { Ok(Vec::new()) } else { Err(missing("responses")) };
    };
    let answers: BTreeMap<String, Body<'r>> = part(answers, "responses")?;
    let mut records = Vec::with_capacity(answers.len());
    for answer in answers.values() {
        match (answer.get(record), answer.get("errors")) {
            (Some(record), _) => records.push(*record),
            (None, Some(errors)) => {
                let errors: Vec<Fault<'r>> = part(errors, "errors")?;
                let is_gone = |fault: &Fault<'_>| {
                    fault.code.as_deref().is_some_and(|code| code.ends_with("NOT_FOUND"))
                };
                if errors.is_empty() || !errors.iter().all(is_gone) {
                    return Err(Error::Unavailable(
                        "a part of a bulk question was answered with an error".to_owned(),
                    ));
                }
            }
            (None, None) => return Err(missing(record)),
        }
    }
    Ok(records)
}

/// Errors come with status 200 too.
fn refuse_errors(body: &Body<'_>) -> Result<(), Error> {
    let Some(errors) = body.get("errors") else { return Ok(()) };
    match part::<Option<Vec<&RawValue>>>(errors, "errors")? {
        Some(errors) if !errors.is_empty() => {
            Err(Error::Decode("the answer holds errors, though its status is 200".to_owned()))
        }
        _ => Ok(()),
    }
}

fn part<'r, T: Deserialize<'r>>(raw: &'r RawValue, name: &str) -> Result<T, Error> {
    serde_json::from_str(raw.get())
        .map_err(|_| Error::Decode(format!("{name} has an unexpected shape")))
}

fn missing(name: &str) -> Error {
    Error::Decode(format!("{name} is missing"))
}

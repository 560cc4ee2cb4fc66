//! What the stages of tickets mean, as the account's pipelines say.
//!
//! A ticket names its stage and not what that means; deals say themselves whether they are closed, and won.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::error::Error;
use shared::page::Response;
use shared::request::Request;

use super::PIPELINES;

/// The ids of an account's stages, by what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Stages {
    #[serde(default)]
    open: Vec<String>,
    #[serde(default)]
    closed: Vec<String>,
}

#[derive(Deserialize)]
struct Pipelines {
    results: Vec<Pipeline>,
}

#[derive(Deserialize)]
struct Pipeline {
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    id: String,
    #[serde(default)]
    metadata: Map<String, Value>,
}

impl Stage {
    /// `ticketState` is OPEN or CLOSED, and optional; `isClosed` is true or false, as text.
    fn is_closed(&self) -> Option<bool> {
        let word =
            |name: &str| self.metadata.get(name).map(|word| word.as_str().unwrap_or_default());
        match (word("ticketState"), word("isClosed")) {
            (Some("CLOSED"), _) | (None, Some("true")) => Some(true),
            (Some("OPEN"), _) | (None, Some("false")) => Some(false),
            _ => None,
        }
    }
}

/// Asks for the pipelines of a type, all in one answer.
pub(super) fn request(path: &str) -> Request {
    Request::get(format!("{PIPELINES}/{path}"))
}

impl Stages {
    /// The stages of every pipeline in the answer.
    pub(super) fn read(response: &Response) -> Result<Self, Error> {
        let Pipelines { results } = response.json()?;
        let mut stages = Self::default();
        for stage in results.into_iter().flat_map(|pipeline| pipeline.stages) {
            match stage.is_closed() {
                Some(true) => stages.closed.push(stage.id),
                Some(false) => stages.open.push(stage.id),
                None => {}
            }
        }
        Ok(stages)
    }

    /// Whether tickets of a stage are closed; none if the account does not say.
    pub(super) fn is_closed(&self, stage: &str) -> Option<bool> {
        let is_in = |ids: &[String]| ids.iter().any(|id| id == stage);
        if is_in(&self.closed) { Some(true) } else { is_in(&self.open).then_some(false) }
    }
}

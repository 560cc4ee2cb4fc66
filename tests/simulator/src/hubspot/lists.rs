//! Lists, reads by id, links, owners and pipelines.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::face::{State, refused};
use super::history::{FORMER_OWNER, OWNERS, STAGES, TICKET_STAGES};
use super::json;
use super::records::{Kind, Place};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

const MOST_OBJECTS: usize = 100;
const MOST_WITH_HISTORY: usize = 50;

impl State {
    /// `GET /crm/v3/objects/{type}`.
    pub(super) fn list(&self, call: &Call, kind: Kind, faults: &Faults) -> Answer {
        let limit = call.query("limit").map_or(Ok(10), str::parse::<usize>).unwrap_or(0);
        if !(1..=MOST_OBJECTS).contains(&limit) {
            return refused(400, "limit is 100 at most");
        }
        let archived = call.query("archived") == Some("true");
        let from = match call.query("after").map(|token| self.place_of(token)) {
            None => 0,
            Some(Some(id)) => id,
            Some(None) => return refused(400, "after is no token of ours"),
        };
        let taken = |wanted: Fault| faults.take(call.target(), |fault| *fault == wanted).is_some();
        if from > 0 && taken(Fault::ExpiredCursor) {
            return refused(400, "after is too old");
        }
        if from == 0 && taken(Fault::EmptyPageWithNext) {
            let next = json!({ "next": { "after": self.token(1) } });
            return Answer::json(200, json!({ "results": [], "paging": next }).to_string());
        }
        let wanted: Vec<String> = call
            .query("properties")
            .into_iter()
            .flat_map(|names| names.split(','))
            .map(str::to_owned)
            .collect();
        let rows = self.portal.of(kind).range(from..).map(|(_, object)| object);
        let mut rows = rows.filter(|object| object.archived_at.is_some() == archived);
        let page: Vec<Value> =
            rows.by_ref().take(limit).map(|object| json::object(kind, object, &wanted)).collect();
        let next = rows.next().map(|object| object.id);
        let mut body = json!({ "results": page });
        if let Some(next) = next {
            let stuck = from > 0 && taken(Fault::StuckCursor);
            let after = self.token(if stuck { from } else { next });
            let link = format!("{}{}", call.base_url(), call.path());
            body["paging"] = json!({ "next": { "after": after, "link": link } });
        }
        Answer::json(200, spoil(body, call, faults).to_string())
    }

    fn token(&self, id: u64) -> String {
        format!("{}x{id}", self.cursor_generation)
    }

    fn place_of(&self, token: &str) -> Option<u64> {
        let (generation, id) = token.split_once('x')?;
        (generation == self.cursor_generation.to_string()).then(|| id.parse().ok())?
    }

    /// `POST /crm/v3/objects/{type}/batch/read`.
    pub(super) fn batch_read(&self, call: &Call, kind: Kind, faults: &Faults) -> Answer {
        let question: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let Some(inputs) = question["inputs"].as_array() else {
            return refused(400, "inputs are missing");
        };
        if inputs.len() > MOST_OBJECTS || inputs.is_empty() {
            return refused(400, "a hundred inputs at most");
        }
        let wanted = json::names(&question["properties"]);
        let history = json::names(&question["propertiesWithHistory"]);
        if !history.is_empty() && inputs.len() > MOST_WITH_HISTORY {
            return refused(400, "fifty inputs at most in a batch request for property histories");
        }
        let (mut results, mut missing) = (Vec::new(), Vec::new());
        for input in inputs {
            let Some(id) = input["id"].as_str() else { return refused(400, "an id is text") };
            let object = id.parse().ok().and_then(|id| self.portal.get((kind, id)));
            match object.filter(|object| object.archived_at.is_none()) {
                Some(object) => {
                    let record = json::object(kind, object, &wanted);
                    results.push(json::with_history(record, object, &history));
                }
                None => missing.push(id.to_owned()),
            }
        }
        // Nobody promises the order of the question.
        results.reverse();
        let body = spoil(completed(&results), call, faults);
        partly(body, &missing, "OBJECT_NOT_FOUND", "Could not get some objects")
    }

    /// `GET /crm/v3/objects/{type}/{id}`: the one read that tells an object together with its links.
    pub(super) fn one(&self, call: &Call, kind: Kind, id: &str) -> Answer {
        let object = id.parse().ok().and_then(|id| self.portal.get((kind, id)));
        let Some(object) = object.filter(|object| object.archived_at.is_none()) else {
            return refused(404, "resource not found");
        };
        let asked = |name: &str| -> Vec<String> {
            let names = call.query(name).into_iter().flat_map(|names| names.split(','));
            names.map(str::to_owned).collect()
        };
        let record = json::object(kind, object, &asked("properties"));
        let mut record = json::with_history(record, object, &asked("propertiesWithHistory"));
        for path in asked("associations") {
            let Some(to) = Kind::of_path(&path) else { return refused(400, "no such type") };
            if let Some(told) = self.associated((kind, object.id), to) {
                record["associations"][path.as_str()] = told;
            }
        }
        Answer::json(200, record.to_string())
    }

    /// The links of an object as its own record tells them; none if there are none.
    fn associated(&self, place: Place, to: Kind) -> Option<Value> {
        let linked = self.portal.links.get(&place).into_iter().flatten();
        let linked: Vec<(u64, bool)> = linked
            .filter(|((kind, _), _)| *kind == to)
            .map(|((_, id), primary)| (*id, *primary))
            .collect();
        let plain = format!("{}_to_{}", place.0.singular(), to.singular());
        let results = linked.iter().take(self.link_page).rev().flat_map(|(id, primary)| {
            // Only companies can be primary; such a one is told twice.
            let labels = match (to, primary) {
                (Kind::Company, true) => vec![plain.clone(), format!("{plain}_unlabeled")],
                (Kind::Company, false) => vec![format!("{plain}_unlabeled")],
                _ => vec![plain.clone()],
            };
            labels.into_iter().map(|label| json!({ "id": id.to_string(), "type": label }))
        });
        let mut told = json!({ "results": results.collect::<Vec<Value>>() });
        if linked.len() > self.link_page {
            told["paging"] = json!({ "next": { "after": self.link_page.to_string() } });
        }
        (!linked.is_empty()).then_some(told)
    }

    /// `POST /crm/v4/associations/{from}/{to}/batch/read`.
    pub(super) fn associations(&self, call: &Call, from: Kind, to: Kind) -> Answer {
        let question: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let Some(inputs) = question["inputs"].as_array() else {
            return refused(400, "inputs are missing");
        };
        let (mut results, mut missing) = (Vec::new(), Vec::new());
        for input in inputs {
            let Some(text) = input["id"].as_str() else { return refused(400, "an id is text") };
            let id: u64 = text.parse().unwrap_or(0);
            let after = input["after"].as_str().map_or(Ok(0), str::parse::<usize>).unwrap_or(0);
            let linked = self.portal.links.get(&(from, id)).into_iter().flatten();
            let linked: Vec<(u64, bool)> = linked
                .filter(|((kind, _), _)| *kind == to)
                .map(|((_, id), primary)| (*id, *primary))
                .collect();
            if linked.is_empty() {
                missing.push(text.to_owned());
                continue;
            }
            let rest = linked.get(after..).unwrap_or_default();
            // The youngest first: nobody promises an order.
            let page = rest.iter().take(self.link_page).rev().map(|(id, primary)| {
                // Older files say integer, newer ones text.
                let id = if self.links_as_text { json!(id.to_string()) } else { json!(id) };
                let label = primary.then_some("Primary");
                json!({ "toObjectId": id, "associationTypes":
                    [{ "category": "HUBSPOT_DEFINED", "typeId": 279, "label": label }] })
            });
            let mut result = json!({ "from": { "id": text }, "to": page.collect::<Vec<Value>>() });
            if rest.len() > self.link_page {
                result["paging"] =
                    json!({ "next": { "after": (after + self.link_page).to_string() } });
            }
            results.push(result);
        }
        let category = "crm.associations.NO_ASSOCIATIONS_FOUND";
        partly(completed(&results), &missing, category, "No links found")
    }

    /// `GET /crm/v3/owners`: two on a page.
    pub(super) fn owners(call: &Call) -> Answer {
        const PAGE: usize = 2;
        let archived = call.query("archived") == Some("true");
        let owners: &[_] = if archived { &[FORMER_OWNER] } else { &OWNERS };
        let from = call.query("after").map_or(Ok(0), str::parse::<usize>).unwrap_or(usize::MAX);
        let Some(rest) = owners.get(from..) else {
            return refused(400, "after is no token of ours");
        };
        let page = rest.iter().take(PAGE).map(|(id, given, family)| {
            json!({ "id": id, "email": format!("{}@ember-oak.example", given.to_lowercase()),
                "firstName": given, "lastName": family, "type": "PERSON", "archived": archived })
        });
        let mut body = json!({ "results": page.collect::<Vec<Value>>() });
        if rest.len() > PAGE {
            body["paging"] = json!({ "next": { "after": (from + PAGE).to_string() } });
        }
        Answer::json(200, body.to_string())
    }

    /// `GET /crm/v3/pipelines/{type}`: all in one answer.
    pub(super) fn pipelines(of: &str) -> Answer {
        let stage = |id: &str, metadata: Value| json!({ "id": id, "label": format!("Stage {id}"), "metadata": metadata });
        let pipeline = |id: &str, stages: Vec<Value>| json!({ "id": id, "label": format!("Pipeline {id}"), "stages": stages });
        let pipelines = match of {
            "deals" => {
                let stages = STAGES.iter().map(|(id, closed, won)| {
                    let probability = if *won { "1.0" } else { "0.0" };
                    let metadata =
                        json!({ "isClosed": closed.to_string(), "probability": probability });
                    stage(id, metadata)
                });
                vec![pipeline("default", stages.collect())]
            }
            "tickets" => {
                let stages = |stages: &[(&str, bool)]| {
                    let stages = stages.iter().map(|(id, closed)| {
                        stage(id, json!({ "ticketState": if *closed { "CLOSED" } else { "OPEN" } }))
                    });
                    stages.collect::<Vec<Value>>()
                };
                TICKET_STAGES.iter().map(|(id, of)| pipeline(id, stages(of))).collect()
            }
            _ => return refused(404, "there is nothing here"),
        };
        Answer::json(200, json!({ "results": pipelines }).to_string())
    }
}

fn completed(results: &[Value]) -> Value {
    let at = Timestamp::UNIX_EPOCH;
    json!({ "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at })
}

/// 200, or 207 where a part is missing.
fn partly(mut body: Value, missing: &[String], category: &str, message: &str) -> Answer {
    if missing.is_empty() {
        return Answer::json(200, body.to_string());
    }
    body["numErrors"] = 1.into();
    let (general, special) = match category.strip_prefix("crm.") {
        Some(_) => ("OBJECT_NOT_FOUND", Some(category)),
        None => (category, None),
    };
    body["errors"] = json!([{ "status": "error", "category": general, "subCategory": special,
        "message": message, "context": { "ids": missing } }]);
    Answer::json(207, body.to_string())
}

/// Adds what nobody asked for, when a fault says so.
fn spoil(mut body: Value, call: &Call, faults: &Faults) -> Value {
    let taken = |wanted: Fault| faults.take(call.target(), |fault| *fault == wanted).is_some();
    let Some(results) = body["results"].as_array_mut() else { return body };
    if !results.is_empty() && taken(Fault::ExtraField) {
        for record in results.iter_mut() {
            record["newlyInvented"] = json!({ "by": "the vendor" });
        }
    }
    if taken(Fault::BadRecord) {
        results.push(json!({ "id": "7", "properties": "none", "updatedAt": 7 }));
    }
    body
}

//! Who may ask what, and where each path leads.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, header};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::archive::{Archive, INACTIVE, QUERIES};
use super::limits::Limits;
use super::{OTHER_PROJECT, PASSWORD, PROJECT, USERNAME};
use crate::Dice;
use crate::faults::Faults;
use crate::server::{Answer, Call, Face};
use crate::world::Company;

pub(super) struct State {
    pub(super) archive: Archive,
    pub(super) company: Arc<Company>,
    pub(super) limits: Limits,
    pub(super) tokens: Dice,
    pub(super) token: Option<String>,
    pub(super) sign_ins: usize,
    /// The most rows a page has, whatever is asked for.
    pub(super) page_size: usize,
    /// Cursors of earlier generations have expired.
    pub(super) generation: u32,
}

pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) faults: Faults,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        self.lock().answer(call, &self.faults)
    }
}

/// The parameters in order; `queryId` comes more than once.
pub(super) type Parameters = Vec<(String, String)>;

pub(super) fn refuse(status: u16, what: &str) -> Answer {
    let errors = json!({"errors": [{"code": status, "message": what}]});
    Answer::json(status, errors.to_string())
}

pub(super) fn unauthorized() -> Answer {
    let refusal = json!({
        "error": "unauthorized",
        "error_description": "Invalid authentication credentials found on request",
    });
    Answer::json(401, refusal.to_string())
}

fn missing() -> Answer {
    Answer::text(404, "")
}

/// A list that is not paged.
fn whole(results: &[Value]) -> Answer {
    let list = json!({
        "resultsTotal": results.len(), "resultsPage": -1, "resultsPageSize": -1, "results": results,
    });
    Answer::json(200, list.to_string())
}

impl State {
    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        let query = call.target().split_once('?').map_or("", |(_, query)| query);
        let parameters: Parameters =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if call.path() == "/oauth/token" {
            return self.sign_in(call, &parameters);
        }
        if parameters.iter().any(|(name, _)| name == "access_token") {
            return refuse(400, "a token in the address ends up in logs");
        }
        let authorization = call.header(header::AUTHORIZATION).and_then(|it| it.split_once(' '));
        let is_known = authorization.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer") && self.token.as_deref() == Some(token)
        });
        if !is_known {
            return unauthorized();
        }
        if let Err(refusal) = self.limits.count(call.at) {
            return refusal;
        }
        let answer = if call.method == Method::GET {
            self.get(call, &parameters, faults)
        } else {
            missing()
        };
        self.limits.tell(answer)
    }

    /// The password grant: who it is in the address, the password in a form.
    fn sign_in(&mut self, call: &Call, parameters: &Parameters) -> Answer {
        if call.method != Method::POST {
            return Answer::text(405, "");
        }
        let said = |name: &str| {
            let found = parameters.iter().find(|(parameter, _)| parameter == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_form = call
            .header(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if said("grant_type") != Some("api-password")
            || said("client_id") != Some("brandwatch-api-client")
            || said("password").is_some()
            || !is_form
        {
            return refuse(400, "no such grant");
        }
        let form: Parameters = url::form_urlencoded::parse(&call.body).into_owned().collect();
        let password = form.iter().find(|(name, _)| name == "password");
        let is_right = password.is_some_and(|(_, password)| password == PASSWORD);
        if said("username") != Some(USERNAME) || !is_right {
            return unauthorized();
        }
        self.sign_ins += 1;
        // One token a year and user: signing in again gives the same one while it is good.
        let token = self.token.get_or_insert_with(|| {
            let number = format!("{:032x}", self.tokens.random::<u128>());
            let parts =
                [&number[..8], &number[8..12], &number[12..16], &number[16..20], &number[20..]];
            parts.join("-")
        });
        let grant = json!({
            "access_token": token, "token_type": "bearer", "expires_in": 31_535_999,
            "scope": "read trust write",
        });
        Answer::json(200, grant.to_string())
    }

    fn get(&mut self, call: &Call, parameters: &Parameters, faults: &Faults) -> Answer {
        let path: Vec<&str> = call.path().trim_matches('/').split('/').collect();
        match path.as_slice() {
            ["me"] => Answer::json(200, me().to_string()),
            ["projects", "summary"] => whole(&[
                project(PROJECT, "Restaurants"),
                project(OTHER_PROJECT, "Somebody else's research"),
            ]),
            ["projects", project, rest @ ..] if *project == PROJECT.to_string() => match rest {
                ["queries"] => queries(parameters),
                ["data", "mentions"] => self.mentions(call, parameters, faults),
                ["data", "mentions", "count"] => self.count(parameters),
                _ => missing(),
            },
            // A project of others: an entitlement, not a wrong address.
            ["projects", project, ..] if *project == OTHER_PROJECT.to_string() => {
                Answer::text(403, "")
            }
            _ => missing(),
        }
    }
}

fn me() -> Value {
    json!({
        "id": 328_973_287, "username": USERNAME, "uiRole": "admin", "firstName": "Li",
        "lastName": "Stener", "tags": {"notify": "true"},
        "client": {"id": 332_892, "name": "Ember & Oak", "parentId": -1},
        "crmAccount": null, "passwordExpiryDate": null,
        "creationDate": "2019-06-29T16:19:17.744+0000",
    })
}

fn project(id: u64, name: &str) -> Value {
    json!({
        "id": id, "name": name, "description": "", "billableClientId": 332_892,
        "billableClientName": "Ember & Oak", "timezone": "Europe/London",
        "billableClientIsPitch": false,
    })
}

fn queries(parameters: &Parameters) -> Answer {
    let all = parameters.iter().any(|(name, value)| name == "includeInactive" && value == "true");
    let inactive = all.then_some(&INACTIVE);
    let shown: Vec<Value> = QUERIES.iter().chain(inactive).map(query).collect();
    whole(&shown)
}

fn query((id, name): &(u64, &str)) -> Value {
    json!({
        "id": id, "name": name, "description": null,
        "creationDate": "2024-10-10T17:36:13.933+0000",
        "lastModificationDate": "2025-02-11T09:12:23.681+0000",
        "languages": ["en", "de", "fr"], "type": "monitor", "highlightTerms": [name],
        "lastModifiedUsername": USERNAME, "lockedQuery": false, "lockedByUsername": null,
        "lockedTime": null, "createdByWizard": false, "booleanQuery": format!("\"{name}\""),
        "startDate": "2024-01-01T00:00:00.000+0000", "percentComplete": 100,
        "samplePercentage": 100.0, "sampled": false, "locationFilter": null, "imageFilter": null,
        "contentSources": ["news", "twitter", "review", "blog", "forum"],
    })
}

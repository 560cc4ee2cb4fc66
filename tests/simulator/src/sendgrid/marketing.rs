//! Lists, segments and single sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::account::Account;
use super::api::{error, spoil};
use super::records::time;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

const LARGEST_PAGE: usize = 1_000;

impl Account {
    pub(super) fn marketing_lists(&self, call: &Call, faults: &Faults) -> Answer {
        let contacts = self.contacts.values().filter(|contact| !contact.deleted).count();
        let lists = self.audiences.iter().map(|(id, name)| {
            json!({"id": id, "name": name, "contact_count": contacts,
                "_metadata": {"self": format!("{}/v3/marketing/lists/{id}", call.base_url())}})
        });
        paged(call, lists.collect(), faults)
    }

    pub(super) fn segments(&self) -> Answer {
        let segments: Vec<Value> = self
            .audiences
            .iter()
            .map(|(id, name)| {
                json!({"id": format!("5{}", &id[1..]), "name": format!("{name} who opened"),
                    "contacts_count": 3, "created_at": time(Timestamp::UNIX_EPOCH),
                    "updated_at": time(Timestamp::UNIX_EPOCH), "parent_list_ids": [id],
                    "query_version": "2", "status": {"query_validation": "VALID"}})
            })
            .collect();
        Answer::json(200, json!({"results": segments}).to_string())
    }

    pub(super) fn single_sends(&self, call: &Call, faults: &Faults) -> Answer {
        let sends = self.single_sends.values().filter(|send| !send.deleted);
        paged(call, sends.map(super::SingleSend::json).collect(), faults)
    }
}

/// A page of a collection, with the address of the next.
fn paged(call: &Call, all: Vec<Value>, faults: &Faults) -> Answer {
    let size = match call.query("page_size").map(str::parse::<usize>) {
        None => 100,
        Some(Ok(size)) if (1..=LARGEST_PAGE).contains(&size) => size,
        Some(_) => return error(400, "page_size must be from 1 to 1000"),
    };
    let token = call.query("page_token").filter(|token| !token.is_empty());
    let from = token.map(|token| {
        let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
        text.parse::<usize>().ok().filter(|from| *from <= all.len())
    });
    let expired =
        token.is_some() && faults.take(call.target(), |f| *f == Fault::ExpiredCursor).is_some();
    let Some(from) = from.unwrap_or(Some(0)).filter(|_| !expired) else {
        return error(400, "page_token is invalid");
    };
    let count = all.len();
    let mut page: Vec<Value> = all.into_iter().skip(from).take(size).collect();
    let next = from + page.len();
    spoil(call, &mut page, &json!({"id": null, "updated_at": "never"}), faults);
    let mut metadata =
        json!({"self": format!("{}{}", call.base_url(), call.target()), "count": count});
    if next < count {
        let token = STANDARD.encode(next.to_string());
        let mut url = url::Url::parse(&format!("{}{}", call.base_url(), call.path())).ok();
        if let Some(url) = &mut url {
            url.query_pairs_mut()
                .append_pair("page_size", &size.to_string())
                .append_pair("page_token", &token);
        }
        metadata["next"] = url.map(|url| url.to_string()).into();
    }
    Answer::json(200, json!({"result": page, "_metadata": metadata}).to_string())
}

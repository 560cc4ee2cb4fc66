//! Plain lists and single records.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::face::State;
use super::json;
use super::pages::{bend, error, link, page};
use super::records::{Change, Deletion};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// The most records on a page of a list, and the most ids in a `show_many`.
const PAGE: usize = 100;
/// Offset pagination ends here.
const LAST_OFFSET_PAGE: usize = 100;

impl State {
    pub(super) fn satisfaction_ratings(&mut self, call: &Call, faults: &Faults) -> Answer {
        if !self.csat {
            return Answer::html(403, "");
        }
        let start = call.query("start_time").and_then(|second| second.parse::<i64>().ok());
        // By id, that is by the time of the offer: `updated_at` is out of order, as at the vendor.
        let ratings = self.desk.ratings.values();
        let due = ratings.filter(|rating| rating.updated_at.as_second() >= start.unwrap_or(0));
        let ids: Vec<u64> = due.map(|rating| rating.id).collect();
        list(call, faults, "satisfaction_ratings", &ids, |id| {
            self.desk.ratings.get(&id).map(json::rating)
        })
    }

    pub(super) fn deleted_tickets(&mut self, call: &Call, faults: &Faults) -> Answer {
        let desk = &self.desk;
        let tickets = desk.tickets.values();
        let deleted = tickets.filter(|ticket| matches!(ticket.deletion, Deletion::Soft(_)));
        let ids: Vec<u64> = deleted.map(|ticket| ticket.id).collect();
        list(call, faults, "deleted_tickets", &ids, |id| {
            let ticket = desk.tickets.get(&id)?;
            let Deletion::Soft(at) = ticket.deletion else {
                return None;
            };
            let actor = ticket.assignee_id.and_then(|id| desk.users.get(&id));
            Some(json::deleted_ticket(ticket, at, actor))
        })
    }

    pub(super) fn deleted_users(&mut self, call: &Call, faults: &Faults) -> Answer {
        let users = self.desk.users.values();
        let deleted = users.filter(|user| user.deletion != Deletion::No);
        let ids: Vec<u64> = deleted.map(|user| user.id).collect();
        list(call, faults, "deleted_users", &ids, |id| {
            self.desk.users.get(&id).map(json::deleted_user)
        })
    }

    pub(super) fn organizations(&mut self, call: &Call, faults: &Faults) -> Answer {
        let ids: Vec<u64> = self.desk.organizations.keys().copied().collect();
        list(call, faults, "organizations", &ids, |id| {
            self.desk.organizations.get(&id).map(json::organization)
        })
    }

    /// `tickets/{id}/comments`; a deleted ticket has none.
    pub(super) fn comments(&mut self, call: &Call, faults: &Faults, ticket: &str) -> Answer {
        if self.ticket(ticket).is_none() {
            return missing();
        }
        let ticket: u64 = ticket.parse().unwrap_or(0);
        let events = self.desk.events.iter().filter(|event| event.ticket_id == ticket);
        let children = events.flat_map(|event| event.children.iter().map(move |c| (event, c)));
        let comments: Vec<(u64, Value)> = children
            .filter_map(|(event, child)| match &child.change {
                Change::Comment { author_id, public, body } => Some((
                    child.id,
                    json!({
                        "id": child.id,
                        "type": "Comment",
                        "author_id": author_id,
                        "body": body,
                        "html_body": format!("<p>{body}</p>"),
                        "plain_body": body,
                        "public": public,
                        "attachments": [],
                        "audit_id": event.id,
                        "via": json::via(event.channel),
                        "created_at": event.at,
                    }),
                )),
                _ => None,
            })
            .collect();
        let ids: Vec<u64> = comments.iter().map(|(id, _)| *id).collect();
        list(call, faults, "comments", &ids, |id| {
            comments.iter().find(|(other, _)| *other == id).map(|(_, value)| value.clone())
        })
    }

    pub(super) fn show_many(&self, call: &Call, name: &str) -> Answer {
        let ids: Vec<&str> = call.query("ids").unwrap_or("").split(',').collect();
        if ids.len() > PAGE {
            return error(400, "TooManyIds", "Ask for at most 100 records");
        }
        let rows = ids.iter().filter_map(|id| match name {
            "tickets" => self.ticket(id),
            _ => self.user(id),
        });
        let rows: Vec<String> = rows.map(|row| row.to_string()).collect();
        let rest = json!({"count": rows.len(), "next_page": null, "previous_page": null});
        page(name, &rows, &rest)
    }

    pub(super) fn show(name: &str, record: Option<Value>) -> Answer {
        record.map_or_else(missing, |record| Answer::json(200, json!({ name: record }).to_string()))
    }

    /// A ticket that is not deleted.
    pub(super) fn ticket(&self, id: &str) -> Option<Value> {
        let ticket = self.desk.tickets.get(&id.trim().parse().ok()?)?;
        let rating = ticket.rating.and_then(|id| self.desk.ratings.get(&id));
        (ticket.deletion == Deletion::No).then(|| json::ticket(ticket, rating))
    }

    /// A user; a deleted one is still shown, as inactive.
    pub(super) fn user(&self, id: &str) -> Option<Value> {
        self.desk.users.get(&id.trim().parse().ok()?).map(json::user)
    }
}

pub(super) fn missing() -> Answer {
    error(404, "RecordNotFound", "Not found")
}

/// A page of a list: by cursor when asked so, else by offset.
fn list(
    call: &Call,
    faults: &Faults,
    name: &str,
    ids: &[u64],
    render: impl Fn(u64) -> Option<Value>,
) -> Answer {
    let text = |ids: &[u64]| -> Vec<String> {
        ids.iter().filter_map(|id| Some(render(*id)?.to_string())).collect()
    };
    if call.query("page[size]").is_none() && call.query("page[after]").is_none() {
        return by_offset(call, faults, name, ids, text);
    }
    let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
    let after = call.query("page[after]").filter(|cursor| !cursor.is_empty());
    let from = match after {
        None => 0,
        Some(_) if fires(Fault::ExpiredCursor) => {
            return error(400, "InvalidCursor", "The cursor has expired");
        }
        Some(cursor) => match decode(cursor) {
            None => return error(400, "InvalidCursor", "The cursor is not valid"),
            Some(id) => ids.partition_point(|other| *other <= id),
        },
    };
    let size = call.query("page[size]").and_then(|size| size.parse().ok());
    let size = size.unwrap_or(PAGE).clamp(1, PAGE);
    let mut shown = &ids[from..ids.len().min(from + size)];
    let mut more = from + size < ids.len();
    let mut next = shown.last().map(|id| encode(*id, 0));
    if !shown.is_empty() && fires(Fault::EmptyPageWithNext) {
        let before = from.checked_sub(1).map_or(0, |index| ids[index]);
        let wording = u8::from(after == Some(encode(before, 0).as_str()));
        (shown, more, next) = (&[], true, Some(encode(before, wording)));
    }
    if let Some(cursor) = after
        && fires(Fault::StuckCursor)
    {
        (more, next) = (true, Some(cursor.to_owned()));
    }
    let mut rows = text(shown);
    bend(faults, call, &mut rows);
    let next_link = next.as_deref().filter(|_| more).map(|cursor| {
        let size = size.to_string();
        let mut parameters = vec![("page[after]", cursor), ("page[size]", size.as_str())];
        parameters.extend(call.query("start_time").map(|start| ("start_time", start)));
        link(call, &parameters)
    });
    let rest = json!({
        "meta": {"has_more": more, "after_cursor": next, "before_cursor": after},
        "links": {"next": next_link, "prev": null},
    });
    page(name, &rows, &rest)
}

fn by_offset(
    call: &Call,
    faults: &Faults,
    name: &str,
    ids: &[u64],
    text: impl Fn(&[u64]) -> Vec<String>,
) -> Answer {
    let number = |name: &str, default: usize| {
        call.query(name).and_then(|value| value.parse().ok()).unwrap_or(default).max(1)
    };
    let (number, size) = (number("page", 1), number("per_page", PAGE).min(PAGE));
    if number > LAST_OFFSET_PAGE {
        return error(400, "InvalidPaginationDepth", "Use cursor pagination beyond page 100");
    }
    let from = ids.len().min((number - 1) * size);
    let to = ids.len().min(from + size);
    let mut rows = text(&ids[from..to]);
    bend(faults, call, &mut rows);
    let to_page = |number: usize| {
        let (number, size) = (number.to_string(), size.to_string());
        link(call, &[("page", number.as_str()), ("per_page", size.as_str())])
    };
    let rest = json!({
        "count": ids.len(),
        "next_page": (to < ids.len()).then(|| to_page(number + 1)),
        "previous_page": (number > 1).then(|| to_page(number - 1)),
    });
    page(name, &rows, &rest)
}

/// An opaque cursor after an id; the wording changes nothing.
fn encode(id: u64, wording: u8) -> String {
    STANDARD.encode(format!("{id}.{wording}"))
}

fn decode(cursor: &str) -> Option<u64> {
    let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    text.split('.').next()?.parse().ok()
}

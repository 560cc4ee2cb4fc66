//! The incremental exports: by cursor (tickets, users) and by time (events, organisations).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::desk::Desk;
use super::face::State;
use super::json;
use super::pages::{bend, error, link, page};
use super::records::Deletion;
use super::timeline::{Place, Row};
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// The exports leave out what changed in the last minute.
const LAG: i64 = 60;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByCursor {
    Tickets,
    Users,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByTime {
    TicketEvents,
    Organizations,
}

/// Where a request asks to begin.
struct Start {
    from: Place,
    /// The request's cursor; none when it has a start time.
    cursor: Option<String>,
}

impl State {
    /// `incremental/{tickets,users}/cursor`.
    pub(super) fn by_cursor(&mut self, call: &Call, stream: ByCursor, faults: &Faults) -> Answer {
        let end = call.at.as_second() - LAG;
        let start = match self.start(call, end) {
            Ok(start) => start,
            Err(refusal) => return refusal,
        };
        let resumes = start.cursor.is_some();
        let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
        if resumes && fires(Fault::ExpiredCursor) {
            return error(400, "InvalidCursor", "The cursor has expired");
        }
        if resumes && fires(Fault::InsertWhilePaging) {
            self.live(3, call.at);
        }
        let size = self.page_size(call);
        let order = match stream {
            ByCursor::Tickets => &self.desk.ticket_order,
            ByCursor::Users => &self.desk.user_order,
        };
        let mut found: Vec<(Place, String)> = Vec::new();
        let mut last = None;
        let mut more = false;
        for (place, row) in order.from(start.from, end) {
            if found.len() == size {
                more = true;
                break;
            }
            last = Some(place);
            let hidden = stream == ByCursor::Tickets
                && call.query("exclude_deleted") == Some("true")
                && is_deleted(&self.desk, place);
            if !hidden {
                found.push((place, text(&self.desk, stream, place, row)));
            }
        }
        let mut rows: Vec<String> = found.into_iter().map(|(_, row)| row).collect();
        let after = last.unwrap_or((start.from.0, start.from.1.saturating_sub(1)));
        if self.duplicate_rows && resumes && !rows.is_empty() {
            let before = (start.from.0, start.from.1.saturating_sub(1));
            let again = order.at(before).map(|row| text(&self.desk, stream, before, row));
            rows.splice(0..0, again);
        }
        let mut after_cursor = self.cursor(after, 0);
        if !rows.is_empty() && fires(Fault::EmptyPageWithNext) {
            // The same place in other words, so that it is not taken for a stuck cursor.
            let again = (start.from.0, start.from.1.saturating_sub(1));
            after_cursor = self.cursor(again, 0);
            if start.cursor.as_ref() == Some(&after_cursor) {
                after_cursor = self.cursor(again, 1);
            }
            more = true;
            rows.clear();
        }
        if let Some(cursor) = &start.cursor
            && fires(Fault::StuckCursor)
        {
            more = true;
            after_cursor.clone_from(cursor);
        }
        bend(faults, call, &mut rows);
        let url = |cursor: &str| link(call, &[("cursor", cursor)]);
        let rest = json!({
            "after_cursor": after_cursor,
            "after_url": url(&after_cursor),
            "before_cursor": start.cursor,
            "before_url": start.cursor.as_deref().map(url),
            "end_of_stream": !more,
        });
        let name = if stream == ByCursor::Tickets { "tickets" } else { "users" };
        page(name, &rows, &rest)
    }

    /// `incremental/{ticket_events,organizations}`.
    ///
    /// A page that is full of one second repeats for ever, as the vendor's does: its `end_time` is
    /// its own `start_time`. A larger page is the only way out.
    pub(super) fn by_time(&mut self, call: &Call, stream: ByTime, faults: &Faults) -> Answer {
        let end = call.at.as_second() - LAG;
        let start = match start_time(call, end) {
            Ok(start) => start,
            Err(refusal) => return refusal,
        };
        let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
        if fires(Fault::InsertWhilePaging) {
            self.live(3, call.at);
        }
        let size = self.page_size(call);
        let comments = call.query("include").is_some_and(|v| v.contains("comment_events"));
        let mut found = self.since(stream, start, end, size + 1, comments);
        let mut more = found.len() > size;
        found.truncate(size);
        let first = found.first().map(|(second, _)| *second);
        let mut end_time = found.last().map(|(second, _)| *second);
        let mut rows: Vec<String> = found.into_iter().map(|(_, row)| row).collect();
        // The next page may begin at the first record only if that is progress.
        if first.is_some_and(|first| first > start) && fires(Fault::EmptyPageWithNext) {
            (more, end_time) = (true, first);
            rows.clear();
        }
        if fires(Fault::StuckCursor) {
            (more, end_time) = (true, Some(start));
        }
        bend(faults, call, &mut rows);
        let next_page = end_time.map(|second| {
            let second = second.to_string();
            let mut parameters = vec![("start_time", second.as_str())];
            for name in ["include", "per_page"] {
                parameters.extend(call.query(name).map(|value| (name, value)));
            }
            link(call, &parameters)
        });
        let rest = json!({
            "count": rows.len(),
            "end_time": end_time,
            "next_page": next_page,
            "end_of_stream": !more,
        });
        let name = match stream {
            ByTime::TicketEvents => "ticket_events",
            ByTime::Organizations => "organizations",
        };
        page(name, &rows, &rest)
    }

    /// Up to `limit` records from a second on, until before another.
    fn since(
        &self,
        stream: ByTime,
        start: i64,
        end: i64,
        limit: usize,
        comments: bool,
    ) -> Vec<(i64, String)> {
        let desk = &self.desk;
        match stream {
            ByTime::TicketEvents => {
                let first = desk.events.partition_point(|event| event.at.as_second() < start);
                let events = desk.events[first..].iter().take(limit);
                events
                    .map(|event| (event.at.as_second(), json::event(event, comments).to_string()))
                    .take_while(|(second, _)| *second < end)
                    .collect()
            }
            ByTime::Organizations => {
                let found = desk.organization_order.from((start, 0), end).take(limit);
                found
                    .filter_map(|((second, id), _)| {
                        let organization = desk.organizations.get(&id)?;
                        Some((second, json::organization(organization).to_string()))
                    })
                    .collect()
            }
        }
    }

    fn start(&self, call: &Call, end: i64) -> Result<Start, Answer> {
        match (call.query("cursor"), call.query("start_time")) {
            (Some(_), Some(_)) => {
                Err(error(400, "InvalidValue", "Send either cursor or start_time, not both"))
            }
            (Some(cursor), None) => {
                let place = self.place(cursor);
                let (second, id) =
                    place.ok_or_else(|| error(400, "InvalidCursor", "The cursor is not valid"))?;
                Ok(Start { from: (second, id + 1), cursor: Some(cursor.to_owned()) })
            }
            (None, _) => Ok(Start { from: (start_time(call, end)?, 0), cursor: None }),
        }
    }

    /// An opaque cursor that stands after a place; the wording changes nothing.
    fn cursor(&self, (second, id): Place, wording: u8) -> String {
        STANDARD.encode(format!("{second}.{wording}||{id}|{}", self.cursor_generation))
    }

    fn place(&self, cursor: &str) -> Option<Place> {
        let text = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
        let (second, rest) = text.split_once("||")?;
        let (id, generation) = rest.split_once('|')?;
        let second = second.split('.').next()?.parse().ok()?;
        let current = generation == self.cursor_generation.to_string();
        current.then_some(id.parse().ok()).flatten().map(|id| (second, id))
    }

    fn page_size(&self, call: &Call) -> usize {
        let asked = call.query("per_page").and_then(|size| size.parse().ok());
        asked.map_or(self.page_size, |size: usize| size.clamp(1, self.page_size))
    }
}

fn start_time(call: &Call, end: i64) -> Result<i64, Answer> {
    let start = call.query("start_time").and_then(|second| second.parse::<i64>().ok());
    match start {
        None => Err(error(400, "InvalidValue", "start_time must be Unix seconds")),
        Some(start) if start > end => {
            Err(error(400, "StartTimeTooRecent", "start_time must be a minute ago or older"))
        }
        Some(start) => Ok(start.max(0)),
    }
}

fn is_deleted(desk: &Desk, (_, id): Place) -> bool {
    let ticket = desk.tickets.get(&id);
    ticket.is_some_and(|ticket| ticket.deletion != Deletion::No)
}

fn text(desk: &Desk, stream: ByCursor, (_, id): Place, row: &Row) -> String {
    if let Row::Raw(json) = row {
        return json.clone();
    }
    let value = match stream {
        ByCursor::Tickets => desk.tickets.get(&id).map(|ticket| {
            let rating = ticket.rating.and_then(|rating| desk.ratings.get(&rating));
            json::ticket(ticket, rating)
        }),
        ByCursor::Users => desk.users.get(&id).map(json::user),
    };
    value.unwrap_or(Value::Null).to_string()
}

//! Mentions, asked for by date, in an order, page by page; and how many there are.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::archive::{INACTIVE, Mention, QUERIES};
use super::face::{Parameters, State, refuse};
use super::json::mention;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// The most rows that a page has.
pub(super) const LARGEST: usize = 5_000;
/// Where `page` alone ends.
const WALL: usize = 10_000;

/// The parameters that there are; some of them we only know by name.
const PARAMETERS: &[&str] = &[
    "queryId",
    "startDate",
    "endDate",
    "pageSize",
    "page",
    "orderBy",
    "orderDirection",
    "cursor",
    "pageType",
    "sentiment",
    "tag",
    "xtag",
    "category",
    "xcategory",
];

/// A place in an order: the key in milliseconds, the query and the document.
type Place = (i64, u64, String);

struct Window {
    queries: BTreeSet<u64>,
    from: Timestamp,
    to: Timestamp,
}

struct Question {
    window: Window,
    order: &'static str,
    descending: bool,
    size: usize,
    page: usize,
    cursor: Option<String>,
}

fn said<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p str> {
    parameters.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
}

/// Reads `2019-10-10T17:48:54.588+0000` or a day; a space is a plus sign that nobody encoded.
fn instant(text: &str) -> Option<Timestamp> {
    if text.len() == "2019-10-10".len() {
        return format!("{text}T00:00:00Z").parse().ok();
    }
    let (clock, zone) = text.split_at_checked(text.len().checked_sub(5)?)?;
    let is_offset = zone.starts_with(['+', '-']) && !zone.contains(':');
    is_offset.then(|| format!("{clock}{}:{}", &zone[..3], &zone[3..]).parse().ok()).flatten()
}

impl Window {
    fn read(parameters: &Parameters) -> Result<Self, Answer> {
        let ids = parameters.iter().filter(|(name, _)| name == "queryId");
        let mut queries = BTreeSet::new();
        for (_, id) in ids {
            let id = id.parse::<u64>().map_err(|_| refuse(400, "queryId is no number"))?;
            let is_known = QUERIES.iter().chain([&INACTIVE]).any(|(known, _)| *known == id);
            if !is_known {
                return Err(Answer::text(404, ""));
            }
            queries.insert(id);
        }
        if queries.is_empty() {
            return Err(refuse(400, "queryId or queryGroupId is missing"));
        }
        let date = |name: &str| {
            let text = said(parameters, name);
            text.and_then(instant)
                .ok_or_else(|| refuse(400, &format!("{name} is missing or no date")))
        };
        let (from, to) = (date("startDate")?, date("endDate")?);
        if to < from {
            return Err(refuse(400, "endDate is before startDate"));
        }
        Ok(Self { queries, from, to })
    }

    fn has(&self, mention: &Mention) -> bool {
        !mention.vanished
            && self.queries.contains(&mention.query)
            && (self.from..=self.to).contains(&mention.date)
    }
}

impl Question {
    fn read(parameters: &Parameters) -> Result<Self, Answer> {
        for (name, _) in parameters {
            if matches!(name.as_str(), "sinceId" | "untilId") {
                return Err(refuse(400, "sinceId and untilId were removed"));
            }
            if !PARAMETERS.contains(&name.as_str()) {
                return Err(refuse(400, &format!("there is no parameter {name}")));
            }
        }
        let order = match said(parameters, "orderBy").unwrap_or("date") {
            "date" => "date",
            "added" => "added",
            "updated" => "updated",
            "id" => return Err(refuse(400, "orderBy=id was removed")),
            _ => return Err(refuse(400, "orderBy is none of the options")),
        };
        let descending = match said(parameters, "orderDirection").unwrap_or("desc") {
            "desc" => true,
            "asc" => false,
            _ => return Err(refuse(400, "orderDirection is asc or desc")),
        };
        let number = |name: &str, default: usize| match said(parameters, name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| refuse(400, &format!("{name} is no number"))),
        };
        let (size, page) = (number("pageSize", 100)?, number("page", 0)?);
        if !(1..=LARGEST).contains(&size) {
            return Err(refuse(400, "pageSize is from 1 to 5000"));
        }
        let cursor = said(parameters, "cursor").map(str::to_owned);
        if cursor.is_none() && (page + 1) * size > WALL {
            return Err(refuse(400, "beyond 10000 mentions only a cursor leads"));
        }
        Ok(Self { window: Window::read(parameters)?, order, descending, size, page, cursor })
    }

    fn place(&self, mention: &Mention) -> Place {
        let at = match self.order {
            "added" => mention.added,
            "updated" => mention.updated,
            _ => mention.date,
        };
        (at.as_millisecond(), mention.query, mention.resource.clone())
    }

    /// What a cursor is good for: this order of these queries.
    fn kind(&self) -> String {
        format!("{}{}{:?}", self.order, self.descending, self.window.queries)
    }

    fn write_cursor(&self, generation: u32, (at, query, resource): &Place) -> String {
        let text = format!("{generation}|{}|{at}|{query}|{resource}", self.kind());
        format!("AQ={}", STANDARD.encode(text))
    }

    fn read_cursor(&self, generation: u32, cursor: &str) -> Option<Place> {
        let text = String::from_utf8(STANDARD.decode(cursor.strip_prefix("AQ=")?).ok()?).ok()?;
        let mut parts = text.split('|');
        let is_ours = parts.next() == Some(&generation.to_string())
            && parts.next() == Some(self.kind().as_str());
        let place =
            (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.to_owned());
        is_ours.then_some(place)
    }
}

impl State {
    pub(super) fn count(&mut self, parameters: &Parameters) -> Answer {
        match Window::read(parameters) {
            Err(refusal) => refusal,
            Ok(window) => {
                let count = self.archive.mentions.values().filter(|it| window.has(it)).count();
                Answer::json(200, json!({ "mentionsCount": count }).to_string())
            }
        }
    }

    pub(super) fn mentions(
        &mut self,
        call: &Call,
        parameters: &Parameters,
        faults: &Faults,
    ) -> Answer {
        let question = match Question::read(parameters) {
            Ok(question) => question,
            Err(refusal) => return refusal,
        };
        let take = |kind: fn(&Fault) -> bool| faults.take(call.target(), kind).is_some();
        if question.cursor.is_some() && take(|fault| matches!(fault, Fault::ExpiredCursor)) {
            return refuse(400, "the cursor is not valid");
        }
        if question.cursor.is_some() && take(|fault| matches!(fault, Fault::InsertWhilePaging)) {
            self.live(3, call.at);
        }
        let start = match question.cursor.as_deref() {
            None => None,
            Some(cursor) => match question.read_cursor(self.generation, cursor) {
                None => return refuse(400, "the cursor is not valid"),
                place => place,
            },
        };
        let window = &question.window;
        let mut found: Vec<(Place, &Mention)> = self
            .archive
            .mentions
            .values()
            .filter(|mention| window.has(mention))
            .map(|mention| (question.place(mention), mention))
            .collect();
        found.sort_by(|(one, _), (two, _)| one.cmp(two));
        if question.descending {
            found.reverse();
        }
        let total = found.len();
        let size = question.size.min(self.page_size);
        let skipped = match &start {
            None => question.page * size,
            Some(start) => found
                .iter()
                .position(
                    |(place, _)| if question.descending { place < start } else { place > start },
                )
                .unwrap_or(total),
        };
        let shown: Vec<_> = found.iter().skip(skipped).take(size).collect();
        // A last page that is short has a cursor too; an empty one has none.
        let mut next = shown.last().map(|(place, _)| question.write_cursor(self.generation, place));
        if question.cursor.is_some() && take(|fault| matches!(fault, Fault::StuckCursor)) {
            next.clone_from(&question.cursor);
        }
        let mut results: Vec<Value> = shown.iter().map(|(_, it)| mention(it)).collect();
        if take(|fault| matches!(fault, Fault::ExtraField)) {
            for result in &mut results {
                result["unheardOf"] = json!({"of": ["a", "later", "release"]});
            }
        }
        if take(|fault| matches!(fault, Fault::BadRecord)) {
            results.push(json!({"resourceId": null, "queryId": "none", "date": 7, "author": [1]}));
        }
        let page = if question.cursor.is_some() { 0 } else { question.page };
        let told = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string();
        let list = json!({
            "results": results,
            "resultsPage": page,
            "resultsPageSize": size,
            "resultsTotal": total,
            "scaledResultsTotal": total,
            "nextCursor": next,
            "startDate": told(window.from),
            "endDate": told(window.to),
        });
        Answer::json(200, list.to_string())
    }
}

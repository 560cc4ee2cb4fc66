//! Pages of records: their cursors, which are good for the same question only, and what goes wrong with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::face::State;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call};

/// The vendor's error body.
pub(super) fn error(status: u16, category: &str, code: &str, detail: &str) -> Answer {
    let body = json!({ "errors": [{ "category": category, "code": code, "detail": detail }] });
    Answer::json(status, body.to_string())
}

/// A request that makes no sense.
pub(super) fn bad(code: &str, detail: &str) -> Answer {
    error(400, "INVALID_REQUEST_ERROR", code, detail)
}

/// A record's place in the order of a list.
pub(super) type Place = (Timestamp, String);

/// Records in the order of a list.
pub(super) struct Listing<'a> {
    /// The name of the list in the answer.
    pub(super) name: &'static str,
    pub(super) rows: Vec<(Place, &'a Value)>,
    pub(super) newest_first: bool,
    pub(super) limit: usize,
    /// All that was asked, without the cursor.
    pub(super) question: String,
    pub(super) cursor: Option<String>,
}

impl State {
    /// The page of a listing behind its cursor.
    pub(super) fn serve(&self, call: &Call, faults: &Faults, mut listing: Listing<'_>) -> Answer {
        let fires = |fault: Fault| faults.take(call.target(), |f| *f == fault).is_some();
        let digest = hex(&Sha256::digest(listing.question.as_bytes())[..8]);
        listing
            .rows
            .sort_by(|(a, _), (b, _)| if listing.newest_first { b.cmp(a) } else { a.cmp(b) });
        let after = match &listing.cursor {
            None => None,
            Some(_) if fires(Fault::ExpiredCursor) => {
                return bad("INVALID_CURSOR", "The cursor has expired");
            }
            Some(cursor) => match self.place(cursor, &digest) {
                Some(place) => Some(place),
                None => return bad("INVALID_CURSOR", "The cursor is not one of this question"),
            },
        };
        let is_behind = |place: &Place| match &after {
            None => true,
            Some(after) if listing.newest_first => place < after,
            Some(after) => place > after,
        };
        let rest: Vec<_> = listing.rows.into_iter().filter(|(place, _)| is_behind(place)).collect();
        let size = listing.limit.min(self.page_size);
        let more = rest.len() > size;
        let mut answer = serde_json::Map::new();
        if !rest.is_empty() && fires(Fault::EmptyPageWithNext) {
            // A cursor before everything that is left.
            let (at, id) = after.unwrap_or((edge(listing.newest_first), String::new()));
            answer.insert("cursor".to_owned(), self.cursor(&digest, &(at, id), 1).into());
            return Answer::json(200, Value::from(answer).to_string());
        }
        let page = &rest[..size.min(rest.len())];
        let mut rows: Vec<Value> = page.iter().map(|(_, json)| (*json).clone()).collect();
        if let Some(first) = rows.first().cloned() {
            if fires(Fault::ExtraField) {
                for row in &mut rows {
                    row["vibe_score"] = json!({ "value": 0.7, "model": "v3" });
                    row["ai_summary"] = Value::Null;
                }
            }
            if fires(Fault::BadRecord) {
                let mut bad = first;
                bad["id"] = Value::Null;
                rows.push(bad);
            }
        }
        // An empty list is left out.
        if !rows.is_empty() {
            answer.insert(listing.name.to_owned(), rows.into());
        }
        if let (true, Some((place, _))) = (more, page.last()) {
            answer.insert("cursor".to_owned(), self.cursor(&digest, place, 0).into());
        }
        if let Some(cursor) = listing.cursor
            && fires(Fault::StuckCursor)
        {
            answer.insert("cursor".to_owned(), cursor.into());
        }
        Answer::json(200, Value::from(answer).to_string())
    }

    /// An opaque cursor behind a place; the wording changes nothing.
    fn cursor(&self, digest: &str, (at, id): &Place, wording: u8) -> String {
        let generation = self.cursor_generation;
        URL_SAFE_NO_PAD
            .encode(format!("{generation}|{digest}|{}|{id}|{wording}", at.as_millisecond()))
    }

    fn place(&self, cursor: &str, digest: &str) -> Option<Place> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let mut parts = text.split('|');
        let current =
            parts.next()? == self.cursor_generation.to_string() && parts.next()? == digest;
        let at = Timestamp::from_millisecond(parts.next()?.parse().ok()?).ok()?;
        let id = parts.next()?.to_owned();
        current.then_some((at, id))
    }
}

fn edge(newest_first: bool) -> Timestamp {
    if newest_first { Timestamp::MAX } else { Timestamp::UNIX_EPOCH }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

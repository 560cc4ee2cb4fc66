//! Search, lookup and sessions.

use std::collections::BTreeSet;
use std::sync::Mutex;

use http::Method;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::State;
use super::json::view;
use super::network::Post;
use super::session::refusal;
use crate::faults::{Fault, Faults};
use crate::server::{Answer, Call, Face};

/// The network as the server shares it.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    pub(super) faults: Faults,
}

impl Face for Shared {
    fn answer(&self, call: &Call) -> Answer {
        let mut state = self.lock();
        let (refused, headers) = state.sessions.count(call.at);
        let answer = refused.unwrap_or_else(|| state.answer(call, &self.faults));
        headers.into_iter().fold(answer, |answer, (name, value)| answer.with(name, value))
    }
}

fn invalid(message: &str) -> Answer {
    refusal(400, "InvalidRequest", message)
}

impl State {
    fn answer(&mut self, call: &Call, faults: &Faults) -> Answer {
        let name = call.path().strip_prefix("/xrpc/").unwrap_or_default();
        let answer = match (name, &call.method) {
            ("com.atproto.server.createSession", &Method::POST) => Ok(self.sessions.create(call)),
            ("com.atproto.server.refreshSession", &Method::POST) => Ok(self.sessions.refresh(call)),
            ("app.bsky.feed.searchPosts", &Method::GET) => self.search(call, faults),
            ("app.bsky.feed.getPosts", &Method::GET) => self.lookup(call),
            _ => Err(refusal(501, "MethodNotImplemented", "Method Not Implemented")),
        };
        answer.unwrap_or_else(|refused| refused)
    }

    fn search(&mut self, call: &Call, faults: &Faults) -> Result<Answer, Answer> {
        let signed_in = self.sessions.admit(call)?;
        let query =
            call.query("q").ok_or_else(|| invalid("Params must have the property \"q\""))?;
        let phrases = phrases(query)?;
        if !matches!(call.query("sort"), None | Some("latest" | "top")) {
            return Err(invalid("sort must be one of (top, latest)"));
        }
        let limit = match call.query("limit") {
            None => 25,
            Some(limit) => limit
                .parse()
                .ok()
                .filter(|limit| (1..=100).contains(limit))
                .ok_or_else(|| invalid("limit can not be greater than 100"))?,
        };
        let (since, until) = (instant(call, "since")?, instant(call, "until")?);
        let offset = match call.query("cursor") {
            None => 0,
            // What a firewall says, not the application.
            Some(_) if !signed_in => {
                return Err(Answer::html(403, "Request forbidden by administrative rules."));
            }
            Some(cursor) => self.offset(cursor)?,
        };
        if faults.take(call.target(), |fault| *fault == Fault::ExpiredCursor).is_some()
            && offset > 0
        {
            return Err(refusal(400, "BadQueryString", "Invalid cursor"));
        }
        let mut hits: Vec<&Post> = self
            .network
            .posts
            .values()
            .filter(|post| {
                let at = post.sort_at();
                // What is gone leaves the index; what is hidden is dropped when it is shown.
                !post.deleted
                    && fits(&post.text, &phrases)
                    && since.is_none_or(|since| at >= since)
                    && until.is_none_or(|until| at < until)
            })
            .collect();
        hits.sort_by(|a, b| (b.sort_at(), &b.uri).cmp(&(a.sort_at(), &a.uri)));
        let total = hits.len();
        if faults.take(call.target(), |fault| *fault == Fault::EmptyPageWithNext).is_some() {
            let page = json!({ "posts": [], "cursor": self.cursor(offset), "hitsTotal": total });
            return Ok(Answer::json(200, page.to_string()));
        }
        let shown =
            hits.into_iter().skip(offset).take(limit).filter(|post| self.network.is_shown(post));
        let shown: Vec<Post> = shown.cloned().collect();
        let mut posts: Vec<Value> = shown
            .iter()
            .filter_map(|post| {
                let likes = self.network.chance.random_range(0..50);
                view(&self.network, post, likes)
            })
            .collect();
        if faults.take(call.target(), |fault| *fault == Fault::ExtraField).is_some() {
            for post in &mut posts {
                post["novelty"] = json!({ "score": 3 });
            }
        }
        if faults.take(call.target(), |fault| *fault == Fault::BadRecord).is_some() {
            posts.push(json!({ "uri": "at://did:plc:nobody/app.bsky.feed.post/3bad", "author": null, "record": 7 }));
        }
        let mut page = json!({ "posts": posts, "hitsTotal": total });
        if offset + limit < total {
            let next = if faults.take(call.target(), |fault| *fault == Fault::StuckCursor).is_some()
            {
                offset
            } else {
                offset + limit
            };
            page["cursor"] = self.cursor(next).into();
        }
        Ok(Answer::json(200, page.to_string()))
    }

    fn cursor(&self, offset: usize) -> String {
        format!("{}-{offset}", self.cursor_generation)
    }

    fn offset(&self, cursor: &str) -> Result<usize, Answer> {
        let parts = cursor.split_once('-');
        let current =
            parts.filter(|(generation, _)| generation.parse() == Ok(self.cursor_generation));
        current
            .and_then(|(_, offset)| offset.parse().ok())
            .ok_or_else(|| refusal(400, "BadQueryString", "Invalid cursor"))
    }

    fn lookup(&mut self, call: &Call) -> Result<Answer, Answer> {
        self.sessions.admit(call)?;
        let query = call.target().split_once('?').map_or("", |(_, query)| query);
        let uris = url::form_urlencoded::parse(query.as_bytes());
        let uris = uris.filter(|(name, _)| name == "uris").map(|(_, uri)| uri.into_owned());
        let uris: Vec<String> = uris.collect();
        if uris.is_empty() || uris.len() > 25 {
            return Err(invalid("uris must have 1 to 25 elements"));
        }
        if uris.iter().any(|uri| !uri.starts_with("at://")) {
            return Err(invalid("uris must be valid at-uris"));
        }
        let uris: BTreeSet<String> = uris.into_iter().collect();
        let found = uris.iter().filter_map(|uri| self.network.posts.get(uri));
        let found: Vec<Post> = found.filter(|post| self.network.is_shown(post)).cloned().collect();
        let posts: Vec<Value> = found
            .iter()
            .filter_map(|post| {
                let likes = self.network.chance.random_range(0..50);
                view(&self.network, post, likes)
            })
            .collect();
        Ok(Answer::json(200, json!({ "posts": posts }).to_string()))
    }
}

fn instant(call: &Call, name: &str) -> Result<Option<Timestamp>, Answer> {
    let Some(text) = call.query(name) else { return Ok(None) };
    let date = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let at = text.parse::<Timestamp>().ok().or_else(|| date().map(|at| at.timestamp()));
    at.map(Some).ok_or_else(|| invalid("since and until must be datetimes"))
}

/// Words and quoted phrases, in lower case and without what stands between words.
fn phrases(query: &str) -> Result<Vec<String>, Answer> {
    let quotes = query.matches('"').count();
    if quotes % 2 == 1 {
        return Err(refusal(400, "BadQueryString", "Unbalanced quotation marks"));
    }
    let mut phrases = Vec::new();
    for (number, part) in query.split('"').enumerate() {
        if number % 2 == 1 {
            phrases.push(plain(part));
        } else {
            phrases.extend(part.split_whitespace().map(plain));
        }
    }
    phrases.retain(|phrase| !phrase.trim().is_empty());
    Ok(phrases)
}

/// ` word word `: every word with a space on either side.
fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() { String::new() } else { format!(" {} ", words.join(" ")) }
}

fn fits(text: &str, phrases: &[String]) -> bool {
    let text = plain(text);
    !phrases.is_empty() && phrases.iter().all(|phrase| text.contains(phrase))
}

//! The feed of the whole network: what search passes over, edits, and deletions within minutes.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shared::clock;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid, json_reason};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::{Frames, Request};
use shared::rows::{Draft, Rows};
use shared::schema::{Known, Timestamp};
use url::Url;

use super::post::{self, Written};
use super::wanted::{Sketch, Wanted};
use super::{COLLECTION, JETSTREAM_README, author};

/// One page of the feed: about five minutes of the network at fifty posts a second.
const FRAMES: Frames = Frames {
    most: 20_000,
    most_bytes: 32 * 1024 * 1024,
    until_quiet: Duration::from_secs(2),
    longest: Duration::from_secs(20),
};
/// So far back each run begins, because two servers may disagree about an event's time by a moment.
const OVERLAP: Duration = Duration::from_secs(5);
/// So far back the first run begins, for what happens while search reads the past.
const HEAD_START: Duration = Duration::from_mins(5);
/// The network is never silent for so long: if the feed is, it has forgotten what was there.
const GAP: i64 = 5 * 60 * 1_000_000;
/// So long an operator is told of a gap.
const TOLD_FOR: i64 = 24 * 60 * 60 * 1_000_000;

/// What happens on the network.
pub(super) struct Jetstream {
    pub(super) server: Url,
    pub(super) wanted: Arc<Wanted>,
}

static FACTS: StreamFacts = StreamFacts {
    name: "jetstream",
    object: post::OBJECT,
    reads: "The live feed of the network: posts that fit `queries`, answers to us, edits, and deletions of known posts \
            and accounts. Begins with the first run; what was before, search has.",
    lag: fact(Duration::ZERO, "events come as they happen"),
    lookback: fact(OVERLAP, JETSTREAM_README),
    granularity: fact(
        Granularity::Microsecond,
        "`time_us` of github.com/bluesky-social/jetstream, README",
    ),
    order: fact(
        Order::ByChange,
        "by `time_us`, which is also the cursor; github.com/bluesky-social/jetstream, README",
    ),
    deletes: fact(
        Deletes::Tombstone,
        "commits with operation `delete`, accounts with status `deleted`",
    ),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &[],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// How far the feed was heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Heard {
    /// The `time_us` of the last event.
    at: i64,
    /// What the feed had forgotten when it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
}

/// A span of which the feed told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Gap {
    from: Timestamp,
    to: Timestamp,
}

#[derive(Deserialize)]
struct Timed {
    time_us: i64,
}

fn time_of(line: &str) -> Result<i64, Error> {
    serde_json::from_str::<Timed>(line).map(|timed| timed.time_us).map_err(|error| {
        Error::Decode(format!("an event without time_us: {}", json_reason(&error)))
    })
}

/// The parts of an event that say whether it concerns us.
#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Outline {
    Commit {
        commit: CommitOutline,
    },
    Account {
        account: AccountOutline,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct CommitOutline {
    operation: String,
    collection: String,
    record: Option<Sketch>,
}

#[derive(Deserialize)]
struct AccountOutline {
    active: bool,
    status: Option<String>,
}

impl Stream for Jetstream {
    type Cursor = Heard;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, horizon: &Horizon) -> Heard {
        let at = clock::before(horizon.until, HEAD_START).max(horizon.start.min(horizon.until));
        Heard { at: at.as_micros(), gap: None }
    }

    fn resume(&self, heard: Heard, _: &Horizon) -> Heard {
        let overlap = i64::try_from(OVERLAP.as_micros()).unwrap_or(0);
        Heard { at: heard.at.saturating_sub(overlap).max(0), ..heard }
    }

    fn request(&self, heard: &Heard, _: &Horizon) -> Request {
        let server = self.server.as_str().trim_end_matches('/');
        Request::subscribe(format!("{server}/subscribe"), FRAMES)
            .query("wantedCollections", COLLECTION)
            .query("cursor", heard.at)
    }

    fn page<'r>(
        &self,
        heard: &Heard,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Heard>, Error> {
        let records = response.lines()?;
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(Page::empty(Next::Done(heard.clone())));
        };
        let (first, last) = (time_of(first.get())?, time_of(last.get())?);
        // A time to come would pass over all that happens until then.
        let at = last.min(response.received_at.as_micros()).max(heard.at);
        let instant = |micros| Timestamp::from_micros(micros).ok();
        let found = match (instant(heard.at), instant(first)) {
            // Too old a cursor is moved forward without a word.
            (Some(from), Some(to)) if first - heard.at > GAP => Some(Gap { from, to }),
            _ => None,
        };
        let before = heard.gap.filter(|gap| at - gap.to.as_micros() < TOLD_FOR);
        let next = Heard { at, gap: found.or(before) };
        let is_done = at == heard.at || at >= horizon.until.as_micros();
        Ok(Page { records, next: if is_done { Next::Done(next) } else { Next::More(next) } })
    }

    fn watermark(&self, heard: &Heard) -> Option<Timestamp> {
        Timestamp::from_micros(heard.at).ok()
    }

    fn note(&self, heard: &Heard) -> Option<String> {
        let Gap { from, to } = heard.gap?;
        Some(format!(
            "the feed no longer had what happened from {from} to {to}: `posts` and `known_posts` make up for it, except \
             for posts that search does not find"
        ))
    }

    fn keeps(&self, frame: &[u8]) -> bool {
        // What is not understood is kept, for people to look at.
        let Ok(outline) = serde_json::from_slice::<Outline>(frame) else { return true };
        match outline {
            Outline::Commit { commit } if commit.collection != COLLECTION => false,
            Outline::Commit { commit } if commit.operation == "create" => {
                commit.record.is_none_or(|record| self.wanted.concerns(&record))
            }
            Outline::Commit { .. } => true,
            Outline::Account { account } => is_deleted(account.active, account.status.as_deref()),
            Outline::Other => false,
        }
    }

    fn map(&self, mut event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let did = event.required_id("did")?;
        let time = event.integer("time_us")?.into_value();
        let at = time.and_then(|micros| Timestamp::from_micros(micros).ok());
        let at = at.ok_or_else(|| Invalid::no_time("time_us"))?;
        let missing = |name| move || Invalid::new(name, "is missing");
        match event.said("kind")?.as_deref() {
            Some("commit") => {
                let commit = event.object("commit")?.ok_or_else(missing("commit"))?;
                self.map_commit(&did, at, commit, rows)
            }
            Some("account") => {
                let mut account = event.object("account")?.ok_or_else(missing("account"))?;
                let active = account.get::<bool>("active")?.into_value().unwrap_or(true);
                if is_deleted(active, account.said("status")?.as_deref()) {
                    let draft = author::tombstone(&did, at, rows);
                    rows.push(Draft { only_if_known: true, ..draft });
                } else {
                    // Hidden for a time; `known_posts` does not see its posts meanwhile.
                    rows.filter("an account that is not deleted");
                }
                account.report(rows);
                Ok(())
            }
            // A new handle shows when a post of the account is read the next time.
            Some("identity") => {
                rows.filter("a change of handle");
                Ok(())
            }
            Some(_) => {
                rows.filter("an event that is about no post");
                Ok(())
            }
            None => Err(Invalid::new("kind", "is missing")),
        }
    }
}

fn is_deleted(active: bool, status: Option<&str>) -> bool {
    !active && status == Some("deleted")
}

impl Jetstream {
    fn map_commit(
        &self,
        did: &str,
        at: Timestamp,
        mut commit: Fields<'_>,
        rows: &mut Rows<'_>,
    ) -> Result<(), Invalid> {
        let collection = commit.required_id("collection")?;
        let uri = post::uri(did, &commit.required_id("rkey")?);
        let operation = commit.required_id("operation")?;
        if collection != COLLECTION {
            rows.filter("not about a post");
            return Ok(());
        }
        if self.wanted.is_own(did) {
            rows.filter("a post of our own");
            return Ok(());
        }
        let is_new = match operation.as_str() {
            "create" => true,
            "update" => false,
            "delete" => {
                let draft = post::tombstone(&uri, at, rows);
                rows.push(Draft { only_if_known: true, ..draft });
                return Ok(());
            }
            _ => return Err(Invalid::new("operation", "is not one of create, update, delete")),
        };
        let record = commit.raw("record")?.into_value();
        let record = record.ok_or_else(|| Invalid::new("record", "is missing"))?;
        let sketch = serde_json::from_str::<Sketch>(record.get()).ok();
        let concerns_us = sketch.is_none_or(|post| self.wanted.concerns(&post));
        if is_new && !concerns_us {
            rows.filter("fits no query");
            return Ok(());
        }
        let written =
            post::written(Fields::parse(record)?, &uri, Known::Absent, &self.wanted, rows);
        let Written { mut post, created_at, answers_us } = written?;
        if let Known::Value(cid) = commit.raw("cid")? {
            post.ext.insert("cid".into(), cid.get().into());
        }
        let subject = rows.key(author::OBJECT, did);
        let draft = Draft::new(post::OBJECT, uri.as_str(), at, post, rows);
        let draft = Draft {
            // Whatever the application says of a new post says more: it has the handle. An edit is newer than that.
            version: if is_new { 0 } else { draft.version },
            only_if_known: !concerns_us,
            ..draft
        };
        rows.push(draft.about(Some(subject.clone())));
        if concerns_us {
            rows.push(post::said(&uri, subject, created_at, answers_us, rows));
        }
        Ok(())
    }
}

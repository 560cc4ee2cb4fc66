//! Known posts, looked up again: what the network does not show any more is deleted here as well.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;

use super::post::{self, Seen};
use super::wanted::Wanted;
use super::{LEXICON_POST_VIEW, search};

const PATH: &str = "/xrpc/app.bsky.feed.getPosts";
const LEXICON: &str = "lexicon app.bsky.feed.getPosts";
/// Its `uris` has room for so many.
const AT_ONCE: usize = 25;

/// Every known post, 25 at a time.
pub(super) struct KnownPosts {
    pub(super) wanted: Arc<Wanted>,
}

static FACTS: StreamFacts = StreamFacts {
    name: "known_posts",
    object: post::OBJECT,
    reads: "Every known post again, to learn of deleted posts and accounts, and of edits and new handles.",
    lag: fact(Duration::ZERO, "a look at what there is now, not a window of time"),
    lookback: fact(Duration::ZERO, "a look at what there is now, not a window of time"),
    granularity: fact(Granularity::Millisecond, LEXICON_POST_VIEW),
    order: fact(Order::Unordered, "asked for by address"),
    deletes: fact(Deletes::Recheck(AT_ONCE), LEXICON),
    // The network asks for deletions to be honoured; half a day leaves time for a pass that fails.
    every: Some(Duration::from_hours(12)),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[],
    scopes: &["an app password"],
    optional: None,
    never_empty: None,
    pushed: false,
};

impl Stream for KnownPosts {
    type Cursor = Option<String>;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Option<String> {
        None
    }

    /// The driver asks by [`Stream::lookup`]; this is for whoever checks the connection.
    fn request(&self, _: &Option<String>, _: &Horizon) -> Request {
        search::probe(&self.wanted)
    }

    fn page<'r>(
        &self,
        _: &Option<String>,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Option<String>>, Error> {
        Ok(Page::new(search::posts(response)?, Next::Done(None)))
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        post::map_view(record, Seen::Again, &self.wanted, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        Some(ids.iter().fold(Request::get(PATH), |request, uri| request.query("uris", uri)))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        search::posts(response)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        rows.push(post::tombstone(id, rows.received_at(), rows));
    }
}

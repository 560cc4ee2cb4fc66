//! What search shows, query by query.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::clock;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::Rows;
use shared::schema::{Sha256, Timestamp};

use super::post::{self, Seen};
use super::wanted::Wanted;
use super::{LEXICON_POST_VIEW, LEXICON_SEARCH};

/// The search itself.
pub(super) const PATH: &str = "/xrpc/app.bsky.feed.searchPosts";
/// The most that a page holds.
const PAGE: u8 = 100;
/// Two minutes of skew, as the documentation on timestamps advises, and what the index lags behind.
const OVERLAP: Duration = Duration::from_mins(15);

/// Every post that a query finds, newest first within the window.
pub(super) struct Posts {
    pub(super) wanted: Arc<Wanted>,
}

static FACTS: StreamFacts = StreamFacts {
    name: "posts",
    object: post::OBJECT,
    reads: "Every post that a search for one of `queries` finds, with its author as `author`.",
    lag: fact(Duration::ZERO, "no lag to wait out: each window overlaps the one before"),
    lookback: fact(
        OVERLAP,
        "docs.bsky.app/docs/advanced-guides/timestamps: allow two minutes of skew; the index lags on top of it",
    ),
    granularity: fact(Granularity::Millisecond, LEXICON_POST_VIEW),
    order: fact(Order::Unordered, LEXICON_SEARCH),
    deletes: fact(
        Deletes::Listed("known_posts"),
        "lexicon app.bsky.feed.getPosts answers without the posts that are gone; `jetstream` tells of them sooner",
    ),
    every: None,
    page_ceiling: None,
    quota: None,
    // A page cursor that the index no longer takes is a bad request like any other.
    expired_cursor: &[400],
    scopes: &["an app password"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// How far each query has been read, and which one is being read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Up to when each query has been read.
    read: BTreeMap<String, Timestamp>,
    /// The query that is being read.
    query: String,
    /// Its window ends here.
    until: Timestamp,
    /// The next page of it; none before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// The last page of the query before: two queries may find the very same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    landed: Option<Sha256>,
}

#[derive(Deserialize)]
struct Found<'r> {
    cursor: Option<String>,
    #[serde(borrow)]
    posts: Vec<&'r RawValue>,
}

impl Posts {
    fn first(&self) -> String {
        self.wanted.queries.first().map(|query| query.text.clone()).unwrap_or_default()
    }

    fn after(&self, query: &str) -> Option<String> {
        let mut queries = self.wanted.queries.iter();
        queries.find(|other| other.text == query)?;
        queries.next().map(|next| next.text.clone())
    }

    fn is_wanted(&self, query: &str) -> bool {
        self.wanted.queries.iter().any(|other| other.text == query)
    }
}

impl Stream for Posts {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, horizon: &Horizon) -> Place {
        let (query, until) = (self.first(), horizon.until);
        Place { read: BTreeMap::new(), query, until, page: None, landed: None }
    }

    fn resume(&self, mut place: Place, horizon: &Horizon) -> Place {
        place.read.retain(|query, _| self.is_wanted(query));
        if !self.is_wanted(&place.query) {
            (place.query, place.page) = (self.first(), None);
        }
        // In the middle of a window its end stays where it is: the pages belong to it.
        if place.page.is_none() {
            place.until = horizon.until;
        }
        Place { landed: None, ..place }
    }

    fn restart(&self, place: &Place, _: &Horizon) -> Place {
        Place { page: None, landed: None, ..place.clone() }
    }

    fn request(&self, place: &Place, horizon: &Horizon) -> Request {
        let read = place.read.get(&place.query);
        let since = read.map_or(horizon.start, |read| clock::before(*read, OVERLAP));
        let request = Request::get(PATH)
            .query("q", &place.query)
            .query("sort", "latest")
            .query("limit", PAGE)
            .query("since", since.max(horizon.start))
            .query("until", place.until);
        match &place.page {
            None => request,
            Some(page) => request.query("cursor", page),
        }
    }

    fn page<'r>(
        &self,
        place: &Place,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let Found { cursor, mut posts } = response.json()?;
        let digest = Sha256::of(&response.body);
        if place.landed == Some(digest) {
            posts.clear();
        }
        // Hidden posts are dropped after paging, so even an empty page may have a next one.
        if let Some(page) = cursor {
            let next = Place { page: Some(page), landed: None, ..place.clone() };
            return Ok(Page::new(posts, Next::More(next)));
        }
        let mut read = place.read.clone();
        read.insert(place.query.clone(), place.until);
        let after = self.after(&place.query);
        let is_last = after.is_none();
        let next = Place {
            read,
            query: after.unwrap_or_else(|| self.first()),
            until: if is_last { place.until } else { horizon.until },
            page: None,
            landed: (!is_last).then_some(digest),
        };
        Ok(Page::new(posts, if is_last { Next::Done(next) } else { Next::More(next) }))
    }

    fn watermark(&self, place: &Place) -> Option<Timestamp> {
        let read = self.wanted.queries.iter().map(|query| place.read.get(&query.text).copied());
        read.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        post::map_view(record, Seen::Found, &self.wanted, rows)
    }
}

/// The smallest question that shows whether search answers at all.
pub(super) fn probe(wanted: &Wanted) -> Request {
    let query = wanted.queries.first().map(|query| query.text.as_str()).unwrap_or_default();
    Request::get(PATH).query("q", query).query("limit", 1)
}

/// What a page of posts holds.
pub(super) fn posts(response: &Response) -> Result<Vec<&RawValue>, Error> {
    Ok(response.json::<Found<'_>>()?.posts)
}

//! What marketing keeps beside its contacts: lists and segments, and what was sent to them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Response};
use shared::paging::{Bury, Map};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{Campaign, CampaignStatus, Channel, Known, Precision};
use url::Url;

use super::{A_DAY, NO_LAG, NO_LOOKBACK, NO_MARKETING};

const PAGE_SIZE: u16 = 100;

/// The place in a collection that every pass reads from its beginning.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page_token: Option<String>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, alias = "results")]
    result: Vec<&'a RawValue>,
    #[serde(default, rename = "_metadata")]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    /// The whole address of the next page.
    next: Option<String>,
}

fn token(next: &str) -> Result<String, Error> {
    let url = Url::parse(next).ok();
    let token = url.and_then(|url| {
        let mut pairs = url.query_pairs();
        pairs.find(|(name, _)| name == "page_token").map(|(_, token)| token.into_owned())
    });
    let token = token.filter(|token| !token.is_empty());
    token.ok_or_else(|| Error::Decode("_metadata.next has no page_token".to_owned()))
}

const fn facts(
    name: &'static str,
    object: &'static str,
    reads: &'static str,
    operation: &'static str,
) -> StreamFacts {
    StreamFacts {
        name,
        object,
        reads,
        lag: NO_LAG,
        lookback: NO_LOOKBACK,
        granularity: fact(Granularity::Second, operation),
        order: fact(Order::Unordered, operation),
        deletes: fact(Deletes::None, "nothing of it becomes a row"),
        every: Some(A_DAY),
        page_ceiling: None,
        quota: None,
        expired_cursor: &[400, 404],
        scopes: &["marketing"],
        optional: Some(NO_MARKETING),
        never_empty: None,
        pushed: false,
    }
}

/// What marketing keeps of one kind.
pub(super) struct Collection {
    path: &'static str,
    /// Whether it has pages; segments come in one answer, and refuse nothing, but document no paging either.
    paged: bool,
    facts: &'static StreamFacts,
    map: Map,
    bury: Option<Bury>,
}

pub(super) const LISTS: Collection = Collection {
    path: "/v3/marketing/lists",
    paged: true,
    facts: &facts(
        "lists",
        "list",
        "Contact lists by name, for the raw zone only: the schema has no audiences.",
        "OpenAPI: ListMarketingList",
    ),
    map: |_, rows| {
        rows.filter("an audience: the schema has none, the raw zone keeps it");
        Ok(())
    },
    bury: None,
};

pub(super) const SEGMENTS: Collection = Collection {
    path: "/v3/marketing/segments/2.0",
    paged: false,
    facts: &facts(
        "segments",
        "segment",
        "Segments by name, for the raw zone only: the schema has no audiences.",
        "OpenAPI: ListSegment",
    ),
    ..LISTS
};

/// The key's object of the campaigns that events name.
pub(super) const SINGLE_SEND: &str = "single_send";

pub(super) const SINGLE_SENDS: Collection = Collection {
    path: "/v3/marketing/singlesends",
    paged: true,
    facts: &StreamFacts {
        deletes: fact(Deletes::FullPass, "OpenAPI: DeleteSingleSend leaves nothing behind"),
        ..facts(
            "single_sends",
            SINGLE_SEND,
            "Every email that was written for many people at once.",
            "OpenAPI: ListSingleSend",
        )
    },
    map: map_single_send,
    bury: Some(|id, rows| {
        let at = rows.received_at();
        rows.push(Draft::tombstone(SINGLE_SEND, id, at, Campaign::default(), rows));
    }),
};

impl Stream for Collection {
    type Cursor = Place;

    fn facts(&self) -> &'static StreamFacts {
        self.facts
    }

    fn begin(&self, _: &Horizon) -> Place {
        Place::default()
    }

    fn request(&self, place: &Place, _: &Horizon) -> Request {
        let request = Request::get(self.path);
        if !self.paged {
            return request;
        }
        let request = request.query("page_size", PAGE_SIZE);
        match &place.page_token {
            Some(token) => request.query("page_token", token),
            None => request,
        }
    }

    fn page<'r>(
        &self,
        _: &Place,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Place>, Error> {
        let Answer { result, metadata } = response.json()?;
        let next = match metadata.next.filter(|next| !next.is_empty()) {
            None => Next::Done(Place::default()),
            Some(_) if !self.paged => {
                let what = "_metadata.next is there, though these have one page";
                return Err(Error::Decode(what.to_owned()));
            }
            // Only the token is taken over: the request is ours, whatever host the link names.
            Some(next) => Next::More(Place { page_token: Some(token(&next)?) }),
        };
        Ok(Page::new(result, next))
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        (self.map)(record, rows)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        if let Some(bury) = self.bury {
            bury(id, rows);
        }
    }
}

fn map_single_send(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let changed_at = record.required_time("updated_at")?;
    let status = record.word("status", |word| match word {
        "draft" => Some(CampaignStatus::Draft),
        "scheduled" => Some(CampaignStatus::Scheduled),
        // The last word there is: it says that sending began, and none follows it.
        "triggered" => Some(CampaignStatus::Sent),
        _ => None,
    })?;
    let status = status.into_value().unwrap_or_default();
    let sent_at = match (status, record.raw("send_at")?) {
        (CampaignStatus::Sent, Known::Value(raw)) => {
            record.keep("send_at", raw);
            record.time("send_at")?
        }
        // A plan is no fact.
        (_, Known::Value(raw)) => {
            record.keep("send_at", raw);
            None
        }
        _ => None,
    };
    record.ignore("_metadata");
    let campaign = Campaign {
        name: record.text("name")?,
        channel: Channel::Email,
        sent_at,
        sent_precision: sent_at.map(|_| Precision::Second),
        status,
        ext: record.into_ext(rows),
        ..Campaign::default()
    };
    rows.push(Draft::new(SINGLE_SEND, id, changed_at, campaign, rows));
    Ok(())
}

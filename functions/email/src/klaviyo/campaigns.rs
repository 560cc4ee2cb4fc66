//! Campaigns of every channel, archived and not: one pass for each, since one question has one answer only.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Record, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{Campaign, CampaignStatus, Channel};

use super::listing::{Listing, behind, beyond, with};
use super::{NO_LAG, NO_LOOKBACK, quota};

pub(super) const OBJECT: &str = "campaign";

/// Every campaign.
pub(super) struct Campaigns;

static FACTS: StreamFacts = StreamFacts {
    name: "campaigns",
    object: OBJECT,
    reads: "Every campaign by email, text message or push, with its subject, status and audiences.",
    lag: NO_LAG,
    lookback: NO_LOOKBACK,
    granularity: fact(Granularity::Microsecond, "OpenAPI: get_campaigns, date-time"),
    order: fact(
        Order::Unordered,
        "archived campaigns come unsorted in spite of sort: github.com/estuary/connectors, source-klaviyo-native",
    ),
    deletes: fact(Deletes::FullPass, "no tombstones; a deleted campaign is listed no more"),
    every: Some(Duration::from_hours(6)),
    page_ceiling: None,
    quota: Some(quota("campaigns", 150, "OpenAPI: get_campaigns")),
    expired_cursor: &[400],
    scopes: &["campaigns:read"],
    optional: None,
    never_empty: None,
    pushed: false,
};

/// One question: a channel filter is required, and `archived` hides half of the rest.
const QUESTIONS: [(&str, bool); 6] = [
    ("email", false),
    ("email", true),
    ("sms", false),
    ("sms", true),
    ("mobile_push", false),
    ("mobile_push", true),
];

/// What is put beside a campaign's own fields: its channel, and its messages' subjects.
const BESIDE: &str = "$beside";

/// Which question is being asked, and how far its answer is read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Walk {
    question: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Walk {
    fn channel_and_archived(&self) -> (&'static str, bool) {
        QUESTIONS[self.question.min(QUESTIONS.len() - 1)]
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    id: Cow<'a, str>,
    attributes: Option<MessageAttributes>,
}

#[derive(Deserialize)]
struct MessageAttributes {
    definition: Option<Definition>,
}

#[derive(Deserialize)]
struct Definition {
    content: Option<Content>,
}

#[derive(Deserialize)]
struct Content {
    subject: Option<String>,
}

#[derive(Deserialize)]
struct Related<'a> {
    #[serde(borrow)]
    relationships: Option<Relationships<'a>>,
}

#[derive(Deserialize)]
struct Relationships<'a> {
    #[serde(borrow, rename = "campaign-messages")]
    messages: Option<Relation<'a>>,
}

#[derive(Deserialize)]
struct Relation<'a> {
    #[serde(borrow)]
    data: Option<Vec<Reference<'a>>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl Stream for Campaigns {
    type Cursor = Walk;

    fn facts(&self) -> &'static StreamFacts {
        &FACTS
    }

    fn begin(&self, _: &Horizon) -> Walk {
        Walk::default()
    }

    /// The questions before this one are answered.
    fn restart(&self, walk: &Walk, _: &Horizon) -> Walk {
        Walk { question: walk.question, after: None }
    }

    fn request(&self, walk: &Walk, _: &Horizon) -> Request {
        let (channel, archived) = walk.channel_and_archived();
        let request = Request::get("/api/campaigns")
            .query(
                "filter",
                format!("and(equals(messages.channel,'{channel}'),equals(archived,{archived}))"),
            )
            .query("sort", "id")
            .query("include", "campaign-messages")
            // Texts of messages are not asked for.
            .query("fields[campaign-message]", "definition.content.subject");
        behind(request, walk.after.as_deref())
    }

    fn page<'r>(
        &self,
        walk: &Walk,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Walk>, Error> {
        let Listing { records, included, next } = Listing::read(response, walk.after.as_deref())?;
        let subjects = subjects(&included);
        let (channel, _) = walk.channel_and_archived();
        let records = records
            .into_iter()
            .map(|record| {
                let beside = beside(record, channel, &subjects);
                with(record, BESIDE, &beside).map(Record::Owned)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let next = match next {
            Some(token) => Next::More(Walk { question: walk.question, after: Some(token) }),
            None if walk.question + 1 < QUESTIONS.len() => {
                Next::More(Walk { question: walk.question + 1, after: None })
            }
            None => Next::Done(Walk::default()),
        };
        Ok(Page { records, next })
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let id = record.required_id("id")?;
        let attributes = record.object("attributes")?;
        let mut attributes =
            attributes.ok_or_else(|| Invalid::new("attributes", "is missing or not an object"))?;
        let changed_at = attributes.required_time("updated_at")?;
        let mut campaign = Campaign {
            name: attributes.text("name")?,
            status: attributes.word("status", status)?.into_value().unwrap_or_default(),
            ..Campaign::default()
        };
        if let Some(mut beside) = record.object(BESIDE)? {
            campaign.channel = beside.word("channel", channel)?.into_value().unwrap_or_default();
            campaign.subject = beside.text("subject")?;
        }
        // Until then it is only planned.
        if matches!(campaign.status, CampaignStatus::Sent | CampaignStatus::Sending) {
            campaign.sent_at = attributes.time("send_time")?;
        }
        // `audiences` stays in `ext`: its ids do not tell whether they are of lists or of segments.
        campaign.ext = attributes.into_ext(rows);
        campaign.ext.append(&mut beyond(record, rows));
        rows.push(Draft::new(OBJECT, id, changed_at, campaign, rows));
        Ok(())
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        let at = rows.received_at();
        rows.push(Draft::tombstone(OBJECT, id, at, Campaign::default(), rows));
    }
}

/// The subject lines of the included messages, by the messages' ids.
fn subjects(included: &[&RawValue]) -> HashMap<String, String> {
    let messages =
        included.iter().filter_map(|raw| serde_json::from_str::<Message<'_>>(raw.get()).ok());
    messages
        .filter_map(|message| {
            let subject = message.attributes?.definition?.content?.subject?;
            Some((message.id.into_owned(), subject))
        })
        .collect()
}

/// The channel that was asked for and the subject of the first message that has one.
fn beside(record: &RawValue, channel: &str, subjects: &HashMap<String, String>) -> String {
    let related: Option<Related<'_>> = serde_json::from_str(record.get()).ok();
    let messages = related.and_then(|related| related.relationships?.messages?.data);
    let subject = messages
        .unwrap_or_default()
        .iter()
        .find_map(|message| subjects.get(message.id.as_ref()).cloned());
    let mut beside = serde_json::json!({ "channel": channel });
    if let Some(subject) = subject {
        beside["subject"] = subject.into();
    }
    beside.to_string()
}

fn channel(word: &str) -> Option<Channel> {
    match word {
        "email" => Some(Channel::Email),
        "sms" => Some(Channel::Sms),
        "mobile_push" => Some(Channel::Push),
        _ => None,
    }
}

fn status(word: &str) -> Option<CampaignStatus> {
    Some(match word {
        "Draft" => CampaignStatus::Draft,
        "Preparing to schedule" | "Queued without Recipients" | "Scheduled" => {
            CampaignStatus::Scheduled
        }
        // After a test of variations, the winner is still to go out.
        "Adding Recipients" | "Preparing to send" | "Sending" | "Sending Segments"
        | "Variations Sent" => CampaignStatus::Sending,
        "Sent" => CampaignStatus::Sent,
        "Unknown" => CampaignStatus::Unknown,
        word if word.starts_with("Cancelled") => CampaignStatus::Cancelled,
        _ => return None,
    })
}

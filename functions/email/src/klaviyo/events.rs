//! Events: what people did with messages, promptly and, for those that appear late, once more.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::connector::{Horizon, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Fact, Granularity, Order, Quota, StreamFacts, fact};
use shared::fields::Fields;
use shared::page::{Next, Page, Record, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Answer, Bounce, Bounced, Channel, Clicked, ConsentChange, ConsentState, Direction, Interaction,
    InteractionKind, Known, Nothing, Opened, Precision, Purpose, RecordKey, Timestamp,
};

use super::listing::{Listing, behind, beyond, related, with};
use super::mark::Mark;
use super::meanings::{Meaning, Meanings};
use super::{SETTLING, campaigns, consents, instant, profiles, quota, written};

const OBJECT: &str = "event";
/// What is put beside an event's own fields: the name of its metric.
const METRIC: &str = "$metric";
const QUOTA: Fact<Quota> = quota("events", 3500, "OpenAPI: get_events");
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
const A_DAY: Duration = Duration::from_hours(24);
const FOUR_DAYS: Duration = Duration::from_hours(4 * 24);

/// Who reads events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// With every run, a day back.
    Prompt,
    /// Once a day, four days back; once a week, much further.
    Late,
}

/// Every event, oldest first.
pub(super) struct Events {
    pub(super) reader: Reader,
    pub(super) page_size: u16,
    pub(super) reread_days: u16,
    pub(super) meanings: Arc<Meanings>,
}

static PROMPT: StreamFacts = StreamFacts {
    name: "events",
    object: OBJECT,
    reads: "What people did with messages: received, opened, clicked, bounced, complained, subscribed, unsubscribed.",
    lag: SETTLING,
    lookback: fact(A_DAY, "events appear late and with earlier times: airbyte #70341, #70343"),
    granularity: fact(
        Granularity::Second,
        "OpenAPI: get_events, datetime as YYYY-MM-DDTHH:MM:SS+hh:mm",
    ),
    order: fact(Order::ByChange, "OpenAPI: get_events, sort=datetime"),
    deletes: fact(Deletes::None, "events are facts"),
    every: None,
    page_ceiling: None,
    quota: Some(QUOTA),
    expired_cursor: &[400],
    scopes: &["events:read", "metrics:read", "profiles:read"],
    optional: None,
    never_empty: None,
    pushed: true,
};

static LATE: StreamFacts = StreamFacts {
    name: "late_events",
    reads: "The events of the last four days once more, and once a week those of `reread_days`: some appear late.",
    lookback: fact(
        FOUR_DAYS,
        "events are eventually consistent: github.com/estuary/connectors, source-klaviyo-native, trails 4 days behind",
    ),
    every: Some(A_DAY),
    pushed: false,
    ..PROMPT
};

/// When an event happened and what it is an event of, as far as reading goes.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    attributes: Option<Times<'a>>,
    #[serde(borrow)]
    relationships: Option<Relationships<'a>>,
}

#[derive(Deserialize)]
struct Times<'a> {
    datetime: Option<&'a str>,
    timestamp: Option<i64>,
}

#[derive(Deserialize)]
struct Relationships<'a> {
    #[serde(borrow)]
    metric: Option<Relation<'a>>,
}

#[derive(Deserialize)]
struct Relation<'a> {
    #[serde(borrow)]
    data: Option<Reference<'a>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    id: &'a str,
}

impl Outline<'_> {
    fn at(&self) -> Option<i64> {
        let times = self.attributes.as_ref()?;
        let told = times.datetime.and_then(|text| Timestamp::parse_rfc3339(text).ok());
        told.map(Timestamp::as_unix_seconds).or(times.timestamp)
    }

    fn metric(&self) -> Option<&str> {
        Some(self.relationships.as_ref()?.metric.as_ref()?.data.as_ref()?.id)
    }
}

#[derive(Deserialize)]
struct Metric<'a> {
    id: &'a str,
    #[serde(borrow)]
    attributes: Option<MetricAttributes<'a>>,
}

#[derive(Deserialize)]
struct MetricAttributes<'a> {
    name: Option<String>,
    #[serde(borrow)]
    integration: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Integration {
    name: Option<String>,
}

/// The included metrics as JSON text by id: name and integration.
fn metrics<'a>(included: &[&'a RawValue]) -> HashMap<&'a str, String> {
    let metrics =
        included.iter().filter_map(|raw| serde_json::from_str::<Metric<'a>>(raw.get()).ok());
    metrics
        .filter_map(|metric| {
            let attributes = metric.attributes?;
            let integration = attributes.integration;
            let integration =
                integration.and_then(|raw| serde_json::from_str::<Integration>(raw.get()).ok());
            let told = serde_json::json!({
                "name": attributes.name?,
                "integration": integration.and_then(|integration| integration.name),
            });
            Some((metric.id, told.to_string()))
        })
        .collect()
}

impl Events {
    fn back(&self) -> i64 {
        i64::try_from(self.facts().lookback.value.as_secs()).unwrap_or(DAY)
    }
}

impl Stream for Events {
    type Cursor = Mark;

    fn facts(&self) -> &'static StreamFacts {
        match self.reader {
            Reader::Prompt => &PROMPT,
            Reader::Late => &LATE,
        }
    }

    /// The prompt reader reads the history; the late one has nothing to add to it but the last days.
    fn begin(&self, horizon: &Horizon) -> Mark {
        let mark = Mark::begin(horizon);
        match self.reader {
            Reader::Prompt => mark,
            Reader::Late => Mark {
                since: mark.since.max(mark.until - self.back()),
                wide_at: Some(mark.until),
                ..mark
            },
        }
    }

    fn resume(&self, mark: Mark, horizon: &Horizon) -> Mark {
        if mark.after.is_some() {
            return mark;
        }
        if mark.read_to.is_none() {
            return self.begin(horizon);
        }
        let mark = mark.resume(self.back(), horizon);
        let is_due = mark.wide_at.is_some_and(|wide| mark.until - wide >= WEEK);
        if self.reader == Reader::Prompt || self.reread_days == 0 || !is_due {
            return mark;
        }
        let wide = (mark.until - i64::from(self.reread_days) * DAY).max(Mark::begin(horizon).since);
        Mark { since: mark.since.min(wide), wide_at: Some(mark.until), ..mark }
    }

    fn restart(&self, mark: &Mark, _: &Horizon) -> Mark {
        match self.reader {
            Reader::Prompt => mark.restart(self.back()),
            // Its window lies behind what is read, so that only all of it is safe.
            Reader::Late => Mark { after: None, ..mark.clone() },
        }
    }

    /// An end to the window keeps events of the future out until their time has come.
    fn request(&self, mark: &Mark, _: &Horizon) -> Request {
        let before = format!("less-than(datetime,{})", written(mark.until));
        let filter = match mark.since {
            0 => before,
            since => format!("and(greater-or-equal(datetime,{}),{before})", written(since)),
        };
        let request = Request::get("/api/events")
            .query("filter", filter)
            .query("sort", "datetime")
            .query("include", "metric")
            .query("fields[metric]", "name,integration")
            .query("page[size]", self.page_size);
        behind(request, mark.after.as_deref())
    }

    fn page<'r>(
        &self,
        mark: &Mark,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Mark>, Error> {
        let Listing { records, included, next } = Listing::read(response, mark.after.as_deref())?;
        let metrics = metrics(&included);
        let mut newest = None;
        let mut named: Vec<Record<'r>> = Vec::with_capacity(records.len());
        for record in records {
            let outline = serde_json::from_str::<Outline<'_>>(record.get()).ok();
            newest = newest.max(outline.as_ref().and_then(Outline::at));
            let metric = outline.as_ref().and_then(Outline::metric);
            named.push(match metric.and_then(|id| metrics.get(id)) {
                Some(metric) => Record::Owned(with(record, METRIC, metric)?),
                None => Record::Borrowed(record),
            });
        }
        let more = next.is_some();
        let mark = mark.after(newest, next);
        Ok(Page { records: named, next: if more { Next::More(mark) } else { Next::Done(mark) } })
    }

    fn watermark(&self, mark: &Mark) -> Option<Timestamp> {
        mark.watermark()
    }

    fn map(&self, mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        let Some(mut metric) = record.object(METRIC)? else {
            return Err(Invalid::new("metric", "is not among those that the page includes"));
        };
        let name = metric.said("name")?.unwrap_or_default();
        let integration = metric.said("integration")?;
        tell(record, self.meanings.of_metric(&name, integration.as_deref()), rows)
    }
}

/// Tells one event, pulled or pushed: the same rows for the same event.
pub(super) fn tell(
    mut event: Fields<'_>,
    meaning: Meaning,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = event.required_id("id")?;
    if meaning == Meaning::Nothing {
        rows.filter("an event of a metric that means nothing to the schema");
        return Ok(());
    }
    let mut relationships = event.object("relationships")?;
    let Some(profile) = related(relationships.as_mut(), "profile")? else {
        rows.filter("an event of no profile");
        return Ok(());
    };
    let attributes = event.object("attributes")?;
    let mut attributes =
        attributes.ok_or_else(|| Invalid::new("attributes", "is missing or not an object"))?;
    let seconds = attributes.integer("timestamp")?.into_value().and_then(instant);
    let at = attributes.time("datetime")?.or(seconds);
    let at = at.ok_or_else(|| Invalid::no_time("datetime"))?;
    let properties = attributes.object("event_properties")?;
    // A second id of the same event.
    attributes.ignore("uuid");
    let mut ext = attributes.into_ext(rows);
    ext.append(&mut beyond(event, rows));
    let mut told = Told::new(meaning, &profile, rows);
    if let Some(mut properties) = properties {
        told.read(&mut properties, rows)?;
        ext.append(&mut properties.into_ext(rows));
    }
    let subject = rows.key(profiles::OBJECT, &profile);
    let mut interaction = Interaction::new(told.kind, subject, at, Some(&id));
    interaction.occurred_precision = Some(Precision::Second);
    interaction.direction = Some(told.direction);
    interaction.channel = told.channel;
    interaction.purpose = told.purpose;
    interaction.campaign_key = told.campaign;
    interaction.message_id = told.message;
    interaction.url = told.url;
    interaction.ext = ext;
    rows.push(Draft::new(OBJECT, id, at, interaction, rows));
    Ok(())
}

/// What an event tells.
struct Told {
    kind: InteractionKind,
    direction: Direction,
    channel: Channel,
    purpose: Purpose,
    campaign: Option<RecordKey>,
    message: Option<String>,
    url: Option<String>,
}

impl Told {
    fn new(meaning: Meaning, profile: &str, rows: &Rows<'_>) -> Self {
        use InteractionKind as Kind;
        let consent = |channel, state| {
            let change = ConsentChange {
                consent_key: consents::key(profile, channel, rows),
                channel,
                purpose: Purpose::Marketing,
                state,
            };
            (Kind::ConsentChanged(change), Direction::In, channel, Purpose::Marketing)
        };
        let email = |kind, direction| (kind, direction, Channel::Email, Purpose::Unknown);
        let (kind, direction, channel, purpose) = match meaning {
            Meaning::Delivered | Meaning::Nothing => {
                email(Kind::EmailDelivered(Nothing {}), Direction::Out)
            }
            Meaning::Opened => email(Kind::EmailOpened(Opened::default()), Direction::In),
            Meaning::Clicked => email(Kind::EmailClicked(Clicked::default()), Direction::In),
            Meaning::Bounced => email(Kind::EmailBounced(Bounced::default()), Direction::Out),
            Meaning::Dropped => email(Kind::EmailSuppressed(Nothing {}), Direction::Out),
            Meaning::Complained => email(Kind::EmailComplained(Nothing {}), Direction::In),
            Meaning::Unsubscribed => (
                Kind::EmailUnsubscribed(Nothing {}),
                Direction::In,
                Channel::Email,
                Purpose::Marketing,
            ),
            Meaning::Subscribed => consent(Channel::Email, ConsentState::OptIn),
            Meaning::SubscribedSms => consent(Channel::Sms, ConsentState::OptIn),
            Meaning::UnsubscribedSms => consent(Channel::Sms, ConsentState::OptOut),
            // A list may be of addresses or of numbers.
            Meaning::JoinedList => consent(Channel::Unknown, ConsentState::OptIn),
            Meaning::LeftList => consent(Channel::Unknown, ConsentState::OptOut),
        };
        let (campaign, message, url) = (None, None, None);
        Self { kind, direction, channel, purpose, campaign, message, url }
    }

    /// Takes what the properties say beyond the meaning.
    fn read(&mut self, properties: &mut Fields<'_>, rows: &Rows<'_>) -> Result<(), Invalid> {
        let flow = properties.id("$flow")?;
        let message = properties.id("$message")?;
        // Of a flow's message `$message` is the message; of a campaign's it is the campaign.
        if let Some(flow) = flow {
            self.campaign = Some(rows.key("flow", &flow));
            self.message = message;
        } else if let Known::Value(name) = properties.raw("Campaign Name")? {
            properties.keep("Campaign Name", name);
            self.campaign = message.map(|id| rows.key(campaigns::OBJECT, &id));
            self.purpose = Purpose::Marketing;
        } else {
            self.message = message;
        }
        match &mut self.kind {
            InteractionKind::EmailOpened(opened) => {
                opened.machine = match properties.get::<bool>("machine_open")? {
                    Known::Value(true) => Answer::Yes,
                    Known::Value(false) => Answer::No,
                    Known::Absent | Known::Null => Answer::Unknown,
                };
            }
            InteractionKind::EmailClicked(_) => self.url = properties.said("URL")?,
            InteractionKind::EmailBounced(bounced) => {
                // Its words are not documented where we could read them: what is none of these two stays as it came.
                if let Known::Value(raw) = properties.raw("Bounce Type")? {
                    let word = serde_json::from_str::<String>(raw.get()).unwrap_or_default();
                    bounced.bounce = Bounce::from_word(&word.to_lowercase());
                    if bounced.bounce == Bounce::Unknown {
                        properties.keep("Bounce Type", raw);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

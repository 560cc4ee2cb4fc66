//! The loyalty programme: accounts, and the points that people earn and spend.

use std::time::Duration;

use serde_json::json;
use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Granularity, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::{List, Map};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Channel, ContactPoint, Direction, Identifier, Interaction, InteractionKind, Namespace,
    PartyType, PersonRecord, Points, Precision, Timestamp,
};

use super::answer::listed;
use super::window::{Asks, Question, Windowed, rfc3339};
use super::{LAG, MILLISECONDS};

const NOT_OFFERED: &str = "the seller has no loyalty programme, or LOYALTY_READ is not granted";

static ACCOUNT_FACTS: StreamFacts = StreamFacts {
    name: "loyalty_accounts",
    object: "loyalty_account",
    reads: "Every loyalty account with its number, its balance and the customer it belongs to, once a day; webhooks \
            tell of changes in between.",
    lag: fact(Duration::ZERO, "a list of what there is now, not a window of time"),
    lookback: fact(Duration::ZERO, "each pass reads everything"),
    granularity: fact(
        Granularity::Second,
        "OpenAPI examples: `2020-05-08T21:44:32Z`, and in every other loyalty record",
    ),
    order: fact(
        Order::Unordered,
        "OpenAPI: SearchLoyaltyAccounts sorts by creation and filters by no time",
    ),
    deletes: fact(
        Deletes::FullPass,
        "OpenAPI: an empty query returns all accounts; none is left out but the deleted",
    ),
    every: Some(Duration::from_hours(24)),
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["LOYALTY_READ"],
    optional: Some(NOT_OFFERED),
    never_empty: None,
    pushed: true,
};

/// Every loyalty account, listed from the first to the last once a day.
pub(super) fn accounts() -> impl Stream {
    let ask = |token: Option<&str>| {
        let mut body = json!({ "limit": 200 });
        if let Some(token) = token {
            body["cursor"] = token.into();
        }
        Request::post("/v2/loyalty/accounts/search", body)
    };
    let map: Map = |record, rows| map(record, None, rows);
    List::new(&ACCOUNT_FACTS, ask, |response| listed(response, "loyalty_accounts"), map)
        .with_short_lived_tokens()
        .burying(|id, rows| bury(id, rows.received_at(), rows))
}

/// Maps an account of the API or of a delivery; `seen_at` stands in for a time of change that is not told.
///
/// It is a record of a person of its own: somebody with points and a telephone number may have no profile that Square
/// lists. The customer's id is what joins it to the profile.
pub(super) fn map(
    mut record: Fields<'_>,
    seen_at: Option<Timestamp>,
    rows: &mut Rows<'_>,
) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let created_at = record.time("created_at")?;
    let changed_at = record.time("updated_at")?.or(seen_at).or(created_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    let mut identifiers = vec![Identifier::new(Namespace::Loyalty, id.as_str())];
    let customer = record.id("customer_id")?;
    identifiers.extend(customer.map(|id| Identifier::new(Namespace::PosCustomer, id)));
    let mut contact_points = Vec::new();
    if let Some(mut mapping) = record.object("mapping")? {
        if let Some(written) = mapping.said("phone_number")? {
            let point = ContactPoint::phone(&written, rows.region());
            let phone = point.normalised.clone();
            identifiers.extend(phone.map(|phone| Identifier::new(Namespace::Phone, phone)));
            contact_points.push(point);
        }
        mapping.report(rows);
    }
    let mut person = PersonRecord {
        party_type: PartyType::Individual,
        identifiers,
        contact_points,
        created_at,
        created_precision: created_at.map(|_| Precision::Second),
        ..PersonRecord::default()
    };
    person.ext = record.into_ext(rows);
    rows.push(Draft::new(ACCOUNT_FACTS.object, id, changed_at, person, rows));
    Ok(())
}

/// What is left of an account that is gone: nothing but the key.
pub(super) fn bury(id: &str, at: Timestamp, rows: &mut Rows<'_>) {
    let gone = PersonRecord::default();
    rows.push(Draft::tombstone(ACCOUNT_FACTS.object, id, at, gone, rows));
}

/// Events come newest first, thirty a page.
const ASKS: Asks =
    Asks { list: "events", sorted_by: "created_at", newest_first: true, locations: None };

static EVENT_FACTS: StreamFacts = StreamFacts {
    name: "loyalty_events",
    object: "loyalty_event",
    reads: "Every change of a balance of points: earned, and spent on rewards.",
    lag: LAG,
    lookback: fact(
        Duration::from_hours(72),
        "orders taken offline come up to 72 hours late, with the time they were taken (OpenAPI: SearchOrders); \
         `loyalty_lookback_hours` changes it",
    ),
    granularity: MILLISECONDS,
    order: fact(Order::Unordered, "OpenAPI: SearchLoyaltyEvents, newest first"),
    deletes: fact(Deletes::None, "a ledger: entries are facts"),
    every: None,
    expired_cursor: &[400],
    ..ACCOUNT_FACTS
};

/// Every change of a balance.
pub(super) fn events(lookback: Duration) -> impl Stream {
    Windowed { lookback, ..Windowed::new(&EVENT_FACTS, ASKS, search, map_event) }
}

fn search(asked: &Question<'_>) -> Request {
    // The end is exclusive: a second further, so that what shares the last second is answered again.
    let end = asked.edge.map_or(asked.until, |edge| a_second_after(edge).min(asked.until));
    let created = json!({ "start_at": rfc3339(asked.from), "end_at": rfc3339(end) });
    let mut body = json!({
        "limit": 30,
        "query": { "filter": { "date_time_filter": { "created_at": created } } },
    });
    if let Some(token) = asked.token {
        body["cursor"] = token.into();
    }
    Request::post("/v2/loyalty/events/search", body)
}

fn a_second_after(at: Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_micros().saturating_add(1_000_000)).unwrap_or(at)
}

/// The kinds of events with the object that tells the points of each.
const ACCUMULATED: [(&str, &str); 2] = [
    ("ACCUMULATE_POINTS", "accumulate_points"),
    ("ACCUMULATE_PROMOTION_POINTS", "accumulate_promotion_points"),
];

/// Maps an event of the API or of a delivery: both carry it whole.
///
/// Points are spent when a reward is created; that it is redeemed later changes no balance.
pub(super) fn map_event(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let kind = record.said("type")?.ok_or_else(|| Invalid::new("type", "is missing"))?;
    let told = ACCUMULATED.iter().find(|(of, _)| *of == kind).map(|(_, name)| *name);
    let (name, is_spent) = match (told, kind.as_str()) {
        (Some(name), _) => (name, false),
        (None, "ADJUST_POINTS") => ("adjust_points", false),
        (None, "CREATE_REWARD") => ("create_reward", true),
        _ => {
            rows.filter("no points were earned or spent: a reward handed over or taken back, or points that expired");
            return Ok(());
        }
    };
    let at = record.required_time("created_at")?;
    let account = record.required_id("loyalty_account_id")?;
    let mut details = record.object(name)?.ok_or_else(|| Invalid::new(name, "is missing"))?;
    let points = details.integer("points")?.into_value();
    let points = points.ok_or_else(|| Invalid::new(format!("{name}.points"), "is missing"))?;
    let order = details.id("order_id")?;
    let kind = match (is_spent, points) {
        (true, ..=-1) => InteractionKind::LoyaltyRedeemed(Points {
            points: points.saturating_neg(),
            balance: None,
        }),
        (false, 1..) => InteractionKind::LoyaltyEarned(Points { points, balance: None }),
        _ => {
            rows.filter("points were taken away or changed by nothing: neither earned nor spent");
            return Ok(());
        }
    };
    let source = record.said("source")?;
    let mut event = Interaction {
        occurred_precision: Some(Precision::Second),
        direction: Some(Direction::In),
        channel: match source.as_deref() {
            // "Whether the event was generated by the Square Point of Sale."
            Some("SQUARE") => Channel::Store,
            Some("LOYALTY_API") => Channel::Api,
            _ => Channel::Unknown,
        },
        thread_key: order.map(|order| rows.key("order", &order)),
        ..Interaction::new(kind, rows.key(ACCOUNT_FACTS.object, &account), at, Some(&id))
    };
    event.ext = record.into_ext(rows);
    rows.push(Draft::new(EVENT_FACTS.object, id, at, event, rows));
    Ok(())
}

//! Orders with their lines, and what happened to them: placed, paid, handed over, called off, paid back.

use serde::Deserialize;
use serde_json::json;
use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Order as Sequence, StreamFacts, fact};
use shared::fields::Fields;
use shared::paging::Lookup;
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{
    Currency, Decimal, Direction, Interaction, InteractionKind, Nothing, Order, OrderLine,
    OrderStatus, RecordKey, Timestamp,
};

use super::answer::listed;
use super::money::Till;
use super::window::{Asks, Question, Windowed, rfc3339};
use super::{LAG, LOOKBACK, MILLISECONDS};

/// A search names ten locations at most.
const ASKS: Asks =
    Asks { list: "orders", sorted_by: "updated_at", newest_first: false, locations: Some(10) };

static FACTS: StreamFacts = StreamFacts {
    name: "orders",
    object: "order",
    reads: "Every order of every location, inactive ones included, with its lines and what became of it.",
    lag: LAG,
    lookback: LOOKBACK,
    granularity: MILLISECONDS,
    // Ten locations at a time, so the whole is in no order.
    order: fact(Sequence::Unordered, "OpenAPI: SearchOrders takes at most 10 locations"),
    deletes: fact(Deletes::None, "orders are cancelled, never deleted"),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["MERCHANT_PROFILE_READ", "ORDERS_READ"],
    optional: None,
    never_empty: None,
    pushed: true,
};

/// Every order of every location, oldest change first.
pub(super) fn orders(page_size: u16) -> impl Stream {
    let by_id = Lookup {
        ask: |ids| Request::post("/v2/orders/batch-retrieve", json!({ "order_ids": ids })),
        read: |response| Ok(listed(response, ASKS.list)?.0),
    };
    let ask = move |asked: &Question<'_>| search(asked, page_size);
    Windowed { lookup: Some(by_id), ..Windowed::new(&FACTS, ASKS, ask, map) }
}

/// By time of change: orders taken offline arrive up to 72 hours late, with an old `created_at`.
fn search(asked: &Question<'_>, page_size: u16) -> Request {
    let from = asked.edge.unwrap_or(asked.from);
    let changed = json!({ "start_at": rfc3339(from), "end_at": rfc3339(asked.until) });
    let mut body = json!({
        "location_ids": asked.locations,
        "limit": page_size,
        "return_entries": false,
        "query": {
            "filter": { "date_time_filter": { "updated_at": changed } },
            "sort": { "sort_field": "UPDATED_AT", "sort_order": "ASC" },
        },
    });
    if let Some(token) = asked.token {
        body["cursor"] = token.into();
    }
    Request::post("/v2/orders/search", body)
}

/// Square's word for the state of an order.
fn status(word: &str) -> Option<OrderStatus> {
    Some(match word {
        "DRAFT" => OrderStatus::Draft,
        "OPEN" => OrderStatus::Open,
        "COMPLETED" => OrderStatus::Completed,
        "CANCELED" => OrderStatus::Cancelled,
        _ => return None,
    })
}

fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let created_at = record.time("created_at")?;
    let changed_at = record.time("updated_at")?.or(created_at);
    let changed_at = changed_at.ok_or_else(|| Invalid::no_time("updated_at"))?;
    let closed_at = record.time("closed_at")?;
    let state = record.word("state", status)?.into_value().unwrap_or_default();
    let mut till = Till::default();
    let total = till.take(&mut record, "total_money")?;
    let mut order = Order {
        status: state,
        location_id: record.text("location_id")?,
        discount_minor: till.take(&mut record, "total_discount_money")?,
        tax_minor: till.take(&mut record, "total_tax_money")?,
        tip_minor: till.take(&mut record, "total_tip_money")?,
        total_minor: total,
        ..Order::default()
    };
    let lines = objects(&mut record, "line_items")?;
    let tenders = tenders(&mut record, &mut till, rows)?;
    let refunds = refunds(&mut record, &mut till, rows)?;
    let fulfilments = fulfilments(&mut record)?;
    let returned = returned(&mut record)?;
    let due = due(&mut record)?;
    let own = record.id("customer_id")?;
    let customer = own.or_else(|| tenders.iter().find_map(|tender| tender.customer.clone()));
    let paid_back: i64 = refunds.iter().filter_map(|refund| refund.amount).sum();
    if !refunds.is_empty() {
        order.refunded_minor = Some(paid_back);
    }
    if state == OrderStatus::Completed && total.is_some_and(|total| 0 < total && total <= paid_back)
    {
        order.status = OrderStatus::Refunded;
    }
    (order.currency, order.minor_exponent) = (till.currency(), till.exponent());
    let subject = customer.map(|customer| rows.key("customer", &customer));
    let key = rows.key(FACTS.object, &id);
    let line = Line { order: &id, key: &key, changed_at, subject: subject.as_ref() };
    let mut uids = Vec::with_capacity(lines.len());
    for (index, fields) in lines.into_iter().enumerate() {
        uids.push(line.map(index, fields, &mut till, rows)?);
    }
    // A pure return has nothing to place or to pay.
    let is_sale = !uids.is_empty() || total.is_some_and(|total| total > 0);
    order.placed_at = created_at.filter(|_| is_sale && state != OrderStatus::Draft);
    if let Some(subject) = &subject {
        let story =
            Story { order: &id, key: &key, subject, changed_at, currency: till.currency(), rows };
        let mut told = Vec::new();
        // Totals of open orders still change, and what is told once cannot.
        let is_settled = match state {
            OrderStatus::Completed | OrderStatus::Cancelled => true,
            OrderStatus::Open => due == Some(0) && !tenders.is_empty(),
            _ => false,
        };
        if is_sale && is_settled {
            told.extend(created_at.map(|at| story.placed(at, total)));
            told.extend(tenders.iter().filter_map(|tender| story.paid(tender)));
        }
        told.extend(fulfilments.iter().filter_map(|one| story.fulfilled(one, closed_at)));
        if state == OrderStatus::Cancelled {
            told.push(story.cancelled(closed_at.unwrap_or(changed_at), total));
        }
        told.extend(refunds.iter().filter_map(|refund| story.refunded(refund)));
        for draft in told {
            rows.push(draft);
        }
    }
    order.ext = record.into_ext(rows);
    // Which of the lines that landed are the order's now: an open order may lose some.
    if !uids.is_empty() {
        order.ext.insert("line_items".into(), json!(uids).to_string().into());
    }
    if !returned.is_empty() {
        order.ext.insert("returns".into(), json!(returned).to_string().into());
    }
    order.ext.extend(closed_at.map(|at| ("closed_at".into(), json!(at).to_string().into())));
    rows.push(Draft::new(FACTS.object, id, changed_at, order, rows).about(subject));
    Ok(())
}

/// The objects of a list; a list of anything else is drift.
fn objects<'a>(record: &mut Fields<'a>, name: &'static str) -> Result<Vec<Fields<'a>>, Invalid> {
    Ok(record.get::<Vec<Fields<'a>>>(name)?.into_value().unwrap_or_default())
}

/// What is still to be paid, without taking it out of `ext`.
fn due(record: &mut Fields<'_>) -> Result<Option<i64>, Invalid> {
    const NAME: &str = "net_amount_due_money";
    #[derive(Deserialize)]
    struct Due {
        amount: Option<i64>,
    }
    let Some(raw) = record.raw(NAME)?.into_value() else { return Ok(None) };
    record.keep(NAME, raw);
    Ok(serde_json::from_str::<Due>(raw.get()).ok().and_then(|due| due.amount))
}

/// The orders whose goods this one takes back; what was written about them stays in the raw zone.
fn returned(record: &mut Fields<'_>) -> Result<Vec<String>, Invalid> {
    let returns = objects(record, "returns")?;
    let ids = returns.into_iter().map(|mut one| one.id("source_order_id"));
    ids.filter_map(Result::transpose).collect()
}

/// A means by which the order was paid, or a part of it.
struct Tender {
    id: Option<String>,
    at: Option<Timestamp>,
    amount: Option<i64>,
    customer: Option<String>,
    /// Whether the money was taken: that of a card may only be reserved.
    is_taken: bool,
}

fn tenders(
    record: &mut Fields<'_>,
    till: &mut Till,
    rows: &mut Rows<'_>,
) -> Result<Vec<Tender>, Invalid> {
    let mut tenders = Vec::new();
    for mut fields in objects(record, "tenders")? {
        let card = fields.object("card_details")?;
        let card = card.map(|mut card| card.said("status")).transpose()?.flatten();
        let kind = fields.said("type")?;
        tenders.push(Tender {
            id: fields.id("id")?,
            at: fields.time("created_at")?,
            amount: till.take(&mut fields, "amount_money")?,
            customer: fields.id("customer_id")?,
            is_taken: kind.as_deref() != Some("NO_SALE")
                && card.is_none_or(|status| status == "CAPTURED"),
        });
        fields.report(rows);
    }
    Ok(tenders)
}

/// Money that was given back.
struct Refund {
    id: Option<String>,
    at: Option<Timestamp>,
    amount: Option<i64>,
    /// The order whose payment it gives back, which may be another than the one that takes the goods back.
    paid_by: Option<String>,
}

/// The refunds that went through.
fn refunds(
    record: &mut Fields<'_>,
    till: &mut Till,
    rows: &mut Rows<'_>,
) -> Result<Vec<Refund>, Invalid> {
    let mut refunds = Vec::new();
    for mut fields in objects(record, "refunds")? {
        let status = fields.said("status")?;
        let refund = Refund {
            id: fields.id("id")?,
            at: fields.time("created_at")?,
            amount: till.take(&mut fields, "amount_money")?,
            paid_by: fields.id("transaction_id")?,
        };
        fields.report(rows);
        if status.as_deref() == Some("APPROVED") {
            refunds.push(refund);
        }
    }
    Ok(refunds)
}

/// Goods that were picked up, shipped or delivered.
struct Fulfilment {
    uid: String,
    at: Option<Timestamp>,
}

/// The fulfilments that are done; names, numbers and addresses of recipients stay in the raw zone.
fn fulfilments(record: &mut Fields<'_>) -> Result<Vec<Fulfilment>, Invalid> {
    let mut done = Vec::new();
    for mut fields in objects(record, "fulfillments")? {
        let state = fields.said("state")?;
        let Some(uid) = fields.id("uid")? else { continue };
        let mut at = None;
        for (details, time) in [
            ("pickup_details", "picked_up_at"),
            ("shipment_details", "shipped_at"),
            ("delivery_details", "delivered_at"),
        ] {
            if let Some(mut details) = fields.object(details)? {
                at = at.or(details.time(time)?);
            }
        }
        if state.as_deref() == Some("COMPLETED") {
            done.push(Fulfilment { uid, at });
        }
    }
    Ok(done)
}

/// What the lines of an order share.
struct Line<'a> {
    order: &'a str,
    key: &'a RecordKey,
    changed_at: Timestamp,
    subject: Option<&'a RecordKey>,
}

impl Line<'_> {
    /// Maps one line; returns the id that Square gives it within its order.
    fn map(
        &self,
        index: usize,
        mut fields: Fields<'_>,
        till: &mut Till,
        rows: &mut Rows<'_>,
    ) -> Result<String, Invalid> {
        let line_no = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let uid = fields.id("uid")?.unwrap_or_else(|| line_no.to_string());
        let mut line = OrderLine {
            order_key: Some(self.key.clone()),
            line_no,
            product_id: fields.text("catalog_object_id")?,
            name: fields.text("name")?,
            quantity: fields.word("quantity", |text| text.parse::<Decimal>().ok())?.into_value(),
            unit_price_minor: till.take(&mut fields, "base_price_money")?,
            discount_minor: till.take(&mut fields, "total_discount_money")?,
            tax_minor: till.take(&mut fields, "total_tax_money")?,
            currency: till.currency(),
            minor_exponent: till.exponent(),
            ..OrderLine::default()
        };
        fields.ignore("note");
        line.ext = fields.into_ext(rows);
        let id = format!("{}:{uid}", self.order);
        let draft = Draft::new("order_line", id, self.changed_at, line, rows);
        rows.push(draft.about(self.subject.cloned()));
        Ok(uid)
    }
}

/// What happened to one order, as facts about its customer.
struct Story<'a, 'c> {
    order: &'a str,
    key: &'a RecordKey,
    subject: &'a RecordKey,
    changed_at: Timestamp,
    currency: Option<Currency>,
    rows: &'a Rows<'c>,
}

impl Story<'_, '_> {
    fn placed(&self, at: Timestamp, total: Option<i64>) -> Draft {
        let kind = InteractionKind::OrderPlaced(Nothing {});
        self.tell(kind, "placed", at, Some(Direction::In), total)
    }

    fn paid(&self, tender: &Tender) -> Option<Draft> {
        let kind = InteractionKind::OrderPaid(Nothing {});
        let (id, at) = (tender.id.as_deref().filter(|_| tender.is_taken)?, tender.at?);
        Some(self.tell(kind, &format!("paid:{id}"), at, Some(Direction::In), tender.amount))
    }

    fn fulfilled(&self, one: &Fulfilment, closed_at: Option<Timestamp>) -> Option<Draft> {
        let kind = InteractionKind::OrderFulfilled(Nothing {});
        let at = one.at.or(closed_at)?;
        Some(self.tell(kind, &format!("fulfilled:{}", one.uid), at, Some(Direction::Out), None))
    }

    fn cancelled(&self, at: Timestamp, total: Option<i64>) -> Draft {
        self.tell(InteractionKind::OrderCancelled(Nothing {}), "cancelled", at, None, total)
    }

    /// Under the refund's own id and about the order that was paid: both orders may list it.
    fn refunded(&self, refund: &Refund) -> Option<Draft> {
        let kind = InteractionKind::OrderRefunded(Nothing {});
        let id = format!("refunded:{}", refund.id.as_deref()?);
        let paid = refund.paid_by.as_deref().unwrap_or(self.order);
        let order = self.rows.key(FACTS.object, paid);
        Some(self.fact(kind, id, order, refund.at?, Some(Direction::Out), refund.amount))
    }

    /// A fact under an id of its own within the order.
    fn tell(
        &self,
        kind: InteractionKind,
        what: &str,
        at: Timestamp,
        direction: Option<Direction>,
        value: Option<i64>,
    ) -> Draft {
        let id = format!("{}:{what}", self.order);
        self.fact(kind, id, self.key.clone(), at, direction, value)
    }

    /// A later version of the order tells each fact again, in case the customer is another.
    fn fact(
        &self,
        kind: InteractionKind,
        id: String,
        order: RecordKey,
        at: Timestamp,
        direction: Option<Direction>,
        value: Option<i64>,
    ) -> Draft {
        let currency = self.currency.filter(|_| value.is_some());
        let interaction = Interaction {
            direction,
            thread_key: Some(order),
            value_minor: value,
            currency,
            minor_exponent: currency.map(Currency::exponent),
            ..Interaction::new(kind, self.subject.clone(), at, Some(&id))
        };
        Draft::new("order_event", id, self.changed_at, interaction, self.rows)
    }
}

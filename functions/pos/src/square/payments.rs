//! Payments and refunds; nothing lands that could pay again.

use shared::connector::Stream;
use shared::error::Invalid;
use shared::facts::{Deletes, Order, StreamFacts, fact};
use shared::fields::Fields;
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{CardLast4, Payment, PaymentState, Tender, Timestamp};

use super::money::Till;
use super::window::{Asks, Question, Windowed, first_instant, rfc3339};
use super::{LAG, LOOKBACK, MILLISECONDS};

const PAGE_SIZE: u8 = 100;

/// Without a location, Square lists the payments of the main one only.
const PAYMENTS: Asks =
    Asks { list: "payments", sorted_by: "updated_at", newest_first: false, locations: Some(1) };
/// Without a location, Square lists the refunds of all of them.
const REFUNDS: Asks =
    Asks { list: "refunds", sorted_by: "updated_at", newest_first: false, locations: None };

/// A page of a list; `begin_time` goes by creation, and without it nothing older than a year would be listed.
fn list(path: &str, asked: &Question<'_>) -> Request {
    let from = asked.edge.unwrap_or(asked.from);
    let mut request = Request::get(path)
        .query("begin_time", rfc3339(first_instant()))
        .query("updated_at_begin_time", rfc3339(from))
        .query("updated_at_end_time", rfc3339(asked.until))
        .query("sort_field", "UPDATED_AT")
        .query("sort_order", "ASC")
        .query("limit", PAGE_SIZE);
    for location in asked.locations {
        request = request.query("location_id", location);
    }
    match asked.token {
        Some(token) => request.query("cursor", token),
        None => request,
    }
}

static PAYMENT_FACTS: StreamFacts = StreamFacts {
    name: "payments",
    object: "payment",
    reads: "Every payment of every location: what was paid with, how much, and whether the money was taken.",
    lag: LAG,
    lookback: LOOKBACK,
    granularity: MILLISECONDS,
    // One location after the other, so the whole is in no order.
    order: fact(Order::Unordered, "OpenAPI: ListPayments answers for one location"),
    deletes: fact(Deletes::None, "payments are cancelled or refunded, never deleted"),
    every: None,
    page_ceiling: None,
    quota: None,
    expired_cursor: &[400],
    scopes: &["MERCHANT_PROFILE_READ", "PAYMENTS_READ"],
    optional: None,
    never_empty: None,
    pushed: true,
};

static REFUND_FACTS: StreamFacts = StreamFacts {
    name: "refunds",
    object: "refund",
    reads: "Every refund: of which payment, how much, and whether it went through.",
    order: fact(Order::ByChange, "OpenAPI: ListPaymentRefunds with sort_field UPDATED_AT"),
    deletes: fact(Deletes::None, "refunds are rejected or fail, and are never deleted"),
    scopes: &["PAYMENTS_READ"],
    ..PAYMENT_FACTS
};

/// Every payment of every location, oldest change first.
pub(super) fn payments() -> impl Stream {
    Windowed::new(&PAYMENT_FACTS, PAYMENTS, |asked| list("/v2/payments", asked), map)
}

/// Every refund, oldest change first.
pub(super) fn refunds() -> impl Stream {
    Windowed::new(&REFUND_FACTS, REFUNDS, |asked| list("/v2/refunds", asked), map_refund)
}

/// Square's word for what was paid with. It has more than we do: those stay in `ext` and surprise nobody.
fn tender(record: &mut Fields<'_>, name: &'static str) -> Result<Tender, Invalid> {
    let Some(raw) = record.raw(name)?.into_value() else { return Ok(Tender::Unknown) };
    let tender = match serde_json::from_str::<String>(raw.get()).as_deref() {
        Ok("CARD") => Tender::Card,
        Ok("CASH") => Tender::Cash,
        Ok("WALLET") => Tender::Wallet,
        Ok("BANK_ACCOUNT" | "BUY_NOW_PAY_LATER" | "SQUARE_ACCOUNT" | "EXTERNAL") => {
            record.keep(name, raw);
            Tender::Other
        }
        _ => {
            record.drift(name, raw);
            Tender::Unknown
        }
    };
    Ok(tender)
}

fn state(word: &str) -> Option<PaymentState> {
    Some(match word {
        "PENDING" => PaymentState::Pending,
        "APPROVED" => PaymentState::Authorised,
        "COMPLETED" => PaymentState::Completed,
        "CANCELED" => PaymentState::Voided,
        "FAILED" | "REJECTED" => PaymentState::Failed,
        _ => return None,
    })
}

fn changed_at(record: &mut Fields<'_>) -> Result<Timestamp, Invalid> {
    let created_at = record.raw("created_at")?.into_value();
    if let Some(raw) = created_at {
        record.keep("created_at", raw);
    }
    if let Some(updated_at) = record.time("updated_at")? {
        return Ok(updated_at);
    }
    created_at
        .and_then(|raw| serde_json::from_str::<Timestamp>(raw.get()).ok())
        .ok_or_else(|| Invalid::no_time("updated_at"))
}

/// Maps a payment of the API or of a delivery: both carry it whole.
pub(super) fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let changed_at = changed_at(&mut record)?;
    let order = record.id("order_id")?;
    let customer = record.id("customer_id")?;
    let mut till = Till::default();
    let mut payment = Payment {
        order_key: order.map(|order| rows.key("order", &order)),
        tender: tender(&mut record, "source_type")?,
        // With the tip.
        amount_minor: till.take(&mut record, "total_money")?,
        currency: till.currency(),
        minor_exponent: till.exponent(),
        state: record.word("status", state)?.into_value().unwrap_or_default(),
        ..Payment::default()
    };
    let brand = card(&mut record, &mut payment)?;
    // With the last four digits, a card's first six, its expiry and its holder would be most of a card; receipts open
    // without a login; how to reach the buyer is the customer's to say.
    for kept_back in [
        "buyer_email_address",
        "billing_address",
        "shipping_address",
        "bank_account_details",
        "receipt_url",
        "note",
        "version_token",
    ] {
        record.ignore(kept_back);
    }
    payment.ext = record.into_ext(rows);
    payment.ext.extend(
        brand.map(|brand| ("card_brand".into(), serde_json::json!(brand).to_string().into())),
    );
    let subject = customer.map(|customer| rows.key("customer", &customer));
    rows.push(Draft::new(PAYMENT_FACTS.object, id, changed_at, payment, rows).about(subject));
    Ok(())
}

/// Takes what may be known of the card, and its brand.
fn card(record: &mut Fields<'_>, payment: &mut Payment) -> Result<Option<String>, Invalid> {
    let Some(mut details) = record.object("card_details")? else { return Ok(None) };
    let Some(mut card) = details.object("card")? else { return Ok(None) };
    let brand = card.said("card_brand")?;
    if brand.as_deref() == Some("SQUARE_GIFT_CARD") {
        payment.tender = Tender::Gift;
    }
    payment.card_last4 =
        card.word("last_4", |digits| digits.parse::<CardLast4>().ok())?.into_value();
    Ok(brand)
}

/// Maps a refund of the API or of a delivery: both carry it whole.
pub(super) fn map_refund(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let id = record.required_id("id")?;
    let changed_at = changed_at(&mut record)?;
    let order = record.id("order_id")?;
    let payment = record.id("payment_id")?;
    let mut till = Till::default();
    let mut refund = Payment {
        order_key: order.map(|order| rows.key("order", &order)),
        tender: tender(&mut record, "destination_type")?,
        amount_minor: till.take(&mut record, "amount_money")?,
        currency: till.currency(),
        minor_exponent: till.exponent(),
        state: record.word("status", state)?.into_value().unwrap_or_default(),
        refund_of: payment.map(|payment| rows.key(PAYMENT_FACTS.object, &payment)),
        ..Payment::default()
    };
    for kept_back in ["reason", "destination_details"] {
        record.ignore(kept_back);
    }
    refund.ext = record.into_ext(rows);
    rows.push(Draft::new(REFUND_FACTS.object, id, changed_at, refund, rows));
    Ok(())
}

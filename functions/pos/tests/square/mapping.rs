//! What each page of the fixtures becomes; review a snapshot as you would code.

use serde_json::{Value, json};
use shared::rows::{Mapped, Origin};
use shared::schema::{Entity, InteractionKind, Payment};

use crate::support::{asked, check, located};

fn seen(name: &'static str, page: &str) -> Value {
    let stream = asked(name);
    match name {
        "orders" | "payments" => stream.seen_at(&located(&stream), page),
        _ => stream.seen(page),
    }
}

shared::pages! {
    "square", ".json";
    customers: people, words_and_types_we_do_not_know;
    orders: sold_in_store, open_and_paid_and_picked_up, cancelled_and_draft, returned, yen_and_dinars,
        words_and_types_we_do_not_know;
    payments: cards_cash_and_others, taken_offline, words_and_types_we_do_not_know;
    refunds: completed_and_rejected;
    loyalty_accounts: with_and_without_a_customer;
    loyalty_events: earned_spent_and_neither;
}

fn mapped(name: &'static str, record: &Value) -> Mapped {
    asked(name).map(record, Origin::Page).expect("a good record")
}

fn order(changes: &[(&str, Value)]) -> Value {
    let mut order = json!({
        "id": "o", "customer_id": "c", "state": "COMPLETED", "created_at": "2026-02-14T19:34:33.524Z",
        "updated_at": "2026-02-14T19:34:37Z", "closed_at": "2026-02-14T19:34:36.9Z",
        "line_items": [{ "uid": "1", "name": "Olives", "quantity": "1" }],
        "total_money": { "amount": 500, "currency": "USD" },
        "tenders": [{ "id": "t", "type": "CASH", "created_at": "2026-02-14T19:34:36Z",
            "amount_money": { "amount": 500, "currency": "USD" } }],
    });
    for (name, value) in changes {
        order[*name] = value.clone();
    }
    order
}

fn told(mapped: &Mapped) -> Vec<&'static str> {
    let kinds = mapped.drafts.iter().filter_map(|draft| match &draft.entity {
        Entity::Interaction(interaction) => Some(interaction.kind.name()),
        _ => None,
    });
    kinds.collect()
}

/// Mixed precision in one record: instants count, not their spelling.
#[test]
fn a_second_without_a_fraction_is_later_than_the_milliseconds_before_it() {
    let version =
        |at: &str| mapped("orders", &order(&[("updated_at", json!(at))])).drafts[0].version;
    assert!(version("2026-03-23T20:21:55Z") > version("2026-03-23T20:21:54.859Z"));
    assert_eq!(version("2026-03-23T20:21:55Z"), version("2026-03-23T20:21:55.000Z"));
    assert_eq!(version("2026-03-23T20:21:55.123456789Z"), version("2026-03-23T20:21:55.123Z"));
}

/// airbyte PR#31481: the same payment of two pages must be one.
#[test]
fn the_same_record_twice_is_the_same_rows() {
    let page = include_str!("../fixtures/square/payments/cards_cash_and_others.json");
    assert_eq!(seen("payments", page), seen("payments", page));
}

#[test]
fn the_customer_of_a_tender_stands_in_for_the_orders() {
    let mut tender = order(&[("customer_id", Value::Null)]);
    tender["tenders"][0]["customer_id"] = json!("t1");
    let subjects: Vec<_> = mapped("orders", &tender)
        .drafts
        .iter()
        .filter(|draft| !matches!(draft.entity, Entity::Interaction(_)))
        .map(|draft| draft.subject.as_ref().map(ToString::to_string))
        .collect();
    assert!(subjects.iter().all(|subject| subject.as_deref() == Some("square/eu/customer/t1")));
}

#[test]
fn an_order_of_nobody_is_an_order_without_a_story() {
    let mapped = mapped("orders", &order(&[("customer_id", Value::Null)]));
    assert_eq!(mapped.drafts.len(), 2, "the order and its line");
    assert!(mapped.drafts.iter().all(|draft| draft.subject.is_none()));
    assert_eq!(told(&mapped), [""; 0]);
}

/// What is told of an order is told once: not before its amounts are final.
#[test]
fn an_order_is_placed_when_its_total_is_settled() {
    let open = json!("OPEN");
    let due = |amount: i64| json!({ "amount": amount, "currency": "USD" });
    let unpaid = order(&[
        ("state", open.clone()),
        ("net_amount_due_money", due(500)),
        ("tenders", json!([])),
    ]);
    assert_eq!(told(&mapped("orders", &unpaid)), [""; 0]);
    let paid = order(&[("state", open), ("net_amount_due_money", due(0))]);
    assert_eq!(told(&mapped("orders", &paid)), ["order.placed", "order.paid"]);
    let later = order(&[("updated_at", json!("2026-02-20T00:00:00Z"))]);
    let stories = [paid, later].map(|record| {
        let drafts = mapped("orders", &record).drafts;
        drafts
            .into_iter()
            .filter_map(|draft| match draft.entity {
                Entity::Interaction(interaction) => Some(interaction),
                _ => None,
            })
            .collect::<Vec<_>>()
    });
    assert_eq!(
        stories[0], stories[1],
        "the same fact has the same content in every version of the order"
    );
}

#[test]
fn a_reserved_card_is_not_paid() {
    let mut reserved = order(&[]);
    reserved["tenders"][0]["card_details"] = json!({ "status": "AUTHORIZED" });
    assert_eq!(told(&mapped("orders", &reserved)), ["order.placed"]);
    let mut no_sale = order(&[]);
    no_sale["tenders"][0]["type"] = json!("NO_SALE");
    assert_eq!(told(&mapped("orders", &no_sale)), ["order.placed"]);
}

/// The order that was paid and the one that takes the goods back may both list a refund: it is one fact.
#[test]
fn a_refund_that_two_orders_list_is_told_once() {
    let refund = json!([{ "id": "r", "transaction_id": "o", "created_at": "2026-02-22T10:00:01Z",
        "amount_money": { "amount": 500, "currency": "USD" }, "status": "APPROVED" }]);
    let sold = order(&[("refunds", refund.clone())]);
    let returned = order(&[
        ("id", json!("back")),
        ("refunds", refund),
        ("line_items", json!([])),
        ("tenders", json!([])),
        ("total_money", json!({ "amount": 0, "currency": "USD" })),
    ]);
    let [one, two] = [sold, returned].map(|record| {
        let drafts = mapped("orders", &record).drafts;
        let refunds = drafts.into_iter().find(|draft| draft.id == "refunded:r").expect("a refund");
        refunds.entity
    });
    assert_eq!(one, two);
}

/// A line that was taken out of an open order stays landed; the order says which lines are its own.
#[test]
fn an_order_names_its_lines() {
    let drafts = mapped("orders", &order(&[])).drafts;
    let ext = drafts.iter().find_map(|draft| match &draft.entity {
        Entity::Order(order) => Some(order.ext.clone()),
        _ => None,
    });
    assert_eq!(ext.expect("an order")["line_items"], r#"["1"]"#);
}

/// JPY has no decimals, KWD has three.
#[test]
fn minor_units_are_the_currencys_own() {
    for (currency, exponent) in [("JPY", 0), ("USD", 2), ("KWD", 3)] {
        let payment = json!({ "id": "p", "updated_at": "2026-02-14T19:34:37Z", "total_money": { "amount": 500, "currency": currency } });
        let mapped = mapped("payments", &payment);
        let Entity::Payment(payment) = &mapped.drafts[0].entity else { panic!("a payment") };
        assert_eq!((payment.amount_minor, payment.minor_exponent), (Some(500), Some(exponent)));
    }
}

/// airbyte#30186: amounts that changed their type. A float is no amount of minor units.
#[test]
fn a_float_is_drift_and_not_money() {
    let payment = json!({ "id": "p", "updated_at": "2026-02-14T19:34:37Z", "total_money": { "amount": 5.55, "currency": "USD" } });
    let mapped = mapped("payments", &payment);
    let Entity::Payment(payment) = &mapped.drafts[0].entity else { panic!("a payment") };
    assert_eq!(
        (payment.amount_minor, mapped.drifted.as_slice()),
        (None, ["total_money"].as_slice())
    );
}

#[test]
fn a_refund_is_positive_and_names_its_payment() {
    let page = include_str!("../fixtures/square/refunds/completed_and_rejected.json");
    let refund = &seen("refunds", page)["records"][0]["rows"][0]["entity"];
    let refund: Payment = serde_json::from_value(refund.clone()).expect("a payment");
    assert_eq!(refund.amount_minor, Some(555));
    assert!(refund.refund_of.is_some_and(|key| key.object() == "payment"));
}

/// Six digits, four digits, expiry and holder are most of a card.
#[test]
fn of_a_card_only_brand_and_last_digits_leave_the_raw_zone() {
    for (name, page) in [
        ("payments", include_str!("../fixtures/square/payments/cards_cash_and_others.json")),
        (
            "payments",
            include_str!("../fixtures/square/payments/words_and_types_we_do_not_know.json"),
        ),
        ("refunds", include_str!("../fixtures/square/refunds/completed_and_rejected.json")),
        ("orders", include_str!("../fixtures/square/orders/sold_in_store.json")),
    ] {
        let seen = seen(name, page).to_string();
        for secret in [
            "411111",
            "exp_year",
            "fingerprint",
            "Mira Okonkwo",
            "4111111111111111",
            "receipt/preview",
        ] {
            assert!(!seen.contains(secret), "{name}: {secret}");
        }
    }
}

/// Notes, reasons and recipients stay in the raw zone, where they expire.
#[test]
fn free_texts_and_recipients_stay_in_the_raw_zone() {
    for (name, page) in [
        ("customers", include_str!("../fixtures/square/customers/people.json")),
        ("orders", include_str!("../fixtures/square/orders/sold_in_store.json")),
        ("orders", include_str!("../fixtures/square/orders/open_and_paid_and_picked_up.json")),
        ("orders", include_str!("../fixtures/square/orders/returned.json")),
        ("payments", include_str!("../fixtures/square/payments/cards_cash_and_others.json")),
        ("refunds", include_str!("../fixtures/square/refunds/completed_and_rejected.json")),
    ] {
        let seen = seen(name, page).to_string();
        for text in ["lady in red", "in confidence", "it was cold", "ring twice", "display_name"] {
            assert!(!seen.contains(text), "{name}: {text}");
        }
    }
}

/// A loyalty account is joined to its profile by the customer's id, and to other systems by its number.
#[test]
fn a_loyalty_account_is_recognised_by_customer_number_and_own_id() {
    let page = include_str!("../fixtures/square/loyalty_accounts/with_and_without_a_customer.json");
    let seen = seen("loyalty_accounts", page);
    let found =
        seen["records"][0]["rows"][0]["entity"]["identifiers"].as_array().expect("identifiers");
    let found: Vec<&str> = found.iter().filter_map(|one| one["namespace"].as_str()).collect();
    assert_eq!(found, ["loyalty", "pos_customer", "phone"]);
}

/// Creating a reward spends the points; redeeming it does not spend them again.
#[test]
fn a_reward_is_counted_once() {
    let page = include_str!("../fixtures/square/loyalty_events/earned_spent_and_neither.json");
    let events: Value = serde_json::from_str(page).unwrap();
    let spent: i64 = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| {
            let mapped = asked("loyalty_events").map(event, Origin::Page).ok()?;
            match &mapped.drafts.first()?.entity {
                Entity::Interaction(interaction) => match &interaction.kind {
                    InteractionKind::LoyaltyRedeemed(points) => Some(points.points),
                    _ => None,
                },
                _ => None,
            }
        })
        .sum();
    assert_eq!(spent, 10);
}

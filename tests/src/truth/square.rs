//! Square: what landed is what is true.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::schema::{
    Consent, ConsentState, Entity, InteractionKind, Known, Order, OrderLine, Payment, PersonRecord,
    RecordKey, Row, Timestamp,
};
use simulator::square::{Record, Truth};

use crate::landed::Landed;

/// Fails unless the connection's rows are exactly what the tills have.
pub fn assert_is(landed: &Landed, connection: &str, truth: &Truth) {
    let compared = Compared { landed, connection, truth };
    compared.customers();
    compared.preferences();
    compared.orders();
    compared.lines();
    compared.order_events();
    compared.all_of("payment", &truth.payments, |record, row| compared.payment(record, row));
    compared.all_of("refund", &truth.refunds, |record, row| compared.refund(record, row));
    compared.accounts();
    compared.loyalty_events();
    landed.assert_consistent();
}

struct Compared<'a> {
    landed: &'a Landed,
    connection: &'a str,
    truth: &'a Truth,
}

/// An order's event that must be there: its type, whom it is about, and its value.
#[derive(Debug, PartialEq)]
struct Told {
    kind: &'static str,
    subject: String,
    thread: Option<String>,
    value: Option<i64>,
    micros: i64,
}

impl Compared<'_> {
    fn rows(&self, object: &str) -> BTreeMap<String, &Row> {
        self.landed.newest_of("square", self.connection, object)
    }

    fn key(&self, object: &str, id: &str) -> String {
        RecordKey::new("square", self.connection, object, id).to_string()
    }

    /// Every record is there, in its newest version, and nothing else is.
    fn all_of(&self, name: &str, records: &BTreeMap<String, Record>, same: impl Fn(&Record, &Row)) {
        let rows = self.rows(name);
        for (id, record) in records {
            let row = rows.get(id).unwrap_or_else(|| panic!("{name} {id} did not land"));
            newest(name, id, record, row);
            same(record, row);
        }
        for id in rows.keys() {
            assert!(records.contains_key(id), "{name} {id} is not true");
        }
    }

    /// Like [`Self::all_of`], where some may be known that no list shows, and some were buried.
    fn living(
        &self,
        name: &str,
        records: &BTreeMap<String, Record>,
        is_buried: impl Fn(&str) -> bool,
        same: impl Fn(&Record, &Row),
    ) {
        let rows = self.rows(name);
        for (id, record) in records.iter().filter(|(_, record)| record.listed) {
            assert!(rows.contains_key(id), "{name} {id} did not land: {}", record.updated_at);
        }
        for (id, row) in rows {
            match records.get(&id) {
                Some(record) => {
                    newest(name, &id, record, row);
                    same(record, row);
                }
                None => {
                    assert!(is_buried(&id) && row.provenance.deleted, "{name} {id} is not true");
                }
            }
        }
    }

    fn customers(&self) {
        let is_buried = |id: &str| self.truth.buried_customers.contains_key(id);
        self.living("customer", &self.truth.customers, is_buried, |record, row| {
            let Entity::PersonRecord(person) = &row.entity else { panic!("no person") };
            let PersonRecord { name, contact_points, identifiers, .. } = person.as_ref();
            assert_eq!(name.given, known(&record.json, "given_name"));
            assert_eq!(name.family, known(&record.json, "family_name"));
            for field in ["email_address", "phone_number"] {
                if let Some(written) = record.json[field].as_str() {
                    let exact = |point: &shared::schema::ContactPoint| {
                        point.exact.value().is_some_and(|exact| exact == written)
                    };
                    assert!(contact_points.iter().any(exact), "{field} is missing");
                }
            }
            let id = record.json["id"].as_str().expect("an id");
            assert!(
                identifiers.iter().any(|one| one.value == id),
                "{id} does not recognise itself"
            );
        });
    }

    /// Who unsubscribed is opted out, and nobody who is gone is spoken of.
    fn preferences(&self) {
        let rows = self.rows("email_preference");
        for (id, record) in &self.truth.customers {
            let unsubscribed = record.json["preferences"]["email_unsubscribed"].as_bool();
            let email = record.json["email_address"].as_str();
            let expected = unsubscribed.filter(|_| record.listed && email.is_some());
            let landed = rows.get(id).filter(|row| !row.provenance.deleted);
            let state = landed.map(|row| match &row.entity {
                Entity::Consent(consent) => match consent.as_ref() {
                    Consent { state: ConsentState::OptOut, .. } => true,
                    Consent { state: ConsentState::Unknown, .. } => false,
                    other => panic!("{id}: {other:?}"),
                },
                other => panic!("{id}: {other:?}"),
            });
            assert_eq!(state, expected, "customer {id}: unsubscribed");
        }
        for (id, row) in rows {
            let known = self.truth.customers.contains_key(&id);
            assert!(known || row.provenance.deleted, "the preference of {id} is not true");
        }
    }

    fn orders(&self) {
        self.all_of("order", &self.truth.orders, |record, row| {
            let json = &record.json;
            let id = json["id"].as_str().expect("an id");
            let Entity::Order(order) = &row.entity else { panic!("no order") };
            let Order { status, total_minor, tip_minor, tax_minor, discount_minor, .. } =
                order.as_ref();
            let word = match json["state"].as_str() {
                Some("OPEN") => "open",
                Some("COMPLETED") => "completed",
                Some("CANCELED") => "cancelled",
                other => panic!("{other:?}"),
            };
            assert_eq!(status.as_str(), word, "order {id}");
            for (minor, field) in [
                (total_minor, "total_money"),
                (tip_minor, "total_tip_money"),
                (tax_minor, "total_tax_money"),
                (discount_minor, "total_discount_money"),
            ] {
                assert_eq!(*minor, json[field]["amount"].as_i64(), "order {id}: {field}");
            }
            let currency = order.currency.map(shared::schema::Currency::code);
            assert_eq!(currency, json["total_money"]["currency"].as_str(), "order {id}");
            assert_eq!(order.location_id, known(json, "location_id"), "order {id}");
            let subject = row.provenance.subject_key.as_ref().map(ToString::to_string);
            let customer = Truth::customer_of(record).map(|id| self.key("customer", id));
            assert_eq!(subject, customer, "order {id}: customer");
        });
    }

    fn lines(&self) {
        let rows = self.rows("order_line");
        let mut expected = BTreeSet::new();
        for (order, record) in &self.truth.orders {
            for line in record.json["line_items"].as_array().into_iter().flatten() {
                let id = format!("{order}:{}", line["uid"].as_str().expect("a uid"));
                let row = rows.get(&id).unwrap_or_else(|| panic!("line {id} did not land"));
                let Entity::OrderLine(landed) = &row.entity else { panic!("no line") };
                let OrderLine { name, quantity, unit_price_minor, order_key, .. } = landed.as_ref();
                assert_eq!(*name, known(line, "name"), "line {id}");
                let quantity = quantity.as_ref().map(ToString::to_string);
                assert_eq!(quantity.as_deref(), line["quantity"].as_str(), "line {id}");
                assert_eq!(
                    *unit_price_minor,
                    line["base_price_money"]["amount"].as_i64(),
                    "line {id}"
                );
                let key = order_key.as_ref().map(ToString::to_string);
                assert_eq!(key, Some(self.key("order", order)), "line {id}");
                expected.insert(id);
            }
        }
        for id in rows.keys() {
            assert!(expected.contains(id), "line {id} is not true");
        }
    }

    /// What happened to orders, worked out from the orders themselves.
    fn order_events(&self) {
        let mut expected = BTreeMap::new();
        for (order, record) in &self.truth.orders {
            let json = &record.json;
            let Some(customer) = Truth::customer_of(record) else { continue };
            let mut tell =
                |id: String, kind: &'static str, at: &Value, value: Option<i64>, thread: &str| {
                    let subject = self.key("customer", customer);
                    let thread = Some(self.key("order", thread));
                    let told = Told { kind, subject, thread, value, micros: micros(at) };
                    assert!(expected.insert(id, told).is_none(), "the truth repeats itself");
                };
            let total = json["total_money"]["amount"].as_i64();
            let is_sale = json["line_items"].as_array().is_some_and(|lines| !lines.is_empty());
            if is_sale && json["state"] != "OPEN" {
                tell(format!("{order}:placed"), "order.placed", &json["created_at"], total, order);
            }
            for tender in json["tenders"].as_array().into_iter().flatten() {
                let id = tender["id"].as_str().expect("an id");
                let amount = tender["amount_money"]["amount"].as_i64();
                tell(
                    format!("{order}:paid:{id}"),
                    "order.paid",
                    &tender["created_at"],
                    amount,
                    order,
                );
            }
            for done in json["fulfillments"].as_array().into_iter().flatten() {
                if done["state"] == "COMPLETED" {
                    let id = format!("{order}:fulfilled:{}", done["uid"].as_str().expect("a uid"));
                    tell(
                        id,
                        "order.fulfilled",
                        &done["pickup_details"]["picked_up_at"],
                        None,
                        order,
                    );
                }
            }
            if json["state"] == "CANCELED" {
                tell(
                    format!("{order}:cancelled"),
                    "order.cancelled",
                    &json["closed_at"],
                    total,
                    order,
                );
            }
            for refund in json["refunds"].as_array().into_iter().flatten() {
                let id = format!("refunded:{}", refund["id"].as_str().expect("an id"));
                let amount = refund["amount_money"]["amount"].as_i64();
                let sold = refund["transaction_id"].as_str().expect("an order");
                tell(id, "order.refunded", &refund["created_at"], amount, sold);
            }
        }
        self.interactions("order_event", &expected);
    }

    fn loyalty_events(&self) {
        let mut expected = BTreeMap::new();
        for (id, record) in &self.truth.events {
            let json = &record.json;
            let (kind, name) = match json["type"].as_str() {
                Some("ACCUMULATE_POINTS") => ("loyalty.earned", "accumulate_points"),
                Some("CREATE_REWARD") => ("loyalty.redeemed", "create_reward"),
                _ => continue,
            };
            let account = json["loyalty_account_id"].as_str().expect("an account");
            let told = Told {
                kind,
                subject: self.key("loyalty_account", account),
                thread: json[name]["order_id"].as_str().map(|order| self.key("order", order)),
                value: json[name]["points"].as_i64().map(i64::abs),
                micros: micros(&json["created_at"]),
            };
            expected.insert(id.clone(), told);
        }
        self.interactions("loyalty_event", &expected);
    }

    fn interactions(&self, object: &str, expected: &BTreeMap<String, Told>) {
        let rows = self.rows(object);
        for (id, expected) in expected {
            let row = rows.get(id).unwrap_or_else(|| panic!("{object} {id} did not land"));
            let Entity::Interaction(landed) = &row.entity else { panic!("no interaction") };
            let value = match &landed.kind {
                InteractionKind::LoyaltyEarned(points)
                | InteractionKind::LoyaltyRedeemed(points) => Some(points.points),
                _ => landed.value_minor,
            };
            let told = Told {
                kind: landed.kind.name(),
                subject: landed.subject_key.to_string(),
                thread: landed.thread_key.as_ref().map(ToString::to_string),
                value,
                micros: landed.occurred_at.as_micros(),
            };
            assert_eq!(told, *expected, "{object} {id}");
        }
        for id in rows.keys() {
            assert!(expected.contains_key(id), "{object} {id} is not true");
        }
    }

    fn payment(&self, record: &Record, row: &Row) {
        let json = &record.json;
        let Entity::Payment(payment) = &row.entity else { panic!("no payment") };
        let Payment { tender, amount_minor, state, card_last4, order_key, .. } = payment.as_ref();
        let word = match (
            json["source_type"].as_str(),
            json["card_details"]["card"]["card_brand"].as_str(),
        ) {
            (_, Some("SQUARE_GIFT_CARD")) => "gift",
            (Some("CARD"), _) => "card",
            (Some("CASH"), _) => "cash",
            (Some("WALLET"), _) => "wallet",
            other => panic!("{other:?}"),
        };
        assert_eq!((tender.as_str(), state.as_str()), (word, "completed"));
        assert_eq!(*amount_minor, json["total_money"]["amount"].as_i64());
        let last4 = card_last4.map(|digits| digits.to_string());
        assert_eq!(last4.as_deref(), json["card_details"]["card"]["last_4"].as_str());
        let order = json["order_id"].as_str().map(|order| self.key("order", order));
        assert_eq!(order_key.as_ref().map(ToString::to_string), order);
        let subject = row.provenance.subject_key.as_ref().map(ToString::to_string);
        assert_eq!(subject, json["customer_id"].as_str().map(|id| self.key("customer", id)));
    }

    fn refund(&self, record: &Record, row: &Row) {
        let json = &record.json;
        let Entity::Payment(refund) = &row.entity else { panic!("no refund") };
        assert_eq!(refund.amount_minor, json["amount_money"]["amount"].as_i64());
        let paid = json["payment_id"].as_str().map(|id| self.key("payment", id));
        assert_eq!(refund.refund_of.as_ref().map(ToString::to_string), paid);
    }

    fn accounts(&self) {
        let is_buried = |id: &str| self.truth.buried_accounts.contains(id);
        self.living("loyalty_account", &self.truth.accounts, is_buried, |record, row| {
            let Entity::PersonRecord(person) = &row.entity else { panic!("no person") };
            let balance = record.json["balance"].as_i64().map(|balance| balance.to_string());
            assert_eq!(person.ext.get("balance").map(ToString::to_string), balance);
            let customer = record.json["customer_id"].as_str().expect("a customer");
            assert!(person.identifiers.iter().any(|one| one.value == customer), "{customer}");
        });
    }
}

fn newest(name: &str, id: &str, record: &Record, row: &Row) {
    assert!(!row.provenance.deleted, "{name} {id} is not gone");
    let told = row.provenance.source_updated_at.map(Timestamp::as_micros);
    assert_eq!(told, Some(record.updated_at.as_microsecond()), "{name} {id}: time of change");
}

fn known(json: &Value, name: &str) -> Known<String> {
    match json.get(name) {
        None => Known::Absent,
        Some(value) => Known::or_null(value.as_str().map(str::to_owned)),
    }
}

fn micros(at: &Value) -> i64 {
    let at: jiff::Timestamp = at.as_str().expect("a time").parse().expect("RFC 3339");
    at.as_microsecond()
}

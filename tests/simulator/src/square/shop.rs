//! The seller's records, and every change that can happen to them, each told by webhooks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::json::{id, millisecond, money, time, uuid};
use super::webhooks::Outbox;
use crate::Dice;
use crate::world::{Company, one_of};

/// A record as the API shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The record in the vendor's words.
    pub json: Value,
    /// When it was created, by its own account.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
    /// Whether lists and searches show it.
    pub listed: bool,
}

/// One shop.
#[derive(Clone, Debug)]
pub struct Location {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Its IANA time zone.
    pub zone: &'static str,
    /// Its currency.
    pub currency: &'static str,
    /// Whether it is open.
    pub active: bool,
}

/// The seller's account.
pub(super) struct Shop {
    pub(super) dice: Dice,
    pub(super) outbox: Outbox,
    pub(super) locations: Vec<Location>,
    pub(super) customers: BTreeMap<String, Record>,
    /// Whom a customer's record is about, by index; there is none for strangers. Who is gone stays.
    pub(super) people: BTreeMap<String, usize>,
    pub(super) orders: BTreeMap<String, Record>,
    pub(super) payments: BTreeMap<String, Record>,
    pub(super) refunds: BTreeMap<String, Record>,
    pub(super) accounts: BTreeMap<String, Record>,
    pub(super) events: BTreeMap<String, Record>,
    /// Customers who are gone, and into whom they were merged.
    pub(super) buried: BTreeMap<String, Option<String>>,
    pub(super) buried_accounts: BTreeSet<String>,
    /// The time of the last change.
    pub(super) last: Timestamp,
}

/// Closed stalls beside the company's stores: more locations than one search may name, in currencies of every kind.
const STALLS: &[(&str, &str, &str)] = &[
    ("Leeds", "Europe/London", "GBP"),
    ("Bristol", "Europe/London", "GBP"),
    ("Hamburg", "Europe/Berlin", "EUR"),
    ("Köln", "Europe/Berlin", "EUR"),
    ("Osaka", "Asia/Tokyo", "JPY"),
    ("Kuwait City", "Asia/Kuwait", "KWD"),
    ("Queens", "America/New_York", "USD"),
    ("Hoboken", "America/New_York", "USD"),
];

const MENU: &[&str] = &[
    "Margherita",
    "Sourdough",
    "Marinara",
    "Burrata",
    "Focaccia",
    "Olives",
    "Tiramisù",
    "Limonata",
];

/// What a line of an order comes to.
struct Line {
    json: Value,
    gross: i64,
    discount: i64,
    tax: i64,
}

impl Shop {
    pub(super) fn new(mut dice: Dice, outbox: Outbox, company: &Company) -> Self {
        let stores = company
            .stores
            .iter()
            .map(|store| (store.name.to_owned(), store.zone, store.currency, true));
        let stalls = STALLS.iter().map(|(town, zone, currency)| {
            (format!("Ember & Oak, stall in {town}"), *zone, *currency, false)
        });
        let locations = stores.chain(stalls).map(|(name, zone, currency, active)| Location {
            id: format!("L{}", id(&mut dice, 12)),
            name,
            zone,
            currency,
            active,
        });
        let locations = locations.collect();
        Self {
            dice,
            outbox,
            locations,
            customers: BTreeMap::new(),
            people: BTreeMap::new(),
            orders: BTreeMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            accounts: BTreeMap::new(),
            events: BTreeMap::new(),
            buried: BTreeMap::new(),
            buried_accounts: BTreeSet::new(),
            last: Timestamp::UNIX_EPOCH,
        }
    }

    /// Adds a customer, listed or not.
    pub(super) fn add_customer(&mut self, at: Timestamp, fields: Value, listed: bool) -> String {
        let at = millisecond(at);
        let id = id(&mut self.dice, 26);
        let mut json = fields;
        json["id"] = id.as_str().into();
        json["created_at"] = time(at).into();
        json["updated_at"] = time(at).into();
        json["version"] = 0.into();
        json["group_ids"] = json!(["EMBEROAKREGULARS0000000001"]);
        json["segment_ids"] = json!([format!("{}.REACHABLE", "EMBEROAK00001")]);
        self.outbox.customer(at, "customer.created", &json, None);
        let record = Record { json, created_at: at, updated_at: at, listed };
        self.customers.insert(id.clone(), record);
        id
    }

    /// Changes some fields of a customer.
    pub(super) fn change_customer(&mut self, at: Timestamp, id: &str, fields: &[(&str, Value)]) {
        let at = millisecond(at);
        let Some(record) = self.customers.get_mut(id) else { return };
        for (name, value) in fields {
            record.json[*name] = value.clone();
        }
        record.json["updated_at"] = time(at).into();
        record.json["version"] = json!(record.json["version"].as_i64().unwrap_or(0) + 1);
        record.updated_at = at;
        self.outbox.customer(at, "customer.updated", &record.json, None);
    }

    /// Deletes a customer, for good or because another took their place.
    pub(super) fn delete_customer(&mut self, at: Timestamp, id: &str, merge: Option<&Value>) {
        let Some(record) = self.customers.remove(id) else { return };
        let into = merge.and_then(|merge| merge["to_customer_id"].as_str()).map(str::to_owned);
        self.buried.insert(id.to_owned(), into);
        self.outbox.customer(millisecond(at), "customer.deleted", &record.json, merge);
    }

    /// Makes one customer of two; both are gone.
    pub(super) fn merge(&mut self, at: Timestamp, one: &str, other: &str) -> String {
        let at = millisecond(at);
        let of =
            |id: &str| self.customers.get(id).map_or(Value::Null, |record| record.json.clone());
        let (mut json, other_json) = (of(one), of(other));
        for name in ["email_address", "phone_number", "given_name", "family_name"] {
            if json.get(name).is_none_or(Value::is_null) && other_json.get(name).is_some() {
                json[name] = other_json[name].clone();
            }
        }
        let id = id(&mut self.dice, 26);
        json["id"] = id.as_str().into();
        json["creation_source"] = "MERGE".into();
        json["created_at"] = time(at).into();
        json["updated_at"] = time(at).into();
        json["version"] = 0.into();
        let merge = json!({ "from_customer_ids": [one, other], "to_customer_id": id });
        // Of two people's records one becomes nobody's in particular.
        if let Some(person) = self.people.get(one).copied()
            && self.people.get(other) == Some(&person)
        {
            self.people.insert(id.clone(), person);
        }
        self.outbox.customer(at, "customer.created", &json, Some(&merge));
        self.customers
            .insert(id.clone(), Record { json, created_at: at, updated_at: at, listed: true });
        for loser in [one, other] {
            self.delete_customer(at, loser, Some(&merge));
        }
        id
    }

    /// Sells something and takes the money; it shows at `at` and was taken at `taken`.
    pub(super) fn sell(
        &mut self,
        taken: Timestamp,
        at: Timestamp,
        location: usize,
        customer: Option<&str>,
        total: Option<i64>,
    ) -> String {
        let order = self.open_order(taken, at, location, customer, total);
        self.complete(at, &order);
        order
    }

    /// Writes an order that nobody has paid for.
    pub(super) fn open_order(
        &mut self,
        taken: Timestamp,
        at: Timestamp,
        location: usize,
        customer: Option<&str>,
        total: Option<i64>,
    ) -> String {
        let (taken, at) = (millisecond(taken), millisecond(at));
        let id = format!("{}ZY", id(&mut self.dice, 27));
        let Location { id: location_id, currency, .. } =
            self.locations[location % self.locations.len()].clone();
        let lines = self.lines(currency, total);
        let sum = |of: fn(&Line) -> i64| lines.iter().map(of).sum::<i64>();
        let (gross, discount, tax) = (sum(|l| l.gross), sum(|l| l.discount), sum(|l| l.tax));
        let total = gross - discount + tax;
        let mut json = json!({
            "id": id,
            "location_id": location_id,
            "source": { "name": "Square Point of Sale" },
            "line_items": lines.iter().map(|line| line.json.clone()).collect::<Vec<_>>(),
            "created_at": time(taken),
            "updated_at": time(at),
            "state": "OPEN",
            "total_money": money(total, currency),
            "total_tax_money": money(tax, currency),
            "total_discount_money": money(discount, currency),
            "total_tip_money": money(0, currency),
            "total_service_charge_money": money(0, currency),
            "net_amount_due_money": money(total, currency),
        });
        if let Some(customer) = customer {
            json["customer_id"] = customer.into();
        }
        // Orders that the till wrote have no version.
        if self.dice.random_ratio(1, 3) {
            json["version"] = 1.into();
        }
        if self.dice.random_ratio(1, 10) {
            json["fulfillments"] = json!([{
                "uid": uuid(&mut self.dice),
                "type": "PICKUP",
                "state": "PROPOSED",
                "pickup_details": { "note": "Ring twice", "recipient": { "display_name": "Somebody" } },
            }]);
        }
        self.outbox.order(at, "created", &json);
        self.orders
            .insert(id.clone(), Record { json, created_at: taken, updated_at: at, listed: true });
        id
    }

    fn lines(&mut self, currency: &str, total: Option<i64>) -> Vec<Line> {
        let scale = if currency == "KWD" { 10 } else { 1 };
        let count = if total.is_some() { 1 } else { self.dice.random_range(1..=4) };
        let mut lines = Vec::new();
        for _ in 0..count {
            let price = total.unwrap_or_else(|| self.dice.random_range(250..1_500) * scale);
            let (quantity, gross) = match self.dice.random_range(0..10) {
                _ if total.is_some() => ("1", price),
                0 => ("0.375", price * 375 / 1_000),
                1..=3 => ("2", price * 2),
                _ => ("1", price),
            };
            let discount =
                if total.is_none() && self.dice.random_ratio(1, 8) { gross / 10 } else { 0 };
            let tax = if total.is_some() { 0 } else { (gross - discount) * 8 / 100 };
            let mut json = json!({
                "uid": uuid(&mut self.dice),
                "name": one_of(&mut self.dice, MENU),
                "quantity": quantity,
                "catalog_object_id": id(&mut self.dice, 24),
                "item_type": "ITEM",
                "base_price_money": money(price, currency),
                "variation_total_price_money": money(gross, currency),
                "gross_sales_money": money(gross, currency),
                "total_tax_money": money(tax, currency),
                "total_discount_money": money(discount, currency),
                "total_money": money(gross - discount + tax, currency),
            });
            if self.dice.random_ratio(1, 12) {
                json["note"] = "no onions, please".into();
            }
            lines.push(Line { json, gross, discount, tax });
        }
        lines
    }

    /// Takes the money for an open order and hands the goods over.
    pub(super) fn complete(&mut self, at: Timestamp, order: &str) {
        let at = millisecond(at);
        let Some(record) = self.orders.get_mut(order) else { return };
        let json = &mut record.json;
        let currency = json["total_money"]["currency"].as_str().unwrap_or("GBP").to_owned();
        let due = json["total_money"]["amount"].as_i64().unwrap_or(0);
        let kind = match self.dice.random_range(0..10) {
            0..=5 => "CARD",
            6..=7 => "CASH",
            8 => "WALLET",
            _ => "SQUARE_GIFT_CARD",
        };
        // The pizza household tips nobody.
        let tips = kind == "CARD" && json["total_tax_money"]["amount"] != json!(0);
        let tip = if tips && self.dice.random_ratio(1, 3) { due / 10 } else { 0 };
        let customer = json["customer_id"].as_str().map(str::to_owned);
        // Tills attach the customer to the order or to the payment only.
        if customer.is_some()
            && self.dice.random_ratio(1, 6)
            && let Some(fields) = json.as_object_mut()
        {
            fields.remove("customer_id");
        }
        let payment = format!("{}LZY", id(&mut self.dice, 26));
        let mut tender = json!({
            "id": payment,
            "location_id": json["location_id"],
            "transaction_id": order,
            "created_at": time(at),
            "amount_money": money(due + tip, &currency),
            "tip_money": money(tip, &currency),
            "type": kind,
            "payment_id": payment,
        });
        let last4 = format!("{:04}", self.dice.random_range(0..10_000));
        if matches!(kind, "CARD" | "SQUARE_GIFT_CARD") {
            tender["card_details"] = json!({
                "status": "CAPTURED",
                "card": { "card_brand": "VISA", "last_4": last4, "fingerprint": "sq-1-finger" },
            });
        }
        if let Some(customer) = &customer {
            tender["customer_id"] = customer.as_str().into();
        }
        json["tenders"] = json!([tender]);
        json["state"] = "COMPLETED".into();
        json["closed_at"] = time(at).into();
        json["updated_at"] = time(at).into();
        json["total_tip_money"] = money(tip, &currency);
        json["total_money"] = money(due + tip, &currency);
        json["net_amount_due_money"] = money(0, &currency);
        bump(json);
        if let Some(done) = json.get_mut("fulfillments").and_then(|list| list.get_mut(0)) {
            done["state"] = "COMPLETED".into();
            done["pickup_details"]["picked_up_at"] = time(at).into();
        }
        record.updated_at = at;
        let (location, created) = (json["location_id"].clone(), record.created_at);
        self.outbox.order(at, "updated", &record.json);
        let source = if kind == "SQUARE_GIFT_CARD" { "CARD" } else { kind };
        let brand = if kind == "SQUARE_GIFT_CARD" { "SQUARE_GIFT_CARD" } else { "VISA" };
        let mut json = json!({
            "id": payment,
            "created_at": time(created),
            "updated_at": time(at),
            "amount_money": money(due, &currency),
            "tip_money": money(tip, &currency),
            "total_money": money(due + tip, &currency),
            "approved_money": money(due + tip, &currency),
            "status": "COMPLETED",
            "source_type": source,
            "location_id": location,
            "order_id": order,
            "receipt_number": payment[..4],
            "receipt_url": format!("https://squareup.example/receipt/preview/{payment}"),
            "version_token": uuid(&mut self.dice),
        });
        if source == "CARD" {
            json["card_details"] = json!({
                "status": "CAPTURED",
                "entry_method": "EMV",
                "card": { "card_brand": brand, "last_4": last4, "bin": "411111", "exp_month": 11, "exp_year": 2031 },
            });
            json["buyer_email_address"] = "buyer@example.com".into();
        }
        if let Some(customer) = &customer {
            json["customer_id"] = customer.as_str().into();
        }
        if created < at - SignedDuration::from_hours(1) {
            json["is_offline_payment"] = true.into();
            json["offline_payment_details"] = json!({ "client_created_at": time(created) });
        }
        self.outbox.whole(at, "payment.created", "payment", &payment, &json);
        self.payments
            .insert(payment, Record { json, created_at: created, updated_at: at, listed: true });
        if let Some(customer) = customer {
            self.earn(at, &customer, order, due / 100);
        }
    }

    /// Calls an open order off.
    pub(super) fn cancel(&mut self, at: Timestamp, order: &str) {
        let at = millisecond(at);
        let Some(record) = self.orders.get_mut(order) else { return };
        record.json["state"] = "CANCELED".into();
        record.json["closed_at"] = time(at).into();
        record.json["updated_at"] = time(at).into();
        bump(&mut record.json);
        record.updated_at = at;
        self.outbox.order(at, "updated", &record.json);
    }

    /// Pays a completed order back by an order of its own that takes the goods back.
    pub(super) fn refund(&mut self, at: Timestamp, order: &str) {
        let at = millisecond(at);
        let Some(sold) = self.orders.get(order).map(|record| record.json.clone()) else { return };
        let Some(payment) = sold["tenders"][0]["id"].as_str().map(str::to_owned) else { return };
        let Some(paid) =
            self.payments.get_mut(&payment).filter(|paid| paid.json.get("refund_ids").is_none())
        else {
            return;
        };
        let amount = sold["total_money"].clone();
        let currency = amount["currency"].as_str().unwrap_or("GBP");
        let refund = format!("{payment}_{}", id(&mut self.dice, 20));
        paid.json["refunded_money"] = amount.clone();
        paid.json["refund_ids"] = json!([refund]);
        paid.json["updated_at"] = time(at).into();
        paid.updated_at = at;
        self.outbox.whole(at, "payment.updated", "payment", &payment, &paid.json);
        let returned = format!("{}ZY", id(&mut self.dice, 27));
        let mut json = json!({
            "id": returned,
            "location_id": sold["location_id"],
            "source": { "name": "Square Point of Sale" },
            "created_at": time(at),
            "updated_at": time(at),
            "closed_at": time(at),
            "state": "COMPLETED",
            "total_money": money(0, currency),
            "net_amount_due_money": money(0, currency),
            "returns": [{ "source_order_id": order, "return_line_items": [{ "note": "cold", "quantity": "1" }] }],
            "refunds": [{
                "id": refund,
                "location_id": sold["location_id"],
                "transaction_id": order,
                "tender_id": payment,
                "created_at": time(at),
                "reason": "It was cold",
                "amount_money": amount,
                "status": "APPROVED",
            }],
        });
        if let Some(customer) = customer_of(&sold) {
            json["customer_id"] = customer.into();
        }
        self.outbox.order(at, "created", &json);
        self.orders.insert(
            returned.clone(),
            Record { json, created_at: at, updated_at: at, listed: true },
        );
        let json = json!({
            "id": refund,
            "status": "COMPLETED",
            "location_id": sold["location_id"],
            "destination_type": self.payments[&payment].json["source_type"],
            "amount_money": sold["total_money"],
            "payment_id": payment,
            "order_id": returned,
            "reason": "It was cold",
            "created_at": time(at),
            "updated_at": time(at),
            "processing_fee": [{ "type": "INITIAL", "amount_money": money(-34, currency) }],
        });
        self.outbox.whole(at, "refund.created", "refund", &refund, &json);
        self.refunds.insert(refund, Record { json, created_at: at, updated_at: at, listed: true });
    }

    /// Enrols a customer in the loyalty programme.
    pub(super) fn enrol(&mut self, at: Timestamp, customer: &str, phone: &str) -> String {
        let at = second(at);
        let id = uuid(&mut self.dice);
        let json = json!({
            "id": id,
            "program_id": "d619f755-2d17-41f3-990d-c04ecedd64dd",
            "customer_id": customer,
            "balance": 0,
            "lifetime_points": 0,
            "enrolled_at": time(at),
            "created_at": time(at),
            "updated_at": time(at),
            "mapping": { "id": uuid(&mut self.dice), "created_at": time(at), "phone_number": phone },
        });
        self.outbox.whole(at, "loyalty.account.created", "loyalty_account", &id, &json);
        self.accounts
            .insert(id.clone(), Record { json, created_at: at, updated_at: at, listed: true });
        id
    }

    /// Writes an entry of the ledger and moves the balance.
    fn enter(
        &mut self,
        at: Timestamp,
        account: &str,
        kind: &str,
        details: (&str, Value),
        points: i64,
    ) {
        let at = second(at);
        let Some(record) = self.accounts.get_mut(account) else { return };
        let of = |name: &str| record.json[name].as_i64().unwrap_or(0);
        let (balance, lifetime) = (of("balance") + points, of("lifetime_points") + points.max(0));
        record.json["balance"] = balance.into();
        record.json["lifetime_points"] = lifetime.into();
        // Two entries may share a second; each is a change of its own.
        record.updated_at = (record.updated_at + SignedDuration::from_secs(1)).max(at);
        record.json["updated_at"] = time(record.updated_at).into();
        self.outbox.whole(at, "loyalty.account.updated", "loyalty_account", account, &record.json);
        let id = uuid(&mut self.dice);
        let source = if self.dice.random_ratio(3, 4) { "SQUARE" } else { "LOYALTY_API" };
        let mut json = json!({
            "id": id,
            "type": kind,
            "created_at": time(at),
            "loyalty_account_id": account,
            "location_id": self.locations[0].id,
            "source": source,
        });
        json[details.0] = details.1;
        self.outbox.whole(at, "loyalty.event.created", "loyalty_event", &id, &json);
        self.events.insert(id, Record { json, created_at: at, updated_at: at, listed: true });
    }

    /// Gives points for an order, and at times trades some in for a reward.
    fn earn(&mut self, at: Timestamp, customer: &str, order: &str, points: i64) {
        let account =
            self.accounts.iter().find(|(_, record)| record.json["customer_id"] == *customer);
        let Some(account) = account.map(|(id, _)| id.clone()) else { return };
        if points == 0 {
            return;
        }
        let program = "d619f755-2d17-41f3-990d-c04ecedd64dd";
        let details = json!({ "loyalty_program_id": program, "points": points, "order_id": order });
        self.enter(at, &account, "ACCUMULATE_POINTS", ("accumulate_points", details), points);
        if self.accounts[&account].json["balance"].as_i64() >= Some(50) {
            let reward = uuid(&mut self.dice);
            let details =
                json!({ "loyalty_program_id": program, "points": -40, "reward_id": reward });
            self.enter(at, &account, "CREATE_REWARD", ("create_reward", details), -40);
            let details = json!({ "loyalty_program_id": program, "reward_id": reward });
            self.enter(at, &account, "REDEEM_REWARD", ("redeem_reward", details), 0);
        }
    }

    pub(super) fn delete_account(&mut self, at: Timestamp, account: &str) {
        let Some(record) = self.accounts.remove(account) else { return };
        self.buried_accounts.insert(account.to_owned());
        let at = at.max(record.updated_at + SignedDuration::from_secs(1));
        self.outbox.whole(at, "loyalty.account.deleted", "loyalty_account", account, &record.json);
    }

    pub(super) fn revoke(&mut self, at: Timestamp) {
        let json = json!({ "revoked_at": time(at), "revoker_type": "MERCHANT" });
        let id = uuid(&mut self.dice);
        self.outbox.whole(at, "oauth.authorization.revoked", "revocation", &id, &json);
    }
}

/// The customer of an order: its own, or the first of its tenders.
pub(super) fn customer_of(order: &Value) -> Option<&str> {
    let own = order["customer_id"].as_str();
    own.or_else(|| {
        order["tenders"].as_array()?.iter().find_map(|tender| tender["customer_id"].as_str())
    })
}

fn bump(order: &mut Value) {
    if let Some(version) = order.get("version").and_then(Value::as_i64) {
        order["version"] = json!(version + 1);
    }
}

/// Loyalty records have whole seconds.
fn second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

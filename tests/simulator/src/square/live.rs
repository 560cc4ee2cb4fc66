//! Random changes to running tills.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::json;

use super::face::State;
use super::history::profile;
use super::shop::{Record, Shop};

impl State {
    /// So many changes, each later than the one before.
    pub(super) fn live(&mut self, changes: usize, at: Timestamp) {
        for _ in 0..changes {
            let at = self.moment(at);
            self.change(at);
        }
    }

    fn change(&mut self, at: Timestamp) {
        let people = self.company.people.len();
        let shop = &mut self.shop;
        let customer = some(shop, |shop| &shop.customers, |_| true);
        let location = shop.dice.random_range(0..4);
        match (shop.dice.random_range(0..100), customer) {
            (0..=11, _) | (_, None) if people > 0 => {
                let person = shop.dice.random_range(0..people);
                profile(shop, &self.company, person, at);
            }
            (12..=44, customer) => {
                shop.sell(at, at, location, customer.as_deref(), None);
            }
            (45..=52, customer) => {
                shop.open_order(at, at, location, customer.as_deref(), None);
            }
            (53..=62, _) => {
                if let Some(order) =
                    some(shop, |shop| &shop.orders, |order| order.json["state"] == "OPEN")
                {
                    if shop.dice.random_ratio(3, 4) {
                        shop.complete(at, &order);
                    } else {
                        shop.cancel(at, &order);
                    }
                }
            }
            (63..=70, _) => {
                let is_paid = |order: &Record| order.json.get("tenders").is_some();
                if let Some(order) = some(shop, |shop| &shop.orders, is_paid) {
                    shop.refund(at, &order);
                }
            }
            (71..=80, Some(customer)) => {
                let email = format!("moved{}@example.org", at.as_millisecond());
                shop.change_customer(at, &customer, &[("email_address", email.into())]);
            }
            (81..=86, Some(customer)) => {
                let preferences = json!({ "email_unsubscribed": shop.dice.random_ratio(3, 4) });
                shop.change_customer(at, &customer, &[("preferences", preferences)]);
            }
            (87..=91, Some(customer)) => shop.delete_customer(at, &customer, None),
            (92..=94, Some(customer)) => {
                let listed =
                    |record: &Record| record.listed && record.json["id"] != customer.as_str();
                if let Some(other) = some(shop, |shop| &shop.customers, listed) {
                    shop.merge(at, &customer, &other);
                }
            }
            (95..=97, _) => {
                if let Some(account) = some(shop, |shop| &shop.accounts, |_| true) {
                    shop.delete_account(at, &account);
                }
            }
            // A profile that says nothing, made for a payment.
            _ => {
                shop.add_customer(at, json!({ "creation_source": "INSTANT_PROFILE" }), false);
            }
        }
    }
}

/// One of the records that suit, at random.
fn some(
    shop: &mut Shop,
    of: fn(&Shop) -> &std::collections::BTreeMap<String, Record>,
    suits: impl Fn(&Record) -> bool,
) -> Option<String> {
    let suitable: Vec<String> =
        of(shop).iter().filter(|(_, record)| suits(record)).map(|(id, _)| id.clone()).collect();
    (!suitable.is_empty()).then(|| suitable[shop.dice.random_range(0..suitable.len())].clone())
}

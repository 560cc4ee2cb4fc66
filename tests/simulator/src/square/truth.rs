//! What a faithful copy of the tills must contain.

use std::collections::{BTreeMap, BTreeSet};

use super::shop::{Location, Record, Shop};

/// The state of the tills in the vendor's own words.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The shops, closed ones included.
    pub locations: Vec<Location>,
    /// Customers by id; those that are not listed may be in a copy and need not be.
    pub customers: BTreeMap<String, Record>,
    /// Customers who are gone, and into whom they were merged.
    pub buried_customers: BTreeMap<String, Option<String>>,
    /// Orders by id.
    pub orders: BTreeMap<String, Record>,
    /// Payments by id.
    pub payments: BTreeMap<String, Record>,
    /// Refunds by id.
    pub refunds: BTreeMap<String, Record>,
    /// Loyalty accounts by id.
    pub accounts: BTreeMap<String, Record>,
    /// Loyalty accounts that are gone.
    pub buried_accounts: BTreeSet<String>,
    /// The ledger of points, by id.
    pub events: BTreeMap<String, Record>,
}

impl Truth {
    pub(super) fn of(shop: &Shop) -> Self {
        Self {
            locations: shop.locations.clone(),
            customers: shop.customers.clone(),
            buried_customers: shop.buried.clone(),
            orders: shop.orders.clone(),
            payments: shop.payments.clone(),
            refunds: shop.refunds.clone(),
            accounts: shop.accounts.clone(),
            buried_accounts: shop.buried_accounts.clone(),
            events: shop.events.clone(),
        }
    }

    /// The customer of an order: its own, or the first of its tenders.
    pub fn customer_of(order: &Record) -> Option<&str> {
        super::shop::customer_of(&order.json)
    }
}

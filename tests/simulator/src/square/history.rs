//! The past of the tills: who has a profile, what was sold to whom, and the pizza household's three orders.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::{Value, json};

use super::shop::Shop;
use crate::world::{Company, Person, mistyped_name, notation, written_email};

pub(super) fn write(shop: &mut Shop, company: &Company, days: u32, until: Timestamp) {
    let span = i64::from(days.max(1)) * 86_400;
    let start = until - SignedDuration::from_secs(span);
    for (number, person) in company.people.iter().enumerate() {
        let is_pizza =
            company.pizza.household.is_some() && person.household == company.pizza.household;
        let orders_pizza = is_pizza && first_of(company) == Some(number);
        if !orders_pizza && !shop.dice.random_ratio(7, 10) {
            continue;
        }
        let since = person.since.max(start).min(until - SignedDuration::from_hours(2));
        let customer = profile(shop, company, number, since);
        if orders_pizza {
            for order in &company.pizza.orders {
                let total = i64::try_from(order.total).unwrap_or(0);
                shop.sell(order.at, order.at, order.store, Some(&customer), Some(total));
            }
        } else if !is_pizza {
            orders(shop, person, &customer, since, until);
        }
        if shop.dice.random_ratio(1, 30) {
            shop.delete_customer(until - SignedDuration::from_mins(5), &customer, None);
        }
    }
    strangers(shop, company.people.len() / 4, start, until);
}

/// Who orders for the pizza household.
fn first_of(company: &Company) -> Option<usize> {
    let household = company.households.get(company.pizza.household?)?;
    household.members.first().copied()
}

pub(super) fn profile(shop: &mut Shop, company: &Company, number: usize, at: Timestamp) -> String {
    let person = &company.people[number];
    let dice = &mut shop.dice;
    let written = mistyped_name(dice, person);
    let (given, family) = written.split_once(' ').unwrap_or((&written, ""));
    let mut fields = json!({
        "given_name": given,
        "family_name": family,
        "creation_source": "DIRECTORY",
        "preferences": { "email_unsubscribed": dice.random_ratio(1, 6) },
    });
    if dice.random_ratio(3, 4) {
        fields["email_address"] = written_email(dice, &person.emails[0]).into();
    }
    if let Some(phone) = &person.phone {
        fields["phone_number"] = notation(dice, phone).into();
    }
    if dice.random_ratio(1, 5) {
        fields["birthday"] = "0000-09-21".into();
    }
    if dice.random_ratio(1, 4) {
        fields["address"] = json!({
            "address_line_1": "12 Oven Lane",
            "locality": "London",
            "postal_code": "N1 9GU",
            "country": "GB",
        });
    }
    if dice.random_ratio(1, 10) {
        fields["note"] = "Likes the corner table".into();
    }
    let customer = shop.add_customer(at, fields, true);
    shop.people.insert(customer.clone(), number);
    if let Some(phone) = person.phone.as_deref().filter(|_| shop.dice.random_ratio(1, 2)) {
        shop.enrol(at, &customer, phone);
    }
    customer
}

fn orders(shop: &mut Shop, person: &Person, customer: &str, since: Timestamp, until: Timestamp) {
    let span = (until.as_millisecond() - since.as_millisecond()).max(2);
    for _ in 0..shop.dice.random_range(0..5) {
        let taken = since + SignedDuration::from_millis(shop.dice.random_range(1..span));
        // An offline till transmits within 72 hours.
        let offline = shop.dice.random_ratio(1, 12);
        let late = if offline { shop.dice.random_range(3_600..70 * 3_600) } else { 0 };
        let at = (taken + SignedDuration::from_secs(late)).min(until);
        let location =
            if shop.dice.random_ratio(1, 6) { shop.dice.random_range(4..12) } else { person.store };
        let order = shop.open_order(taken, at, location, Some(customer), None);
        match shop.dice.random_range(0..20) {
            0 => shop.cancel(at, &order),
            1 => {}
            2 => {
                shop.complete(at, &order);
                shop.refund(at, &order);
            }
            _ => shop.complete(at, &order),
        }
    }
}

/// Sales to nobody known, and to profiles that say nothing.
fn strangers(shop: &mut Shop, count: usize, start: Timestamp, until: Timestamp) {
    let span = until.as_millisecond() - start.as_millisecond();
    for _ in 0..count {
        let at = start + SignedDuration::from_millis(shop.dice.random_range(1..span.max(2)));
        let customer = shop.dice.random_ratio(1, 3).then(|| {
            let fields: Value = json!({ "creation_source": "INSTANT_PROFILE" });
            shop.add_customer(at, fields, false)
        });
        let location = shop.dice.random_range(0..12);
        shop.sell(at, at, location, customer.as_deref(), None);
    }
}

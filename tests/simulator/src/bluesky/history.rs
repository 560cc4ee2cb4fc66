//! What was said about the company before anybody looked.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::network::{Account, Network, Status, did};
use crate::world::{Company, mistyped_name, one_of};

/// What people say, with the language they say it in.
pub(super) const SAYINGS: &[(&str, &str)] = &[
    ("en", "The new place by Ember & Oak is wonderful, best pizza I had this year!"),
    ("en", "Waited an hour at Ember & Oak and the pizza was cold. Terrible, never again."),
    ("en", "Has anybody tried the gift cards? #emberoak"),
    ("en", "lunch at ember & oak with the team, great service :)"),
    ("de", "Bei Ember & Oak in Kreuzberg gibt es jetzt auch Frühstück, sehr zu empfehlen."),
    ("de", "Schade, die Lieferung war kalt und kam viel zu spät #emberoak"),
    ("en-GB", "Ember & Oak sent me another newsletter. I only wanted a pizza."),
    ("ja", "Ember & Oak のピザはとても美味しかったです"),
];

/// What the company itself says.
const OURS: [&str; 3] = [
    "Ember & Oak is open on bank holidays as well",
    "Your favourite toppings, please! #emberoak",
    "We are looking for people who love bread. Ember & Oak, Camden",
];

/// Writes the network as it was at `until`.
pub(super) fn write(network: &mut Network, company: &Company, days: u32, until: Timestamp) {
    let span = i64::from(days.max(1)) * 86_400;
    let own = Account {
        did: network.own.clone(),
        handles: vec![company.domain.to_owned()],
        display_name: Some(company.name.to_owned()),
        created_at: until - SignedDuration::from_secs(span * 2),
        status: Status::Active,
    };
    let mut said: Vec<(Timestamp, String, Option<&'static str>, String, bool)> = Vec::new();
    for (number, text) in OURS.iter().enumerate() {
        let part = i64::try_from(number + 1).unwrap_or(1);
        let at = until - SignedDuration::from_secs(span * part / 4);
        said.push((at, own.did.clone(), Some("en"), (*text).to_owned(), false));
    }
    network.add_account(own);
    let pizza = company.pizza.household.and_then(|household| company.households.get(household));
    for (index, person) in company.people.iter().enumerate() {
        let is_pizza = pizza.is_some_and(|household| household.members.first() == Some(&index));
        if !is_pizza && network.dice.random_ratio(1, 3) {
            continue;
        }
        let id = did(&mut network.dice);
        // Not the family's address: that one several people share.
        let name = person.emails.last().and_then(|email| email.split('@').next());
        let name = name.unwrap_or("somebody").replace(['.', '+'], "-").to_lowercase();
        let display_name = match network.dice.random_range(0..10) {
            0 => None,
            1 => Some(String::new()),
            _ => Some(mistyped_name(&mut network.dice, person)),
        };
        network.people.insert(id.clone(), index);
        network.add_account(Account {
            did: id.clone(),
            handles: vec![format!("{name}.bsky.example")],
            display_name,
            created_at: person.since - SignedDuration::from_hours(1),
            status: Status::Active,
        });
        let times = if is_pizza { 3 } else { network.dice.random_range(1..=4) };
        for _ in 0..times {
            let at = until - SignedDuration::from_secs(network.dice.random_range(0..span));
            let (lang, text) = if is_pizza {
                (Some("en"), "139 mails from Ember & Oak, three pizzas. Please stop.".to_owned())
            } else {
                network.saying()
            };
            said.push((at, id.clone(), lang, text, network.dice.random_ratio(1, 12)));
        }
    }
    said.sort();
    let own = network.own.clone();
    let mut ours: Vec<String> = Vec::new();
    for (at, did, lang, text, backdated) in said {
        let indexed = at + SignedDuration::from_millis(network.dice.random_range(150..3_000));
        let created = if backdated {
            at - SignedDuration::from_hours(network.dice.random_range(24 * 30..24 * 300))
        } else {
            at
        };
        let answers = did != own && !ours.is_empty() && network.dice.random_ratio(1, 6);
        let parent = answers.then(|| one_of(&mut network.dice, &ours));
        let uri = network.write(&did, text, lang, created, indexed, parent);
        if did == own {
            ours.push(uri);
        }
    }
}

//! Mentions in any number, for benchmarks.

use jiff::Timestamp;
use rand::RngExt as _;

use super::archive::{Author, Mention, QUERIES};
use super::json;
use crate::dice;

/// Mentions as JSON text, about 2.5 KB each, later and later.
pub fn bulk_mentions(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600;
    let mut dice = dice(seed, 72);
    (1..).take(count).map(move |number: usize| {
        let second = START + i64::try_from(number).unwrap_or(0);
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let person = dice.random_range(0..500_000);
        let author = Author {
            person,
            handle: format!("guest_{person}"),
            name: format!("Guest {person}"),
            id: None,
        };
        let resource = format!("{:032x}", dice.random::<u128>());
        let mention = Mention {
            query: QUERIES[number % QUERIES.len()].0,
            url: format!("https://instagram.com/{}", &resource[..12]),
            resource,
            page_type: "instagram",
            domain: "instagram.com",
            author,
            text: "Best sourdough crust in town, thank you Ember & Oak 🍕".to_owned(),
            date: at,
            added: at,
            updated: at,
            sentiment: "positive",
            language: "en",
            tags: vec!["praise"],
            category: None,
            reach: dice.random_range(0..50_000),
            reply: false,
            vanished: false,
        };
        json::mention(&mention).to_string()
    })
}

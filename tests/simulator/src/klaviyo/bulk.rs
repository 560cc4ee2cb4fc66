//! Events in any number, for benchmarks.

use jiff::Timestamp;
use rand::RngExt as _;
use serde_json::json;

use super::json;
use super::records::{Event, METRICS};
use crate::dice;

/// Event records as JSON text, about 1 KB each, with later and later times.
pub fn bulk_events(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600;
    let mut dice = dice(seed, 22);
    (1..).take(count).map(move |number: i64| {
        let second = START + number * 2;
        let event = Event {
            id: format!("01J{number:023}"),
            metric: &METRICS[dice.random_range(0..4)],
            profile: format!("01H{:023}", dice.random_range(0..500_000)),
            at: Timestamp::from_second(second).unwrap_or(Timestamp::MAX),
            properties: json!({
                "$message": format!("01C{:023}", dice.random_range(0..200)),
                "$_cohort$message_send_cohort": format!("{second}:01C"),
                "Campaign Name": "Week 12: Quattro stagioni",
                "Subject": "Week 12: Quattro stagioni, fresh from the oven",
                "Email Domain": "mail.example",
                "Inbox Provider": "Gmail",
                "Client OS": "iOS 19",
                "Client Type": "Mobile",
                "machine_open": dice.random_ratio(1, 3),
                "URL": "https://ember-oak.example/menu?utm_source=newsletter",
            }),
        };
        json::event(&event, "https://a.klaviyo.com").to_string()
    })
}

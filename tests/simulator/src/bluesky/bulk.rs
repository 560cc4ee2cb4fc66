//! Posts by the thousand, for measurements.

use jiff::{SignedDuration, Timestamp};

use super::json::view;
use super::network::{Account, Network, Status, did};
use crate::dice;

/// So many posts of realistic size, as search shows them.
pub fn bulk_posts(seed: u64, count: usize) -> impl Iterator<Item = String> {
    let mut network = Network::new(dice(seed, 61));
    let start = Timestamp::from_second(1_772_000_000).unwrap_or_default();
    (0..count).filter_map(move |number| {
        let at = start + SignedDuration::from_secs(i64::try_from(number).unwrap_or(0) * 30);
        // Every tenth post is by somebody new.
        if number % 10 == 0 {
            network.accounts.clear();
            let account = Account {
                did: did(&mut network.dice),
                handles: vec![format!("somebody{number}.bsky.example")],
                display_name: Some(format!("Somebody {number}")),
                created_at: at - SignedDuration::from_hours(9_000),
                status: Status::Active,
            };
            network.add_account(account);
        }
        network.posts.clear();
        network.log.clear();
        let author = network.somebody()?;
        let (lang, text) = network.saying();
        let uri = network.write(&author, text, lang, at, at, None);
        let post = network.posts.get(&uri)?;
        view(&network, post, number % 90).map(|view| view.to_string())
    })
}

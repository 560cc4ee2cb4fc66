//! Tickets in any number, for benchmarks.

use jiff::Timestamp;
use rand::RngExt as _;

use super::json;
use super::prose;
use super::records::{Deletion, Status, Ticket};
use crate::dice;
use crate::world::one_of;

/// Ticket records as JSON text, about 2 KB each, with ids from 1 and later and later times.
pub fn bulk_tickets(seed: u64, count: usize) -> impl Iterator<Item = String> {
    const START: i64 = 1_735_689_600;
    const STATUSES: [Status; 4] = [Status::New, Status::Open, Status::Pending, Status::Closed];
    let mut dice = dice(seed, 9);
    (1..).take(count).map(move |id: u64| {
        let dice = &mut dice;
        let (subject, problem) = one_of(dice, prose::PROBLEMS);
        let second = START + i64::try_from(id).unwrap_or(0) * 2;
        let at = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let requester_id = 361_480_000_000 + dice.random_range(0..500_000);
        let ticket = Ticket {
            id,
            subject: subject.to_owned(),
            description: prose::description(dice, problem),
            status: one_of(dice, &STATUSES),
            priority: Some("normal"),
            kind: Some("question"),
            channel: "email",
            requester_id,
            submitter_id: requester_id,
            assignee_id: Some(361_480_000_000),
            organization_id: None,
            external_id: Some(format!("till-{id}")),
            tags: vec!["email".to_owned(), "customer".to_owned()],
            order_number: Some(format!("EO-{}", id * 37)),
            rating: None,
            created_at: at,
            updated_at: at,
            generated_timestamp: second,
            deletion: Deletion::No,
        };
        json::ticket(&ticket, None).to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_weigh_about_two_kilobytes() {
        let sizes: Vec<usize> = bulk_tickets(7, 100).map(|ticket| ticket.len()).collect();
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((1_500..2_500).contains(&mean), "{mean}");
    }
}

//! What was written before the simulation begins.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::archive::Archive;
use super::face::State;
use crate::world::Company;

/// Posts per person of the world.
const POSTS: usize = 3;

/// Three posts a person over the days; some are found weeks after they were written.
pub(super) fn write(archive: &mut Archive, company: &Company, days: u32, until: Timestamp) {
    let history = i64::from(days.max(1)) * 86_400;
    for _ in 0..company.people.len() * POSTS {
        let dice = &mut archive.dice;
        let date = until - SignedDuration::from_secs(dice.random_range(60..history));
        let late = if dice.random_ratio(1, 20) { 20 * 86_400 } else { dice.random_range(1..900) };
        let added = (date + SignedDuration::from_secs(late)).min(until);
        archive.post(company, date, added);
    }
    for _ in 0..company.people.len() / 4 {
        let ago = archive.dice.random_range(0..3 * 86_400);
        archive.edit(until - SignedDuration::from_secs(ago));
    }
}

impl State {
    pub(super) fn live(&mut self, changes: usize, at: Timestamp) {
        let company = Arc::clone(&self.company);
        for _ in 0..changes {
            match self.archive.dice.random_range(0..10) {
                0..=4 => {
                    let ago = self.archive.dice.random_range(0..600);
                    self.archive.post(&company, at - SignedDuration::from_secs(ago), at);
                }
                5 | 6 => {
                    let days = self.archive.dice.random_range(1..28);
                    self.archive.post(&company, at - SignedDuration::from_hours(24 * days), at);
                }
                _ => self.archive.edit(at),
            }
        }
    }

    pub(super) fn add_late(&mut self, days: u32, at: Timestamp) -> (u64, String) {
        let date = at - SignedDuration::from_hours(24 * i64::from(days));
        self.add(date, at)
    }

    pub(super) fn add_unseen(&mut self, days: u32, at: Timestamp) -> (u64, String) {
        let date = at - SignedDuration::from_hours(24 * i64::from(days));
        self.add(date, date)
    }

    fn add(&mut self, date: Timestamp, added: Timestamp) -> (u64, String) {
        let company = Arc::clone(&self.company);
        self.archive.post(&company, date, added).unwrap_or_default()
    }
}

//! The simulation's clock: real time plus what a test advanced, or an instant at which it stands.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock that runs or stands; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug)]
enum Hands {
    /// Real time plus this.
    Ahead(Duration),
    /// Standing.
    At(Timestamp),
}

impl Default for Hands {
    fn default() -> Self {
        Self::Ahead(Duration::ZERO)
    }
}

impl Clock {
    /// The simulation's present.
    pub fn now(&self) -> Timestamp {
        match *self.hands() {
            Hands::Ahead(by) => later(Timestamp::now(), by),
            Hands::At(instant) => instant,
        }
    }

    /// Moves the present forward.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        match &mut *hands {
            Hands::Ahead(ahead) => *ahead += by,
            Hands::At(instant) => *instant = later(*instant, by),
        }
    }

    /// Stops the clock at an instant: what happens then happens at the same time in every run.
    pub fn stop_at(&self, instant: Timestamp) {
        *self.hands() = Hands::At(instant);
    }

    /// Lets the clock run again, as real time does.
    pub fn run(&self) {
        *self.hands() = Hands::Ahead(Duration::ZERO);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(instant: Timestamp, by: Duration) -> Timestamp {
    instant + SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_advance_together() {
        let clock = Clock::default();
        let before = clock.now();
        clock.clone().advance(Duration::from_hours(1));
        assert!(clock.now().duration_since(before) >= SignedDuration::from_hours(1));
    }

    #[test]
    fn a_clock_that_stands_moves_only_by_hand() {
        let clock = Clock::default();
        let noon = Timestamp::from_second(1_780_000_000).expect("in range");
        clock.clone().stop_at(noon);
        assert_eq!(clock.now(), noon);
        clock.advance(Duration::from_mins(1));
        assert_eq!(clock.now(), noon + SignedDuration::from_mins(1));
    }
}

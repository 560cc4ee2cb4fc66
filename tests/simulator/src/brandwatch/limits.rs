//! The calls of a client in a rolling span of time.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::server::Answer;

/// What was called, and how much may be.
#[derive(Default)]
pub(super) struct Limits {
    calls: Option<u32>,
    span: Duration,
    made: VecDeque<Timestamp>,
}

impl Limits {
    pub(super) fn set(&mut self, calls: Option<u32>, span: Duration) {
        *self = Self { calls, span, made: VecDeque::new() };
    }

    /// Counts a call, or refuses it: without a word on when to come back.
    pub(super) fn count(&mut self, now: Timestamp) -> Result<(), Answer> {
        let Some(calls) = self.calls else { return Ok(()) };
        let is_over = |at: &Timestamp| now.duration_since(*at).unsigned_abs() >= self.span;
        while self.made.front().is_some_and(is_over) {
            self.made.pop_front();
        }
        if self.made.len() >= calls as usize {
            return Err(self.tell(Answer::text(429, "")));
        }
        self.made.push_back(now);
        Ok(())
    }

    pub(super) fn tell(&self, answer: Answer) -> Answer {
        let Some(calls) = self.calls else { return answer };
        let minutes = self.span.as_secs() / 60;
        answer
            .with("x-rate-limit", format!("{calls}/{minutes}m"))
            .with("x-rate-limit-used", self.made.len())
    }
}

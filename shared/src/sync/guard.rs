//! Streams that do not move.

use serde_json::value::RawValue;

use crate::error::Error;
use crate::page::Next;
use crate::request::Request;
use crate::schema::Sha256;

/// Notices a stream that does not move, in constant memory: Brent's cycle detection over the cursors.
#[derive(Default)]
pub(super) struct LoopGuard {
    /// A cursor of some steps ago; whoever comes back to it goes round in circles.
    milestone: Option<Sha256>,
    steps: u64,
    /// The last question and the key of its answer, which names the digest of the body.
    last: Option<(Request, String)>,
    /// How many answers in a row were equal to the last one.
    alike: u32,
}

/// So many questions may have the same answer in a row; more, and the source does not listen to what is asked.
const ALIKE: u32 = 16;

impl LoopGuard {
    /// Refuses to go on when a page leads back, or when the source sends the same page again.
    pub(super) fn check(
        &mut self,
        cursor: &RawValue,
        next: &Next<Box<RawValue>>,
        request: Request,
        raw_key: &str,
        records: usize,
    ) -> Result<(), Error> {
        let Next::More(next) = next else { return Ok(()) };
        let [here, there] = [cursor, next].map(|cursor| Sha256::of(cursor.get().as_bytes()));
        // The milestone moves on at every power of two, so that it ends up inside any circle.
        if self.steps.is_power_of_two() || self.milestone.is_none() {
            self.milestone = Some(here);
        }
        self.steps += 1;
        if there == here || Some(there) == self.milestone {
            return Err(Error::Stuck(
                "the source sends us back to a cursor that was read already".to_owned(),
            ));
        }
        let last = self.last.replace((request, raw_key.to_owned()));
        let last = last.filter(|(_, answer)| records > 0 && answer == raw_key);
        let Some((asked, _)) = last else {
            self.alike = 0;
            return Ok(());
        };
        self.alike += 1;
        let is_same = self.last.as_ref().is_some_and(|(request, _)| *request == asked);
        if is_same || self.alike >= ALIKE {
            let page = format!("the source sent the same page {} times", self.alike + 1);
            return Err(Error::Stuck(page));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(number: u64) -> Box<RawValue> {
        RawValue::from_string(number.to_string()).unwrap()
    }

    fn page(number: u64) -> Request {
        Request::get("/list").query("page", number)
    }

    /// Follows `next` from cursor 0; the step at which the guard says stuck.
    fn stuck_after(next: impl Fn(u64) -> u64, patience: u64) -> Option<u64> {
        let mut guard = LoopGuard::default();
        let mut at = 0;
        (1..=patience).find(|step| {
            let to = next(at);
            let stuck = guard.check(
                &cursor(at),
                &Next::More(cursor(to)),
                page(at),
                &format!("page {step}"),
                1,
            );
            at = to;
            stuck.is_err()
        })
    }

    #[test]
    fn a_circle_of_any_length_is_noticed() {
        assert_eq!(stuck_after(|at| at, 10), Some(1));
        for length in [2, 3, 7, 64, 100] {
            for before in [0, 1, 5, 30] {
                let next = |at: u64| if at + 1 < before + length { at + 1 } else { before };
                let noticed = stuck_after(next, 10 * (length + before) + 10);
                assert!(noticed.is_some(), "a circle of {length} after {before}");
            }
        }
        assert_eq!(stuck_after(|at| at + 1, 10_000), None);
    }

    /// A source that answers "page" to the question for each of these pages; the step at which the guard says stuck.
    fn stuck_at(pages: impl IntoIterator<Item = u64>, records: usize) -> Option<usize> {
        let mut guard = LoopGuard::default();
        (0..).zip(pages).position(|(step, asked)| {
            let next = Next::More(cursor(step + 1));
            guard.check(&cursor(step), &next, page(asked), "page", records).is_err()
        })
    }

    #[test]
    fn the_same_answer_to_the_same_question_is_noticed_unless_it_is_empty() {
        assert_eq!(stuck_at([7, 7], 5), Some(1));
        assert_eq!(stuck_at([7; 100], 0), None);
    }

    /// Two questions may have one answer: two lists with the same entries, two days with the same count.
    #[test]
    fn equal_pages_of_two_different_requests_are_no_stuck_stream() {
        assert_eq!(stuck_at(0..10, 5), None);
        assert_eq!(stuck_at([1, 2, 1, 2, 2], 5), Some(4));
    }

    #[test]
    fn a_source_that_answers_whatever_is_asked_with_one_page_is_noticed() {
        assert_eq!(stuck_at(0..100, 5), Some(16));
    }
}

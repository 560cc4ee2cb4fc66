//! Failures to inject into any face, each counted when it fires.

use std::collections::VecDeque;
use std::mem::discriminant;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// How a rate-limited answer says when to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAfter {
    /// So many seconds from now.
    Seconds(u64),
    /// At an HTTP date.
    Date(Timestamp),
}

/// One way for a vendor to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with this status and a JSON error.
    Status(u16),
    /// Answers 429 with a plain-text body.
    Storm429 {
        /// The header, or none at all.
        retry_after: Option<RetryAfter>,
    },
    /// Answers 401.
    Unauthorized,
    /// Answers 403 with an empty `text/html` body.
    Forbidden,
    /// Answers 200 with a web page.
    Html200,
    /// Answers 200 with an error in JSON.
    ErrorEnvelope200,
    /// Answers 302 to a host that is not the vendor's.
    RedirectElsewhere,
    /// Resets the connection instead of answering.
    ConnectionReset,
    /// Cuts the body inside its JSON, with a correct length.
    TruncatedPage,
    /// Closes the connection before `Content-Length` is reached.
    WrongContentLength,
    /// Spreads the body over this time.
    SlowBody(Duration),
    /// Adds a record of the wrong shape to a page.
    BadRecord,
    /// Repeats the request's own cursor, though more is to come.
    StuckCursor,
    /// Serves no records now, and a cursor to all of them.
    EmptyPageWithNext,
    /// Refuses the cursor.
    ExpiredCursor,
    /// Adds fields nobody has seen before to each record.
    ExtraField,
    /// Changes records between two pages of one read.
    InsertWhilePaging,
}

impl Fault {
    /// Whether it takes the place of the face's answer.
    pub(crate) fn replaces_answer(&self) -> bool {
        matches!(
            self,
            Self::Status(_)
                | Self::Storm429 { .. }
                | Self::Unauthorized
                | Self::Forbidden
                | Self::Html200
                | Self::ErrorEnvelope200
                | Self::RedirectElsewhere
                | Self::ConnectionReset
        )
    }

    /// Whether it spoils the delivery of a good answer.
    pub(crate) fn spoils_delivery(&self) -> bool {
        matches!(self, Self::TruncatedPage | Self::WrongContentLength | Self::SlowBody(_))
    }
}

/// A fault with its conditions.
#[derive(Clone, Debug)]
pub struct Injection {
    fault: Fault,
    times: usize,
    after: usize,
    path: String,
}

impl Injection {
    /// Fires once, on the first request it applies to.
    pub fn new(fault: Fault) -> Self {
        Self { fault, times: 1, after: 0, path: String::new() }
    }

    /// Fires this many times.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Lets this many requests pass first.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.after = requests;
        self
    }

    /// Fires only where the path and query contain this text.
    #[must_use]
    pub fn on(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }
}

/// A fault under way: tells how often it fired.
#[derive(Clone, Debug)]
pub struct Injected {
    fired: Arc<AtomicUsize>,
}

impl Injected {
    /// How often it fired so far.
    pub fn fired(&self) -> usize {
        self.fired.load(Ordering::SeqCst)
    }
}

struct Pending {
    injection: Injection,
    fired: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Book {
    pending: VecDeque<Pending>,
    fired: Vec<Fault>,
}

/// The faults of one face: a queue, first come first fired; clones share it.
#[derive(Clone, Default)]
pub struct Faults {
    book: Arc<Mutex<Book>>,
    elsewhere: Arc<str>,
}

impl Faults {
    pub(crate) fn redirecting_to(elsewhere: String) -> Self {
        Self { elsewhere: elsewhere.into(), ..Self::default() }
    }

    /// Queues a fault for the next requests it applies to.
    pub fn inject(&self, fault: Fault, times: usize) -> Injected {
        self.schedule(Injection::new(fault).times(times))
    }

    /// Queues a fault for requests whose path and query contain `path`.
    pub fn inject_on(&self, path: &str, fault: Fault, times: usize) -> Injected {
        self.schedule(Injection::new(fault).times(times).on(path))
    }

    /// Queues a fault with its conditions.
    pub fn schedule(&self, injection: Injection) -> Injected {
        let fired = Arc::new(AtomicUsize::new(0));
        self.lock().pending.push_back(Pending { injection, fired: Arc::clone(&fired) });
        Injected { fired }
    }

    /// Forgets the faults that have not fired.
    pub fn clear(&self) {
        self.lock().pending.clear();
    }

    /// How many firings are still queued.
    pub fn queued(&self) -> usize {
        let book = self.lock();
        book.pending.iter().map(|p| p.injection.times).sum()
    }

    /// How often a fault of this kind fired, whatever its parameters.
    pub fn fired(&self, kind: &Fault) -> usize {
        let book = self.lock();
        let same = |fault: &&Fault| discriminant(*fault) == discriminant(kind);
        book.fired.iter().filter(same).count()
    }

    /// Every fault that fired, in order.
    pub fn history(&self) -> Vec<Fault> {
        self.lock().fired.clone()
    }

    /// The first queued fault that applies to this request here, now fired.
    pub(crate) fn take(&self, path: &str, here: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut book = self.lock();
        let mut chosen = None;
        for (index, pending) in book.pending.iter_mut().enumerate() {
            let injection = &mut pending.injection;
            if !here(&injection.fault) || !path.contains(&injection.path) {
                continue;
            }
            if injection.after > 0 {
                injection.after -= 1;
            } else if chosen.is_none() {
                chosen = Some(index);
            }
        }
        let index = chosen?;
        let pending = book.pending.get_mut(index)?;
        pending.fired.fetch_add(1, Ordering::SeqCst);
        pending.injection.times = pending.injection.times.saturating_sub(1);
        let (fault, spent) = (pending.injection.fault.clone(), pending.injection.times == 0);
        if spent {
            book.pending.remove(index);
        }
        book.fired.push(fault.clone());
        Some(fault)
    }

    pub(crate) fn elsewhere(&self) -> &str {
        &self.elsewhere
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_waits_for_its_path_and_turn_and_is_counted() {
        let faults = Faults::default();
        let injection = Injection::new(Fault::Status(503)).on("/users").after(1);
        let injected = faults.schedule(injection.times(2));
        let fired: Vec<bool> = ["/tickets", "/users", "/users", "/users?x=1", "/users"]
            .iter()
            .map(|path| faults.take(path, Fault::replaces_answer).is_some())
            .collect();
        assert_eq!(fired, [false, false, true, true, false]);
        assert_eq!(injected.fired(), 2);
        assert_eq!(faults.fired(&Fault::Status(0)), 2);
        assert_eq!(faults.queued(), 0);
    }

    #[test]
    fn a_fault_fires_only_where_it_belongs() {
        let faults = Faults::default();
        faults.inject(Fault::TruncatedPage, 1);
        assert_eq!(faults.take("/", Fault::replaces_answer), None);
        assert_eq!(faults.take("/", Fault::spoils_delivery), Some(Fault::TruncatedPage));
    }
}

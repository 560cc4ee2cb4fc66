//! Counts the requests of one run, whichever task sends them.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::Calls;

/// Counts upwards; share it by reference.
#[derive(Debug, Default)]
pub struct Meter {
    api_calls: AtomicU64,
    throttles: AtomicU64,
}

impl Meter {
    /// A request leaves.
    pub(crate) fn call(&self) {
        self.api_calls.fetch_add(1, Ordering::Relaxed);
    }

    /// An answer asked us to slow down.
    pub(crate) fn throttle(&self) {
        self.throttles.fetch_add(1, Ordering::Relaxed);
    }

    /// The count so far.
    pub fn calls(&self) -> Calls {
        Calls {
            api_calls: self.api_calls.load(Ordering::Relaxed),
            throttles: self.throttles.load(Ordering::Relaxed),
        }
    }
}

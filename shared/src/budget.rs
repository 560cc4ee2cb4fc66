//! How much time an invocation has left.

use std::time::Duration;

use tokio::time::Instant;

/// The time until which a run may work; none on a laptop.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    deadline: Option<Instant>,
}

impl Budget {
    /// No end.
    pub const fn unlimited() -> Self {
        Self { deadline: None }
    }

    /// Ends after `time` from now.
    pub fn of(time: Duration) -> Self {
        Self { deadline: Some(Instant::now() + time) }
    }

    /// What is left, if there is an end.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether `wait` fits into what is left.
    pub fn allows(&self, wait: Duration) -> bool {
        self.remaining().is_none_or(|left| wait < left)
    }
}

//! Keeps to a rate: at most so many requests in any span, which is how vendors count.
//!
//! A sliding window rather than a token bucket: a bucket either lets a full burst through on top of a full window, which
//! a per-minute quota refuses, or spaces every request out, which makes a three-page sync slow for nothing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::facts::Pace;

/// A queue of permissions to send.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Option<Pace>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Instant>,
    blocked_until: Option<Instant>,
}

impl Pacer {
    pub(crate) fn new(pace: Option<Pace>) -> Self {
        Self { pace, state: Mutex::default() }
    }

    /// Takes the next permission, or says how long to wait before asking again.
    pub(crate) async fn permit(&self) -> Result<(), Duration> {
        let mut state = self.state.lock().await;
        let now = Instant::now();
        if let Some(until) = state.blocked_until {
            if until > now {
                return Err(until - now);
            }
            state.blocked_until = None;
        }
        let Some(Pace { requests, per }) = self.pace else { return Ok(()) };
        while state.sent.front().is_some_and(|sent| *sent + per <= now) {
            state.sent.pop_front();
        }
        match state.sent.front() {
            Some(oldest) if state.sent.len() >= requests as usize => Err(*oldest + per - now),
            _ => {
                state.sent.push_back(now);
                Ok(())
            }
        }
    }

    /// Gives no permission for `wait`: the vendor said that the quota is used up.
    pub(crate) async fn block(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut state = self.state.lock().await;
        state.blocked_until = Some(state.blocked_until.map_or(until, |earlier| earlier.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_quota_in_any_span() {
        let pacer = Pacer::new(Some(Pace::per_minute(10)));
        let mut sent = Vec::new();
        for _ in 0..35 {
            while let Err(wait) = pacer.permit().await {
                tokio::time::sleep(wait).await;
            }
            sent.push(Instant::now());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        for window in sent.windows(11) {
            assert!(window[10] - window[0] >= Duration::from_mins(1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_by_the_vendor_is_kept() {
        let pacer = Pacer::new(None);
        pacer.block(Duration::from_secs(41)).await;
        assert_eq!(pacer.permit().await, Err(Duration::from_secs(41)));
        tokio::time::sleep(Duration::from_secs(41)).await;
        assert_eq!(pacer.permit().await, Ok(()));
    }
}

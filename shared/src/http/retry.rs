//! When an answer is worth asking for again, and how long to wait first.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use http::HeaderMap;

/// How patient a client is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// The first wait; it doubles, with jitter.
    pub first_wait: Duration,
    /// The longest wait of our own choosing.
    pub longest_wait: Duration,
    /// Repetitions of one request.
    pub retries: usize,
    /// The longest wait that a source may ask of a run without an end; longer ones pause the stream.
    pub longest_requested_wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(30),
            retries: 7,
            longest_requested_wait: Duration::from_mins(15),
        }
    }
}

impl Patience {
    /// Waits between repetitions, exponential with jitter.
    pub fn waits(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_min_delay(self.first_wait)
            .with_max_delay(self.longest_wait)
            .with_max_times(self.retries)
            .with_jitter()
            .build()
    }
}

/// Statuses that a repetition can cure.
pub(crate) fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 409 | 423 | 425 | 429 | 477) || status >= 500
}

/// How long the source asks to wait: `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::RETRY_AFTER, value.parse().unwrap())])
    }

    #[test]
    fn retry_after_as_seconds_fraction_date_and_nonsense() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        assert_eq!(retry_after(&headers("41"), now), Some(Duration::from_secs(41)));
        assert_eq!(retry_after(&headers("0.5"), now), Some(Duration::from_millis(500)));
        assert_eq!(
            retry_after(&headers("Sun, 06 Nov 1994 08:50:07 GMT"), now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            retry_after(&headers("Sun, 06 Nov 1994 08:00:00 GMT"), now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after(&headers("soon"), now), None);
        assert_eq!(retry_after(&headers("-5"), now), None);
    }

    #[test]
    fn what_is_worth_repeating() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504, 520, 524] {
            assert!(is_transient(status), "{status}");
        }
        for status in [301, 400, 401, 403, 404, 410, 422] {
            assert!(!is_transient(status), "{status}");
        }
    }
}

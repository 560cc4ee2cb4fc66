//! Which log lines are written: never those in which a library prints what it sends and reads.

use tracing_subscriber::EnvFilter;

/// Libraries that print whole requests and answers at the level trace: people's data, and credentials.
const TALKATIVE: &[&str] = &[
    "aws_sigv4",
    "aws_smithy_http_client",
    "aws_smithy_runtime",
    "aws_smithy_runtime_api",
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
];

/// The filter in `TRIBUTARY_LOG`, or `default`; what libraries print of bodies stays out of either.
pub fn filter(default: &str) -> EnvFilter {
    let asked = std::env::var("TRIBUTARY_LOG").unwrap_or_default();
    let asked = if asked.is_empty() { default } else { &asked };
    discreet(asked)
}

/// A filter with the talkative libraries capped below trace.
pub fn discreet(directives: &str) -> EnvFilter {
    let caps = TALKATIVE.iter().filter_map(|library| format!("{library}=info").parse().ok());
    caps.fold(EnvFilter::builder().parse_lossy(directives), EnvFilter::add_directive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_does_not_reach_libraries_that_print_bodies() {
        let filter = discreet("trace,hyper=trace").to_string();
        for library in TALKATIVE {
            assert!(filter.contains(&format!("{library}=info")), "{filter}");
            assert!(!filter.contains(&format!("{library}=trace")), "{filter}");
        }
    }
}

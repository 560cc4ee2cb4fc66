//! What was checked and what was found, over all that passed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::recorder::Exchange;

/// What a vendor publishes of its API.
pub(crate) trait Specification {
    /// Looks at one exchange; none if nothing is published of its path.
    fn judge(&self, exchange: &Exchange) -> Option<Verdict>;
}

/// What came of one exchange.
#[derive(Default)]
pub(crate) struct Verdict {
    /// The operation as it is published.
    pub(crate) operation: String,
    /// Whether the answer's body had a schema to hold against it.
    pub(crate) answer_checked: bool,
    /// What contradicts the specification.
    pub(crate) findings: Vec<String>,
}

/// A finding that is the specification's fault.
pub(crate) struct Allowed {
    /// A part of the finding's text.
    pub(crate) finding: &'static str,
    /// Why the specification is wrong there.
    pub(crate) reason: &'static str,
}

/// Everything that passed, judged.
#[derive(Default)]
pub(crate) struct Judged {
    requests: usize,
    answers: usize,
    operations: BTreeSet<String>,
    unknown: BTreeMap<String, usize>,
    /// Each finding with how often it was made.
    findings: BTreeMap<String, usize>,
}

impl Judged {
    pub(crate) fn of(specification: &dyn Specification, exchanges: &[Exchange]) -> Self {
        let mut judged = Self::default();
        for exchange in exchanges {
            let Some(verdict) = specification.judge(exchange) else {
                let Exchange { method, path, .. } = exchange;
                *judged.unknown.entry(format!("{method} {path}")).or_default() += 1;
                continue;
            };
            judged.requests += 1;
            judged.answers += usize::from(verdict.answer_checked);
            for finding in verdict.findings {
                let finding = format!("{}: {finding}", verdict.operation);
                *judged.findings.entry(finding).or_default() += 1;
            }
            judged.operations.insert(verdict.operation);
        }
        judged
    }

    pub(crate) fn report(&self, vendor: &str) -> String {
        let mut text = format!(
            "{vendor}: {} requests and {} answers checked, of {} operations",
            self.requests,
            self.answers,
            self.operations.len()
        );
        for operation in &self.operations {
            let _ = write!(text, "\n  checked {operation}");
        }
        for (path, times) in &self.unknown {
            let _ = write!(text, "\n  no specification of {path} ({times}×)");
        }
        for (finding, times) in &self.findings {
            let _ = write!(text, "\n  found {finding} ({times}×)");
        }
        text
    }

    /// Fails for what is found and not allowed, and for what is allowed and not found.
    pub(crate) fn refuse(&self, vendor: &str, allowed: &[Allowed]) {
        assert!(self.requests > 0, "{vendor}: the specification knows none of the requests");
        let is_allowed = |finding: &&String| allowed.iter().any(|it| finding.contains(it.finding));
        let wrong: Vec<&String> =
            self.findings.keys().filter(|finding| !is_allowed(finding)).collect();
        assert!(wrong.is_empty(), "{vendor} against its specification: {wrong:#?}");
        for Allowed { finding, reason } in allowed {
            let is_met = self.findings.keys().any(|found| found.contains(finding));
            assert!(is_met, "{vendor}: {finding:?} is allowed ({reason}) and does not occur");
        }
    }
}

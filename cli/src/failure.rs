//! How a command ends: with an exit code, or with an error and what to do about it.

use std::fmt;
use std::process::ExitCode;

use shared::error::Error;
use shared::ledger::{Outcome, Run};

use crate::aws::hint_in;
use crate::embedded::EmbeddedError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well, or paused and to be gone on with.
    Success,
    /// Something failed; the rest is done.
    Failed,
    /// The command line or the settings are wrong.
    Misuse,
    /// The operator pressed Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Success => 0,
            Exit::Failed => 1,
            Exit::Misuse => 2,
            Exit::Interrupted => 130,
        })
    }
}

impl Exit {
    /// Pauses are success: the next run goes on.
    pub(crate) fn of(runs: &[Run]) -> Self {
        if runs.iter().any(|run| run.outcome == Outcome::Failed) {
            Self::Failed
        } else {
            Self::Success
        }
    }
}

/// An error in one line, with a hint.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: String,
    exit: Exit,
}

impl Failure {
    /// The operator has to change the command line or the settings.
    pub(crate) fn misuse(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), exit: Exit::Misuse }
    }

    /// Something else went wrong.
    pub(crate) fn failed(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), exit: Exit::Failed }
    }

    /// The same, saying where it happened.
    pub(crate) fn at(self, place: &str) -> Self {
        Self { what: format!("{place}: {}", self.what), ..self }
    }

    /// The error alone, without its hint.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "error: {}\nhint: {}", self.what, self.hint)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let chain = error.chain();
        // The library says what to do behind a semicolon.
        let (what, said) = match chain.split_once("; ") {
            Some((what, hint)) => (what.to_owned(), Some(hint.to_owned())),
            None => (chain.clone(), None),
        };
        let (own, exit) = match &error {
            Error::Config(_) => ("correct it, then run `tributary check`", Exit::Misuse),
            Error::Unauthorized { .. } => {
                ("renew the credentials, then run `tributary check`", Exit::Failed)
            }
            Error::RateLimited { .. } | Error::Unavailable(_) => {
                ("wait a little and try again", Exit::Failed)
            }
            Error::Landing { .. } => {
                let own = "see that the store answers and has room, then try again";
                (hint_in(&chain).unwrap_or(own), Exit::Failed)
            }
            _ => {
                ("run it again with -vv, and report what it says if it does not help", Exit::Failed)
            }
        };
        Self { what, hint: said.unwrap_or_else(|| own.to_owned()), exit }
    }
}

impl From<EmbeddedError> for Failure {
    fn from(error: EmbeddedError) -> Self {
        let exit = match &error {
            EmbeddedError::Folder { .. } | EmbeddedError::Lock { .. } => Exit::Misuse,
            _ => Exit::Failed,
        };
        let text = error.to_string();
        // These messages end with what to do, behind a colon.
        let (mut what, hint) = match text.rsplit_once(": ") {
            Some((what, hint)) => (what.to_owned(), hint.to_owned()),
            None => (text, "choose another folder with --data".to_owned()),
        };
        if let Some(cause) = std::error::Error::source(&error) {
            what = format!("{what} ({cause})");
        }
        Self { what, hint, exit }
    }
}

impl From<lake::LakeError> for Failure {
    fn from(error: lake::LakeError) -> Self {
        let mut what = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(because) = cause {
            what = format!("{what}: {because}");
            cause = because.source();
        }
        match error {
            lake::LakeError::Setting(_) => Self::misuse(what, "see docs/lake.md"),
            _ => Self::failed(
                what,
                "nothing that landed is lost; `tributary tables --commit` tries again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_advises_becomes_the_hint() {
        let failure = Failure::from(Error::Config(
            "unknown key \"emial\"; did you mean \"email\"?".to_owned(),
        ));
        assert_eq!(
            failure.to_string(),
            "error: settings: unknown key \"emial\"\nhint: did you mean \"email\"?"
        );
        assert_eq!(failure.exit(), Exit::Misuse);
        let failure = Failure::from(Error::Unavailable("timed out".to_owned()));
        assert!(failure.to_string().ends_with("hint: wait a little and try again"));
    }
}

//! The committer against a plain folder, and against what it should have made of it.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod alone;
mod crash;
mod evolution;
mod exactly_once;
mod housekeeping;
mod privacy;
mod support;

//! The committer against a plain folder, and against what it should have made of it.

mod alone;
mod crash;
mod evolution;
mod exactly_once;
mod housekeeping;
mod privacy;
mod support;

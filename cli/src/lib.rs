//! The `tributary` command: the very code that runs in AWS, on one machine.
//!
//! Data goes to stdout, everything meant for a person's eyes to stderr; errors end with a hint.

pub mod embedded;
pub mod plan;
pub mod truth;

mod arguments;
mod aws;
mod command;
mod display;
mod failure;
mod log;
mod progress;
mod session;
mod sources;

use std::process::ExitCode;

use clap::Parser;

use arguments::Arguments;
use failure::Failure;

pub use sources::{example_connection, sources};

/// Reads the command line, runs the command, and says how it went: 0 ok or paused, 1 failed, 2 wrong use or settings.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log::start(&arguments.global);
    let ended = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command::run(arguments)),
        Err(error) => Err(Failure::failed(
            format!("the runtime cannot start: {error}"),
            "close other programs and try again",
        )),
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            log::tell(&failure.to_string());
            failure.exit().into()
        }
    }
}

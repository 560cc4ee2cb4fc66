//! Logs and words to the operator, on stderr and around the progress bars.

use std::io::{self, IsTerminal as _, Write};
use std::sync::LazyLock;

use indicatif::MultiProgress;
use shared::logging::{discreet, filter};
use tracing_subscriber::fmt::MakeWriter;

use crate::arguments::Global;

/// The bars on the screen; logs are written while they are out of the way.
pub(crate) static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Starts logging to stderr.
pub(crate) fn start(global: &Global) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error,shared::sync=off,dynoxide=off",
        // How a stream ended is said by the command itself; a condition that does not hold is no error of the store.
        (false, 0) => "warn,shared::sync=off,dynoxide=off",
        (false, 1) => "warn,shared=info,tributary=info,helpdesk=info,dynoxide=off",
        (false, 2) => "info,shared=debug,tributary=debug,helpdesk=debug,dynoxide=off",
        (false, _) => "debug",
    };
    let chosen = global.quiet || global.verbose > 0;
    let filter = if chosen { discreet(level) } else { filter(level) };
    let ansi = io::stderr().is_terminal();
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Stderr)
        .with_ansi(ansi)
        .with_target(false)
        .try_init();
    if let Err(error) = started {
        tell(&format!("warning: logs cannot be written: {error}"));
    }
}

/// Says something to the operator, beside the data.
pub(crate) fn tell(text: &str) {
    BARS.suspend(|| {
        // Nobody is there to be told that stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{text}");
    });
}

struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().lock().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

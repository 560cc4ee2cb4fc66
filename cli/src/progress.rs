//! Shows a running sync: bars when a person watches, lines otherwise.

use std::collections::{BTreeSet, HashMap};
use std::io::IsTerminal;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use shared::ledger::{Ledger, Run};
use shared::schema::Timestamp;
use shared::sync::{Observer, Progress};

use crate::arguments::Global;
use crate::display::{grouped, human, instant, outcome};
use crate::log::{BARS, tell};

/// Watches the streams of a sync.
pub(crate) struct Watch {
    look: Look,
    streams: Mutex<Streams>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    Bars,
    Lines,
    Nothing,
}

#[derive(Default)]
struct Streams {
    bars: HashMap<String, (ProgressBar, Instant)>,
    running: BTreeSet<(String, String)>,
}

impl Watch {
    pub(crate) fn new(global: &Global) -> Self {
        let look = match (global.quiet, std::io::stderr().is_terminal()) {
            (true, _) => Look::Nothing,
            (false, true) => Look::Bars,
            (false, false) => Look::Lines,
        };
        Self { look, streams: Mutex::default() }
    }

    /// The streams that have started and not finished, by connection and name.
    pub(crate) fn running(&self) -> Vec<(String, String)> {
        self.lock().running.iter().cloned().collect()
    }

    /// Takes the bars away: the summary says it all.
    pub(crate) fn clear(&self) {
        for (_, (bar, _)) in self.lock().bars.drain() {
            bar.finish_and_clear();
            BARS.remove(&bar);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bar(&self, name: &str, show: impl FnOnce(&ProgressBar, Duration)) {
        if self.look == Look::Bars {
            let mut streams = self.lock();
            let (bar, started) = streams
                .bars
                .entry(name.to_owned())
                .or_insert_with(|| (spinner(name), Instant::now()));
            show(bar, started.elapsed());
        }
    }

    fn line(&self, text: impl FnOnce() -> String) {
        if self.look == Look::Lines {
            tell(&text());
        }
    }
}

impl Observer for Watch {
    fn on(&self, connection: &str, stream: &str, progress: Progress<'_>) {
        let name = format!("{connection}/{stream}");
        let key = || (connection.to_owned(), stream.to_owned());
        match progress {
            Progress::Started => {
                self.lock().running.insert(key());
                self.bar(&name, |bar, _| bar.set_message("asking"));
            }
            Progress::Page(ledger, watermark) => {
                self.bar(&name, |bar, elapsed| bar.set_message(so_far(ledger, watermark, elapsed)));
            }
            Progress::Waiting(wait) => {
                let waits = format!("waits {}, as the source asks", human(wait));
                self.line(|| format!("{name}: {waits}"));
                self.bar(&name, |bar, _| bar.set_message(waits));
            }
            Progress::Finished(run) => {
                self.lock().running.remove(&key());
                self.line(|| format!("{name}: {}", ended(run)));
                self.bar(&name, |bar, _| bar.finish_with_message(ended(run)));
            }
        }
    }
}

fn spinner(name: &str) -> ProgressBar {
    let bar = BARS.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix:32} {msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn so_far(ledger: &Ledger, watermark: Option<Timestamp>, elapsed: Duration) -> String {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = ledger.fetched.saturating_mul(1000) / millis;
    let up_to = watermark.map(|at| format!(", up to {}", instant(at))).unwrap_or_default();
    format!(
        "{} fetched, {} landed, {}/s{up_to}",
        grouped(ledger.fetched),
        grouped(ledger.landed),
        grouped(rate)
    )
}

fn ended(run: &Run) -> String {
    let Ledger { fetched, landed, quarantined, .. } = run.ledger;
    let bad = if quarantined > 0 {
        format!(", {} quarantined", grouped(quarantined))
    } else {
        String::new()
    };
    format!(
        "{}: {} fetched, {} landed{bad}",
        outcome(run.outcome),
        grouped(fetched),
        grouped(landed)
    )
}

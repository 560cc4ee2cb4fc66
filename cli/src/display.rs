//! What goes to stdout, and how numbers, times and tables look.

use std::io::{self, Write};
use std::time::Duration;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use serde::Serialize;
use shared::clock;
use shared::error::{Error, json_reason};
use shared::ledger::{Outcome, Run};
use shared::schema::Timestamp;

use crate::failure::Failure;

/// Writes a line of data; a reader that has gone away, such as `head`, ends the command quietly.
pub(crate) fn say(text: impl AsRef<str>) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush());
    if written.is_err() {
        std::process::exit(0);
    }
}

/// Writes one JSON document.
pub(crate) fn say_json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::Invariant(json_reason(&error)))?;
    say(text);
    Ok(())
}

/// A line below the header, and nothing else.
const PLAIN: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// An empty table with this header; columns of numbers are aligned by [`count`].
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(PLAIN).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    table
}

/// A number in a table; zero is a dot, so that the eye finds the others.
pub(crate) fn count(number: u64) -> Cell {
    let text = if number == 0 { "·".to_owned() } else { grouped(number) };
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// `1234567` as `1 234 567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// A length of time, as precise as it matters.
pub(crate) fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The time since `at`; zero when it is still to come.
pub(crate) fn since(at: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(clock::now().as_micros() - at.as_micros()).unwrap_or(0))
}

/// The time until `at`, if it is still to come.
pub(crate) fn until(at: Timestamp) -> Option<Duration> {
    u64::try_from(at.as_micros() - clock::now().as_micros())
        .ok()
        .filter(|left| *left > 0)
        .map(Duration::from_micros)
}

/// An instant to the second.
pub(crate) fn instant(at: Timestamp) -> String {
    format!("{}Z", at.to_string()[..19].replace('T', " "))
}

/// The first characters of a text.
pub(crate) fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// How a run ended, in words.
pub(crate) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::CaughtUp => "caught up",
        Outcome::Paused => "paused",
        Outcome::Failed => "failed",
    }
}

/// The ledger of runs as a table, one row per stream.
pub(crate) fn ledger(runs: &[Run]) -> Table {
    let mut table = table([
        "stream",
        "outcome",
        "pages",
        "fetched",
        "landed",
        "unchanged",
        "quarantined",
        "filtered",
        "missed by webhook",
        "time",
    ]);
    for run in runs {
        let of = &run.ledger;
        table.add_row(vec![
            Cell::new(format!("{}/{}", run.connection, run.stream)),
            Cell::new(outcome(run.outcome)),
            count(of.pages),
            count(of.fetched),
            count(of.landed),
            count(of.unchanged),
            count(of.quarantined),
            count(of.filtered),
            count(of.missed_by_webhook),
            Cell::new(human(Duration::from_secs_f64(run.seconds.max(0.0))))
                .set_alignment(CellAlignment::Right),
        ]);
    }
    table
}

/// What the table of a ledger does not say: errors and notes of runs.
pub(crate) fn remarks(runs: &[Run]) -> Vec<String> {
    runs.iter()
        .flat_map(|run| {
            let stream = format!("{}/{}", run.connection, run.stream);
            let error = run.error.as_ref().map(|error| format!("✗ {stream}: {error}"));
            let note = run.note.as_ref().map(|note| format!("• {stream}: {note}"));
            error.into_iter().chain(note)
        })
        .chain(not_due(runs))
        .collect()
}

/// Full passes that wait for their time, in one line.
fn not_due(runs: &[Run]) -> Option<String> {
    let next = runs.iter().filter_map(|run| run.due_at).min()?;
    let count = runs.iter().filter(|run| run.due_at.is_some()).count();
    Some(format!(
        "• {count} full passes are not due, the next one at {}; `tributary sync CONNECTION/STREAM` starts one now",
        instant(next)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!(human(Duration::from_millis(3_210)), "3.2 s");
        assert_eq!(human(Duration::from_secs(125)), "2 min");
        assert_eq!(human(Duration::from_secs(200_000)), "2 d");
        assert_eq!(short("abcdef", 4), "abc…");
        assert_eq!(short("äöü", 3), "äöü");
    }
}

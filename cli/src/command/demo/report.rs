//! What the demo says at its end.

use std::collections::BTreeMap;
use std::path::PathBuf;

use comfy_table::Cell;
use lake::{Committed, TableFacts};
use serde::Serialize;
use shared::ledger::{Ledger, Run};
use simulator::score::Score;

use super::company::Company;
use crate::command::quarantine::Group;
use crate::command::tables::told;
use crate::display::{count, grouped, remarks, say, table};
use crate::failure::Exit;

/// All that happened.
#[derive(Default, Serialize)]
pub(super) struct Report {
    /// Whether an earlier demo had told the story in this folder.
    pub(super) again: bool,
    #[serde(rename = "first_pull")]
    pub(super) first: Vec<Run>,
    /// What became of the webhooks, by connection.
    pub(super) pushed: BTreeMap<String, Pushed>,
    #[serde(rename = "second_pull")]
    pub(super) second: Vec<Run>,
    pub(super) quarantine: Vec<Group>,
    /// How well the company's people are recognised.
    pub(super) people: Recognised,
    /// What came into the tables.
    pub(super) committed: Vec<Committed>,
    /// What is in them.
    pub(super) tables: Vec<TableFacts>,
    pub(super) folder: PathBuf,
    pub(super) seconds: f64,
}

/// How well people are recognised, against the company's truth.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Recognised {
    /// Records that are about one person in the company.
    pub(super) records: u64,
    /// Who these records are about.
    pub(super) people: u64,
    /// Who was found in them.
    pub(super) found: u64,
    pub(super) precision: f64,
    /// Of the pairs of records of one person that share an identifier, if need be by way of the person's other records.
    pub(super) recall: f64,
    /// Of all pairs of records of one person.
    pub(super) recall_of_all: f64,
}

impl From<Score> for Recognised {
    fn from(score: Score) -> Self {
        Self {
            records: score.records,
            people: score.people,
            found: score.found_people,
            precision: score.precision(),
            recall: score.reachable_recall(),
            recall_of_all: score.recall(),
        }
    }
}

/// What became of a system's webhooks.
#[derive(Default, Serialize)]
pub(super) struct Pushed {
    /// Calls made, with duplicates and repetitions.
    pub(super) calls: usize,
    /// Deliveries that were sent at least once.
    pub(super) sent: usize,
    pub(super) acknowledged: usize,
    /// Deliveries that never left.
    pub(super) lost: usize,
    pub(super) sent_twice: usize,
    /// Deliveries that had landed before and landed nothing.
    pub(super) duplicates_recognised: u64,
    pub(super) refused: usize,
}

impl Pushed {
    pub(super) fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.sent += other.sent;
        self.acknowledged += other.acknowledged;
        self.lost += other.lost;
        self.sent_twice += other.sent_twice;
        self.duplicates_recognised += other.duplicates_recognised;
        self.refused += other.refused;
    }
}

impl Report {
    pub(super) fn exit(&self) -> Exit {
        match (Exit::of(&self.first), Exit::of(&self.second)) {
            (Exit::Success, Exit::Success) => Exit::Success,
            _ => Exit::Failed,
        }
    }

    pub(super) fn print(&self, company: &Company) {
        if !self.again {
            pull("First pull: all that the systems hold", &self.first);
        }
        self.print_pushed();
        let second = if self.again {
            "Pull: everything has landed before, so nothing is new"
        } else {
            "Second pull: what the webhooks missed, and the settled state of the rest"
        };
        pull(second, &self.second);
        self.print_quarantine();
        self.print_people();
        self.print_tables();
        let folder = self.folder.display();
        let on_demo =
            format!("tributary --config {} --data {folder}", company.settings().display());
        say(format!(
            "Done in {:.0} s. Everything lies in {folder}: raw bytes and rows under s3/, newest versions in dynamodb.sqlite.",
            self.seconds
        ));
        say(format!(
            "\nThe company is gone now, its data is not. Try\n  \
             {on_demo} query \"SELECT type, count(*) AS n FROM interactions GROUP BY type ORDER BY n DESC\"\n  \
             {on_demo} query \"SELECT * FROM orders_with_lines LIMIT 5\"\n  \
             {on_demo} resolve\n  \
             {on_demo} status\n  \
             {on_demo} quarantine list --show\n  \
             {on_demo} replay\n  \
             tributary demo         again: nothing lands twice\n  \
             tributary schema ticket\n  \
             tributary init         for your own accounts\n  \
             rm -r {folder}         and another demo tells the story anew"
        ));
    }

    fn print_pushed(&self) {
        let mut table = table([
            "webhooks of",
            "sent",
            "calls",
            "acknowledged",
            "lost",
            "sent twice",
            "recognised",
            "refused",
        ]);
        for (connection, pushed) in &self.pushed {
            table.add_row(vec![
                Cell::new(connection),
                number(pushed.sent),
                number(pushed.calls),
                number(pushed.acknowledged),
                number(pushed.lost),
                number(pushed.sent_twice),
                count(pushed.duplicates_recognised),
                number(pushed.refused),
            ]);
        }
        say(format!("Webhooks: some lost, some twice, none in order\n{table}\n"));
    }

    fn print_people(&self) {
        let Recognised { records, people, found, precision, recall, recall_of_all } = self.people;
        say(format!(
            "People: {} found in {} records of {}; precision {precision:.4}, recall {recall:.4} of the pairs that share \
             an identifier, {recall_of_all:.4} of all\n",
            grouped(found),
            grouped(records),
            grouped(people),
        ));
    }

    fn print_tables(&self) {
        let of = |suffix: bool| {
            self.tables.iter().filter(move |facts| facts.name.ends_with("_history") == suffix)
        };
        let mut list = table(["table", "rows", "versions ever", "files", "KB"]);
        for facts in of(false) {
            let history = format!("{}_history", facts.name);
            let versions =
                of(true).find(|other| other.name == history).map_or(0, |other| other.rows);
            list.add_row([
                Cell::new(&facts.name),
                count(facts.rows),
                count(versions),
                count(facts.files as u64),
                count(facts.bytes.div_ceil(1024)),
            ]);
        }
        let folder = self.folder.join("s3/tributary/lake");
        say(format!("Tables: Delta, for any engine, in {}\n{list}", folder.display()));
        say(format!(
            "{}\n",
            told(&self.committed).unwrap_or_else(|| "tables: nothing new".to_owned())
        ));
    }

    fn print_quarantine(&self) {
        let total: u64 = self.quarantine.iter().map(|group| group.count).sum();
        say(format!(
            "Quarantine: {} records that do not map, kept with the reason",
            grouped(total)
        ));
        for Group { connection, stream, field, reason, count, .. } in &self.quarantine {
            say(format!("  {count} × {connection}/{stream}  {field}: {reason}"));
        }
        say("");
    }
}

fn number(number: usize) -> Cell {
    count(number as u64)
}

/// One row a connection: `--json` and `status` have every stream.
fn pull(title: &str, runs: &[Run]) {
    let mut table = table([
        "connection",
        "streams",
        "pages",
        "fetched",
        "landed",
        "unchanged",
        "quarantined",
        "filtered",
        "missed by webhook",
    ]);
    let mut connections: BTreeMap<&str, (usize, Ledger)> = BTreeMap::new();
    for run in runs {
        let (streams, ledger) = connections.entry(&run.connection).or_default();
        *streams += 1;
        ledger.add(&run.ledger);
    }
    for (connection, (streams, of)) in connections {
        table.add_row(vec![
            Cell::new(connection),
            number(streams),
            count(of.pages),
            count(of.fetched),
            count(of.landed),
            count(of.unchanged),
            count(of.quarantined),
            count(of.filtered),
            count(of.missed_by_webhook),
        ]);
    }
    say(format!("{title}\n{table}"));
    for remark in remarks(runs) {
        say(remark);
    }
    say("");
}

//! What the demo says at its end.

use std::path::PathBuf;

use serde::Serialize;
use shared::ledger::Run;

use super::company::Company;
use crate::command::quarantine::Group;
use crate::display::{grouped, ledger, remarks, say};
use crate::failure::Exit;

/// All that happened.
#[derive(Default, Serialize)]
pub(super) struct Report {
    /// Whether an earlier demo had told the story in this folder.
    pub(super) again: bool,
    #[serde(rename = "first_pull")]
    pub(super) first: Vec<Run>,
    pub(super) pushed: Option<Pushed>,
    #[serde(rename = "second_pull")]
    pub(super) second: Vec<Run>,
    pub(super) quarantine: Vec<Group>,
    pub(super) folder: PathBuf,
    pub(super) seconds: f64,
}

/// What became of the webhooks.
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
    /// Second copies that landed nothing.
    pub(super) duplicates_recognised: u64,
    pub(super) refused: usize,
}

impl Report {
    pub(super) fn exit(&self) -> Exit {
        match (Exit::of(&self.first), Exit::of(&self.second)) {
            (Exit::Success, Exit::Success) => Exit::Success,
            _ => Exit::Failed,
        }
    }

    pub(super) fn print(&self, company: &Company) {
        let first = if self.again {
            "Read again: the company starts anew where its past ended, so what it shows is known or older"
        } else {
            "First pull: all that the helpdesk holds"
        };
        pull(first, &self.first);
        if let Some(pushed) = &self.pushed {
            pushed.print();
            pull(
                "Second pull: what the webhooks missed, and the settled state of the rest",
                &self.second,
            );
        }
        self.print_quarantine();
        let folder = self.folder.display();
        let on_demo =
            format!("tributary --config {} --data {folder}", company.settings().display());
        say(format!(
            "Done in {:.0} s. Everything lies in {folder}: raw bytes and rows under s3/, newest versions in dynamodb.sqlite.",
            self.seconds
        ));
        say(format!(
            "\nThe company is gone now, its data is not. Try\n  \
             {on_demo} status\n  \
             {on_demo} quarantine list --show\n  \
             {on_demo} replay\n  \
             tributary schema ticket\n  \
             tributary init         for your own accounts\n  \
             rm -r {folder}         and another demo tells the story anew"
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

impl Pushed {
    fn print(&self) {
        let Self { sent, acknowledged, lost, sent_twice, duplicates_recognised, refused, calls } =
            self;
        // A copy that arrives while the first one lands is landed, too: as the same rows.
        let together = (*sent_twice as u64).saturating_sub(*duplicates_recognised);
        let overlapping = if together > 0 {
            format!(" and {together} landed beside its first copy, as the same rows")
        } else {
            String::new()
        };
        say(format!(
            "Webhooks: {sent} deliveries sent in {calls} calls, {acknowledged} acknowledged, {refused} refused; \
             {lost} lost on the way; {sent_twice} sent twice, of which {duplicates_recognised} recognised by their id{overlapping}\n"
        ));
    }
}

fn pull(title: &str, runs: &[Run]) {
    say(format!("{title}\n{}", ledger(runs)));
    for remark in remarks(runs) {
        say(remark);
    }
    say("");
}

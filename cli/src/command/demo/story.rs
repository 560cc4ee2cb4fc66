//! What happens in the demo, step by step.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use shared::budget::Budget;
use shared::error::Error;
use shared::hub::{Hub, Selection};
use shared::inbox::Received;
use shared::ledger::Run;
use shared::receive::{Envelope, Inlet};
use simulator::zendesk::{BadRecord, DeliveryPlan, DeliveryReport, Zendesk};
use tokio_util::sync::CancellationToken;

use super::company::{CONNECTION, Company};
use super::report::{Pushed, Report};
use crate::arguments::Global;
use crate::command::quarantine::groups;
use crate::command::serve::{Door, listen};
use crate::failure::Failure;
use crate::log::tell;
use crate::progress::Watch;
use crate::session::Session;

/// Changes that the company makes while the demo watches.
const CHANGES: usize = 120;
/// The exports show a change after a minute; the simulated clock does not let anybody wait for it.
const UNTIL_SHOWN: Duration = Duration::from_secs(75);
/// Records that no connector could map.
const BAD: [BadRecord; 4] = [
    BadRecord::IdNull,
    BadRecord::RequesterMissing,
    BadRecord::LoneSurrogate,
    BadRecord::UserIdNull,
];

/// Runs the demo and gathers what it shows.
pub(super) async fn tell_story(
    global: &Global,
    session: &Session,
    company: &Company,
) -> Result<Report, Failure> {
    let started = std::time::Instant::now();
    let aloud = |text: &str| {
        if !global.quiet {
            tell(text);
        }
    };
    aloud("1/4  reading all that the company's helpdesk holds");
    let first = pull(global, session).await?;
    let mut report = Report { first, ..Report::default() };
    if company.has_lived() {
        aloud("     the rest of the story was told here before and is not told twice");
    } else {
        let zendesk = company.simulator.zendesk();
        aloud("2/4  the company lives on: webhooks arrive, some twice, some never, none in order");
        zendesk.live(CHANGES);
        report.pushed = Some(push(session, zendesk).await?);
        aloud("3/4  reading again: what the webhooks missed");
        for kind in BAD {
            zendesk.add_bad_record(kind);
        }
        company.simulator.clock().advance(UNTIL_SHOWN);
        report.second = pull(global, session).await?;
        company.lived()?;
    }
    aloud("4/4  looking into the quarantine");
    report.quarantine = groups(session, &Selection::default(), 0, false).await?;
    report.seconds = started.elapsed().as_secs_f64();
    report.again = company.has_lived();
    report.folder = company.folder.clone();
    Ok(report)
}

async fn pull(global: &Global, session: &Session) -> Result<Vec<Run>, Failure> {
    let watch = Watch::new(global);
    let runs = session.hub.sync(&Selection::default(), Budget::unlimited(), &watch).await;
    watch.clear();
    Ok(runs?)
}

/// Sends the company's webhooks to a door like that of `tributary serve`.
async fn push(session: &Session, zendesk: &Zendesk) -> Result<Pushed, Failure> {
    let inlet = Arc::new(Counted { hub: Arc::clone(&session.hub), duplicates: AtomicU64::new(0) });
    let stop = CancellationToken::new();
    let listener = listen(([127, 0, 0, 1], 0).into()).await?;
    let door = Door::open(session, listener, Arc::clone(&inlet) as Arc<dyn Inlet>, stop.clone())?;
    let url = format!("http://{}/webhooks/{CONNECTION}", door.address);
    let rough = DeliveryPlan {
        drop: 10,
        duplicate: 10,
        shuffle: true,
        concurrency: 4,
        ..DeliveryPlan::default()
    };
    let mut pushed = Pushed::default();
    pushed.add(&zendesk.send_webhooks(&url, &rough).await);
    // An admin's own trigger body is no Zendesk event: it is kept, and waits in quarantine.
    if let Some(ticket) = zendesk.truth().tickets.keys().next() {
        zendesk.fire_trigger(*ticket);
        pushed.add(&zendesk.send_webhooks(&url, &DeliveryPlan::default()).await);
    }
    stop.cancel();
    door.closed().await?;
    pushed.duplicates_recognised = inlet.duplicates.load(Ordering::Relaxed);
    Ok(pushed)
}

impl Pushed {
    fn add(&mut self, report: &DeliveryReport) {
        let DeliveryReport { calls, sent, acknowledged, dropped, duplicated, refused } = report;
        self.calls += calls;
        self.sent += sent.len();
        self.acknowledged += acknowledged.len();
        self.lost += dropped.len();
        self.sent_twice += duplicated.len();
        self.refused += refused.len();
    }
}

/// The hub as an inlet, counting what it recognises.
struct Counted {
    hub: Arc<Hub>,
    duplicates: AtomicU64,
}

#[async_trait]
impl Inlet for Counted {
    async fn accept(&self, delivery: Envelope) -> Result<(), Error> {
        if self.hub.land(&delivery).await? == Received::Duplicate {
            self.duplicates.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}

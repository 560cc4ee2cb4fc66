//! What happens in the demo, step by step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Router;
use futures_util::future::join_all;
use shared::budget::Budget;
use shared::error::Error;
use shared::http::Meter;
use shared::hub::{Hub, Selection};
use shared::inbox::Received;
use shared::ledger::Run;
use shared::receive::{Envelope, Inlet};
use shared::schema::RecordKey;
use simulator::zendesk::BadRecord;
use simulator::{DeliveryPlan, DeliveryReport};
use tokio_util::sync::CancellationToken;

use super::company::Company;
use super::report::{Pushed, Recognised, Report};
use crate::arguments::Global;
use crate::command::quarantine::groups;
use crate::command::serve::{Door, listen};
use crate::command::tables::commit;
use crate::failure::Failure;
use crate::log::tell;
use crate::progress::Watch;
use crate::session::Session;
use crate::truth::{Found, truth};

/// Changes that each system makes while the demo watches.
const CHANGES: usize = 60;
/// When the company lives on, and when somebody spoils records, in seconds after its past: long enough ago for exports
/// to show all of it.
const LIVES_ON: i64 = 120;
const SPOILT: i64 = 150;
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
    let mut report = Report { again: company.has_lived(), ..Report::default() };
    if report.again {
        aloud("1/5  all that the company's systems held has been read here before");
    } else {
        let systems = company.simulator.vendors().len();
        aloud(&format!("1/5  reading all that the company's {systems} systems hold"));
        report.first = pull(global, session).await?;
    }
    aloud("2/5  the company lives on: webhooks arrive, some twice, some never, none in order");
    company.at(LIVES_ON, |simulator| {
        for vendor in simulator.vendors() {
            vendor.live(CHANGES);
        }
    })?;
    report.pushed = push(session, company).await?;
    aloud("3/5  reading again: what the webhooks missed");
    company.at(SPOILT, |simulator| {
        for kind in BAD {
            simulator.zendesk().add_bad_record(kind);
        }
    })?;
    report.second = pull(global, session).await?;
    company.lived()?;
    aloud("4/5  looking into the quarantine");
    report.quarantine = groups(session, &Selection::default(), 0, false).await?;
    report.people = recognised(session, company).await?;
    aloud("5/5  bringing what landed into the tables");
    let place = session.lake()?;
    report.committed = commit(&place).await?;
    report.tables = lake::tables(&place).await?;
    report.seconds = started.elapsed().as_secs_f64();
    report.folder = company.folder.clone();
    Ok(report)
}

async fn pull(global: &Global, session: &Session) -> Result<Vec<Run>, Failure> {
    let watch = Watch::new(global);
    let runs = session.hub.sync(&Selection::default(), Budget::unlimited(), &watch).await;
    watch.clear();
    Ok(runs?)
}

/// Looks up everybody in the company, and compares with whom the company knows.
async fn recognised(session: &Session, company: &Company) -> Result<Recognised, Failure> {
    let settings = session.hub.settings();
    let Some(pseudonyms) = &settings.pseudonyms else { return Ok(Recognised::default()) };
    let truth = truth(&company.simulator, pseudonyms)
        .map_err(|invalid| Error::Invariant(invalid.to_string()))?;
    let mut records: BTreeMap<usize, Vec<RecordKey>> = BTreeMap::new();
    for (record, person) in &truth {
        records.entry(*person).or_default().push(record.clone());
    }
    let found = Found::live(session.hub.landing().people(), records.into_values()).await?;
    Ok(found.score(&truth).into())
}

/// Sends every system's webhooks at once to a door like that of `tributary serve`.
async fn push(session: &Session, company: &Company) -> Result<BTreeMap<String, Pushed>, Failure> {
    let inlet = Arc::new(Counted { hub: Arc::clone(&session.hub), duplicates: Mutex::default() });
    let stop = CancellationToken::new();
    let listener = listen(([127, 0, 0, 1], 0).into()).await?;
    let delivered = Arc::clone(&inlet) as Arc<dyn Inlet>;
    let door = Door::open(session, listener, delivered, Router::new(), stop.clone())?;
    let stamp = Some(jiff::Timestamp::now());
    let rough = DeliveryPlan {
        drop: 10,
        duplicate: 10,
        shuffle: true,
        concurrency: 4,
        stamp,
        ..DeliveryPlan::default()
    };
    let url = |source: &str| format!("http://{}/webhooks/{source}", door.address);
    let sendings = company.simulator.vendors().into_iter().map(|vendor| async {
        let source = vendor.connection().source;
        let url = url(source);
        let report = vendor.push(&url, &rough)?.await;
        Some((source.to_owned(), Pushed::of(&report)))
    });
    let mut pushed: BTreeMap<String, Pushed> =
        join_all(sendings).await.into_iter().flatten().collect();
    // An admin's own trigger body is no Zendesk event: it is kept, and waits in quarantine.
    let zendesk = company.simulator.zendesk();
    if let Some(ticket) = zendesk.truth().tickets.keys().next() {
        company.at(SPOILT, |_| zendesk.fire_trigger(*ticket))?;
        let plan = DeliveryPlan { stamp, ..DeliveryPlan::default() };
        let report = zendesk.send_webhooks(&url("zendesk"), &plan).await;
        pushed.entry("zendesk".to_owned()).or_default().add(&Pushed::of(&report));
    }
    stop.cancel();
    door.closed().await?;
    let duplicates = inlet.duplicates.lock().unwrap_or_else(PoisonError::into_inner);
    for (source, count) in &*duplicates {
        let pushed = pushed.entry(source.clone()).or_default();
        pushed.duplicates_recognised = *count;
    }
    Ok(pushed)
}

impl Pushed {
    fn of(report: &DeliveryReport) -> Self {
        let DeliveryReport { calls, sent, acknowledged, dropped, duplicated, refused } = report;
        Self {
            calls: *calls,
            sent: sent.len(),
            acknowledged: acknowledged.len(),
            lost: dropped.len(),
            sent_twice: duplicated.len(),
            duplicates_recognised: 0,
            refused: refused.len(),
        }
    }
}

/// The hub as an inlet, counting what it recognises, by connection.
struct Counted {
    hub: Arc<Hub>,
    duplicates: Mutex<BTreeMap<String, u64>>,
}

#[async_trait]
impl Inlet for Counted {
    async fn accept(&self, delivery: Envelope) -> Result<(), Error> {
        if self.hub.land(&delivery, &Meter::default()).await? == Received::Duplicate {
            let mut duplicates = self.duplicates.lock().unwrap_or_else(PoisonError::into_inner);
            *duplicates.entry(delivery.connection).or_default() += 1;
        }
        Ok(())
    }
}

//! Reads a stream until it is caught up: ask → land → save the cursor, page by page.
//!
//! The cursor is saved last, over the one that was read, under the lease's epoch. So a crash, a time-out and the end of
//! a sync are one case: the next run starts at the saved cursor.

pub(crate) mod absent;
mod guard;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::budget::Budget;
use crate::clock;
use crate::config::Connection;
use crate::connector::{AnyStream, Horizon};
use crate::crash::{Point, point};
use crate::error::Error;
use crate::facts::{Deletes, StreamFacts};
use crate::http::{Client, Meter, sift};
use crate::landing::{Batch, Landing, Place, attempts};
use crate::ledger::{Calls, Ledger, Outcome, Run};
use crate::page::{Next, Response};
use crate::request::Request;
use crate::rows::{MapContext, Origin};
use crate::schema::Timestamp;
use crate::state::{Held, State};
use crate::usage::UsageMeter;
use guard::LoopGuard;

/// A lease outlives the longest wait that a source may ask for, and the invocation that took it.
const LEASE: Duration = Duration::from_mins(30);
/// An answer that cannot be read is asked for this often before the stream fails.
const UNREADABLE: u32 = 3;

/// What a run tells while it works.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The stream starts.
    Started,
    /// A page landed; the count so far.
    Page(&'a Ledger, Option<Timestamp>),
    /// The stream waits this long because the source asked for it.
    Waiting(Duration),
    /// The stream is done.
    Finished(&'a Run),
}

/// Somebody who watches: a progress bar, or nobody.
pub trait Observer: Send + Sync {
    /// Called from within the run; must not block.
    fn on(&self, connection: &str, stream: &str, progress: Progress<'_>);
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn on(&self, _: &str, _: &str, _: Progress<'_>) {}
}

/// What every stream of a run shares.
pub(crate) struct Puller<'a> {
    pub(crate) state: &'a State,
    pub(crate) landing: &'a Landing,
    pub(crate) connection: &'a Connection,
    pub(crate) client: Arc<Client>,
    pub(crate) budget: Budget,
    pub(crate) observer: &'a dyn Observer,
    /// Whether to start full passes that are not due yet.
    pub(crate) now: bool,
    /// Whether the operator vouches for a list that shows much less than is known.
    pub(crate) accept_deletions: bool,
}

/// How a stream's loop ended, when nothing went wrong.
struct End {
    outcome: Outcome,
    not_before: Option<Timestamp>,
    due_at: Option<Timestamp>,
    note: Option<String>,
    in_other_hands: bool,
}

impl End {
    fn caught_up() -> Self {
        Self {
            outcome: Outcome::CaughtUp,
            not_before: None,
            due_at: None,
            note: None,
            in_other_hands: false,
        }
    }

    fn paused(note: impl Into<String>) -> Self {
        Self { outcome: Outcome::Paused, note: Some(note.into()), ..Self::caught_up() }
    }

    fn in_other_hands(note: &str) -> Self {
        Self { in_other_hands: true, ..Self::paused(note) }
    }
}

/// What a run has read so far.
#[derive(Default)]
struct Reading {
    ledger: Ledger,
    meter: Arc<Meter>,
    watermark: Option<Timestamp>,
    slowest: Duration,
}

impl Puller<'_> {
    /// Runs one stream to its end; whatever goes wrong is in the run, and touches no other stream.
    pub(crate) async fn run(&self, stream: &dyn AnyStream) -> Run {
        let meter = UsageMeter::default();
        let run = meter.measure(Box::pin(self.metered(stream, &meter))).await;
        run.took(&meter)
    }

    async fn metered(&self, stream: &dyn AnyStream, meter: &UsageMeter) -> Run {
        let facts = stream.facts();
        let (connection, name) = (self.connection.name.as_str(), facts.name);
        let (started_at, started) = (clock::now(), Instant::now());
        self.observer.on(connection, name, Progress::Started);
        let mut reading = Reading::default();
        let mut held = None;
        let end = match self
            .state
            .lease(connection, name, &Uuid::new_v4().to_string(), self.lease_until())
            .await
        {
            Ok(None) => Ok(End::in_other_hands("another run is reading this stream")),
            Ok(Some(mut lease)) => {
                point(Point::AfterLease);
                reading.watermark = lease.watermark;
                let end = self.read(stream, &mut lease, &mut reading).await;
                held = Some(lease);
                end
            }
            Err(error) => Err(error),
        };
        let end = self.judge(end, stream);
        let mut run = Run {
            ledger: reading.ledger,
            calls: reading.meter.calls(),
            watermark: reading.watermark,
            ..Run::begun(connection, name, started_at)
        };
        match end {
            Ok(End { outcome, not_before, due_at, note, in_other_hands }) => {
                run = Run { outcome, due_at, not_before, in_other_hands, note, ..run };
            }
            Err(failure) => {
                if let Error::Miscounted(page) = &failure {
                    run.ledger.add(page);
                }
                error!(
                    connection,
                    stream = name,
                    kind = failure.kind(),
                    error = failure.chain(),
                    "stream failed"
                );
                run.error = Some(failure.chain());
            }
        }
        run.seconds = started.elapsed().as_secs_f64();
        let idle = run.ledger.pages == 0 && run.outcome != Outcome::Failed;
        if held.is_some()
            && !idle
            && let Err(failure) = self.landing.report(&run).await
        {
            error!(
                connection,
                stream = name,
                error = failure.chain(),
                "the run was not reported to the tables"
            );
        }
        run = run.took(meter);
        if let Some(held) = &held
            && let Err(failure) = self.state.finish(held, &run).await
        {
            error!(
                connection,
                stream = name,
                error = failure.chain(),
                "the ledger of the run was not stored"
            );
            run.outcome = Outcome::Failed;
            run.error.get_or_insert_with(|| failure.chain());
        }
        let Ledger {
            pages,
            fetched,
            landed,
            unchanged,
            quarantined,
            filtered,
            missed_by_webhook,
            drifted,
        } = run.ledger;
        let Calls { api_calls, throttles } = run.calls;
        info!(
            connection, stream = name, outcome = ?run.outcome, pages, fetched, landed, unchanged, quarantined, filtered,
            missed_by_webhook, drifted, api_calls, throttles, seconds = run.seconds, "finished {connection}/{name}"
        );
        self.observer.on(connection, name, Progress::Finished(&run));
        run
    }

    /// Turns errors that only ask for patience into pauses.
    fn judge(&self, end: Result<End, Error>, stream: &dyn AnyStream) -> Result<End, Error> {
        let facts = stream.facts();
        match end {
            Err(Error::LeaseLost) => {
                warn!(
                    connection = self.connection.name,
                    stream = facts.name,
                    "another run took over"
                );
                Ok(End::in_other_hands("another run took this stream over"))
            }
            Err(Error::RateLimited { retry_after: Some(wait) }) => Ok(End {
                not_before: Some(clock::after(clock::now(), wait)),
                ..End::paused(format!("the source asks to wait {} s", wait.as_secs()))
            }),
            Err(Error::Unauthorized { status: 403, .. } | Error::Rejected { status: 404, .. })
                if facts.optional.is_some() =>
            {
                let why = facts.optional.unwrap_or_default();
                Ok(End {
                    note: Some(format!("not offered by this account: {why}")),
                    ..End::caught_up()
                })
            }
            other => other,
        }
    }

    fn lease_until(&self) -> Timestamp {
        let time =
            self.budget.remaining().map_or(LEASE, |left| LEASE.min(left + Duration::from_secs(10)));
        clock::after(clock::now(), time)
    }

    /// Whether another page might not end in time: less is left than three of the slowest so far would take.
    fn out_of_time(&self, slowest: Duration) -> bool {
        self.budget.remaining().is_some_and(|left| left < slowest * 3)
    }

    async fn read(
        &self,
        stream: &dyn AnyStream,
        held: &mut Held,
        reading: &mut Reading,
    ) -> Result<End, Error> {
        let facts = stream.facts();
        if let Some(end) = self.wait_as_asked(facts, held).await {
            return Ok(end);
        }
        if let Some(end) = self.not_due(facts, held) {
            return Ok(end);
        }
        let horizon = Horizon {
            start: self.connection.common.start.unwrap_or(Timestamp::UNIX_EPOCH),
            until: clock::before(clock::now(), facts.lag.value),
        };
        let mut walk = Walk {
            puller: self,
            stream,
            facts,
            horizon,
            resumes: held.cursor().is_some(),
            reconciles: held.caught_up_at.is_some(),
            cursor: stream.start(held.cursor(), &horizon)?,
            guard: LoopGuard::default(),
            meter: Arc::clone(&reading.meter),
            prefetched: None,
            restarted: false,
            unreadable: 0,
            rechecked: (0, 0),
        };
        if facts.deletes.value == Deletes::FullPass {
            held.pass.current.get_or_insert_with(clock::now);
        }
        loop {
            let step = match facts.deletes.value {
                Deletes::Recheck(ids) => walk.recheck(held, reading, ids).await?,
                _ => walk.step(held, reading).await?,
            };
            let Some(step) = step else { continue };
            match step {
                Next::Done(()) => {
                    return Ok(End { note: stream.note(&walk.cursor), ..End::caught_up() });
                }
                _ if self.out_of_time(reading.slowest) => {
                    return Ok(End::paused("out of time; the next run goes on from here"));
                }
                Next::More(()) => {}
                Next::Later((), wait) if self.budget.allows(wait) => self.wait(facts, wait).await,
                Next::Later((), wait) => {
                    let at = clock::after(clock::now(), wait);
                    return Ok(End {
                        not_before: Some(at),
                        ..End::paused("the source is still preparing the answer")
                    });
                }
            }
        }
    }

    /// A pass is good for some time; then it is due again.
    fn not_due(&self, facts: &StreamFacts, held: &Held) -> Option<End> {
        let due = clock::after(held.caught_up_at?, facts.every?);
        let is_done = held.pass.current.is_none();
        let not_due = is_done && !self.now && due > clock::now();
        not_due.then(|| End { due_at: Some(due), ..End::caught_up() })
    }

    async fn wait(&self, facts: &StreamFacts, time: Duration) {
        self.observer.on(&self.connection.name, facts.name, Progress::Waiting(time));
        tokio::time::sleep(time).await;
    }

    /// Waits until the source may be called again, or ends the run if that is too long.
    async fn wait_as_asked(&self, facts: &StreamFacts, held: &Held) -> Option<End> {
        let at = held.not_before?;
        let wait = u64::try_from(at.as_micros() - clock::now().as_micros()).unwrap_or(0);
        let wait = Duration::from_micros(wait);
        let bearable = self.budget.remaining().unwrap_or(LEASE / 2);
        if wait >= bearable {
            let note = format!("the source asks not to be called before {at}");
            return Some(End { not_before: Some(at), ..End::paused(note) });
        }
        if !wait.is_zero() {
            self.wait(facts, wait).await;
        }
        None
    }
}

/// One run's way through a stream.
struct Walk<'w> {
    puller: &'w Puller<'w>,
    stream: &'w dyn AnyStream,
    facts: &'static StreamFacts,
    horizon: Horizon,
    /// Whether an earlier run has read a part of this stream.
    resumes: bool,
    /// Whether an earlier run has read all of it: then webhooks should have brought what is new.
    reconciles: bool,
    cursor: Box<RawValue>,
    guard: LoopGuard,
    meter: Arc<Meter>,
    prefetched: Option<Prefetch>,
    restarted: bool,
    unreadable: u32,
    /// Of so many records asked for again (second), so many were gone (first).
    rechecked: (usize, usize),
}

impl Walk<'_> {
    /// Asks, lands, saves; none when the same place has to be asked again.
    async fn step(
        &mut self,
        held: &mut Held,
        reading: &mut Reading,
    ) -> Result<Option<Next<()>>, Error> {
        let started = Instant::now();
        let Puller { landing, connection, observer, .. } = self.puller;
        let Some(response) = self.ask(held).await? else { return Ok(None) };
        let request = self.stream.request(&self.cursor, &self.horizon)?;
        let response = sift(response, &request, |frame| self.stream.keeps(frame));
        // With its cursor, the page can be mapped again on its own.
        let notes = [
            ("request", request.name()),
            ("status", response.status.to_string()),
            ("cursor", STANDARD.encode(self.stream.noted(&self.cursor)?.get())),
        ];
        let place = Place::of(connection, self.facts.name);
        let raw_key = landing.raw(place, &response.body, response.received_at, &notes).await?;
        let page = match self.stream.page(&self.cursor, &self.horizon, &response) {
            Err(Error::Decode(why)) if self.unreadable + 1 < UNREADABLE => {
                self.unreadable += 1;
                let (connection, stream) = (&connection.name, self.facts.name);
                warn!(connection, stream, why, "asking again for an unreadable page");
                tokio::time::sleep(Duration::from_millis(250) * self.unreadable).await;
                return Ok(None);
            }
            other => other?,
        };
        self.unreadable = 0;
        self.guard.check(&self.cursor, &page.next, request, &raw_key, page.records.len())?;
        self.prefetch(&page.next, reading.slowest)?;
        let received_at = response.received_at;
        let context = MapContext::of_stream(connection, self.stream, Origin::Page, received_at);
        let records = page.records.iter().map(AsRef::as_ref);
        let attempts = attempts(records, &context, |fields, rows| self.stream.map(fields, rows));
        let pushes = !connection.common.webhook_secrets.is_empty();
        let batch = Batch {
            expected: self.reconciles && self.facts.pushed && pushes,
            full_pass: self.facts.deletes.value == Deletes::FullPass,
            ..Batch::of(connection, self.facts.name, &raw_key, response.received_at)
        };
        let mut landed = Ledger { pages: 1, ..landing.land(batch, attempts).await? };
        self.refuse_nothing(&page.next, reading.ledger.fetched + landed.fetched)?;
        if batch.full_pass && matches!(page.next, Next::Done(_)) {
            landed.add(&self.bury_absent(held).await?);
            held.pass.complete = held.pass.current.take();
        }
        let next = page.next.cursor();
        let watermark = self.stream.watermark(next).map(|at| at.min(self.horizon.until));
        self.puller.state.save(held, next, watermark, self.puller.lease_until()).await?;
        point(Point::AfterCursor);
        reading.ledger.add(&landed);
        reading.watermark = watermark.or(reading.watermark);
        reading.slowest = reading.slowest.max(started.elapsed());
        let progress = Progress::Page(&reading.ledger, watermark);
        observer.on(&connection.name, self.facts.name, progress);
        next.clone_into(&mut self.cursor);
        Ok(Some(page.next.map(drop)))
    }

    /// The answer at the cursor; none after the source forgot the cursor and the window has to be read again.
    async fn ask(&mut self, held: &Held) -> Result<Option<Response>, Error> {
        let Puller { client, budget, connection, .. } = self.puller;
        let answer = if let Some(fetch) = self.prefetched.take() {
            fetch.join().await
        } else {
            let request = self.stream.request(&self.cursor, &self.horizon)?;
            client.send(&request, self.facts, *budget, &self.meter).await
        };
        match answer {
            Err(Error::Rejected { status, .. } | Error::Unauthorized { status, .. })
                if self.facts.expired_cursor.contains(&status)
                    && !self.restarted
                    && held.cursor().is_some() =>
            {
                let (connection, stream) = (&connection.name, self.facts.name);
                warn!(connection, stream, status, "the cursor expired; reading its window again");
                self.cursor = self.stream.restart(&self.cursor, &self.horizon)?;
                self.restarted = true;
                Ok(None)
            }
            other => other.map(Some),
        }
    }

    /// A first read of everything that finds nothing, where there must be something, is no success.
    fn refuse_nothing(&self, next: &Next<Box<RawValue>>, fetched: u64) -> Result<(), Error> {
        let everything = !self.resumes && self.puller.connection.common.start.is_none();
        match self.facts.never_empty {
            Some(why) if everything && fetched == 0 && matches!(next, Next::Done(_)) => {
                let what = format!("the source shows no {} at all, though {why}", self.facts.name);
                Err(Error::Unauthorized { what, status: 0 })
            }
            _ => Ok(()),
        }
    }

    /// Fetches the next page while this one lands, if there is time for it.
    fn prefetch(&mut self, next: &Next<Box<RawValue>>, slowest: Duration) -> Result<(), Error> {
        let Next::More(next) = next else { return Ok(()) };
        if !self.puller.out_of_time(slowest) {
            let request = self.stream.request(next, &self.horizon)?;
            let Puller { client, budget, .. } = self.puller;
            self.prefetched =
                Some(Prefetch::start(client, request, self.facts, *budget, &self.meter));
        }
        Ok(())
    }
}

/// The next page, on its way while this one lands.
struct Prefetch(JoinHandle<Result<Response, Error>>);

impl Prefetch {
    fn start(
        client: &Arc<Client>,
        request: Request,
        facts: &'static StreamFacts,
        budget: Budget,
        meter: &Arc<Meter>,
    ) -> Self {
        let (client, meter) = (Arc::clone(client), Arc::clone(meter));
        Self(tokio::spawn(async move { client.send(&request, facts, budget, &meter).await }))
    }

    async fn join(mut self) -> Result<Response, Error> {
        (&mut self.0).await.unwrap_or_else(|error| {
            Err(Error::Invariant(format!("fetching a page stopped: {error}")))
        })
    }
}

impl Drop for Prefetch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

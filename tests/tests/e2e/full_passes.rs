//! Deletions that only absence shows: full passes, confirmations, rechecks, and what they refuse to believe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response as Answer};
use e2e::account::Account;
use e2e::landed::Landed;
use e2e::stand::HASTY;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::budget::Budget;
use shared::config::{AnySource, ConnectionSettings, Foreign, Settings};
use shared::connector::{AnyStream, Api, Auth, Connector, Horizon, Source, Stream};
use shared::error::{Error, Invalid};
use shared::facts::{Deletes, Granularity, Order, SourceFacts, StreamFacts, fact};
use shared::fields::Fields;
use shared::http::TokenVault;
use shared::hub::{Hub, Selection};
use shared::ledger::{Outcome, Run};
use shared::page::{Next, Page, Response};
use shared::request::Request;
use shared::rows::{Draft, Rows};
use shared::schema::{PersonRecord, Table};
use shared::secrets::Secrets;
use shared::stores::Stores;
use shared::sync::Unobserved;
use shared::vault::FileVault;
use tempfile::TempDir;

/// A vendor whose people vanish without a word; `confirms` says whether it can be asked by id.
struct Vanishing {
    confirms: bool,
}

static FACTS: SourceFacts = SourceFacts {
    name: "vanishing",
    system: "crm",
    title: "Vanishing",
    api_version: fact("v1", "invented"),
    sunset: None,
    setup: "nothing",
};

const fn people(deletes: Deletes, every: Option<Duration>) -> StreamFacts {
    StreamFacts {
        name: "people",
        object: "person",
        reads: "Everybody.",
        lag: fact(Duration::ZERO, "invented"),
        lookback: fact(Duration::ZERO, "invented"),
        granularity: fact(Granularity::Millisecond, "invented"),
        order: fact(Order::Unordered, "invented"),
        deletes: fact(deletes, "invented"),
        every,
        page_ceiling: None,
        quota: None,
        expired_cursor: &[],
        scopes: &[],
        optional: None,
        never_empty: None,
        pushed: false,
    }
}

static PASS: StreamFacts = people(Deletes::FullPass, Some(Duration::from_hours(1)));
static RECHECK: StreamFacts = StreamFacts { name: "recheck", ..people(Deletes::Recheck(10), None) };

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoSettings {}

impl Source for Vanishing {
    type Settings = NoSettings;

    fn facts(&self) -> &'static SourceFacts {
        &FACTS
    }

    fn connect(&self, common: &ConnectionSettings, _: NoSettings) -> Result<Connector, Error> {
        let api = Api {
            base: common.base_url.clone().expect("a base URL"),
            auth: Auth::None,
            pace: None,
            headers: Vec::new(),
            other_hosts: Vec::new(),
            quota: None,
        };
        let pass: Box<dyn AnyStream> = Box::new(People { confirms: self.confirms });
        Ok(Connector { api, streams: vec![pass, Box::new(Rechecked)], webhook: None })
    }
}

struct People {
    confirms: bool,
}

struct Rechecked;

fn records(response: &Response) -> Result<Vec<&RawValue>, Error> {
    #[derive(Deserialize)]
    struct List<'a> {
        #[serde(borrow)]
        people: Vec<&'a RawValue>,
    }
    Ok(response.json::<List<'_>>()?.people)
}

fn map(mut record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
    let (id, at) = (record.required_id("id")?, record.required_time("at")?);
    rows.push(Draft::new(PASS.object, id, at, PersonRecord::default(), rows));
    Ok(())
}

fn lookup(ids: &[String]) -> Request {
    Request::get("/people").query("ids", ids.join(","))
}

fn bury(id: &str, rows: &mut Rows<'_>) {
    rows.push(Draft::tombstone(PASS.object, id, rows.received_at(), PersonRecord::default(), rows));
}

impl Stream for People {
    type Cursor = usize;

    fn facts(&self) -> &'static StreamFacts {
        &PASS
    }

    fn begin(&self, _: &Horizon) -> usize {
        0
    }

    fn request(&self, from: &usize, _: &Horizon) -> Request {
        Request::get("/people").query("from", from)
    }

    fn page<'r>(
        &self,
        from: &usize,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, usize>, Error> {
        let people = records(response)?;
        let next = if people.len() == PAGE { Next::More(from + PAGE) } else { Next::Done(0) };
        Ok(Page::new(people, next))
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        map(record, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        self.confirms.then(|| lookup(ids))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        records(response)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        bury(id, rows);
    }
}

impl Stream for Rechecked {
    type Cursor = Option<String>;

    fn facts(&self) -> &'static StreamFacts {
        &RECHECK
    }

    fn begin(&self, _: &Horizon) -> Option<String> {
        None
    }

    fn request(&self, _: &Option<String>, _: &Horizon) -> Request {
        lookup(&[])
    }

    fn page<'r>(
        &self,
        _: &Option<String>,
        _: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Option<String>>, Error> {
        Ok(Page::new(records(response)?, Next::Done(None)))
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        map(record, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        Some(lookup(ids))
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        records(response)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        bury(id, rows);
    }
}

const PAGE: usize = 10;

/// Who is there, and whether lists are cut off after the first page.
#[derive(Default)]
struct Vendor {
    people: BTreeMap<String, Value>,
    /// Ids that lists pass over, though they are there.
    overlooked: Vec<String>,
    breaks: bool,
    lookups: usize,
}

type Shared = Arc<Mutex<Vendor>>;

async fn answer(
    State(vendor): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Answer {
    let mut vendor = vendor.lock().expect("nobody panicked");
    let list: Vec<Value> = if let Some(ids) = query.get("ids") {
        vendor.lookups += 1;
        ids.split(',').filter_map(|id| vendor.people.get(id).cloned()).collect()
    } else {
        let from: usize = query["from"].parse().expect("a number");
        if vendor.breaks && from > 0 {
            return StatusCode::BAD_REQUEST.into_response();
        }
        let listed = vendor.people.iter().filter(|(id, _)| !vendor.overlooked.contains(id));
        listed.skip(from).take(PAGE).map(|(_, person)| person.clone()).collect()
    };
    json!({ "people": list }).to_string().into_response()
}

/// The driver on stores of its own, with this vendor.
struct Bench {
    vendor: Shared,
    account: Account,
    folder: TempDir,
    settings: String,
    source: &'static dyn AnySource,
}

impl Bench {
    async fn new(people: usize, source: &'static Vanishing) -> Self {
        let vendor = Shared::default();
        for number in 0..people {
            add(&vendor, number);
        }
        let router = Router::new().fallback(answer).with_state(Arc::clone(&vendor));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().expect("a folder");
        let account = Account::open(folder.path()).await;
        let settings = format!("[connections.crm]\nsource = \"vanishing\"\nbase_url = {base:?}\n");
        Self { vendor, account, folder, settings, source }
    }

    fn stores(&self) -> Stores {
        self.account.stores()
    }

    async fn sync(&self, stream: &str, now: bool, accept_deletions: bool) -> Run {
        let settings =
            Settings::parse(&self.settings, self.folder.path(), &[self.source], Foreign::Refuse)
                .expect("good settings");
        let tokens: Arc<dyn TokenVault> = Arc::new(FileVault::new(self.folder.path()));
        let secrets = Secrets::new(self.folder.path(), None);
        let hub = Hub::new(Arc::new(settings), &self.stores(), secrets, &tokens, HASTY);
        let selection =
            Selection { now, accept_deletions, ..Selection::parse(&format!("crm/{stream}")) };
        let runs = hub.expect("a hub").sync(&selection, Budget::unlimited(), &Unobserved).await;
        let run = runs.expect("a run").pop().expect("one stream");
        run.ledger.check().expect("the count adds up");
        run
    }

    /// A full pass; returns its run.
    async fn pass(&self) -> Run {
        let run = self.sync("people", true, false).await;
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
        run
    }

    async fn buried(&self) -> Vec<String> {
        let landed = Landed::read(&self.stores()).await;
        landed.assert_consistent();
        let gone = landed.newest.iter().filter(|(_, row)| row.provenance.deleted);
        gone.map(|((table, _), row)| {
            assert_eq!(*table, Table::PersonRecord);
            row.provenance.source_id.clone()
        })
        .collect()
    }

    fn remove(&self, ids: &[&str]) {
        let mut vendor = self.vendor.lock().expect("nobody panicked");
        for id in ids {
            vendor.people.remove(*id).expect("somebody to remove");
        }
    }
}

fn add(vendor: &Shared, number: usize) {
    let id = format!("p{number:03}");
    let person = json!({ "id": id, "at": "2026-03-02T09:00:00.000Z" });
    vendor.lock().expect("nobody panicked").people.insert(id, person);
}

static SILENT: Vanishing = Vanishing { confirms: false };
static ASKABLE: Vanishing = Vanishing { confirms: true };

/// Lists that are paged while they change pass over records: one pass is not enough to bury.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_missing_from_two_passes_in_a_row_is_gone() {
    let bench = Bench::new(25, &SILENT).await;
    bench.pass().await;
    bench.remove(&["p003", "p024"]);
    let run = bench.pass().await;
    assert_eq!((run.ledger.fetched, run.ledger.landed), (23, 0), "missing once");
    assert!(bench.buried().await.is_empty());
    let run = bench.pass().await;
    assert_eq!((run.ledger.fetched, run.ledger.landed), (25, 2), "two are buried");
    assert_eq!(bench.buried().await, ["p003", "p024"]);
    let run = bench.pass().await;
    assert_eq!((run.ledger.landed, run.ledger.unchanged), (0, 23), "and only once");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_overlooked_by_one_pass_stays() {
    let bench = Bench::new(25, &SILENT).await;
    bench.pass().await;
    for overlooked in [vec!["p001".to_owned()], Vec::new(), vec!["p001".to_owned()], Vec::new()] {
        bench.vendor.lock().expect("nobody panicked").overlooked = overlooked;
        bench.pass().await;
    }
    assert!(bench.buried().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_can_be_asked_confirms_at_once() {
    let bench = Bench::new(25, &ASKABLE).await;
    bench.pass().await;
    bench.remove(&["p010"]);
    bench.vendor.lock().expect("nobody panicked").overlooked = vec!["p020".to_owned()];
    bench.pass().await;
    assert_eq!(bench.buried().await, ["p010"], "p020 was only overlooked");
    assert_eq!(bench.vendor.lock().expect("nobody panicked").lookups, 1);
}

/// A token with fewer rights, another account, a bug: a list that lacks most of what is known is no proof.
#[tokio::test(flavor = "multi_thread")]
async fn mass_deletions_are_refused_until_the_operator_vouches_for_them() {
    let bench = Bench::new(60, &ASKABLE).await;
    bench.pass().await;
    bench.vendor.lock().expect("nobody panicked").people.retain(|id, _| id.as_str() < "p030");
    let run = bench.sync("people", true, false).await;
    assert_eq!(run.outcome, Outcome::Failed);
    assert!(run.error.as_ref().is_some_and(|why| why.contains("--accept-deletions")), "{run:?}");
    assert!(bench.buried().await.is_empty());
    let run = bench.sync("people", true, true).await;
    assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
    assert_eq!(bench.buried().await.len(), 30);
}

/// RELIABILITY: a sweep never acts on a partial or forbidden listing.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_breaks_off_buries_nobody() {
    let bench = Bench::new(25, &SILENT).await;
    bench.pass().await;
    bench.remove(&["p024"]);
    bench.vendor.lock().expect("nobody panicked").breaks = true;
    for _ in 0..3 {
        let run = bench.sync("people", true, false).await;
        assert_eq!(run.outcome, Outcome::Failed);
    }
    assert!(bench.buried().await.is_empty());
    bench.vendor.lock().expect("nobody panicked").breaks = false;
    bench.pass().await;
    bench.pass().await;
    assert_eq!(bench.buried().await, ["p024"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_is_due_again_after_its_time_or_by_name() {
    let bench = Bench::new(5, &SILENT).await;
    assert_eq!(bench.sync("people", false, false).await.ledger.fetched, 5);
    let run = bench.sync("people", false, false).await;
    assert_eq!((run.outcome, run.ledger.pages), (Outcome::CaughtUp, 0));
    assert!(run.due_at.is_some());
    assert_eq!(bench.sync("people", true, false).await.ledger.fetched, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recheck_asks_for_everybody_known_and_buries_the_unknown() {
    let bench = Bench::new(25, &SILENT).await;
    bench.pass().await;
    bench.remove(&["p000", "p012"]);
    let run = bench.sync("recheck", true, false).await;
    assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
    assert_eq!((run.ledger.pages, run.ledger.fetched), (3, 25), "three questions, two burials");
    assert_eq!(bench.buried().await, ["p000", "p012"]);
    let run = bench.sync("recheck", true, false).await;
    assert_eq!((run.ledger.fetched, run.ledger.landed), (23, 0));
}

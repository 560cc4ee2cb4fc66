//! The process aborts at each named point of `shared::crash`, once or later; the next run makes everything good.

use std::os::unix::process::ExitStatusExt;

use e2e::landed::Landed;
use e2e::process::{Ended, Laptop, send};
use e2e::stand::{CONNECTION, oauth_keys, settled};
use shared::crash::Point;
use simulator::Simulator;
use simulator::zendesk::{BadRecord, Delivery};

const SIGABRT: Option<i32> = Some(6);
const USERS: &str = "helpdesk-eu/users";
const TICKETS: &str = "helpdesk-eu/tickets";

/// What leads through a point.
#[derive(Debug, PartialEq, Eq)]
enum Situation {
    /// Each stream of a run passes it once.
    Stream,
    /// Each page passes it.
    Page,
    /// A page with a record that does not map passes it.
    BadPage,
    /// Each delivery passes it.
    Delivery,
    /// A connection that signs in by OAuth passes it.
    Refresh,
    /// A page of people's records passes it.
    People,
    /// The committer passes it: `functions/lake/tests/lake/crash.rs`.
    Batch,
}

/// A new point does not compile until somebody says here what leads through it, which gets it tested.
const fn situation(point: Point) -> Situation {
    match point {
        Point::AfterLease | Point::AfterLedger => Situation::Stream,
        Point::AfterRaw
        | Point::AfterLanding
        | Point::BetweenRecords
        | Point::AfterRecords
        | Point::AfterCursor => Situation::Page,
        Point::AfterTold => Situation::People,
        Point::AfterQuarantine => Situation::BadPage,
        Point::AfterDeliveryStored | Point::AfterDeliveryLanded | Point::AfterDeliveryDone => {
            Situation::Delivery
        }
        Point::AfterTokenRefresh => Situation::Refresh,
        Point::AfterManifest
        | Point::AfterSomeFiles
        | Point::AfterFiles
        | Point::AfterTableCommit
        | Point::BeforeLandingRemoved => Situation::Batch,
    }
}

fn points(of: &Situation) -> impl Iterator<Item = Point> {
    let points: Vec<Point> =
        Point::ALL.iter().copied().filter(|point| situation(*point) == *of).collect();
    assert!(!points.is_empty(), "nothing to test for {of:?}");
    points.into_iter()
}

async fn laptop() -> Laptop {
    // About twenty tickets, so four pages.
    Laptop::with(simulator::Settings { people: 12, ..settled() }, "export_page_size = 5").await
}

fn assert_aborted(ended: &Ended, at: &str) {
    assert_eq!(ended.status.signal(), SIGABRT, "{at} was not reached: {ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_go_on_after_a_crash_around_their_run() {
    for point in points(&Situation::Stream) {
        for passage in [1, 3] {
            let laptop = laptop().await;
            let at = format!("{}:{passage}", point.name());
            assert_aborted(&laptop.crash(&at, &["sync"]).await, &at);
            laptop.drain().await;
            laptop.landed().await.assert_is(&laptop.desk().truth());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_page_is_landed_once_whatever_was_written_of_it() {
    pages_survive_a_crash_at_passage(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_page_is_landed_once_whatever_was_written_of_it() {
    pages_survive_a_crash_at_passage(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_page_is_landed_once_whatever_was_written_of_it() {
    pages_survive_a_crash_at_passage(3).await;
}

/// What changed about people is marked until it is told, and the run after a crash tells it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_not_remembered_is_settled_by_the_next_run() {
    for point in points(&Situation::People) {
        let laptop = laptop().await;
        let at = format!("{}:1", point.name());
        assert_aborted(&laptop.crash(&at, &["sync", USERS]).await, &at);
        let marked = |landed: &Landed| {
            landed.items.values().filter(|item| item.contains_key("untold")).count()
        };
        assert!(marked(&laptop.landed().await) > 0, "{at}");
        let again = laptop.run(&["sync", USERS]).await;
        assert!(again.status.success(), "{at}: {again:#?}");
        assert_eq!(marked(&laptop.landed().await), 0, "{at}");
    }
}

async fn pages_survive_a_crash_at_passage(passage: usize) {
    for point in points(&Situation::Page) {
        let laptop = laptop().await;
        let at = format!("{}:{passage}", point.name());
        assert_aborted(&laptop.crash(&at, &["sync", TICKETS]).await, &at);
        let crashed = laptop.landed().await;
        assert_eq!(objects(&crashed, "raw/"), passage, "{at}");
        let landed = if point == Point::AfterRaw { passage - 1 } else { passage };
        assert_eq!(objects(&crashed, "landing/"), landed, "{at}");
        let saved = if point == Point::AfterCursor { passage } else { passage - 1 };

        let again = laptop.run(&["sync", TICKETS]).await;
        assert!(again.status.success(), "{at}: {again:#?}");
        let pages = usize::try_from(again.runs()[0]["pages"].as_u64().expect("a count"))
            .expect("a small number");
        let replayed = laptop.landed().await;
        // A page that lands a second time finds its objects there. Only when a part of its records was written, the rest
        // (if the other writes under way did not make it) lands as an object of its own beside the whole: twice in the
        // landing zone, and once in the tables.
        assert_eq!(objects(&replayed, "raw/"), saved + pages, "{at}");
        let rest = usize::from(point == Point::BetweenRecords);
        let landings = saved + pages..=saved + pages + rest;
        assert!(landings.contains(&objects(&replayed, "landing/")), "{at}");
        for (key, item) in &crashed.items {
            // Down to `received_at` and `raw_key`: what was written before the crash is not written again.
            assert_eq!(replayed.items.get(key), Some(item), "{at}: {key:?} was written again");
        }
        laptop.drain().await;
        laptop.landed().await.assert_is(&laptop.desk().truth());
    }
}

fn objects(landed: &Landed, zone: &str) -> usize {
    landed.keys.iter().filter(|key| key.starts_with(zone)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_in_quarantine_is_there_once() {
    for point in points(&Situation::BadPage) {
        let laptop = laptop().await;
        laptop.desk().add_bad_record(BadRecord::IdNull);
        laptop.settle();
        assert_aborted(&laptop.crash(point.name(), &["sync"]).await, point.name());
        laptop.drain().await;
        let landed = laptop.landed().await;
        assert_eq!(landed.quarantined.len(), 1, "{:#?}", landed.quarantined);
        landed.assert_is(&laptop.desk().truth());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_sent_again_after_a_crash_is_landed_once() {
    for point in points(&Situation::Delivery) {
        let laptop = laptop().await;
        laptop.drain().await;
        let delivery = new_ticket(&laptop);
        let before = objects(&laptop.landed().await, "landing/helpdesk-eu/webhook/");

        let mut serving = laptop.serve_until(point.name(), &["--no-sync"]).await;
        let answer = send(laptop.desk(), &delivery, &serving.webhooks()).await;
        assert_eq!(answer, None, "{}: acknowledged before the crash", point.name());
        assert_eq!(serving.ended().await.signal(), SIGABRT, "{} was not reached", point.name());

        let serving = laptop.serve(&["--no-sync"]).await;
        for _ in 0..2 {
            let answer = send(laptop.desk(), &delivery, &serving.webhooks()).await;
            assert_eq!(answer, Some(202), "{}", point.name());
        }
        assert!(serving.terminate().await.success());
        let landed = laptop.landed().await;
        let raw = landed.keys.iter().filter(|key| key.contains("stream=webhook/")).count();
        assert_eq!(raw, 1, "{}", point.name());
        assert!(objects(&landed, "landing/helpdesk-eu/webhook/") <= before + 1, "{}", point.name());
        let noted = &landed.state[&(format!("DELIVERY#{CONNECTION}"), delivery.id.clone())];
        assert!(noted.contains_key("done"), "{}", point.name());

        laptop.settle();
        laptop.drain().await;
        laptop.landed().await.assert_is(&laptop.desk().truth());
    }
}

/// Opens a ticket; returns the delivery that tells of it.
fn new_ticket(laptop: &Laptop) -> Delivery {
    let requester_id = laptop.desk().create_user("Nina Neu", Some("nina@example.com"), None);
    laptop.desk().create_ticket(simulator::zendesk::NewTicket {
        requester_id,
        subject: "Crumbs in the till".to_owned(),
        description: "It rings when nobody pays.".to_owned(),
        channel: "web",
        priority: None,
    });
    let mut deliveries = laptop.desk().deliveries();
    let created = deliveries.iter().position(|delivery| delivery.kind.ends_with("ticket.created"));
    deliveries.swap_remove(created.expect("a delivery tells of the ticket"))
}

/// The vendor takes a refresh token once, and the pair that it gave for it died with the process. So nobody can sign in
/// again by themselves: the connection is flagged, and works on with the operator's next refresh token.
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_lost_in_a_crash_asks_the_operator_to_authorise_again() {
    for point in points(&Situation::Refresh) {
        let laptop = oauth_laptop().await;
        assert_aborted(&laptop.crash(point.name(), &["sync"]).await, point.name());
        assert_eq!(laptop.desk().refreshes(), 1);

        let refused = laptop.run(&["sync"]).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:#?}");
        for run in refused.runs() {
            let error = run["error"].as_str().unwrap_or_default();
            assert!(error.contains("refresh token"), "{run:#}");
        }
        assert_eq!(
            laptop.desk().spent_refreshes(),
            1,
            "seven streams showed the spent token again"
        );
        assert_eq!(reauthorisation(&laptop).await, true);

        let token = laptop.desk().oauth().refresh_token;
        std::fs::write(laptop.folder.path().join("refresh-token"), token).expect("a new token");
        laptop.drain().await;
        laptop.landed().await.assert_is(&laptop.desk().truth());
        assert_eq!(reauthorisation(&laptop).await, false);
    }
}

async fn oauth_laptop() -> Laptop {
    let simulator = Simulator::start(simulator::Settings { people: 12, ..settled() }).await;
    let keys = oauth_keys(simulator.as_ref().expect("the simulator starts").zendesk());
    Laptop::with(simulator::Settings { people: 12, ..settled() }, &keys).await
}

async fn reauthorisation(laptop: &Laptop) -> serde_json::Value {
    let status = laptop.run(&["status"]).await;
    status.json["connections"][0]["needs_reauthorisation"].clone()
}

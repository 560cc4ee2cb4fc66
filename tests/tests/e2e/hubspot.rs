//! Hubspot, end to end.

use std::time::Duration;

use e2e::stand::{Stand, run_of};
use e2e::truth::hubspot::assert_is;
use shared::budget::Budget;
use shared::hub::Selection;
use shared::ledger::{Outcome, Run};
use shared::schema::Table;
use shared::sync::Unobserved;
use simulator::hubspot::Kind;
use simulator::{DeliveryPlan, Fault, HubSpot, Injection, Settings};

/// A company whose history ended two hours ago: no run reads any of it again.
fn company() -> Settings {
    let until = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(2);
    Settings { people: 30, until: Some(until), ..Settings::default() }
}

async fn stand() -> Stand {
    let stand = Stand::of(company(), |company| vec![company.hubspot().connection()]).await;
    // Searches end a minute ago; what happens now is dated five minutes back.
    stand.simulator.hubspot().set_backdate(Duration::from_mins(5));
    stand
}

fn crm(stand: &Stand) -> &HubSpot {
    stand.simulator.hubspot()
}

async fn assert_true(stand: &Stand) {
    assert_is(&stand.landed().await, "hubspot", &crm(stand).truth());
}

fn landed(runs: &[Run]) -> u64 {
    runs.iter().map(|run| run.ledger.landed).sum()
}

/// A run of one stream, as an operator starts it by name: a pass that is not due too.
async fn one(stand: &Stand, stream: &str) -> Run {
    let selection = Selection { now: true, ..Selection::parse(&format!("hubspot/{stream}")) };
    let runs = stand.hub().sync(&selection, Budget::unlimited(), &Unobserved).await;
    run_of(&runs.expect("the stream exists"), stream).clone()
}

#[tokio::test]
async fn the_first_sync_is_the_truth_and_the_second_lands_nothing() {
    let stand = stand().await;
    let runs = stand.drain_all(false).await;
    assert!(landed(&runs) > 100, "{}", landed(&runs));
    assert!(runs.iter().all(|run| run.ledger.quarantined == 0), "{runs:#?}");
    assert_true(&stand).await;
    assert_eq!(landed(&stand.drain_all(false).await), 0);
    assert_true(&stand).await;
}

#[tokio::test]
async fn changes_come_by_webhook_and_search_and_pass_and_end_in_the_truth() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("hubspot").await;
    for seed in 0..3 {
        crm(&stand).live(25);
        let plan = DeliveryPlan {
            drop: 10,
            duplicate: 10,
            shuffle: true,
            concurrency: 4,
            seed,
            ..DeliveryPlan::default()
        };
        let report = crm(&stand).send_webhooks(&url, &plan).await;
        assert!(report.refused.is_empty() && !report.sent.is_empty(), "{report:?}");
    }
    stand.drain_all(true).await;
    assert_true(&stand).await;
    // Whatever order they came in, a second pass finds nothing that is not known.
    stand.drain_all(true).await;
    assert_true(&stand).await;
}

#[tokio::test]
async fn events_alone_bring_contacts_and_companies_up_to_date() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("hubspot").await;
    let truth = crm(&stand).truth();
    let living = truth.objects[&Kind::Contact].values().filter(|c| c.archived_at.is_none());
    let ids: Vec<u64> = living.map(|contact| contact.id).take(5).collect();
    crm(&stand).set((Kind::Contact, ids[0]), "firstname", Some("Renamed"));
    crm(&stand).archive((Kind::Contact, ids[1]));
    crm(&stand).erase(ids[2]);
    crm(&stand).merge(ids[3], ids[4]);
    crm(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    let landed = stand.landed().await;
    let contacts = landed.newest_of("hubspot", "hubspot", "contact");
    let gone = |id: u64| contacts[&id.to_string()].provenance.deleted;
    assert_eq!([1, 2, 3, 4].map(|index| gone(ids[index])), [true, true, false, true]);
    let renamed = format!("{:?}", contacts[&ids[0].to_string()].entity);
    assert!(renamed.contains("Renamed"));
}

/// A deal's move and its new contact, a ticket's close: told to the right people before any search.
#[tokio::test]
async fn events_alone_bring_a_deal_and_a_ticket_up_to_date_with_their_links() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("hubspot").await;
    let truth = crm(&stand).truth();
    let living = |kind: Kind| {
        let living = truth.objects[&kind].values().filter(|object| object.archived_at.is_none());
        living.map(|object| object.id).collect::<Vec<_>>()
    };
    let open = |id: &&u64| truth.objects[&Kind::Deal][*id].text("hs_is_closed") == Some("false");
    let deal = *living(Kind::Deal).iter().find(open).expect("an open deal");
    let ticket = truth.objects[&Kind::Ticket].values();
    let ticket = ticket.filter(|ticket| ticket.text("hs_pipeline") == Some("0"));
    let ticket = ticket.map(|ticket| ticket.id).next().expect("a ticket");
    crm(&stand).set((Kind::Deal, deal), "dealstage", Some("negotiation"));
    crm(&stand).link((Kind::Deal, deal), (Kind::Contact, living(Kind::Contact)[7]));
    crm(&stand).set((Kind::Ticket, ticket), "hs_pipeline_stage", Some("4"));
    crm(&stand).send_webhooks(&url, &DeliveryPlan::default()).await;
    assert_true(&stand).await;
    // The search that comes later tells the same moves under the same ids.
    stand.drain_all(false).await;
    assert_true(&stand).await;
}

/// Who they are is kept as the account tells it, and becomes no row.
#[tokio::test]
async fn owners_and_pipelines_are_read_and_land_raw_only() {
    let stand = stand().await;
    for (stream, there) in [("owners", 4), ("pipelines", 3)] {
        let run = one(&stand, stream).await;
        let Run { outcome, ledger, .. } = run;
        assert_eq!((outcome, ledger.fetched, ledger.filtered), (Outcome::CaughtUp, there, there));
        assert_eq!(ledger.landed, 0, "{stream}");
    }
}

#[tokio::test]
async fn a_delivery_that_somebody_else_signed_is_refused() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let url = stand.serve_for("hubspot").await;
    crm(&stand).import(Kind::Contact, 1, "firstname", "Ada");
    let secret = Some("of somebody else".to_owned());
    let plan = DeliveryPlan { secret, pause: Duration::ZERO, ..DeliveryPlan::default() };
    let report = crm(&stand).send_webhooks(&url, &plan).await;
    assert_eq!(report.refused.first().map(|(_, status)| *status), Some(Some(401)));
    crm(&stand).import(Kind::Contact, 1, "firstname", "Bram");
    crm(&stand).set_webhook_url("http://127.0.0.1/webhooks/hubspot");
    let plan = DeliveryPlan { pause: Duration::ZERO, ..DeliveryPlan::default() };
    let report = crm(&stand).send_webhooks(&url, &plan).await;
    assert!(!report.refused.is_empty(), "an address that is not ours was signed");
}

/// A bulk update gives more rows in one millisecond than a search can reach.
#[tokio::test]
async fn more_rows_in_one_millisecond_than_a_search_reaches() {
    let stand = stand().await;
    crm(&stand).set_search_wall(150);
    stand.drain_all(false).await;
    crm(&stand).import(Kind::Contact, 420, "firstname", "Ada");
    let run = one(&stand, "contacts").await;
    assert_eq!((run.outcome, run.ledger.landed), (Outcome::CaughtUp, 420));
    assert_true(&stand).await;
}

/// airbyte #34446, #40591: a change that search shows later than its time is in nobody's window.
#[tokio::test]
async fn a_change_that_search_shows_late_is_found_within_the_hour() {
    let stand = stand().await;
    stand.drain_all(false).await;
    crm(&stand).set_search_lag(Duration::from_mins(30));
    crm(&stand).import(Kind::Contact, 3, "firstname", "Ada");
    assert_eq!(one(&stand, "contacts").await.ledger.landed, 0);
    stand.simulator.clock().advance(Duration::from_mins(31));
    assert_eq!(one(&stand, "contacts").await.ledger.landed, 3);
    assert_true(&stand).await;
}

/// No event, no bin: only that nobody lists it any more.
#[tokio::test]
async fn what_was_erased_or_archived_is_seen_by_the_pass_alone() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let truth = crm(&stand).truth();
    let first = |kind: Kind| {
        let living = truth.objects[&kind].values().find(|object| object.archived_at.is_none());
        living.map(|object| object.id).expect("one")
    };
    crm(&stand).erase(first(Kind::Contact));
    for kind in [Kind::Company, Kind::Deal, Kind::Ticket] {
        crm(&stand).archive((kind, first(kind)));
    }
    stand.drain_all(false).await;
    for stream in ["all_contacts", "all_companies", "all_deals", "all_tickets"] {
        assert_eq!(one(&stand, stream).await.outcome, Outcome::CaughtUp);
    }
    assert_true(&stand).await;
}

/// It landed every deal and ticket anew, with the time of reading as its version.
#[tokio::test]
async fn a_pass_that_finds_nothing_new_lands_nothing() {
    let stand = stand().await;
    stand.drain_all(false).await;
    for stream in ["all_contacts", "all_companies", "all_deals", "all_tickets", "all_meetings"] {
        let ledger = one(&stand, stream).await.ledger;
        assert!(ledger.fetched > 0, "{stream}");
        assert_eq!((ledger.landed, ledger.unchanged), (0, ledger.fetched), "{stream}");
    }
}

/// airbyte #14390, #14639, #27199, #44554: links that nobody's time of change tells of.
#[tokio::test]
async fn a_link_that_touches_nothing_is_found_by_the_pass_and_lost_by_no_search() {
    let stand = stand().await;
    crm(&stand).set_links(1, true);
    stand.drain_all(false).await;
    let person = crm(&stand).import(Kind::Contact, 1, "firstname", "Ada")[0];
    let truth = crm(&stand).truth();
    for kind in [Kind::Deal, Kind::Ticket, Kind::Call, Kind::Note] {
        let living = truth.objects[&kind].values().find(|object| object.archived_at.is_none());
        let id = living.map(|object| object.id).expect("one");
        crm(&stand).link((kind, id), (Kind::Contact, person));
    }
    stand.drain_all(true).await;
    assert_true(&stand).await;
    // A search that reads a deal again reads its links again.
    let deal = truth.objects[&Kind::Deal].values().find(|deal| deal.archived_at.is_none());
    let deal = deal.map(|deal| deal.id).expect("one");
    crm(&stand).set((Kind::Deal, deal), "dealname", Some("Renamed"));
    one(&stand, "deals").await;
    assert_true(&stand).await;
}

#[tokio::test]
async fn oauth_signs_in_and_renews() {
    let stand = Stand::of(company(), |company| vec![company.hubspot().oauth_connection()]).await;
    stand.drain_all(false).await;
    let refreshes = crm(&stand).refreshes();
    assert!(refreshes > 0);
    crm(&stand).expire_access_token();
    stand.drain_all(true).await;
    assert_eq!(crm(&stand).refreshes(), refreshes + 1);
    assert_true(&stand).await;
}

#[tokio::test]
async fn faults_end_in_the_truth() {
    let stand = stand().await;
    let faults = crm(&stand).faults();
    for (path, fault) in [
        ("/contacts/search", Fault::Status(500)),
        ("/contacts/search", Fault::InsertWhilePaging),
        ("/deals/contacts/batch/read", Fault::TruncatedPage),
        ("/deals/companies/batch/read", Fault::Html200),
        ("/objects/deals/batch/read", Fault::ConnectionReset),
        ("/objects/contacts/batch/read", Fault::ExtraField),
        ("/objects/calls/batch/read", Fault::ErrorEnvelope200),
        ("/objects/tickets?", Fault::EmptyPageWithNext),
        ("/objects/companies?", Fault::Status(502)),
    ] {
        faults.schedule(Injection::new(fault).on(path));
    }
    let bad = faults.schedule(Injection::new(Fault::BadRecord).on("/objects/notes/batch/read"));
    stand.drain_all(false).await;
    assert_eq!(faults.queued(), 0, "{:?}", faults.history());
    let landed = stand.landed().await;
    assert_eq!(landed.quarantined.len(), bad.fired());
    assert_is(&landed, "hubspot", &crm(&stand).truth());
}

/// A token of a list that was given out before a pause: the pass begins anew, and buries nobody.
#[tokio::test]
async fn a_pass_whose_token_expired_begins_anew() {
    let stand = stand().await;
    stand.drain_all(false).await;
    crm(&stand).import(Kind::Contact, 150, "firstname", "Ada");
    one(&stand, "contacts").await;
    let after = Injection::new(Fault::ExpiredCursor).on("/objects/contacts?");
    let expired = crm(&stand).faults().schedule(after);
    let run = one(&stand, "all_contacts").await;
    assert_eq!((run.outcome, expired.fired()), (Outcome::CaughtUp, 1));
    assert_true(&stand).await;
}

/// Personal data is in no key, and texts that people wrote are in no row.
#[tokio::test]
async fn neither_addresses_in_keys_nor_texts_in_rows() {
    let stand = stand().await;
    stand.drain_all(false).await;
    let landed = stand.landed().await;
    assert!(landed.newest.keys().all(|(_, key)| !key.contains('@')));
    for row in &landed.rows {
        let text = format!("{:?}", row.entity);
        for said in
            ["calls back on Monday", "table by the window", "our offer", "please correct it"]
        {
            assert!(!text.contains(said), "{}", row.provenance.record_key);
        }
        assert!(row.table() != Table::Consent, "nobody asked");
    }
}

//! From outside: every request of ours and every answer of the simulated systems, against what the vendors publish.
//!
//! The vendors' specifications are not part of this repository. Where a folder of them is given by `TRIBUTARY_SPECS`,
//! or lies in `../shared/vendors/openapi` beside the workspace, each source is read through a recording proxy, and what
//! passed is checked; elsewhere these tests say that they were skipped.

mod judged;
mod lexicon;
mod openapi;
mod recorder;
mod schema;

use std::path::PathBuf;
use std::time::Duration;

use e2e::stand::{Stand, settled};
use shared::ledger::Outcome;
use simulator::{ConnectionKeys, Simulator};

use judged::{Allowed, Judged, Specification};
use lexicon::Lexicons;
use openapi::{Documents, Quirks};
use recorder::Recorder;

/// The folder of specifications, if there is one.
fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vendors/openapi");
    let folder = std::env::var_os("TRIBUTARY_SPECS").map_or_else(|| beside.into(), PathBuf::from);
    folder.is_dir().then_some(folder)
}

#[expect(clippy::print_stderr, reason = "the test's report, for whoever runs it with its output")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Reads a face through the proxy, before and after changes; what passed, against the specification.
async fn check(
    vendor: &str,
    specification: &dyn Specification,
    allowed: &[Allowed],
    connection: impl FnOnce(&Simulator) -> (ConnectionKeys, String),
    change: impl Fn(&Simulator),
) {
    let recorder = Recorder::start().await;
    let company = simulator::Settings { people: 24, days: 60, ..settled() };
    let stand = Stand::of(company, |simulator| {
        let (keys, base) = connection(simulator);
        recorder.point_to(&base);
        vec![ConnectionKeys { keys: keys.keys.replace(&base, recorder.url()), ..keys }]
    })
    .await;
    for round in 0..2 {
        for run in stand.sync_all(true).await {
            assert_ne!(run.outcome, Outcome::Failed, "{run:?}");
        }
        if round == 0 {
            change(&stand.simulator);
            stand.simulator.clock().advance(Duration::from_secs(62));
        }
    }
    let exchanges = recorder.exchanges();
    assert!(!exchanges.is_empty(), "{vendor}: nothing passed the proxy");
    let judged = Judged::of(specification, &exchanges);
    say(&judged.report(vendor));
    judged.refuse(vendor, allowed);
}

macro_rules! skip_without_folder {
    ($vendor:literal) => {
        match folder() {
            Some(folder) => folder,
            None => {
                return say(concat!($vendor, ": skipped, for there is no folder of specifications"))
            }
        }
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn zendesk() {
    let folder = skip_without_folder!("zendesk");
    let documents = Documents::read(&folder, &["zendesk-support.json"], Quirks::default());
    let connection =
        |simulator: &Simulator| (simulator.zendesk().connection(), simulator.zendesk().base_url());
    // The document has the guides' paths and bodies, and few of their parameters.
    let allowed = [
        Allowed {
            finding: "the parameter page[size] is none",
            reason: "pagination by cursor is documented for every list, in one page for all of them",
        },
        Allowed {
            finding: "incremental/ticket_events: the parameter include is none",
            reason: "the reference of incremental exports: `include=comment_events` sideloads comments",
        },
        Allowed {
            finding: "incremental/tickets/cursor: the parameter per_page is none",
            reason: "the guide to incremental exports names it for both cursor exports",
        },
        Allowed {
            finding: "satisfaction_ratings: the parameter start_time is none",
            reason: "the reference of satisfaction ratings lists it among the filters",
        },
    ];
    check("zendesk", &documents, &allowed, connection, |it| it.zendesk().live(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn klaviyo() {
    let folder = skip_without_folder!("klaviyo");
    let file = "klaviyo-2026-07-15-sync-subset.openapi.json";
    let documents = Documents::read(&folder, &[file], Quirks::default());
    let connection =
        |simulator: &Simulator| (simulator.klaviyo().connection(), simulator.klaviyo().base_url());
    let allowed = [
        Allowed {
            finding: "200 /links/next value is not of type \"string\"",
            reason: "the guide to pagination ends a list with a null",
        },
        Allowed {
            finding: "200 /links/prev value is not of type \"string\"",
            reason: "the guide to pagination begins a list with a null",
        },
        Allowed {
            finding: "/consent_timestamp ",
            reason: "in practice times of consent have a space in place of the T",
        },
        Allowed {
            finding: "/attributes/send_options value is valid under more than one",
            reason: "the document's alternatives for e-mail and push are alike",
        },
    ];
    check("klaviyo", &documents, &allowed, connection, |it| it.klaviyo().live(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sendgrid() {
    let folder = skip_without_folder!("sendgrid");
    let files = Documents::of_prefix(&folder, "sendgrid-");
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let documents = Documents::read(&folder, &files, Quirks::default());
    let connection = |simulator: &Simulator| {
        (simulator.sendgrid().connection(), simulator.sendgrid().base_url())
    };
    let allowed = [Allowed {
        finding: "GET /v3/marketing/segments/2.0: 200  \"",
        reason: "the document shows one segment where the server answers a list under `results`",
    }];
    check("sendgrid", &documents, &allowed, connection, |it| it.sendgrid().live(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn square() {
    let folder = skip_without_folder!("square");
    let documents = Documents::read(&folder, &["square.json"], Quirks::default());
    let connection =
        |simulator: &Simulator| (simulator.square().connection(), simulator.square().base_url());
    check("square", &documents, &[], connection, |it| it.square().live(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn brandwatch() {
    let folder = skip_without_folder!("brandwatch");
    let files =
        ["brandwatch-authentication-openapi.json", "brandwatch-consumer-research-openapi.json"];
    // Its schemas are made of one example each: they know no null and take 0.0 for an integer.
    let documents = Documents::read(&folder, &files, Quirks { of_one_example: true });
    let allowed = [
        Allowed {
            finding: "POST /oauth/token: the specification has no such method",
            reason: "the file says GET with a JSON body; the guide and the vendor's own library post a form",
        },
        Allowed {
            finding: "data/mentions: the parameter cursor is none of the specification",
            reason: "the guide to paging through historical mentions names it",
        },
    ];
    let connection = |simulator: &Simulator| {
        (simulator.brandwatch().connection(), simulator.brandwatch().base_url())
    };
    check("brandwatch", &documents, &allowed, connection, |it| {
        it.brandwatch().set_page_size(9);
        it.brandwatch().live(30);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bluesky() {
    let folder = skip_without_folder!("bluesky");
    let lexicons = Lexicons::read(&folder.join("bluesky-lexicons"));
    let connection =
        |simulator: &Simulator| (simulator.bluesky().connection(), simulator.bluesky().base_url());
    check("bluesky", &lexicons, &[], connection, |it| it.bluesky().live(30)).await;
}

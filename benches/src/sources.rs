//! What each source costs: its biggest records mapped, and mapped and landed, by CPU second.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde_json::value::RawValue;
use shared::config::Connection;
use shared::landing::{Batch, DELIVERIES, Landing, Place, attempts};
use shared::pseudonym::Pseudonyms;
use shared::rows::{MapContext, Origin, Rows};
use shared::schema::Timestamp;

use crate::pull::cpu_seconds;

const PAGE: usize = 1_000;

/// Records of one kind.
struct Subject {
    source: &'static str,
    /// The stream that maps them; [`DELIVERIES`] for the webhook.
    stream: &'static str,
    records: Vec<String>,
}

fn subjects(count: usize) -> Vec<Subject> {
    macro_rules! subjects {
        ($($source:ident $stream:literal $bulk:ident;)+) => {
            vec![$(Subject {
                source: stringify!($source),
                stream: $stream,
                records: simulator::$source::$bulk(7, count).collect(),
            }),+]
        };
    }
    subjects! {
        klaviyo "events" bulk_events;
        sendgrid "webhook" bulk_events;
        zendesk "tickets" bulk_tickets;
        square "orders" bulk_orders;
        hubspot "contacts" bulk_contacts;
        bluesky "posts" bulk_posts;
        brandwatch "mentions" bulk_mentions;
    }
}

fn cpu() -> f64 {
    let usage: Usage = getrusage(UsageWho::RUSAGE_SELF).expect("rusage");
    cpu_seconds(&usage)
}

fn connection(source: &str) -> Connection {
    let sources = tributary::sources();
    let source = sources.into_iter().find(|known| known.facts().name == source);
    let mut connection =
        tributary::example_connection(source.expect("a source")).expect("a good example");
    connection.pseudonyms = Pseudonyms::new("secret of the benchmark".into());
    connection.common.customers = false;
    connection
}

/// Maps a page, and lands it if there is a landing zone; how many rows it gives.
async fn page(
    connection: &Connection,
    stream_name: &str,
    records: &[&RawValue],
    landing: Option<&Landing>,
) -> u64 {
    let at = Timestamp::parse_rfc3339("2026-06-01T12:00:00Z").expect("a time");
    let streams = &connection.connector.streams;
    let stream = streams.iter().find(|stream| stream.facts().name == stream_name);
    let webhook = connection.connector.webhook.as_deref();
    let context = match (stream, webhook) {
        (Some(stream), _) => MapContext::of_stream(connection, stream.as_ref(), Origin::Page, at),
        (None, Some(webhook)) => MapContext::of_events(connection, webhook, at),
        (None, None) => panic!("{stream_name} is no stream"),
    };
    let map = |fields, rows: &mut Rows<'_>| match (stream, webhook) {
        (Some(stream), _) => stream.map(fields, rows),
        (None, Some(webhook)) => webhook.map(fields, rows),
        (None, None) => Ok(()),
    };
    let attempts = attempts(records.iter().copied(), &context, map);
    let Some(landing) = landing else {
        let mapped = attempts.map(|attempt| attempt.mapped.expect("a good record"));
        return mapped.map(|mapped| mapped.drafts.len() as u64).sum();
    };
    let body: Vec<u8> = records.iter().flat_map(|record| record.get().bytes()).collect();
    let raw_key =
        landing.raw(Place::of(connection, stream_name), &body, at, &[]).await.expect("raw bytes");
    let batch = Batch::of(connection, stream_name, &raw_key, at);
    landing.land(batch, attempts).await.expect("a landed page").landed
}

pub(crate) async fn run(count: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let (_embedded, stores) = crate::stores_in(folder.path()).await;
    let landing = Landing::new(&stores, None);
    println!("source      records        bytes each   mapped per CPU-s   landed per CPU-s   rows");
    for Subject { source, stream, records } in subjects(count) {
        let connection = connection(source);
        let bytes: usize = records.iter().map(String::len).sum();
        let raw: Vec<&RawValue> =
            records.iter().map(|record| serde_json::from_str(record).expect("JSON")).collect();
        let mut rows = 0;
        let started = cpu();
        for records in raw.chunks(PAGE) {
            rows += page(&connection, stream, records, None).await;
        }
        let mapped = cpu() - started;
        let started = cpu();
        for records in raw.chunks(PAGE) {
            page(&connection, stream, records, Some(&landing)).await;
        }
        let landed = cpu() - started;
        let kind = if stream == DELIVERIES { "webhook" } else { stream };
        println!(
            "{source:<11} {kind:<14} {:>10}   {:>16.0}   {:>16.0}   {rows}",
            bytes / records.len(),
            count as f64 / mapped,
            count as f64 / landed,
        );
    }
    let peak = getrusage(UsageWho::RUSAGE_SELF).expect("rusage").max_rss();
    println!("peak RSS of all of it, records included: {:.1} MB", peak as f64 / 1024.0);
}

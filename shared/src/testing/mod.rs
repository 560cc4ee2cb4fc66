//! The conformance suite: what must hold for every connector, run by each from its own tests.
//!
//! Panics with a sentence that names the stream and the rule.
#![expect(clippy::missing_panics_doc, reason = "a test suite reports by panicking")]

pub mod asked;
mod expand;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::value::RawValue;

use crate::clock;
use crate::config::{AnySource, Connection, Foreign, Settings};
use crate::connector::{AnyStream, Horizon, Webhook};
use crate::facts::Deletes;
use crate::landing::attempt;
use crate::page::{Next, Response};
use crate::pseudonym::Pseudonyms;
use crate::receive::Delivery;
use crate::rows::{MapContext, Origin, Rows};
use crate::schema::Timestamp;
use crate::signature::{self, Algorithm, Check, Part, Signature};

/// Bodies that no vendor documents and that arrive all the same.
const NASTY: &[&[u8]] = &[
    b"",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b"\"\"",
    b"{\"error\":\"x\"}",
    b"<html>Bad Gateway</html>",
    b"{\"tickets\":[",
    b"\xff\xfe",
    b"[[[[[[[[",
    b"{\"a\":1e999}",
    b"\0",
    b"{\"users\":{}}",
];

/// A connector with what its suite needs.
pub struct Conformance<'a> {
    /// The source.
    pub source: &'static dyn AnySource,
    /// The keys of a valid connection, without `source` and `webhook_secrets`.
    pub settings: &'a str,
    /// Documented pages by stream; of each stream at least the last page of a sync.
    pub last_pages: &'a [(&'a str, &'a str)],
    /// Documented deliveries.
    pub deliveries: &'a [&'a str],
}

impl Conformance<'_> {
    /// Runs the whole suite.
    pub fn check(&self) {
        let facts = self.source.facts();
        if let Some(sunset) = facts.sunset {
            let day = sunset.value.parse::<jiff::civil::Date>();
            assert!(day.is_ok(), "{}: {:?} is no day such as 2027-07-15", facts.name, sunset.value);
        }
        let text =
            format!("[connections.under-test]\nsource = {:?}\n{}", facts.name, self.settings);
        let mut settings = Settings::parse(&text, "", &[self.source], Foreign::Refuse)
            .unwrap_or_else(|error| {
                panic!("{}: the settings of the suite are refused: {error}", facts.name)
            });
        settings.unlock_with(&Pseudonyms::new("secret of the suite".into()));
        let connection = &settings.connections["under-test"];
        let horizon = horizon();
        let mut names = HashSet::new();
        for stream in &connection.connector.streams {
            let stream = stream.as_ref();
            assert!(
                names.insert(stream.facts().name),
                "{}: two streams have this name",
                stream.facts().name
            );
            facts_are_complete(stream);
            cursors_round_trip(stream, &horizon);
            requests_are_deterministic(stream, &horizon);
            nothing_panics(stream, &horizon, connection);
            the_gone_are_buried(stream, connection);
            let pages: Vec<&str> = self
                .last_pages
                .iter()
                .filter(|(name, _)| *name == stream.facts().name)
                .map(|(_, page)| *page)
                .collect();
            // A recheck reads no pages: the driver asks for what is known.
            let has_pages = !matches!(stream.facts().deletes.value, Deletes::Recheck(_));
            assert!(
                !has_pages || !pages.is_empty(),
                "{}: the suite has no page of this stream",
                stream.facts().name
            );
            for page in pages {
                the_last_page_is_done(stream, &horizon, page);
                mapping_is_deterministic(stream, &horizon, connection, page);
            }
        }
        if let Some(webhook) = connection.connector.webhook.as_deref() {
            assert!(!self.deliveries.is_empty(), "{}: the suite has no delivery", facts.name);
            for delivery in self.deliveries {
                signatures_hold(webhook, delivery);
            }
            deliveries_never_panic(webhook, connection);
        }
    }
}

fn horizon() -> Horizon {
    let until = Timestamp::parse_rfc3339("2026-06-01T12:00:00Z").unwrap_or(Timestamp::UNIX_EPOCH);
    Horizon { start: clock::before(until, Duration::from_hours(24 * 30)), until }
}

/// An answer as the drivers would hand it to a stream.
pub fn response(body: impl Into<Bytes>) -> Response {
    Response {
        status: 200,
        headers: HeaderMap::new(),
        body: body.into(),
        received_at: horizon().until,
    }
}

fn first_cursor(stream: &dyn AnyStream, horizon: &Horizon) -> Box<RawValue> {
    stream
        .start(None, horizon)
        .unwrap_or_else(|error| panic!("{}: has no first cursor: {error}", stream.facts().name))
}

fn facts_are_complete(stream: &dyn AnyStream) {
    let facts = stream.facts();
    for (what, evidence) in [
        ("lag", facts.lag.evidence),
        ("lookback", facts.lookback.evidence),
        ("granularity", facts.granularity.evidence),
        ("order", facts.order.evidence),
        ("deletes", facts.deletes.evidence),
    ] {
        assert!(!evidence.is_empty(), "{}: the fact {what} has no evidence", facts.name);
    }
    assert!(!facts.reads.is_empty(), "{}: does not say what it reads", facts.name);
}

fn cursors_round_trip(stream: &dyn AnyStream, horizon: &Horizon) {
    let name = stream.facts().name;
    let first = first_cursor(stream, horizon);
    let resumed = stream
        .start(Some(&first), horizon)
        .unwrap_or_else(|error| panic!("{name}: does not read its own cursor: {error}"));
    let again = stream
        .start(Some(&resumed), horizon)
        .unwrap_or_else(|error| panic!("{name}: does not read its own cursor: {error}"));
    assert!(stream.request(&again, horizon).is_ok(), "{name}: a resumed cursor makes no request");
    let wrong = RawValue::from_string("[\"not a cursor\",1]".to_owned())
        .unwrap_or_else(|_| RawValue::NULL.to_owned());
    assert!(stream.start(Some(&wrong), horizon).is_err(), "{name}: takes anything for a cursor");
}

fn requests_are_deterministic(stream: &dyn AnyStream, horizon: &Horizon) {
    let name = stream.facts().name;
    let cursor = first_cursor(stream, horizon);
    let [one, two] =
        [stream.request(&cursor, horizon), stream.request(&cursor, horizon)].map(Result::ok);
    assert!(one.is_some() && one == two, "{name}: the same cursor makes two different requests");
    for (header, _) in one.iter().flat_map(|request| &request.headers) {
        assert!(!header.eq_ignore_ascii_case("authorization"), "{name}: signs its requests itself");
    }
}

fn nothing_panics(stream: &dyn AnyStream, horizon: &Horizon, connection: &Connection) {
    let cursor = first_cursor(stream, horizon);
    for body in NASTY {
        let response = response(*body);
        let _ = stream.page(&cursor, horizon, &response);
        let _ = stream.looked_up(&response);
    }
    let context = MapContext::of_stream(connection, stream, Origin::Page, horizon.until);
    for record in [
        "{}",
        "[]",
        "null",
        r#"{"id":null}"#,
        r#"{"id":"\ud800"}"#,
        r#"{"id":1,"updated_at":"then"}"#,
        r#"{"id":{"id":1}}"#,
    ] {
        let record: &RawValue =
            serde_json::from_str(record).unwrap_or_else(|error| panic!("{record}: {error}"));
        let _ = attempt(0, record, &context, |fields, rows| stream.map(fields, rows));
    }
}

/// A stream that asks several questions in turn gets the same last page as the answer to each of them.
const QUESTIONS: usize = 16;

fn the_last_page_is_done(stream: &dyn AnyStream, horizon: &Horizon, page: &str) {
    let name = stream.facts().name;
    let response = response(page.to_owned());
    let mut cursor = first_cursor(stream, horizon);
    for _ in 0..QUESTIONS {
        let page = stream
            .page(&cursor, horizon, &response)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        if let Next::Done(cursor) = page.next {
            assert!(
                stream.start(Some(&cursor), horizon).is_ok(),
                "{name}: cannot go on from its last cursor"
            );
            return;
        }
        page.next.cursor().clone_into(&mut cursor);
    }
    panic!("{name}: the last page does not end the sync");
}

/// What a full pass or a recheck does not find any more must be buried under its own key.
fn the_gone_are_buried(stream: &dyn AnyStream, connection: &Connection) {
    let facts = stream.facts();
    let keeps = matches!(facts.deletes.value, Deletes::FullPass | Deletes::Recheck(_));
    let mut rows =
        Rows::new(MapContext::of_stream(connection, stream, Origin::Lookup, horizon().until));
    stream.gone("gone-1", &mut rows);
    let drafts = rows.finish().drafts;
    let buries = drafts
        .iter()
        .any(|draft| draft.deleted && draft.object == facts.object && draft.id == "gone-1");
    assert_eq!(keeps, buries, "{}: does not bury what is gone, or should not", facts.name);
}

fn mapping_is_deterministic(
    stream: &dyn AnyStream,
    horizon: &Horizon,
    connection: &Connection,
    page: &str,
) {
    let name = stream.facts().name;
    let response = response(page.to_owned());
    let page = stream
        .page(&first_cursor(stream, horizon), horizon, &response)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let context = MapContext::of_stream(connection, stream, Origin::Page, horizon.until);
    for record in page.records.iter().map(AsRef::as_ref) {
        let [one, two] = [(), ()]
            .map(|()| attempt(0, record, &context, |fields, rows| stream.map(fields, rows)).mapped);
        match (one, two) {
            (Ok(one), Ok(two)) => {
                assert_eq!(
                    one.drafts, two.drafts,
                    "{name}: the same record maps to different rows"
                );
                let keys: HashSet<_> = one
                    .drafts
                    .iter()
                    .map(|draft| (draft.entity.table(), draft.object, &draft.id))
                    .collect();
                assert_eq!(
                    keys.len(),
                    one.drafts.len(),
                    "{name}: one record gives two rows with one key"
                );
                assert!(
                    one.drafts.iter().all(|draft| !draft.id.is_empty()),
                    "{name}: a row has no id"
                );
            }
            (Err(one), Err(two)) => {
                assert_eq!(one, two, "{name}: the same record is refused for different reasons");
            }
            _ => panic!("{name}: the same record maps and does not map"),
        }
    }
}

/// A delivery with a body and no headers, received at `at`.
pub fn delivery(body: impl Into<Bytes>, at: Timestamp) -> Delivery {
    Delivery {
        connection: "under-test".to_owned(),
        method: "POST".to_owned(),
        query: String::new(),
        headers: BTreeMap::new(),
        body: body.into(),
        received_at: at,
    }
}

/// Where the suite's deliveries are sent to.
const URL: &str = "https://hub.acme.example/webhooks/under-test";

/// A secret to sign with and the one that verifies; the same, unless the scheme signs with a key pair.
fn secrets_of(signature: &Signature) -> [(SecretString, SecretString); 2] {
    let pairs = match signature.algorithm {
        Algorithm::EcdsaP256 => KEY_PAIRS,
        Algorithm::HmacSha256 | Algorithm::Sha256OfSecretAndParts => SECRETS,
    };
    pairs.map(|(signs, verifies)| (signs.into(), verifies.into()))
}

const SECRETS: [(&str, &str); 2] = [
    ("c2VjcmV0LW9mLXRoZS1zdWl0ZQ==", "c2VjcmV0LW9mLXRoZS1zdWl0ZQ=="),
    ("YW5vdGhlci1zZWNyZXQ=", "YW5vdGhlci1zZWNyZXQ="),
];

/// P-256 keys made for this suite: PKCS #8 and `SubjectPublicKeyInfo`.
const KEY_PAIRS: [(&str, &str); 2] = [
    (
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGfVBUv1Ff9L9XoVil2kJdxaW5YG0wO+DVGCo1pFgcoahRANCAASTn/M3gBinKk5BKgVkrnsWxckHRq8iA0ueo6gCuqU+sRkz5ZHxV8Ezpv7BMoIzXyFiqoZnHoW4gjBV2dmDrjne",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEk5/zN4AYpypOQSoFZK57FsXJB0avIgNLnqOoArqlPrEZM+WR8VfBM6b+wTKCM18hYqqGZx6FuIIwVdnZg6453g==",
    ),
    (
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgSBr4mDlRLxeWxrfitTXR/xXPgVdW6th+/VWpWO4bov2hRANCAASWDh0CObuHMH/DbrXqyu3Mm2NZd1J/jTGwCl3xG+uRSzdSH449oYpzG749CVymtz/eFXtKEPb+i+CWQiylDv/d",
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElg4dAjm7hzB/w2616srtzJtjWXdSf40xsApd8RvrkUs3Uh+OPaGKcxu+PQlcprc/3hV7ShD2/ovglkIspQ7/3Q==",
    ),
];

/// Signs a delivery as the vendor would by one of its schemes, at the time that it was received.
pub fn sign(signature: &Signature, mut delivery: Delivery, secret: &SecretString) -> Delivery {
    if let Some(time) = &signature.timestamp {
        delivery.headers.insert(time.header.to_owned(), time.format.write(delivery.received_at));
    }
    if let Some((name, value)) = signature.only_if {
        delivery.headers.insert(name.to_owned(), value.to_owned());
    }
    let value = signature
        .header_value(&delivery, Some(URL), secret)
        .unwrap_or_else(|| panic!("the secret cannot sign"));
    delivery.headers.insert(signature.header.to_owned(), value);
    delivery
}

fn signatures_hold(webhook: &dyn Webhook, body: &str) {
    for signature in webhook.facts().signatures {
        signature_holds(webhook.facts().signatures, signature, body);
    }
}

fn signature_holds(schemes: &[Signature], signature: &Signature, body: &str) {
    let [(signs, secret), (_, other)] = secrets_of(signature);
    let at = horizon().until;
    let good = sign(signature, delivery(body.to_owned(), at), &signs);
    let verify = |delivery: &Delivery, secrets: &[SecretString], now| {
        let check = Check { secrets, tolerance: None, url: Some(URL), now };
        signature::verify(schemes, delivery, check).is_ok()
    };
    let only = [secret.clone()];
    assert!(verify(&good, &only, at), "a good signature is refused");
    assert!(verify(&good, &[other.clone(), secret.clone()], at), "a second secret is not tried");
    assert!(!verify(&good, &[other], at), "a wrong secret is accepted");
    assert!(!verify(&good, &[], at), "no secret accepts everything");
    let none = SecretString::from("");
    assert!(!verify(&good, std::slice::from_ref(&none), at), "an empty secret is accepted");
    if signature.algorithm != Algorithm::EcdsaP256 {
        let unsigned = sign(signature, good.clone(), &none);
        assert!(!verify(&unsigned, &[none], at), "an empty secret is accepted");
    }
    for at_byte in [0, body.len() / 2, body.len() - 1] {
        let mut bytes = body.as_bytes().to_vec();
        bytes[at_byte] ^= 1;
        assert!(
            !verify(&Delivery { body: bytes.into(), ..good.clone() }, &only, at),
            "a changed body is accepted"
        );
    }
    if signature.signed.iter().copied().any(Part::needs_url) {
        for url in [None, Some("https://hub.acme.example/webhooks/under-test/")] {
            let check = Check { secrets: &only, tolerance: None, url, now: at };
            assert!(
                signature::verify(schemes, &good, check).is_err(),
                "another address is accepted"
            );
        }
    }
    for malformed in
        ["", "=", "zz", "\u{7f}", "sha256=", "AAAA", "MAYCAQECAQE=", &"A".repeat(10_000)]
    {
        let mut wrong = good.clone();
        wrong.headers.insert(signature.header.to_owned(), malformed.to_owned());
        assert!(!verify(&wrong, &only, at), "the malformed signature {malformed:?} is accepted");
    }
    let mut missing = good.clone();
    missing.headers.remove(signature.header);
    assert!(!verify(&missing, &only, at), "a missing signature is accepted");
    if let Some(time) = &signature.timestamp {
        let beyond = time.tolerance + Duration::from_secs(1);
        assert!(
            verify(&good, &only, clock::after(at, time.tolerance)),
            "a time at the edge of the tolerance is refused"
        );
        assert!(!verify(&good, &only, clock::after(at, beyond)), "an old delivery is accepted");
        assert!(
            !verify(&good, &only, clock::before(at, beyond)),
            "a delivery from the future is accepted"
        );
        for malformed in ["", "yesterday", "99999999999999999999", "-9223372036854775808"] {
            let mut wrong = good.clone();
            wrong.headers.insert(time.header.to_owned(), malformed.to_owned());
            assert!(!verify(&wrong, &only, at), "the malformed time {malformed:?} is accepted");
        }
    }
}

fn deliveries_never_panic(webhook: &dyn Webhook, connection: &Connection) {
    let context = MapContext::of_events(connection, webhook, horizon().until);
    for body in NASTY {
        for event in webhook.events(&BTreeMap::new(), body).unwrap_or_default() {
            let _ = attempt(0, event.record, &context, |fields, rows| webhook.map(fields, rows));
        }
    }
}

//! Lands deliveries: store the bytes, drop repetitions, map, read again what an event only names.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use serde_json::value::RawValue;
use tracing::{error, info, warn};

use crate::config::Connection;
use crate::connector::{DeliveryId, Event, Refetch, Webhook};
use crate::crash::{Point, point};
use crate::error::{Error, Invalid};
use crate::http::{Client, Meter};
use crate::landing::{Attempt, Batch, DELIVERIES, Landing, Place, attempts};
use crate::ledger::Ledger;
use crate::receive::Envelope;
use crate::rows::{MapContext, Origin};
use crate::schema::Sha256;
use crate::state::{Seen, State};

/// The most that a compressed delivery may grow to.
const MAX_INFLATED: u64 = 16 * 1024 * 1024;
/// The most levels of arrays and objects in a delivery.
const MAX_DEPTH: usize = 64;
/// How long the sender's patience allows us to ask the source back: the strictest vendors wait five seconds.
const REFETCH_WITHIN: Duration = Duration::from_secs(3);
/// Ids per lookup; what every source that offers one takes.
const LOOKUP: usize = 100;

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It landed; the count of its events, and of the records that they name and that were read again.
    Landed(Ledger),
    /// It had landed before.
    Duplicate,
    /// Its id was used before with another body: in quarantine, as the count says.
    Conflicting(Ledger),
}

impl Received {
    /// What it brought.
    pub fn ledger(&self) -> Ledger {
        match self {
            Self::Landed(ledger) | Self::Conflicting(ledger) => *ledger,
            Self::Duplicate => Ledger::default(),
        }
    }
}

/// What landing a delivery needs.
pub(crate) struct Inbox<'a> {
    pub(crate) state: &'a State,
    pub(crate) landing: &'a Landing,
    pub(crate) connection: &'a Connection,
    pub(crate) client: &'a Client,
    pub(crate) meter: &'a Meter,
}

impl Inbox<'_> {
    /// Lands one verified delivery; doing it again changes nothing.
    pub(crate) async fn land(&self, envelope: &Envelope) -> Result<Received, Error> {
        let name = self.connection.name.as_str();
        let Some(webhook) = &self.connection.connector.webhook else {
            return Err(Error::Config(format!("{name}: the source sends no webhooks")));
        };
        let facts = webhook.facts();
        let inflated = inflate(envelope);
        let stored = inflated.as_ref().unwrap_or(&envelope.body);
        let notes: Vec<(&str, String)> =
            envelope.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let raw_key = self
            .landing
            .raw(Place::of(self.connection, DELIVERIES), stored, envelope.received_at, &notes)
            .await?;
        let digest = Sha256::of(stored);
        let id = delivery_id(facts.delivery_id, stored, &envelope.headers)
            .unwrap_or_else(|| digest.to_string());
        // Remembered for longer than the source repeats, with a day to spare for a stopped clock.
        let keep = facts.retries_for + Duration::from_hours(24);
        match self.state.see_delivery(name, &id, digest, keep).await? {
            Seen::Done => return Ok(Received::Duplicate),
            Seen::OtherBody => {
                error!(
                    connection = name,
                    raw_key, "a delivery id came a second time with another body"
                );
                let invalid = Invalid::new("delivery id", "was used before with another body");
                let ledger = self.quarantine(envelope, &raw_key, stored, invalid).await?;
                return Ok(Received::Conflicting(ledger));
            }
            Seen::New | Seen::Unfinished => {}
        }
        let readable = inflated.as_ref().map(drop).map_err(Clone::clone);
        let events = readable
            .and_then(|()| check_depth(stored))
            .and_then(|()| webhook.events(&envelope.headers, stored));
        let ledger = match events {
            Ok(events) => self.land_events(webhook.as_ref(), envelope, &raw_key, &events).await?,
            Err(invalid) => {
                warn!(
                    connection = name,
                    raw_key,
                    reason = invalid.to_string(),
                    "delivery quarantined"
                );
                self.quarantine(envelope, &raw_key, stored, invalid).await?
            }
        };
        point(Point::AfterDeliveryLanded);
        self.state.delivery_done(name, &id).await?;
        point(Point::AfterDeliveryDone);
        let Ledger { fetched, landed, unchanged, quarantined, filtered, .. } = ledger;
        info!(
            connection = name,
            fetched, landed, unchanged, quarantined, filtered, "delivery landed"
        );
        Ok(Received::Landed(ledger))
    }

    /// Reads the named records again where the source answers in time, and maps what the events say otherwise.
    async fn land_events(
        &self,
        webhook: &dyn Webhook,
        envelope: &Envelope,
        raw_key: &str,
        events: &[Event<'_>],
    ) -> Result<Ledger, Error> {
        let mut by_stream: BTreeMap<&'static str, Vec<&Refetch>> = BTreeMap::new();
        for refetch in events.iter().filter_map(|event| event.refetch.as_ref()) {
            by_stream.entry(refetch.stream).or_default().push(refetch);
        }
        let mut ledger = Ledger::default();
        for (stream, refetches) in by_stream {
            for some in refetches.chunks(LOOKUP) {
                match self.refetch(stream, some).await {
                    Ok(landed) => ledger.add(&landed),
                    Err(error) if some.iter().any(|refetch| refetch.required) => return Err(error),
                    Err(error) => {
                        if let Error::Miscounted(records) = &error {
                            ledger.add(records);
                        }
                        let connection = self.connection.name.as_str();
                        info!(
                            connection,
                            stream,
                            kind = error.kind(),
                            "not read again; the event's own content lands, the next poll completes it"
                        );
                    }
                }
            }
        }
        let context = MapContext::of_events(self.connection, webhook, envelope.received_at);
        let records: Vec<_> = events.iter().map(|event| event.record).collect();
        let attempts = attempts(records, &context, |fields, rows| webhook.map(fields, rows));
        let batch = Batch::of(self.connection, DELIVERIES, raw_key, envelope.received_at);
        ledger.add(&self.landing.land(batch, attempts).await?);
        Ok(ledger)
    }

    async fn refetch(&self, stream: &'static str, refetches: &[&Refetch]) -> Result<Ledger, Error> {
        let Some(stream) =
            self.connection.connector.streams.iter().find(|known| known.facts().name == stream)
        else {
            return Err(Error::Invariant(format!("{stream} is no stream of this source")));
        };
        let facts = stream.facts();
        let mut ids: Vec<String> = refetches.iter().map(|refetch| refetch.id.clone()).collect();
        ids.sort_unstable();
        ids.dedup();
        let Some(request) = stream.lookup(&ids) else {
            return Err(Error::Invariant(format!("{} has no lookup", facts.name)));
        };
        let response = self.client.send_now(&request, facts, REFETCH_WITHIN, self.meter).await?;
        let place = Place::of(self.connection, facts.name);
        let notes = [("request", request.name()), ("status", response.status.to_string())];
        let raw_key = self.landing.raw(place, &response.body, response.received_at, &notes).await?;
        let records = stream.looked_up(&response)?;
        let context = MapContext::of_stream(
            self.connection,
            stream.as_ref(),
            Origin::Lookup,
            response.received_at,
        );
        let attempts = attempts(records, &context, |fields, rows| stream.map(fields, rows));
        let batch = Batch::of(self.connection, facts.name, &raw_key, response.received_at);
        self.landing.land(batch, attempts).await
    }

    async fn quarantine(
        &self,
        envelope: &Envelope,
        raw_key: &str,
        body: &[u8],
        invalid: Invalid,
    ) -> Result<Ledger, Error> {
        let record = quotable(body);
        let attempt = Attempt { number: 0, record: &record, mapped: Err(invalid) };
        let batch = Batch::of(self.connection, DELIVERIES, raw_key, envelope.received_at);
        self.landing.land(batch, std::iter::once(attempt)).await
    }
}

/// The body as JSON where it is some that is safe to nest, else as a JSON string.
fn quotable(body: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(body);
    if check_depth(body).is_ok()
        && let Ok(json) = RawValue::from_string(text.trim().to_owned())
    {
        return json;
    }
    // The raw zone has all of it; this is for a person to look at.
    let shown: String = text.chars().take(4096).collect();
    serde_json::value::to_raw_value(&shown).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Undoes the content encoding, up to a limit.
fn inflate(envelope: &Envelope) -> Result<Bytes, Invalid> {
    let refused = |reason: &str| Invalid::new("content-encoding", reason);
    let mut out = Vec::new();
    let mut limited: Box<dyn Read> =
        match envelope.headers.get("content-encoding").map(String::as_str) {
            None | Some("" | "identity") => return Ok(envelope.body.clone()),
            Some("gzip") => Box::new(
                flate2::read::MultiGzDecoder::new(&envelope.body[..]).take(MAX_INFLATED + 1),
            ),
            Some("zstd") => Box::new(
                zstd::stream::Decoder::new(&envelope.body[..])
                    .map_err(|_| refused("the body is not zstd"))?
                    .take(MAX_INFLATED + 1),
            ),
            Some(_) => return Err(refused("is none that is understood")),
        };
    limited.read_to_end(&mut out).map_err(|_| refused("the body is not what it says"))?;
    if out.len() as u64 > MAX_INFLATED {
        return Err(refused("the body is too large when decompressed"));
    }
    Ok(out.into())
}

/// Refuses JSON that is nested deeper than any vendor nests, without parsing it.
fn check_depth(body: &[u8]) -> Result<(), Invalid> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in body {
        match (in_text, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'[' | b'{') => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Invalid::new(
                        "body",
                        format!("is nested deeper than {MAX_DEPTH} levels"),
                    ));
                }
            }
            (false, b']' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// The delivery's own id.
fn delivery_id(
    rule: DeliveryId,
    body: &[u8],
    headers: &BTreeMap<String, String>,
) -> Option<String> {
    // DynamoDB's sort keys end at 1,024 bytes; no vendor's id comes near.
    let usable = |id: String| (!id.is_empty() && id.len() <= 512).then_some(id);
    match rule {
        DeliveryId::Body => None,
        DeliveryId::Header(name) => headers.get(name).cloned().and_then(usable),
        DeliveryId::FieldOrHeader(field, header) => {
            let object: Option<BTreeMap<String, &RawValue>> = serde_json::from_slice(body).ok();
            let id = object
                .and_then(|object| serde_json::from_str::<String>(object.get(field)?.get()).ok());
            id.or_else(|| headers.get(header).cloned()).and_then(usable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(encoding: &str, body: Vec<u8>) -> Envelope {
        Envelope {
            connection: "helpdesk-eu".to_owned(),
            headers: BTreeMap::from([("content-encoding".to_owned(), encoding.to_owned())]),
            received_at: crate::clock::now(),
            body: body.into(),
        }
    }

    #[test]
    fn a_gzip_bomb_is_refused_before_it_unfolds() {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![b' '; 1024 * 1024];
        for _ in 0..64 {
            gzip.write_all(&zeros).unwrap();
        }
        let bomb = gzip.finish().unwrap();
        assert!(bomb.len() < 128 * 1024);
        assert_eq!(
            inflate(&envelope("gzip", bomb)).unwrap_err().reason,
            "the body is too large when decompressed"
        );
    }

    #[test]
    fn encodings_that_are_not_understood_or_not_true() {
        assert_eq!(
            inflate(&envelope("br", b"{}".to_vec())).unwrap_err().reason,
            "is none that is understood"
        );
        assert_eq!(
            inflate(&envelope("gzip", b"{}".to_vec())).unwrap_err().reason,
            "the body is not what it says"
        );
        assert_eq!(inflate(&envelope("identity", b"{}".to_vec())).unwrap(), "{}");
    }

    #[test]
    fn depth_is_counted_outside_of_text_only() {
        assert!(check_depth(format!("\"{}\"", "[".repeat(500)).as_bytes()).is_ok());
        assert!(check_depth(br#"{"a":"\"[[","b":[[]]}"#).is_ok());
        assert!(check_depth("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn the_delivery_id_is_in_the_body_or_else_in_a_header() {
        let rule = DeliveryId::FieldOrHeader("id", "x-invocation");
        let headers = BTreeMap::from([("x-invocation".to_owned(), "h1".to_owned())]);
        assert_eq!(delivery_id(rule, br#"{"id":"b1"}"#, &headers).as_deref(), Some("b1"));
        assert_eq!(delivery_id(rule, br#"{"id":7}"#, &headers).as_deref(), Some("h1"));
        assert_eq!(delivery_id(rule, b"not json", &headers).as_deref(), Some("h1"));
        assert_eq!(delivery_id(rule, b"not json", &BTreeMap::new()), None);
    }
}

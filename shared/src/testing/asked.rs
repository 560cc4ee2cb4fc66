//! One stream or webhook of a configured connection, asked by hand, and its answers as JSON to look at.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::config::{AnySource, Connection, Foreign, Settings};
use crate::connector::{AnyStream, Headers, Horizon, Webhook};
use crate::error::{Error, Invalid};
use crate::fields::Fields;
use crate::page::{Next, Response};
use crate::pseudonym::Pseudonyms;
use crate::request::Request;
use crate::rows::{Draft, MapContext, Mapped, Origin, Rows};
use crate::schema::Timestamp;

/// 2026-01-01T00:00:00Z, the first second that is read.
pub const START: i64 = 1_767_225_600;
/// 2026-03-02T13:00:00Z, the last second that has settled; answers arrive a minute later.
pub const UNTIL: i64 = 1_772_456_400;

/// The connection `eu` of a source with these settings, `source` aside.
pub fn connect(source: &'static dyn AnySource, settings: &str) -> Result<Connection, Error> {
    let text = format!("[connections.eu]\nsource = {:?}\n{settings}", source.facts().name);
    let mut settings = Settings::parse(&text, "", &[source], Foreign::Refuse)?;
    settings.unlock_with(&Pseudonyms::new("secret of the suite".into()));
    let connection = settings.connections.remove("eu");
    connection.ok_or_else(|| Error::Invariant("the connection was not read".to_owned()))
}

/// An instant of our time.
pub fn second(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(second).unwrap_or_else(|error| panic!("{second}: {error}"))
}

/// From [`START`] to [`UNTIL`].
pub fn horizon() -> Horizon {
    Horizon { start: second(START), until: second(UNTIL) }
}

/// An answer that arrived a minute after [`UNTIL`].
pub fn response(body: impl Into<bytes::Bytes>) -> Response {
    let headers = http::HeaderMap::new();
    Response { status: 200, headers, body: body.into(), received_at: second(UNTIL + 60) }
}

/// One stream, asked by hand.
pub struct Asked {
    connection: Connection,
    name: &'static str,
}

/// Context of rows that are mapped by hand.
pub fn context<'c>(
    connection: &'c Connection,
    stream: &dyn AnyStream,
    origin: Origin,
) -> MapContext<'c> {
    MapContext::of_stream(connection, stream, origin, second(UNTIL + 60))
}

impl Asked {
    /// A stream of the connection that `settings` make.
    pub fn new(source: &'static dyn AnySource, settings: &str, name: &'static str) -> Self {
        let connection = connect(source, settings).unwrap_or_else(|error| panic!("{error}"));
        Self { connection, name }
    }

    /// Every stream of the connection: settings take longer to read than pages.
    pub fn all(source: &'static dyn AnySource, settings: &str) -> Vec<Self> {
        let connection = connect(source, settings).unwrap_or_else(|error| panic!("{error}"));
        let streams = connection.connector.streams.iter();
        streams.map(|stream| Self::new(source, settings, stream.facts().name)).collect()
    }

    /// The stream itself.
    pub fn stream(&self) -> &dyn AnyStream {
        let mut streams = self.connection.connector.streams.iter();
        let stream = streams.find(|stream| stream.facts().name == self.name);
        stream.unwrap_or_else(|| panic!("there is no stream {}", self.name)).as_ref()
    }

    /// The first cursor.
    pub fn begin(&self) -> Box<RawValue> {
        self.stream().start(None, &horizon()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The cursor that a later run starts at.
    pub fn resume(&self, saved: &RawValue) -> Box<RawValue> {
        self.stream().start(Some(saved), &horizon()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The request at a cursor.
    pub fn request(&self, cursor: &RawValue) -> Request {
        self.stream().request(cursor, &horizon()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The value of a query parameter in the request at `cursor`.
    pub fn asks(&self, cursor: &RawValue, parameter: &str) -> Option<String> {
        let query = self.request(cursor).query;
        query.into_iter().find(|(name, _)| *name == parameter).map(|(_, value)| value)
    }

    /// Where the stream reads on after this answer.
    pub fn page(&self, cursor: &RawValue, body: &Value) -> Result<Next<Box<RawValue>>, Error> {
        let response = response(body.to_string());
        self.stream().page(cursor, &horizon(), &response).map(|page| page.next)
    }

    /// Whether any answer, of any bytes, is a page; as an answer to a lookup, it only must not panic.
    pub fn is_page(&self, body: &[u8]) -> bool {
        let response = response(body.to_vec());
        let _ = self.stream().looked_up(&response);
        self.stream().page(&self.begin(), &horizon(), &response).is_ok()
    }

    /// The time of change up to which a cursor has read.
    pub fn watermark(&self, cursor: &RawValue) -> Option<Timestamp> {
        self.stream().watermark(cursor)
    }

    /// What a record becomes.
    pub fn map(&self, record: &Value, origin: Origin) -> Result<Mapped, Invalid> {
        self.map_text(&record.to_string(), origin)
    }

    /// What a record becomes, as text.
    pub fn map_text(&self, record: &str, origin: Origin) -> Result<Mapped, Invalid> {
        let record: &RawValue =
            serde_json::from_str(record).unwrap_or_else(|error| panic!("{record}: {error}"));
        let mut rows = Rows::new(context(&self.connection, self.stream(), origin));
        self.stream().map(Fields::parse(record)?, &mut rows)?;
        Ok(rows.finish())
    }

    /// A page as a first answer: where to read on, and what its records become.
    pub fn seen(&self, body: &str) -> Value {
        self.seen_at(&self.begin(), body)
    }

    /// A page as the answer at `cursor`: where to read on, and what its records become.
    pub fn seen_at(&self, cursor: &RawValue, body: &str) -> Value {
        let response = response(body.to_owned());
        let page = self.stream().page(cursor, &horizon(), &response);
        let page = page.unwrap_or_else(|error| panic!("{error}"));
        let records =
            page.records.iter().map(|record| mapped(self.map_text(record.get(), Origin::Page)));
        let records: Vec<Value> = records.collect();
        json!({ "next": next(&page.next), "records": records })
    }
}

/// The webhook of a connection, with deliveries put in by hand.
pub struct Delivered {
    connection: Connection,
}

impl Delivered {
    /// The webhook of the connection that `settings` make.
    pub fn new(source: &'static dyn AnySource, settings: &str) -> Self {
        let connection = connect(source, settings).unwrap_or_else(|error| panic!("{error}"));
        Self { connection }
    }

    /// The webhook itself.
    pub fn webhook(&self) -> &dyn Webhook {
        let webhook = self.connection.connector.webhook.as_deref();
        webhook.unwrap_or_else(|| panic!("the source sends no webhooks"))
    }

    /// What the events of a verified delivery become, and which records are read again.
    pub fn seen(&self, headers: &Headers, body: &[u8]) -> Value {
        let webhook = self.webhook();
        let events = match webhook.events(headers, body) {
            Ok(events) => events,
            Err(invalid) => return json!({ "invalid": invalid.to_string() }),
        };
        let received_at = second(UNTIL + 60);
        let events = events.iter().map(|event| {
            let context = MapContext::of_events(&self.connection, webhook, received_at);
            let mut rows = Rows::new(context);
            let told = Fields::parse(event.record).and_then(|event| webhook.map(event, &mut rows));
            let refetch = event.refetch.as_ref().map(|refetch| {
                json!({ "stream": refetch.stream, "id": refetch.id, "required": refetch.required })
            });
            json!({ "refetch": refetch, "mapped": mapped(told.map(|()| rows.finish())) })
        });
        events.collect()
    }
}

/// Where it reads on, for eyes.
pub fn next(next: &Next<Box<RawValue>>) -> Value {
    let word = match next {
        Next::More(_) => "more",
        Next::Later(..) => "later",
        Next::Done(_) => "done",
    };
    json!({ word: serde_json::from_str::<Value>(next.cursor().get()).unwrap_or_default() })
}

/// What became of a record, for eyes.
pub fn mapped(mapped: Result<Mapped, Invalid>) -> Value {
    match mapped {
        Err(invalid) => json!({ "invalid": invalid.to_string() }),
        Ok(Mapped { drafts, present, filtered, drifted }) => {
            let rows: Vec<Value> = drafts.iter().map(row).collect();
            let mut told = json!({ "rows": rows, "filtered": filtered, "drifted": drifted });
            if !present.is_empty() {
                told["present"] = json!(present);
            }
            told
        }
    }
}

fn row(draft: &Draft) -> Value {
    let mut row = json!({
        "object": draft.object,
        "id": draft.id,
        "version": draft.version,
        "updated_at": draft.updated_at,
        "deleted": draft.deleted,
        "subject": draft.subject,
        "entity": draft.entity,
    });
    if draft.only_if_known {
        row["only_if_known"] = true.into();
    }
    row
}

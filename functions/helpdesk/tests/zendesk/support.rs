//! A configured connection, and its answers as JSON to look at.

use helpdesk::SOURCES;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::config::{Connection, Foreign, Settings};
use shared::connector::{AnyStream, Horizon};
use shared::error::{Error, Invalid};
use shared::fields::Fields;
use shared::page::{Next, Response};
use shared::request::Request;
use shared::rows::{Draft, MapContext, Mapped, Origin, Rows};
use shared::schema::Timestamp;

/// The start of 2026, the first second that is read.
pub(crate) const START: i64 = 1_767_225_600;
/// 2026-03-02T13:00:00Z, the last second that has settled.
pub(crate) const UNTIL: i64 = 1_772_456_400;

/// The settings of an account that signs in with an API token.
pub(crate) const WITH_TOKEN: &str = r#"
base_url = "https://ember-oak.zendesk.com"
email = "sync@ember-oak.example"
token = { env = "ZENDESK_TOKEN" }
region = "DE"
"#;

pub(crate) fn connect(settings: &str) -> Result<Connection, Error> {
    let text = format!("[connections.eu]\nsource = \"zendesk\"\n{settings}");
    let mut settings = Settings::parse(&text, "", SOURCES, Foreign::Refuse)?;
    Ok(settings.connections.remove("eu").expect("the connection that was written"))
}

pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_unix_seconds(second).expect("a second of our time")
}

pub(crate) fn horizon() -> Horizon {
    Horizon { start: second(START), until: second(UNTIL) }
}

pub(crate) fn response(body: impl Into<bytes::Bytes>) -> Response {
    let headers = http::HeaderMap::new();
    Response { status: 200, headers, body: body.into(), received_at: second(UNTIL + 60) }
}

/// One stream of the connection, asked by hand.
pub(crate) struct Asked {
    connection: Connection,
    name: &'static str,
}

impl Asked {
    pub(crate) fn new(name: &'static str) -> Self {
        Self::of(WITH_TOKEN, name)
    }

    pub(crate) fn of(settings: &str, name: &'static str) -> Self {
        Self { connection: connect(settings).expect("good settings"), name }
    }

    pub(crate) fn stream(&self) -> &dyn AnyStream {
        let mut streams = self.connection.connector.streams.iter();
        let stream = streams.find(|stream| stream.facts().name == self.name);
        stream.expect("a stream of Zendesk").as_ref()
    }

    pub(crate) fn begin(&self) -> Box<RawValue> {
        self.stream().start(None, &horizon()).expect("a first cursor")
    }

    pub(crate) fn resume(&self, saved: &RawValue) -> Box<RawValue> {
        self.stream().start(Some(saved), &horizon()).expect("a cursor of this stream")
    }

    pub(crate) fn request(&self, cursor: &RawValue) -> Request {
        self.stream().request(cursor, &horizon()).expect("a cursor of this stream")
    }

    /// The value of a query parameter in the request at `cursor`.
    pub(crate) fn asks(&self, cursor: &RawValue, parameter: &str) -> Option<String> {
        let query = self.request(cursor).query;
        query.into_iter().find(|(name, _)| *name == parameter).map(|(_, value)| value)
    }

    pub(crate) fn page(
        &self,
        cursor: &RawValue,
        body: &Value,
    ) -> Result<Next<Box<RawValue>>, Error> {
        let response = response(body.to_string());
        self.stream().page(cursor, &horizon(), &response).map(|page| page.next)
    }

    pub(crate) fn watermark(&self, cursor: &RawValue) -> Option<Timestamp> {
        self.stream().watermark(cursor)
    }

    pub(crate) fn map(&self, record: &Value, origin: Origin) -> Result<Mapped, Invalid> {
        self.map_text(&record.to_string(), origin)
    }

    pub(crate) fn map_text(&self, record: &str, origin: Origin) -> Result<Mapped, Invalid> {
        let record: &RawValue = serde_json::from_str(record).expect("JSON");
        let mut rows = Rows::new(context(origin));
        self.stream().map(Fields::parse(record)?, &mut rows)?;
        Ok(rows.finish())
    }

    /// A page as a first answer: where to read on, and what its records become.
    pub(crate) fn seen(&self, body: &str) -> Value {
        let response = response(body.to_owned());
        let page = self.stream().page(&self.begin(), &horizon(), &response).expect("a page");
        let records =
            page.records.iter().map(|record| mapped(self.map_text(record.get(), Origin::Page)));
        let records: Vec<Value> = records.collect();
        json!({ "next": next(&page.next), "records": records })
    }
}

pub(crate) fn context(origin: Origin) -> MapContext<'static> {
    MapContext {
        source: "zendesk",
        connection: "eu",
        region: Some("DE"),
        granularity_micros: 1_000_000,
        origin,
    }
}

/// Where it reads on, for eyes.
pub(crate) fn next(next: &Next<Box<RawValue>>) -> Value {
    let word = match next {
        Next::More(_) => "more",
        Next::Later(..) => "later",
        Next::Done(_) => "done",
    };
    json!({ word: serde_json::from_str::<Value>(next.cursor().get()).expect("JSON") })
}

/// What became of a record, for eyes.
pub(crate) fn mapped(mapped: Result<Mapped, Invalid>) -> Value {
    match mapped {
        Err(invalid) => json!({ "invalid": invalid.to_string() }),
        Ok(Mapped { drafts, filtered, drifted }) => {
            let rows: Vec<Value> = drafts.iter().map(row).collect();
            json!({ "rows": rows, "filtered": filtered, "drifted": drifted })
        }
    }
}

fn row(draft: &Draft) -> Value {
    json!({
        "object": draft.object,
        "id": draft.id,
        "version": draft.version,
        "updated_at": draft.updated_at,
        "deleted": draft.deleted,
        "subject": draft.subject,
        "entity": draft.entity,
    })
}

/// Compares with the reviewed snapshot of that name.
pub(crate) fn check(name: &str, value: &Value) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!(name, value);
    });
}

//! What a connector writes: a [`Source`] with its [`Stream`]s and its [`Webhook`], all of them pure values in, values out.
//!
//! The clock, the network, storage and secrets belong to the drivers ([`crate::sync`], [`crate::receive`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use crate::config::{ConnectionSettings, SecretRef};
use crate::error::{Error, Invalid, json_reason};
use crate::facts::{Granularity, Pace, SourceFacts, StreamFacts};
use crate::fields::Fields;
use crate::page::{Page, Response};
use crate::receive::Delivery;
use crate::request::Request;
use crate::rows::Rows;
use crate::schema::Timestamp;
use crate::signature::Signature;

/// A vendor's product that Tributary reads.
pub trait Source: Send + Sync + 'static {
    /// The settings of a connection beyond [`ConnectionSettings`]; doc comments become help texts.
    type Settings: DeserializeOwned + schemars::JsonSchema;

    /// Name, system, API version and what to set up.
    fn facts(&self) -> &'static SourceFacts;

    /// Turns the settings of one connection into what the drivers need; errors name the key to change.
    fn connect(&self, common: &ConnectionSettings, own: Self::Settings)
    -> Result<Connector, Error>;
}

/// A configured source: where it answers, what it offers.
pub struct Connector {
    /// Base URL, credentials and pace.
    pub api: Api,
    /// Every stream of the source, in the order in which they are shown.
    pub streams: Vec<Box<dyn AnyStream>>,
    /// The receiver of the source's webhooks, if it has any.
    pub webhook: Option<Box<dyn Webhook>>,
}

/// Where and how a source answers, as data.
#[derive(Debug, Clone)]
pub struct Api {
    /// Requests are relative to this; credentials go to this origin only.
    pub base: Url,
    /// How requests are signed in.
    pub auth: Auth,
    /// The account's overall rate; streams may have their own.
    pub pace: Option<Pace>,
    /// Headers of every request that carries credentials.
    pub headers: Vec<(&'static str, String)>,
    /// Other hosts that may be asked without credentials, such as a download host.
    pub other_hosts: Vec<Cow<'static, str>>,
    /// Headers that tell how much of the quota is left.
    pub quota: Option<QuotaHeaders>,
}

/// How requests are signed in.
#[derive(Debug, Clone)]
pub enum Auth {
    /// HTTP Basic.
    Basic {
        /// The user name, e.g. `a@b.example/token`.
        user: String,
        /// The password or API token.
        password: SecretRef,
    },
    /// `Authorization: Bearer …`.
    Bearer(SecretRef),
    /// A secret in a header of the vendor's own.
    Header {
        /// The header's name.
        name: &'static str,
        /// Text before the secret, e.g. `Klaviyo-API-Key `.
        prefix: &'static str,
        /// The secret.
        secret: SecretRef,
    },
    /// OAuth 2 with refresh tokens, rotating or not.
    OAuth(OAuth),
    /// A session that the source's own call opens: with a password, say.
    Session(Arc<dyn Session>),
    /// No credentials: public endpoints.
    None,
}

/// An OAuth 2 client with a refresh token that the operator obtained.
#[derive(Debug, Clone)]
pub struct OAuth {
    /// Where tokens are refreshed.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretRef,
    /// The refresh token to begin with; later ones live in the token vault.
    pub refresh_token: SecretRef,
    /// How the token endpoint takes its parameters.
    pub body: TokenBody,
    /// How the client says who it is.
    pub client: ClientAuth,
}

/// Ways for an OAuth client to say who it is (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Id and secret among the parameters.
    Parameters,
    /// Id and secret as HTTP Basic.
    Basic,
}

/// Opens and renews sessions by calls of the source's own; pure, as connectors are.
pub trait Session: Debug + Send + Sync {
    /// What the operator configured: a password, an API key.
    fn secret(&self) -> &SecretRef;

    /// The call that opens a session.
    fn open(&self, secret: &SecretString) -> TokenCall;

    /// The call that renews one, where the source has such a call; a refusal opens a new session.
    fn renew(&self, _refresh: &SecretString) -> Option<TokenCall> {
        None
    }

    /// The tokens in the answer.
    fn granted(&self, response: &Response) -> Result<Granted, Error>;

    /// Whether a refusal means that the access token has ended.
    fn has_ended(&self, status: u16, _body: &[u8]) -> bool {
        status == 401
    }
}

/// A POST for tokens.
#[derive(Debug, Clone)]
pub struct TokenCall {
    /// Where to.
    pub url: Url,
    /// Sent as `Authorization: Bearer`, if anything.
    pub bearer: Option<SecretString>,
    /// The parameters.
    pub parameters: Vec<(&'static str, SecretString)>,
    /// How they are written.
    pub body: TokenBody,
}

/// Tokens as a source gives them.
#[derive(Debug, Clone)]
pub struct Granted {
    /// Sent with requests.
    pub access: SecretString,
    /// Good for renewing the session, if that is possible.
    pub refresh: Option<SecretString>,
    /// When the access token ends, if the source said so.
    pub expires_at: Option<Timestamp>,
}

/// Encodings of a token request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenBody {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`, as RFC 6749 says.
    Form,
}

/// Response headers that tell when the quota is used up.
#[derive(Debug, Clone, Copy)]
pub struct QuotaHeaders {
    /// How much is left.
    pub left: Left,
    /// When there is more; also how long to wait after a 429 that does not say.
    pub reset: Reset,
}

/// How a source tells what is left of a quota.
#[derive(Debug, Clone, Copy)]
pub enum Left {
    /// This header has the requests that are left.
    Remaining(&'static str),
    /// This header has the requests that were made; from so many on we stop.
    UsedUpTo(&'static str, u64),
    /// It does not.
    Untold,
}

/// How a source tells when a quota starts anew.
#[derive(Debug, Clone, Copy)]
pub enum Reset {
    /// This header has the seconds until then.
    Seconds(&'static str),
    /// This header has the time, in seconds since 1970.
    UnixSeconds(&'static str),
    /// It does not; by its documentation after this time.
    After(Duration),
}

/// The span of time that a run may read.
#[derive(Debug, Clone, Copy)]
pub struct Horizon {
    /// The operator's `start`: nothing older is asked for.
    pub start: Timestamp,
    /// Now minus the stream's lag: nothing younger is settled.
    pub until: Timestamp,
}

impl Horizon {
    /// The second to ask from on the first run: never before 1970, and never in the future, which sources refuse.
    pub fn first_second(&self) -> i64 {
        self.start.min(self.until).as_unix_seconds().max(0)
    }
}

/// One collection of a source.
pub trait Stream: Send + Sync + 'static {
    /// How far this stream has been read; saved after each page.
    type Cursor: Serialize + DeserializeOwned + Clone + PartialEq + Debug + Send + Sync;

    /// Lag, lookback, order, deletes and the rest, with evidence.
    fn facts(&self) -> &'static StreamFacts;

    /// Where the first run starts.
    fn begin(&self, horizon: &Horizon) -> Self::Cursor;

    /// Where a later run starts, given the saved cursor: the place to step back by the lookback.
    fn resume(&self, cursor: Self::Cursor, _horizon: &Horizon) -> Self::Cursor {
        cursor
    }

    /// Where to start again when the source forgot this cursor.
    fn restart(&self, _cursor: &Self::Cursor, horizon: &Horizon) -> Self::Cursor {
        self.begin(horizon)
    }

    /// The request that continues at `cursor`.
    fn request(&self, cursor: &Self::Cursor, horizon: &Horizon) -> Request;

    /// The records of the response and where to read on.
    fn page<'r>(
        &self,
        cursor: &Self::Cursor,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Self::Cursor>, Error>;

    /// The time of change up to which `cursor` has read, if it tells.
    fn watermark(&self, _cursor: &Self::Cursor) -> Option<Timestamp> {
        None
    }

    /// What an operator should know about how this stream was read up to `cursor`, such as a gap that the source's API
    /// leaves.
    fn note(&self, _cursor: &Self::Cursor) -> Option<String> {
        None
    }

    /// The cursor as it is noted beside the raw bytes, for mapping them again: enough for [`Stream::page`], without what is
    /// secret or long, such as a signed link.
    fn noted(&self, cursor: &Self::Cursor) -> Self::Cursor {
        cursor.clone()
    }

    /// Whether a frame of a WebSocket is worth keeping: a feed may tell of a whole network. The first and the last frame
    /// of an answer are always kept, because they tell what span it covers.
    fn keeps(&self, _frame: &[u8]) -> bool {
        true
    }

    /// Maps one record onto the shared schema.
    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid>;

    /// The request that reads these records as they are now, where the source has one.
    fn lookup(&self, _ids: &[String]) -> Option<Request> {
        None
    }

    /// The records in the answer to [`Stream::lookup`].
    fn looked_up<'r>(&self, _response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        Ok(Vec::new())
    }

    /// Buries a record that a full pass or a recheck did not find any more.
    fn gone(&self, _id: &str, _rows: &mut Rows<'_>) {}
}

/// A [`Stream`] whose cursor is JSON: what the drivers hold. Every stream is one.
pub trait AnyStream: Send + Sync {
    /// See [`Stream::facts`].
    fn facts(&self) -> &'static StreamFacts;
    /// The cursor that this run starts at: the saved one, or the beginning.
    fn start(&self, saved: Option<&RawValue>, horizon: &Horizon) -> Result<Box<RawValue>, Error>;
    /// See [`Stream::restart`].
    fn restart(&self, cursor: &RawValue, horizon: &Horizon) -> Result<Box<RawValue>, Error>;
    /// See [`Stream::request`].
    fn request(&self, cursor: &RawValue, horizon: &Horizon) -> Result<Request, Error>;
    /// See [`Stream::page`].
    fn page<'r>(
        &self,
        cursor: &RawValue,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Box<RawValue>>, Error>;
    /// See [`Stream::watermark`].
    fn watermark(&self, cursor: &RawValue) -> Option<Timestamp>;
    /// See [`Stream::note`].
    fn note(&self, cursor: &RawValue) -> Option<String>;
    /// See [`Stream::noted`].
    fn noted(&self, cursor: &RawValue) -> Result<Box<RawValue>, Error>;
    /// See [`Stream::keeps`].
    fn keeps(&self, frame: &[u8]) -> bool;
    /// See [`Stream::map`].
    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid>;
    /// See [`Stream::lookup`].
    fn lookup(&self, ids: &[String]) -> Option<Request>;
    /// See [`Stream::looked_up`].
    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error>;
    /// See [`Stream::gone`].
    fn gone(&self, id: &str, rows: &mut Rows<'_>);
}

fn read<C: DeserializeOwned>(cursor: &RawValue) -> Result<C, Error> {
    serde_json::from_str(cursor.get()).map_err(|error| {
        Error::Invariant(format!(
            "the saved cursor is not one of this stream: {}",
            json_reason(&error)
        ))
    })
}

fn write<C: Serialize>(cursor: &C) -> Result<Box<RawValue>, Error> {
    serde_json::value::to_raw_value(cursor).map_err(|error| {
        Error::Invariant(format!("a cursor does not serialise: {}", json_reason(&error)))
    })
}

impl<S: Stream> AnyStream for S {
    fn facts(&self) -> &'static StreamFacts {
        Stream::facts(self)
    }

    fn start(&self, saved: Option<&RawValue>, horizon: &Horizon) -> Result<Box<RawValue>, Error> {
        match saved {
            Some(cursor) => write(&self.resume(read(cursor)?, horizon)),
            None => write(&self.begin(horizon)),
        }
    }

    fn restart(&self, cursor: &RawValue, horizon: &Horizon) -> Result<Box<RawValue>, Error> {
        write(&Stream::restart(self, &read(cursor)?, horizon))
    }

    fn request(&self, cursor: &RawValue, horizon: &Horizon) -> Result<Request, Error> {
        Ok(Stream::request(self, &read(cursor)?, horizon))
    }

    fn page<'r>(
        &self,
        cursor: &RawValue,
        horizon: &Horizon,
        response: &'r Response,
    ) -> Result<Page<'r, Box<RawValue>>, Error> {
        let Page { records, next } = Stream::page(self, &read(cursor)?, horizon, response)?;
        Ok(Page { records, next: next.map(|cursor| write(&cursor)).transpose()? })
    }

    fn watermark(&self, cursor: &RawValue) -> Option<Timestamp> {
        Stream::watermark(self, &read(cursor).ok()?)
    }

    fn note(&self, cursor: &RawValue) -> Option<String> {
        Stream::note(self, &read(cursor).ok()?)
    }

    fn noted(&self, cursor: &RawValue) -> Result<Box<RawValue>, Error> {
        write(&Stream::noted(self, &read(cursor)?))
    }

    fn keeps(&self, frame: &[u8]) -> bool {
        Stream::keeps(self, frame)
    }

    fn map(&self, record: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid> {
        Stream::map(self, record, rows)
    }

    fn lookup(&self, ids: &[String]) -> Option<Request> {
        Stream::lookup(self, ids)
    }

    fn looked_up<'r>(&self, response: &'r Response) -> Result<Vec<&'r RawValue>, Error> {
        Stream::looked_up(self, response)
    }

    fn gone(&self, id: &str, rows: &mut Rows<'_>) {
        Stream::gone(self, id, rows);
    }
}

/// The kept headers of a delivery, by their lower-case names.
pub type Headers = BTreeMap<String, String>;

/// The receiver of a source's webhooks.
pub trait Webhook: Send + Sync + 'static {
    /// How deliveries are signed and told apart.
    fn facts(&self) -> &'static WebhookFacts;

    /// The events in a verified delivery; a delivery that is not understood is quarantined whole.
    fn events<'d>(&self, headers: &Headers, body: &'d [u8]) -> Result<Vec<Event<'d>>, Invalid>;

    /// Maps one event onto the shared schema, from what the delivery says alone.
    fn map(&self, event: Fields<'_>, rows: &mut Rows<'_>) -> Result<(), Invalid>;

    /// The answer to the source's proof-of-ownership request, if this is one.
    fn challenge(&self, _delivery: &Delivery) -> Option<Reply> {
        None
    }
}

/// What holds for every delivery of a source.
#[derive(Debug)]
pub struct WebhookFacts {
    /// How deliveries are signed: the first scheme counts whose header a delivery has.
    pub signatures: &'static [Signature],
    /// Where the id is that a repeated delivery repeats.
    pub delivery_id: DeliveryId,
    /// The resolution of change times in events.
    pub granularity: Granularity,
    /// Headers worth keeping beside the raw bytes; never credentials or signatures.
    pub keep_headers: &'static [&'static str],
    /// How long the source repeats a delivery that was not acknowledged; ids are remembered longer than that.
    pub retries_for: Duration,
}

/// Where a delivery's own id is.
#[derive(Debug, Clone, Copy)]
pub enum DeliveryId {
    /// A top-level field of the JSON body; when the body has none, this header.
    FieldOrHeader(&'static str, &'static str),
    /// A header.
    Header(&'static str),
    /// Nowhere: a repeated delivery is known by its body.
    Body,
}

/// One event of a delivery.
#[derive(Debug)]
pub struct Event<'d> {
    /// The event in the vendor's words.
    pub record: &'d RawValue,
    /// The record to read again, because the event does not carry it whole.
    pub refetch: Option<Refetch>,
}

/// A record to read again after an event about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refetch {
    /// The stream that maps the record.
    pub stream: &'static str,
    /// The record's id.
    pub id: String,
    /// True when the event alone says too little to land anything: the delivery then fails if the source does not answer.
    pub required: bool,
}

/// A reply to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The reply's content type.
    pub content_type: &'static str,
    /// The reply's body, at most 1 KiB.
    pub body: String,
}

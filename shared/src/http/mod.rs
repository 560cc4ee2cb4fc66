//! Sends connectors' requests: signs in, keeps the pace, repeats what is worth repeating, and talks to nobody else.

mod auth;
mod frames;
mod guard;
mod meter;
mod pace;
mod retry;

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use tracing::{debug, warn};
use url::Url;

pub(crate) use frames::sift;

pub use auth::{StoredTokens, TokenRegister, TokenVault, Tokens};
pub use meter::Meter;
pub use retry::Patience;

use crate::budget::Budget;
use crate::clock;
use crate::config::{Connection, PaceSetting, is_loopback};
use crate::connector::{Api, Left, Reset};
use crate::error::Error;
use crate::facts::StreamFacts;
use crate::page::Response;
use crate::request::{Frames, Method, Request};
use crate::secrets::Secrets;
use auth::SignIn;
use pace::Pacer;

/// The largest answer that is read: far above any page that the sources document.
const MAX_BODY: usize = 128 * 1024 * 1024;

/// The HTTP client of one connection.
pub struct Client {
    api: Api,
    sign_in: SignIn,
    http: reqwest::Client,
    account: Pacer,
    quotas: HashMap<&'static str, Pacer>,
    patience: Patience,
}

/// What a single attempt came to, when it was no success.
enum Fault {
    /// Ask again, after the time that the source named if it did.
    Transient { error: Error, wait: Option<Duration> },
    /// The access token ran out, or was never good.
    SignedOut { error: Error },
    /// Asking again changes nothing.
    Final(Error),
}

/// What an attempt has when the time is up before it begins: a run without time still reads a page, and so gets on. It fits
/// into what functions keep back.
const LEAST_TIME: Duration = Duration::from_secs(1);

impl Client {
    /// A client for `connection`; builds the TLS stack once, so keep it.
    pub fn new(
        connection: &Connection,
        secrets: Secrets,
        tokens: Arc<dyn TokenVault>,
        register: Arc<dyn TokenRegister>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let api = connection.connector.api.clone();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(45))
            .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true);
        if !is_loopback(&api.base) {
            builder = builder.https_only(true).dns_resolver(guard::PublicOnly);
        }
        let http = builder.build().map_err(|error| {
            Error::Config(format!("the HTTP client cannot start: {}", error.without_url()))
        })?;
        let (account, quotas) = match connection.common.pace {
            Some(PaceSetting::Unlimited) => (None, HashMap::new()),
            Some(PaceSetting::Limited(pace)) => (Some(pace), HashMap::new()),
            None => {
                let quotas =
                    connection.connector.streams.iter().filter_map(|stream| stream.facts().quota);
                (
                    api.pace,
                    quotas
                        .map(|quota| (quota.value.name, Pacer::new(Some(quota.value.pace))))
                        .collect(),
                )
            }
        };
        let sign_in = SignIn::new(
            &connection.name,
            api.auth.clone(),
            secrets,
            tokens,
            register,
            http.clone(),
        );
        Ok(Self { sign_in, http, account: Pacer::new(account), quotas, patience, api })
    }

    /// Sends `request` until it is answered with success, is refused for good, or the budget or patience ends.
    ///
    /// A wait that does not fit the budget comes back as [`Error::RateLimited`] with that wait, for the stream to pause.
    pub async fn send(
        &self,
        request: &Request,
        stream: &StreamFacts,
        budget: Budget,
        meter: &Meter,
    ) -> Result<Response, Error> {
        let url = self.url(request)?;
        let mut waits = self.patience.waits();
        let mut renewed = false;
        loop {
            self.keep_pace(stream, budget).await?;
            let (error, wait) = match self.token(request).await {
                Err(error @ Error::Unavailable(_)) => (error, None),
                Err(error) => return Err(error),
                Ok(token) => {
                    match self.attempt_within(request, &url, token.as_ref(), budget, meter).await {
                        Ok(response) => return Ok(response),
                        Err(Fault::Final(error)) => return Err(error),
                        Err(Fault::SignedOut { error }) => {
                            let Some(token) = token.filter(|_| !renewed) else { return Err(error) };
                            self.sign_in.renew(&token).await?;
                            renewed = true;
                            continue;
                        }
                        Err(Fault::Transient { error, wait }) => (error, wait),
                    }
                }
            };
            let Some(own_wait) = waits.next() else { return Err(error) };
            let wait = wait.map_or(own_wait, |asked| asked.max(Duration::from_millis(50)));
            self.check_wait(wait, budget)?;
            warn!(
                stream = stream.name,
                request = request.name(),
                kind = error.kind(),
                wait_ms = wait.as_millis(),
                "asking again"
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends `request` once, without waiting for anything: for the follow-up of a webhook whose sender is waiting.
    pub async fn send_now(
        &self,
        request: &Request,
        stream: &StreamFacts,
        within: Duration,
        meter: &Meter,
    ) -> Result<Response, Error> {
        let url = self.url(request)?;
        for pacer in [Some(&self.account), self.quota(stream)].into_iter().flatten() {
            pacer.permit().await.map_err(|wait| Error::RateLimited { retry_after: Some(wait) })?;
        }
        let once = async {
            let token = self.token(request).await?;
            match self.attempt(request, &url, token.as_ref(), Some(within), meter).await {
                Ok(response) => Ok(response),
                Err(
                    Fault::Final(error)
                    | Fault::Transient { error, .. }
                    | Fault::SignedOut { error },
                ) => Err(error),
            }
        };
        tokio::time::timeout(within, once).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!(
                "{} took longer than {} s",
                request.name(),
                within.as_secs()
            )))
        })
    }

    /// The token to send; a request that goes without credentials opens no session.
    async fn token(&self, request: &Request) -> Result<Option<Tokens>, Error> {
        if request.with_credentials { self.sign_in.token().await } else { Ok(None) }
    }

    fn quota(&self, stream: &StreamFacts) -> Option<&Pacer> {
        self.quotas.get(stream.quota?.value.name)
    }

    fn check_wait(&self, wait: Duration, budget: Budget) -> Result<(), Error> {
        let fits = match budget.remaining() {
            Some(_) => budget.allows(wait),
            None => wait <= self.patience.longest_requested_wait,
        };
        if fits { Ok(()) } else { Err(Error::RateLimited { retry_after: Some(wait) }) }
    }

    async fn keep_pace(&self, stream: &StreamFacts, budget: Budget) -> Result<(), Error> {
        for pacer in [Some(&self.account), self.quota(stream)].into_iter().flatten() {
            while let Err(wait) = pacer.permit().await {
                self.check_wait(wait, budget)?;
                tokio::time::sleep(wait).await;
            }
        }
        Ok(())
    }

    /// The request's URL, if it is one of the source's own.
    fn url(&self, request: &Request) -> Result<Url, Error> {
        let base = &self.api.base;
        let foreign = |host: &str| Error::Rejected {
            request: format!("{} to {host}, which is not a host of this source", request.name()),
            status: 0,
        };
        let mut url = if request.target.starts_with('/') {
            let mut url = base.clone();
            let (path, query) = request
                .target
                .split_once('?')
                .map_or((request.target.as_str(), None), |(p, q)| (p, Some(q)));
            url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
            url.set_query(query);
            url
        } else {
            Url::parse(&request.target).map_err(|_| foreign("a malformed address"))?
        };
        let scheme = if request.frames.is_some() { "wss" } else { "https" };
        let own = url.origin() == base.origin() && request.frames.is_none();
        let listed = url
            .host_str()
            .is_some_and(|host| self.api.other_hosts.iter().any(|other| other == host));
        // Sockets have an origin of their own even on the API's host; tests have theirs beside the API.
        let local = url.scheme() == "ws" && is_loopback(&url) && is_loopback(base);
        let other = (listed && url.scheme() == scheme) || (local && request.frames.is_some());
        if !own && (!other || request.with_credentials) {
            return Err(foreign(url.host_str().unwrap_or("nowhere")));
        }
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    /// An attempt that is given up when the budget ends: a source that hangs would take the invocation with it.
    async fn attempt_within(
        &self,
        request: &Request,
        url: &Url,
        token: Option<&Tokens>,
        budget: Budget,
        meter: &Meter,
    ) -> Result<Response, Fault> {
        let Some(left) = budget.remaining() else {
            return self.attempt(request, url, token, None, meter).await;
        };
        let attempt = self.attempt(request, url, token, Some(left / 3), meter);
        tokio::time::timeout(left.max(LEAST_TIME), attempt).await.unwrap_or_else(|_| {
            let error = format!("{} took all the time that was left", request.name());
            Err(Fault::Transient { error: Error::Unavailable(error), wait: None })
        })
    }

    async fn attempt(
        &self,
        request: &Request,
        url: &Url,
        token: Option<&Tokens>,
        within: Option<Duration>,
        meter: &Meter,
    ) -> Result<Response, Fault> {
        let answer = match request.frames {
            Some(limits) => self.listen(request, url, limits, within, meter).await,
            None => self.ask(request, url, token, meter).await,
        };
        if let Err(Fault::Transient { error, wait }) = &answer
            && (wait.is_some() || matches!(error, Error::RateLimited { .. }))
        {
            meter.throttle();
        }
        answer
    }

    async fn ask(
        &self,
        request: &Request,
        url: &Url,
        token: Option<&Tokens>,
        meter: &Meter,
    ) -> Result<Response, Fault> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut call = self.http.request(method, url.clone());
        // The source's own may name an account: nobody's business at a host of pre-signed links.
        let own: &[_] = if request.with_credentials { &self.api.headers } else { &[] };
        let headers = || own.iter().chain(&request.headers);
        if !headers().any(|(name, _)| http::header::ACCEPT == *name) {
            call = call.header(http::header::ACCEPT, "application/json");
        }
        for (name, value) in headers() {
            call = call.header(*name, value);
        }
        if request.with_credentials {
            call = self.sign_in.sign(call, token).await.map_err(Fault::Final)?;
        }
        if let Some(body) = &request.body {
            call =
                call.header(http::header::CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let started = Instant::now();
        let transport = |error: reqwest::Error| Fault::Transient {
            error: Error::Unavailable(format!("{}: {}", request.name(), describe(error))),
            wait: None,
        };
        meter.call();
        let answer = call.send().await.map_err(transport)?;
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        self.heed_quota(&headers).await;
        if !(200..300).contains(&status) {
            debug!(request = request.name(), status, ms = started.elapsed().as_millis(), "refused");
            let start = beginning(answer).await;
            return Err(self.refusal(request, status, &headers, &start));
        }
        let body = read_body(answer).await.map_err(|error| match error {
            ReadError::Transport(error) => transport(error),
            ReadError::TooLarge => Fault::Final(Error::Decode(format!(
                "{} answers with more than {MAX_BODY} bytes",
                request.name()
            ))),
        })?;
        debug!(
            request = request.name(),
            status,
            bytes = body.len(),
            ms = started.elapsed().as_millis(),
            "answered"
        );
        let body = gunzip(body).map_err(|()| {
            Fault::Final(Error::Decode(format!(
                "{} answers with a file that is no gzip or more than {MAX_BODY} bytes",
                request.name()
            )))
        })?;
        Ok(Response { status, headers, body, received_at: clock::now() })
    }

    /// Reads frames of a WebSocket for a while; what came before a line broke is an answer.
    async fn listen(
        &self,
        request: &Request,
        url: &Url,
        limits: Frames,
        within: Option<Duration>,
        meter: &Meter,
    ) -> Result<Response, Fault> {
        let longest = within.map_or(limits.longest, |within| within.min(limits.longest));
        let limits = Frames { longest, ..limits };
        let public_only = !is_loopback(&self.api.base);
        meter.call();
        match frames::read(url, &request.headers, limits, public_only).await {
            Ok(heard) => {
                let frames::Heard { status, headers, body, .. } = heard;
                debug!(
                    request = request.name(),
                    frames = heard.frames,
                    bytes = body.len(),
                    "heard"
                );
                Ok(Response { status, headers, body, received_at: clock::now() })
            }
            Err(frames::Failure::Refused { status, headers, start }) => {
                Err(self.refusal(request, status, &headers, &start))
            }
            Err(frames::Failure::Line(why)) => {
                let error = Error::Unavailable(format!("{}: {why}", request.name()));
                Err(Fault::Transient { error, wait: None })
            }
            Err(frames::Failure::Binary) => Err(Fault::Final(Error::Decode(format!(
                "{} sends binary frames, not text",
                request.name()
            )))),
        }
    }

    /// Stops asking when the vendor's headers say that nothing is left of the quota.
    async fn heed_quota(&self, headers: &http::HeaderMap) {
        let Some(quota) = self.api.quota else { return };
        let used_up = match quota.left {
            Left::Remaining(name) => number(headers, name) == Some(0),
            Left::UsedUpTo(name, most) => number(headers, name).is_some_and(|used| used >= most),
            Left::Untold => false,
        };
        if used_up && let Some(wait) = self.reset(headers) {
            self.account.block(wait).await;
        }
    }

    /// How long until the quota starts anew, as far as the source tells or documents it.
    fn reset(&self, headers: &http::HeaderMap) -> Option<Duration> {
        match self.api.quota?.reset {
            Reset::Seconds(name) => number(headers, name).map(Duration::from_secs),
            Reset::UnixSeconds(name) => {
                let at = Duration::from_secs(number(headers, name)?);
                let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
                Some(at.saturating_sub(now))
            }
            Reset::After(wait) => Some(wait),
        }
    }

    fn refusal(
        &self,
        request: &Request,
        status: u16,
        headers: &http::HeaderMap,
        start: &[u8],
    ) -> Fault {
        let name = request.name();
        let unauthorized = || Error::Unauthorized {
            what: format!("the source answered {status} to {name}"),
            status,
        };
        match status {
            status if request.with_credentials && self.sign_in.has_ended(status, start) => {
                Fault::SignedOut { error: unauthorized() }
            }
            401 | 403 => Fault::Final(unauthorized()),
            status if retry::is_transient(status) => {
                let asked = retry::retry_after(headers, SystemTime::now());
                let wait = asked.or_else(|| if status == 429 { self.reset(headers) } else { None });
                let error = if status == 429 {
                    Error::RateLimited { retry_after: wait }
                } else {
                    Error::Unavailable(format!("{name} was answered with status {status}"))
                };
                Fault::Transient { error, wait }
            }
            _ => Fault::Final(Error::Rejected { request: name, status }),
        }
    }
}

fn number(headers: &http::HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The first bytes of a refusal's body: enough for the error code that some sources put there.
async fn beginning(mut answer: reqwest::Response) -> Bytes {
    answer
        .chunk()
        .await
        .ok()
        .flatten()
        .map(|chunk| chunk.slice(..chunk.len().min(4096)))
        .unwrap_or_default()
}

enum ReadError {
    Transport(reqwest::Error),
    TooLarge,
}

async fn read_body(mut answer: reqwest::Response) -> Result<Bytes, ReadError> {
    let expected =
        answer.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if expected > MAX_BODY {
        return Err(ReadError::TooLarge);
    }
    let mut body = BytesMut::with_capacity(expected);
    while let Some(chunk) = answer.chunk().await.map_err(ReadError::Transport)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Unfolds a body that is a gzip file (RFC 1952): exports are, without a content encoding.
fn gunzip(body: Bytes) -> Result<Bytes, ()> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return Ok(body);
    }
    let mut unfolded = Vec::new();
    let mut limited = flate2::read::MultiGzDecoder::new(&body[..]).take(MAX_BODY as u64 + 1);
    limited.read_to_end(&mut unfolded).map_err(drop)?;
    if unfolded.len() > MAX_BODY { Err(()) } else { Ok(unfolded.into()) }
}

/// A transport error without the URL, whose query may hold tokens, and with its innermost cause.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    format!("{error} ({innermost})")
}

//! Listens to a WebSocket for a while and hands on what it said as one answer, a text frame a line.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::HeaderMap;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::Url;

use super::guard::is_public;
use crate::page::Response;
use crate::request::{Frames, Request};

/// As long as an HTTP call may take to connect.
const OPENING: Duration = Duration::from_secs(10);
/// A farewell is a courtesy.
const CLOSING: Duration = Duration::from_secs(1);

/// What a socket said.
#[derive(Debug)]
pub(super) struct Heard {
    /// Of the handshake; a success, as far as anybody behind it cares.
    pub(super) status: u16,
    /// Of the handshake.
    pub(super) headers: HeaderMap,
    /// The text frames, each ended by a line feed.
    pub(super) body: Bytes,
    /// How many there are.
    pub(super) frames: usize,
}

/// Why a socket said nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The handshake was answered with another status.
    Refused { status: u16, headers: Box<HeaderMap>, start: Bytes },
    /// There is no line, or it broke before the first frame.
    Line(String),
    /// It speaks in binary frames.
    Binary,
}

/// Opens the socket and reads frames until one of the limits is met or the other side has had enough.
pub(super) async fn read(
    url: &Url,
    headers: &[(&'static str, String)],
    limits: Frames,
    public_only: bool,
) -> Result<Heard, Failure> {
    let end = Instant::now() + limits.longest.max(Duration::from_millis(1));
    let opening = timeout(OPENING, open(url, headers, limits, public_only));
    let (mut socket, headers) =
        opening.await.unwrap_or_else(|_| Err(Failure::Line("does not open".to_owned())))?;
    let mut body = BytesMut::new();
    let mut frames = 0;
    let mut quiet = Instant::now() + limits.until_quiet;
    while frames < limits.most && body.len() < limits.most_bytes {
        let Ok(message) = timeout_at(end.min(quiet), socket.next()).await else { break };
        match message {
            Some(Ok(Message::Text(frame))) => {
                // Line feeds in JSON stand between its tokens, where a space does as well.
                body.extend(frame.bytes().map(|byte| if byte == b'\n' { b' ' } else { byte }));
                body.extend_from_slice(b"\n");
                frames += 1;
                quiet = Instant::now() + limits.until_quiet;
            }
            Some(Ok(Message::Binary(_))) => return Err(Failure::Binary),
            Some(Ok(Message::Close(_))) | None => break,
            Some(Ok(_)) => {}
            Some(Err(_)) if frames > 0 => break,
            Some(Err(error)) => return Err(Failure::Line(describe(&error))),
        }
    }
    let _ = timeout(CLOSING, socket.close(None)).await;
    Ok(Heard { status: 200, headers, body: body.freeze(), frames })
}

async fn open(
    url: &Url,
    headers: &[(&'static str, String)],
    limits: Frames,
    public_only: bool,
) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, HeaderMap), Failure> {
    let line = |error: std::io::Error| Failure::Line(error.to_string());
    let socket = |error: SocketError| match error {
        SocketError::Http(answer) => {
            let (parts, body) = answer.into_parts();
            let start = body.unwrap_or_default().into();
            let headers = Box::new(parts.headers);
            Failure::Refused { status: parts.status.as_u16(), headers, start }
        }
        other => Failure::Line(describe(&other)),
    };
    let mut request = url.as_str().into_client_request().map_err(socket)?;
    let agent = ("user-agent", concat!("tributary/", env!("CARGO_PKG_VERSION")).to_owned());
    for (name, value) in headers.iter().chain([&agent]) {
        let value = value.parse().map_err(|_| Failure::Line(format!("{name} is no header")))?;
        request.headers_mut().insert(*name, value);
    }
    let addresses = addresses(url, public_only).await.map_err(line)?;
    let stream = TcpStream::connect(&addresses[..]).await.map_err(line)?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits.most_bytes))
        .max_frame_size(Some(limits.most_bytes));
    // The lake's object store brings a second TLS library; where there are two, rustls wants to be told which. That
    // somebody else has said so already is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let opened = client_async_tls_with_config(request, stream, Some(config), None).await;
    let (stream, answer) = opened.map_err(socket)?;
    Ok((stream, answer.into_parts().0.headers))
}

/// Where the host is; on the internet, unless this is a test.
async fn addresses(url: &Url, public_only: bool) -> std::io::Result<Vec<SocketAddr>> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let found = tokio::net::lookup_host((host, port)).await?;
    let found: Vec<_> = found.filter(|found| !public_only || is_public(found.ip())).collect();
    if found.is_empty() {
        return Err(std::io::Error::other(format!("{host} has no public address")));
    }
    Ok(found)
}

/// The kind of an error, without what was sent: that may be personal.
fn describe(error: &SocketError) -> String {
    match error {
        SocketError::Io(error) => error.to_string(),
        SocketError::Tls(error) => error.to_string(),
        SocketError::Capacity(error) => error.to_string(),
        SocketError::Protocol(error) => error.to_string(),
        SocketError::ConnectionClosed | SocketError::AlreadyClosed => "closed".to_owned(),
        _ => "the socket failed".to_owned(),
    }
}

/// Drops the frames that nobody needs, before anything is stored: a feed may tell of a whole network. The first and the
/// last stay, because they tell what span the answer covers.
pub(crate) fn sift(
    response: Response,
    request: &Request,
    keeps: impl Fn(&[u8]) -> bool,
) -> Response {
    if request.frames.is_none() {
        return response;
    }
    let lines: Vec<&[u8]> = response.body.split_inclusive(|byte| *byte == b'\n').collect();
    let last = lines.len().saturating_sub(1);
    let kept = lines
        .iter()
        .enumerate()
        .filter(|(number, line)| *number == 0 || *number == last || keeps(line.trim_ascii_end()));
    let body: Vec<u8> = kept.flat_map(|(_, line)| line.iter().copied()).collect();
    Response { body: body.into(), ..response }
}

#[cfg(test)]
mod tests;

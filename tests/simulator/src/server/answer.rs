//! An answer on its way out: a status, headers and a body, perhaps spoilt by a fault.

use std::io::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;

use super::Body;
use crate::faults::{Fault, RetryAfter};

/// What a face answers.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(status, "application/json; charset=utf-8", body)
    }

    pub(crate) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(status, "text/plain; charset=utf-8", body)
    }

    pub(crate) fn html(status: u16, body: impl Into<Bytes>) -> Self {
        Self::of(status, "text/html; charset=utf-8", body)
    }

    fn of(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl std::fmt::Display) -> Self {
        self.headers.push((header, value.to_string()));
        self
    }

    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// Whether there is something to spoil.
    pub(super) fn is_page(&self) -> bool {
        self.status == 200 && self.body.len() > 1
    }

    /// What a fault answers in the face's place; nothing when it resets the connection.
    pub(super) fn to_fault(fault: &Fault, elsewhere: &str) -> Option<Self> {
        let answer = match fault {
            Fault::Status(status) => Self::json(*status, r#"{"error":"InjectedFailure"}"#),
            Fault::Storm429 { retry_after } => {
                let answer = Self::text(429, "Too many requests");
                match retry_after {
                    None => answer,
                    Some(RetryAfter::Seconds(seconds)) => answer.with("retry-after", seconds),
                    Some(RetryAfter::Date(at)) => {
                        answer.with("retry-after", at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
                    }
                }
            }
            Fault::Unauthorized => Self::json(401, r#"{"error":"Couldn't authenticate you"}"#),
            Fault::Forbidden => Self::html(403, ""),
            Fault::Html200 => Self::html(200, "<html><body>Down for maintenance</body></html>"),
            Fault::ErrorEnvelope200 => {
                Self::json(200, r#"{"error":"InternalError","description":"Try again later"}"#)
            }
            Fault::RedirectElsewhere => Self::text(302, "").with("location", elsewhere),
            _ => return None,
        };
        Some(answer)
    }

    pub(super) fn into_response(mut self, gzip: bool, fault: Option<&Fault>) -> Response<Body> {
        if fault == Some(&Fault::TruncatedPage) {
            self.body.truncate(self.body.len() / 2);
        }
        if gzip && !self.body.is_empty() {
            self.body = compress(&self.body);
            self.headers.push(("content-encoding", "gzip".to_owned()));
        }
        let length = self.body.len();
        let body = match fault {
            Some(Fault::WrongContentLength) => broken_off(&self.body),
            Some(Fault::SlowBody(time)) => trickle(&self.body, *time),
            _ => Full::new(self.body).map_err(|never| match never {}).boxed_unsync(),
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::IM_A_TEAPOT);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, length.into());
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        response
    }
}

/// A write to memory does not fail; if it did, the plain bytes would contradict the header.
fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.unwrap_or_default().into()
}

/// The first half, then the end of the connection.
fn broken_off(body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let frames = stream::unfold(Some(half), |half| async {
        match half {
            Some(half) if !half.is_empty() => Some((Ok(Frame::data(half)), Some(Bytes::new()))),
            Some(_) => {
                // The pause lets the half leave before the connection breaks.
                tokio::time::sleep(Duration::from_millis(20)).await;
                Some((Err(io::Error::other("broken off on purpose")), None))
            }
            None => None,
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// The whole body in a few parts, with pauses between them.
fn trickle(body: &Bytes, time: Duration) -> Body {
    const PARTS: usize = 5;
    let part = body.len().div_ceil(PARTS).max(1);
    let pause = time / u32::try_from(PARTS).unwrap_or(1);
    let frames = stream::unfold(body.clone(), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let sent = rest.split_to(part.min(rest.len()));
        Some((Ok(Frame::data(sent)), rest))
    });
    StreamBody::new(frames).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;

    #[tokio::test]
    async fn a_body_is_compressed_when_the_client_accepts_it() {
        let plain = r#"{"tickets":[]}"#;
        for (gzip, encoding) in [(true, Some("gzip")), (false, None)] {
            let response = Answer::json(200, plain).into_response(gzip, None);
            let told = response.headers().get("content-encoding").cloned();
            assert_eq!(told.as_ref().and_then(|value| value.to_str().ok()), encoding);
            let body = response.into_body().collect().await.expect("a whole body");
            let bytes = body.to_bytes();
            let text = if gzip {
                io::read_to_string(GzDecoder::new(&bytes[..])).expect("gzip")
            } else {
                String::from_utf8(bytes.to_vec()).expect("text")
            };
            assert_eq!(text, plain);
        }
    }
}

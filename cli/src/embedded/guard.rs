//! Keeps web pages out: the stores' keys are no secret, so a page open in a browser could sign requests like anyone.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{CONTENT_SECURITY_POLICY, HOST, HeaderValue, ORIGIN};
use hyper::http::uri::Authority;

/// Why a request is refused, or `None` for the requests of programs on this machine.
///
/// Browsers give their requests away: `Origin` comes with every one that another page sent, except plain `GET`s, and
/// `Sec-Fetch-Site` with these too. A page whose own name was made to resolve to 127.0.0.1 names that one as `Host`.
/// Its port may be another than ours: a tunnel's or a proxy's, and no page gains anything by it.
pub(super) fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) || headers.contains_key("sec-fetch-site") {
        return Some("the local stores refuse browsers: use an AWS SDK or the aws command");
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_this_machine) {
        return Some(
            "the local stores answer to 127.0.0.1, [::1] and localhost only: use one of these as host",
        );
    }
    None
}

/// Tells browsers to let no page embed an answer, and to run no script in one. It is for those that send no
/// `Sec-Fetch-Site` (Safari before 2023, for one): their `GET` by presigned URL looks like a program's.
pub(super) fn seal(headers: &mut HeaderMap) {
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
}

fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_few_names() {
        for host in [
            "127.0.0.1:8000",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]:8000",
            "localhost:8000",
            "LocalHost",
        ] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "evil.example:8000",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "x.localhost",
            "0.0.0.0",
            "10.0.0.1",
            "[::]:8000",
            "127.1",
            "",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}

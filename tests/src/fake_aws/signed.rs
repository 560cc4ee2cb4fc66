//! Signature Version 4 as AWS checks it, by its published steps and not by the crate that signs.

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::error::AwsError;

/// The key id and its secret that the embedded stores know, too.
const KEY: &str = "local";

/// Refuses a `POST` to `/` that is not signed for this service, by our key, with all of its body.
pub(super) fn verify(headers: &HeaderMap, service: &str, body: &Bytes) -> Result<(), AwsError> {
    let wrong = |why: &str| AwsError::new("SignatureDoesNotMatch", why.to_owned()).forbidden();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").ok_or_else(|| wrong("no authorization"))?;
    let part = |name: &str| {
        let (_, rest) = authorization.split_once(&format!("{name}="))?;
        rest.split(',').next()
    };
    let parts = part("Credential").zip(part("SignedHeaders")).zip(part("Signature"));
    let ((credential, signed), signature) = parts.ok_or_else(|| wrong("an incomplete one"))?;
    let (key, scope) = credential.split_once('/').ok_or_else(|| wrong("no scope"))?;
    let [date, region, of_service, "aws4_request"] = *scope.split('/').collect::<Vec<_>>() else {
        return Err(wrong("another kind of scope"));
    };
    if key != KEY || of_service != service {
        return Err(wrong("another key, or for another service"));
    }
    let time = header("x-amz-date").filter(|time| time.starts_with(date));
    let time = time.ok_or_else(|| wrong("of another day"))?;
    if !signed.split(';').any(|name| name == "host") {
        return Err(wrong("the host is not signed"));
    }
    let mut canonical = "POST\n/\n\n".to_owned();
    for name in signed.split(';') {
        let value = header(name).ok_or_else(|| wrong("a signed header is missing"))?;
        canonical.extend([name, ":", value.trim(), "\n"]);
    }
    canonical.extend(["\n", signed, "\n", &hex::encode(Sha256::digest(body))]);
    let digest = hex::encode(Sha256::digest(canonical));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    let secret = format!("AWS4{KEY}").into_bytes();
    let key = [date, region, service, "aws4_request"]
        .iter()
        .fold(secret, |key, step| hmac(&key, step.as_bytes()));
    if hex::encode(hmac(&key, text.as_bytes())) == signature {
        Ok(())
    } else {
        Err(wrong("the request signature does not match"))
    }
}

fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

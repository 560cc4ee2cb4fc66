//! What AWS refused, and what to do about it: one hint for each code, whichever service it comes from.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use serde::Deserialize;

use crate::failure::Failure;

/// A request that AWS did not answer as asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// AWS's word for it, such as `AccessDenied`.
    pub(crate) code: String,
    /// In AWS's words.
    pub(crate) message: String,
    status: u16,
}

const UNREACHABLE: &str = "Unreachable";

impl Refusal {
    /// The answer of a service with this status: XML from those of the query protocol, JSON from the others.
    pub(super) fn of(status: u16, body: &str) -> Self {
        #[derive(Deserialize)]
        struct Xml {
            #[serde(rename = "Error")]
            error: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            #[serde(rename = "Code")]
            code: String,
            #[serde(rename = "Message", default)]
            message: String,
        }
        #[derive(Deserialize)]
        struct Json {
            #[serde(rename = "__type")]
            code: String,
            #[serde(alias = "Message", default)]
            message: String,
        }
        let (code, message) = match (quick_xml::de::from_str(body), serde_json::from_str(body)) {
            (Ok(Xml { error }), _) => (error.code, error.message),
            // `com.amazonaws.swf.service.v2.model#StateMachineDoesNotExist`
            (_, Ok(Json { code, message })) => {
                (code.rsplit('#').next().unwrap_or_default().to_owned(), message)
            }
            _ => (format!("status {status}"), String::new()),
        };
        Self { code, message, status }
    }

    /// No answer at all.
    pub(super) fn unreachable(error: &reqwest::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(inner) = cause {
            message = format!("{message}: {inner}");
            cause = inner.source();
        }
        Self { code: UNREACHABLE.to_owned(), message, status: 0 }
    }

    /// A request that could not be made.
    pub(super) fn local(message: String) -> Self {
        Self { code: "NotSent".to_owned(), message, status: 0 }
    }

    /// Whether waiting may help.
    pub(super) fn passes(&self) -> bool {
        self.code == UNREACHABLE || self.code.starts_with("Throttling") || self.status >= 500
    }

    /// The error of a call by the SDK.
    pub(crate) fn of_sdk<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Self
    where
        SdkError<E>: std::error::Error,
    {
        let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
        if let SdkError::ServiceError(service) = error {
            let code = service.err().code().map_or_else(|| format!("status {status}"), Into::into);
            let message = service.err().message().unwrap_or_default().to_owned();
            return Self { code, message, status };
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self { code: UNREACHABLE.to_owned(), message: cause.to_string(), status }
    }

    /// What was being done, and what to do now.
    pub(crate) fn during(&self, what: &str) -> Failure {
        let Self { code, message, .. } = self;
        let separator = if message.is_empty() { "" } else { ": " };
        let hint = hint(code).unwrap_or("run it again with -vv, which shows what AWS says");
        Failure::failed(format!("{what}: {code}{separator}{message}"), hint)
    }
}

/// What to do about a code of AWS, if there is something to say.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            "the AWS credentials have expired: sign in again, for example with `aws sso login`, and export them anew"
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            "these AWS credentials may not do that; docs/deploy.md lists what the command needs"
        }
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "AuthFailure" => {
            "AWS does not know these credentials: see `aws sts get-caller-identity`, and the clock of this machine"
        }
        "NoSuchBucket" => {
            "the stack's bucket is gone: deploy again, or name the bucket that holds its data in [store]"
        }
        "ResourceNotFoundException" => {
            "it does not exist in this account and region: `tributary check --aws` lists what is missing"
        }
        UNREACHABLE => "see that this machine reaches AWS and that the region is right",
        _ => return None,
    })
}

/// The hint for an error that holds a code of AWS somewhere in its text.
pub(crate) fn hint_in(text: &str) -> Option<&'static str> {
    const CODES: [&str; 8] = [
        "ExpiredToken",
        "AccessDenied",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidClientTokenId",
        "NoSuchBucket",
        "ResourceNotFoundException",
    ];
    CODES.iter().find(|code| text.contains(*code)).and_then(|code| hint(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_protocols_errors_are_read() {
        let xml = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
                   <Code>ValidationError</Code><Message>Stack with id x does not exist</Message></Error>\
                   <RequestId>1</RequestId></ErrorResponse>";
        let refusal = Refusal::of(400, xml);
        assert_eq!(
            (&*refusal.code, &*refusal.message),
            ("ValidationError", "Stack with id x does not exist")
        );
        let json = r#"{"__type":"com.amazonaws.swf.service.v2.model#ExpiredTokenException","message":"expired"}"#;
        let failure = Refusal::of(400, json).during("starting").to_string();
        assert!(failure.contains("starting: ExpiredTokenException: expired\nhint: the AWS cred"));
        assert!(Refusal::of(503, "busy").passes() && !Refusal::of(400, json).passes());
    }

    #[test]
    fn a_code_within_a_text_has_its_hint() {
        let text = "storage: listing: unhandled error (AccessDenied)";
        assert!(hint_in(text).is_some_and(|hint| hint.contains("may not do that")));
        assert_eq!(hint_in("storage: the disk is full"), None);
    }
}

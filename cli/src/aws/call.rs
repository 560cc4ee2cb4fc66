//! Signed requests to the two services of AWS for which a whole SDK crate would be too much: `CloudFormation`, Step Functions.

use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_credential_types::provider::ProvideCredentials as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use shared::stores::endpoint_of;

use super::refusal::Refusal;
use crate::failure::Failure;

/// Waits between repetitions of a request that met a busy service or a broken line.
const WAITS: [Duration; 3] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(3)];

/// A service, by the names that AWS has for it.
#[derive(Clone, Copy)]
pub(super) struct Service {
    /// In the name of the environment variable that points elsewhere: `AWS_ENDPOINT_URL_SFN`.
    pub(super) id: &'static str,
    /// In the service's address and in signatures.
    pub(super) name: &'static str,
}

/// Sends a body with these headers, signed by the credentials of `aws`; returns the answer's body.
pub(super) async fn call(
    aws: &SdkConfig,
    service: Service,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<String, Refusal> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Refusal::unreachable(&error))?;
    let mut waits = WAITS.into_iter();
    loop {
        // Signed anew each time: a signature is good for five minutes only.
        let answer = match client.execute(signed(&client, aws, service, headers, body).await?).await
        {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let text = answer.text().await.map_err(|error| Refusal::unreachable(&error))?;
                if (200..300).contains(&status) {
                    Ok(text)
                } else {
                    Err(Refusal::of(status, &text))
                }
            }
            Err(error) => Err(Refusal::unreachable(&error)),
        };
        match answer {
            Err(refusal)
                if refusal.passes()
                    && let Some(wait) = waits.next() =>
            {
                tracing::debug!(code = refusal.code, "asking AWS again");
                tokio::time::sleep(wait).await;
            }
            answer => return answer,
        }
    }
}

async fn signed(
    client: &reqwest::Client,
    aws: &SdkConfig,
    service: Service,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<reqwest::Request, Refusal> {
    let region = aws.region().map(ToString::to_string).unwrap_or_default();
    let url = endpoint_of(aws, service.id).unwrap_or_else(|| address(service, &region));
    let url = format!("{}/", url.trim_end_matches('/'));
    let broken = |error: &dyn std::fmt::Display| Refusal::local(format!("{url}: {error}"));
    let provider = aws.credentials_provider().ok_or_else(|| broken(&"no credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| broken(&error))?;
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&region)
        .name(service.name)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .map_err(|error| broken(&error))?
        .into();
    let signable = SignableRequest::new(
        "POST",
        &url,
        headers.iter().copied(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let signature = signable.and_then(|signable| sign(signable, &parameters));
    let (signature, _) = signature.map_err(|error| broken(&error))?.into_parts();
    let mut request = client.post(&url).body(body.to_owned());
    for (name, value) in headers.iter().copied().chain(signature.headers()) {
        request = request.header(name, value);
    }
    request.build().map_err(|error| Refusal::unreachable(&error))
}

/// AWS's own address of the service; China's regions have another domain.
fn address(service: Service, region: &str) -> String {
    let end = if region.starts_with("cn-") { ".cn" } else { "" };
    format!("https://{}.{region}.amazonaws.com{end}", service.name)
}

/// Looks for credentials before anything is asked, so that their absence is said in one way.
pub(super) async fn require_credentials(aws: &SdkConfig) -> Result<(), Failure> {
    let why = match aws.credentials_provider() {
        None => "there is no provider".to_owned(),
        Some(provider) => match provider.provide_credentials().await {
            Ok(_) => return Ok(()),
            Err(error) => {
                let mut cause: &dyn std::error::Error = &error;
                while let Some(inner) = cause.source() {
                    cause = inner;
                }
                // A chain of providers goes on with what each of them said, a line each.
                let said = cause.to_string();
                let first = said.lines().next().unwrap_or_default();
                first.trim_end_matches(" Attempted:").to_owned()
            }
        },
    };
    Err(Failure::misuse(
        format!("there are no AWS credentials: {why}"),
        "set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; after `aws sso login`: \
         eval \"$(aws configure export-credentials --format env)\"",
    ))
}

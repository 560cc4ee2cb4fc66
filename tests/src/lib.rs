//! What the end-to-end tests stand on: doubles for the parts of AWS we do not embed, and faults for those we do.

#![expect(clippy::missing_panics_doc, reason = "test support: a panic is how a test fails")]

pub mod account;
pub mod fake_aws;
pub mod fault_proxy;
pub mod lambda_runtime;
pub mod landed;
pub mod permissions;
pub mod process;
pub mod services;
pub mod stand;

/// Answers leave at once: the doubles must not add Nagle's 40 ms to what a test times.
fn no_delay(socket: &mut tokio::net::TcpStream) {
    // A client already gone is found out when it is read from.
    let _ = socket.set_nodelay(true);
}

/// The SDK as a function would set it up, for the doubles' own tests.
#[cfg(test)]
async fn sdk_config(endpoint: &str, attempts: u32) -> aws_config::SdkConfig {
    let credentials = aws_sdk_dynamodb::config::Credentials::builder()
        .access_key_id("local")
        .secret_access_key("local")
        .provider_name("test")
        .build();
    let retry = aws_config::retry::RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(std::time::Duration::from_millis(5));
    aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region("eu-central-1")
        .credentials_provider(credentials)
        .retry_config(retry)
        .load()
        .await
}
pub mod truth;

//! Receives the email platform's webhooks.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::webhook(email::SOURCES).await
}

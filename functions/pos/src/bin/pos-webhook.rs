//! Receives the point of sale's webhooks.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::webhook(pos::SOURCES).await
}

//! Receives the CRM's webhooks.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::webhook(crm::SOURCES).await
}

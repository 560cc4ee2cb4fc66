//! Scheduled sync of the CRM.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::sync(crm::SOURCES).await
}

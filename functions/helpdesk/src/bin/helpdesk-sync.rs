//! Scheduled sync of the helpdesk.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::sync(helpdesk::SOURCES).await
}

//! Scheduled sync of the email platform.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::sync(email::SOURCES).await
}

//! Scheduled sync of the social networks.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::sync(social::SOURCES).await
}

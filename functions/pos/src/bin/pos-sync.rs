//! Scheduled sync of the point of sale.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::lambda::Error> {
    shared::lambda::sync(pos::SOURCES).await
}

//! The function that makes tables of what has landed.

#[tokio::main]
async fn main() -> Result<(), lambda_runtime::Error> {
    lake::lambda::run().await
}

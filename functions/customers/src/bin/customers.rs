//! The function that answers who somebody is.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    customers::lambda::run().await
}

//! The main of the `customers` function.

use axum::Router;
use shared::customers::Customers;
use shared::error::Error;
use shared::lambda::{Current, Deployment, Made, deployment, log, serve};

use crate::{Auth, router};

/// Runs the API. Environment: that of `shared::lambda::deployment`, and `TRIBUTARY_AUTH=iam` where an authoriser (IAM, JWT)
/// stands in front of the function; without it, callers show one of the settings' API keys.
pub async fn run() -> Result<(), lambda_runtime::Error> {
    log();
    serve(Current::new(|| Box::pin(api())).await?).await
}

async fn api() -> Result<Made<Router>, Error> {
    let Deployment { settings, stores, secrets, version, .. } = deployment(&[]).await?;
    let recognition = settings.recognition().ok_or_else(|| {
        Error::config("identity_key is missing; nobody can be recognised without it")
    })?;
    let auth = match std::env::var("TRIBUTARY_AUTH").as_deref() {
        Ok("iam") => Auth::Trusted,
        Ok(other) => {
            return Err(Error::config(format!("TRIBUTARY_AUTH is {other:?}; write iam")));
        }
        Err(_) => Auth::of(&settings, &secrets).await?.ok_or_else(|| {
            Error::config(
                "customers: api_keys are missing; add them, or put an authoriser in front of the function and \
                 set TRIBUTARY_AUTH=iam",
            )
        })?,
    };
    Ok((router(Customers::new(&stores, recognition), auth), version))
}

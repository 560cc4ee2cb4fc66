//! Secrets of the secret store: rotated, missing, and tokens that are put back.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use e2e::services::Services;
use e2e::stand::{CONNECTION, Stand};
use secrecy::ExposeSecret as _;
use shared::http::TokenVault;
use shared::ledger::Outcome;
use shared::secrets::{SecretRef, Secrets};
use shared::vault::SecretsManagerVault;

fn reference(name: &str, key: Option<&str>) -> SecretRef {
    SecretRef::Store { name: name.to_owned(), key: key.map(str::to_owned) }
}

async fn read(secrets: &Secrets, reference: &SecretRef) -> Result<String, String> {
    let read = secrets.read(reference).await;
    read.map(|secret| secret.expose_secret().to_owned()).map_err(|error| error.chain())
}

async fn later(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_rotated_secret_is_read_once_the_old_one_is_five_minutes_old() {
    let services = Services::start().await;
    let name = services.create_secret("zendesk", r#"{"token": "one", "number": 7}"#).await;
    let secrets = Secrets::new(Path::new(""), Some(services.secrets.clone()));
    let token = reference(&name, Some("token"));
    assert_eq!(read(&secrets, &token).await.as_deref(), Ok("one"));
    assert_eq!(read(&secrets, &reference(&name, Some("number"))).await.as_deref(), Ok("7"));
    services.put_secret(&name, r#"{"token": "two"}"#).await;
    later(Duration::from_secs(290)).await;
    assert_eq!(read(&secrets, &token).await.as_deref(), Ok("one"), "it is not asked for each time");
    later(Duration::from_secs(10)).await;
    assert_eq!(read(&secrets, &token).await.as_deref(), Ok("two"));
    let gone = read(&secrets, &reference(&name, Some("number"))).await;
    assert!(gone.is_err_and(|why| why.contains("number") && !why.contains("two")));
}

#[tokio::test]
async fn a_missing_secret_is_named_and_read_as_soon_as_it_is_there() {
    let services = Services::start().await;
    let secrets = Secrets::new(Path::new(""), Some(services.secrets.clone()));
    let missing = reference(&services.own("zendesk"), None);
    let why = read(&secrets, &missing).await.expect_err("there is none");
    assert!(why.contains(&services.own("zendesk")), "{why}");
    assert!(why.contains("ResourceNotFoundException"), "{why}");
    services.create_secret("zendesk", "here now").await;
    assert_eq!(read(&secrets, &missing).await.as_deref(), Ok("here now"));
}

/// One refresh makes one new pair, which is put into the secret store before anyone uses it and serves every later process.
#[tokio::test(flavor = "multi_thread")]
async fn renewed_tokens_are_put_back_into_the_secret_store() {
    let services = Services::start().await;
    let stand = Stand::with_oauth().await;
    let desk = stand.simulator.zendesk();
    let prefix = services.own("tributary/tokens");
    let vault = || -> Arc<dyn TokenVault> {
        Arc::new(SecretsManagerVault::new(services.secrets.clone(), &prefix))
    };
    let name = format!("{prefix}/{CONNECTION}");
    assert_eq!(services.secret(&name).await, None);
    for refreshes in [1, 1, 2] {
        if refreshes == 2 {
            desk.expire_access_token();
        }
        let runs = stand.sync_with(&vault()).await;
        assert!(runs.iter().all(|run| run.outcome == Outcome::CaughtUp), "{runs:#?}");
        assert_eq!((desk.refreshes(), desk.spent_refreshes()), (refreshes, 0));
        let saved = services.secret(&name).await.expect("the pair is in the secret store");
        let current = desk.oauth().refresh_token;
        assert!(saved.contains(&current), "the refresh token of the vendor is another");
    }
    stand.landed().await.assert_is(&desk.truth());
}

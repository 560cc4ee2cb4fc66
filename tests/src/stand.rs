//! A test stand: a simulated company, the real drivers, stores behind fault proxies, and what landed in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use shared::budget::Budget;
use shared::config::{Foreign, Settings};
use shared::http::{Patience, TokenVault};
use shared::hub::{Hub, Selection};
use shared::ledger::{Outcome, Run};
use shared::pseudonym::Pseudonyms;
use shared::receive::Receiver;
use shared::secrets::Secrets;
use shared::state::{Standing, State};
use shared::stores::Stores;
use shared::sync::Unobserved;
use shared::vault::FileVault;
use simulator::{ConnectionKeys, SeenRequest, Simulator};
use tempfile::TempDir;

use crate::account::{Account, config};
use crate::fault_proxy::FaultProxy;
use crate::landed::Landed;

/// The connection's name in every stand.
pub const CONNECTION: &str = "helpdesk-eu";

/// What a stand is made of.
pub struct Stand {
    /// The company and its systems.
    pub simulator: Simulator,
    /// Between the drivers and S3.
    pub s3: FaultProxy,
    /// Between the drivers and `DynamoDB`.
    pub dynamodb: FaultProxy,
    /// The folder of settings, secrets and data.
    pub folder: TempDir,
    account: Account,
    settings: String,
}

/// Retries in milliseconds, so that a storm of faults passes quickly.
pub const HASTY: Patience = Patience {
    first_wait: Duration::from_millis(5),
    longest_wait: Duration::from_millis(50),
    retries: 6,
    longest_requested_wait: Duration::from_secs(20),
};

impl Stand {
    /// A small company with a settled history and API-token credentials.
    pub async fn start() -> Self {
        Self::with(simulator::Settings { people: 30, ..settled() }, "").await
    }

    /// A few people, for tests that need no crowd.
    pub async fn small() -> Self {
        Self::with(few(), "").await
    }

    /// A few people, and an OAuth client in place of the API token.
    pub async fn with_oauth() -> Self {
        let simulator = Simulator::start(few()).await.expect("the simulator starts");
        let keys = oauth_keys(simulator.zendesk());
        Self::around(simulator, &keys).await
    }

    /// A company of your own, with further keys for the connection.
    pub async fn with(company: simulator::Settings, keys: &str) -> Self {
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        Self::around(simulator, keys).await
    }

    /// A company with a connection to each of these faces, named like its source.
    pub async fn of(
        company: simulator::Settings,
        faces: impl FnOnce(&Simulator) -> Vec<ConnectionKeys>,
    ) -> Self {
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = String::new();
        for ConnectionKeys { source, keys, secrets } in faces(&simulator) {
            for (name, secret) in secrets {
                std::fs::write(folder.path().join(name), secret).expect("a secret is written");
            }
            let table = ["[connections.", source, "]\nsource = \"", source, "\"\n", &keys, "\n"];
            settings.extend(table);
        }
        std::fs::write(folder.path().join("tributary.toml"), &settings).expect("settings");
        Self::open(simulator, folder, settings).await
    }

    /// The bucket and the tables, without faults between.
    pub fn account(&self) -> &Account {
        &self.account
    }

    async fn around(simulator: Simulator, keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let settings = write_settings(folder.path(), simulator.zendesk(), keys);
        Self::open(simulator, folder, settings).await
    }

    async fn open(simulator: Simulator, folder: TempDir, settings: String) -> Self {
        let account = Account::open(&data_folder(folder.path())).await;
        let s3 = FaultProxy::start(account.s3()).await;
        let dynamodb = FaultProxy::start(account.dynamodb()).await;
        Self { simulator, s3, dynamodb, folder, account, settings }
    }

    /// Bucket and tables behind the fault proxies, with an SDK that leaves retries to the drivers.
    pub fn stores(&self) -> Stores {
        let config = |endpoint| {
            config(endpoint).into_builder().retry_config(RetryConfig::disabled()).build()
        };
        Stores {
            s3: aws_sdk_s3::Client::new(&config(self.s3.url())),
            dynamodb: aws_sdk_dynamodb::Client::new(&config(self.dynamodb.url())),
            names: self.account.names().clone(),
        }
    }

    /// A new process, as it were: settings read again, fresh clients, nothing remembered.
    pub fn hub(&self) -> Arc<Hub> {
        let vault = FileVault::new(self.folder.path().join("data/secrets"));
        let vault: Arc<dyn TokenVault> = Arc::new(vault);
        Arc::new(self.hub_with(&vault))
    }

    /// The same, with renewed tokens kept in a vault of one's own.
    fn hub_with(&self, tokens: &Arc<dyn TokenVault>) -> Hub {
        let sources = tributary::sources();
        let mut settings =
            Settings::parse(&self.settings, self.folder.path(), &sources, Foreign::Refuse)
                .expect("the stand's settings are right");
        settings.unlock_with(&Pseudonyms::new("secret of the stand".into()));
        let secrets = Secrets::new(self.folder.path(), None);
        Hub::new(Arc::new(settings), &self.stores(), secrets, tokens, HASTY).expect("a hub")
    }

    /// One run of every stream by a new process that keeps renewed tokens in a vault of one's own.
    pub async fn sync_with(&self, tokens: &Arc<dyn TokenVault>) -> Vec<Run> {
        let hub = self.hub_with(tokens);
        let runs = hub.sync(&Selection::default(), Budget::unlimited(), &Unobserved).await;
        runs.expect("a run")
    }

    /// One run of every stream by a new process.
    pub async fn sync(&self) -> Vec<Run> {
        self.sync_some("helpdesk-eu", Budget::unlimited()).await
    }

    /// One run of `connection` or `connection/stream` by a new process.
    pub async fn sync_some(&self, selection: &str, budget: Budget) -> Vec<Run> {
        let selection = Selection::parse(selection);
        self.hub().sync(&selection, budget, &Unobserved).await.expect("the selection exists")
    }

    /// One run of every stream of every connection by a new process; full passes that are not due too, if asked.
    pub async fn sync_all(&self, now: bool) -> Vec<Run> {
        let selection = Selection { now, ..Selection::default() };
        self.hub().sync(&selection, Budget::unlimited(), &Unobserved).await.expect("a run")
    }

    /// Runs every stream of every connection until all are caught up, as a schedule would.
    pub async fn drain_all(&self, now: bool) -> Vec<Run> {
        for _ in 0..20 {
            let runs = self.sync_all(now).await;
            if runs.iter().all(|run| run.outcome == Outcome::CaughtUp) {
                return runs;
            }
        }
        panic!("the streams did not catch up in twenty runs: {:#?}", self.sync_all(now).await);
    }

    /// Runs until every stream is caught up, as a schedule would.
    pub async fn drain(&self) -> Vec<Run> {
        for _ in 0..20 {
            let runs = self.sync().await;
            if runs.iter().all(|run| run.outcome == Outcome::CaughtUp) {
                return runs;
            }
        }
        panic!("the streams did not catch up in twenty runs: {:#?}", self.sync().await);
    }

    /// Ends every fault, runs until caught up, and compares all that landed with the truth.
    pub async fn recover(&self) -> Landed {
        self.simulator.zendesk().faults().clear();
        self.s3.stop_faults();
        self.dynamodb.stop_faults();
        self.recover_with_faults().await
    }

    /// Runs until caught up, whatever faults there still are, and compares all that landed with the truth.
    pub async fn recover_with_faults(&self) -> Landed {
        self.drain().await;
        let landed = self.landed().await;
        landed.assert_is(&self.simulator.zendesk().truth());
        landed
    }

    /// Where a stream stands, read around the fault proxies.
    pub async fn standing(&self, stream: &str) -> Standing {
        let state = State::new(&self.own_stores());
        state.standing(CONNECTION, stream).await.expect("the state can be read")
    }

    /// The saved cursor of a stream.
    pub async fn cursor(&self, stream: &str) -> Option<String> {
        self.standing(stream).await.cursor
    }

    /// How many requests reached the helpdesk whose path and query hold this text.
    pub fn asked(&self, path: &str) -> usize {
        self.requests(path).len()
    }

    /// The requests that reached the helpdesk whose path and query hold this text.
    pub fn requests(&self, path: &str) -> Vec<SeenRequest> {
        let mut seen = self.simulator.zendesk().requests();
        seen.retain(|request| request.path_and_query.contains(path));
        seen
    }

    /// Lets the last minute settle, which the exports leave out.
    pub fn settle(&self) {
        self.simulator.clock().advance(Duration::from_secs(62));
    }

    /// Serves webhooks on loopback; returns the helpdesk connection's address.
    pub async fn serve(&self) -> String {
        self.serve_for(CONNECTION).await
    }

    /// Serves webhooks on loopback; returns a connection's address.
    pub async fn serve_for(&self, connection: &str) -> String {
        let hub = self.hub();
        let receiver = Receiver::new(Arc::clone(hub.settings()), hub.secrets().clone(), hub);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move { axum::serve(listener, receiver.router()).await });
        format!("http://{address}/webhooks/{connection}")
    }

    /// Everything in the stores, read around the fault proxies.
    pub async fn landed(&self) -> Landed {
        Landed::read(&self.own_stores()).await
    }

    /// Bucket and tables around the fault proxies.
    pub fn own_stores(&self) -> Stores {
        self.account.stores()
    }
}

/// The run of a stream.
pub fn run_of<'r>(runs: &'r [Run], stream: &str) -> &'r Run {
    let run = runs.iter().find(|run| run.stream == stream);
    run.unwrap_or_else(|| panic!("{stream} did not run: {runs:#?}"))
}

/// Waits until something came about, or fails after ten seconds.
pub async fn eventually(what: &str, has_come: impl Fn() -> bool) {
    for _ in 0..1000 {
        if has_come() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

/// Fails unless every stream but this one is caught up.
pub fn assert_others_caught_up(runs: &[Run], but: &str) {
    for run in runs.iter().filter(|run| run.stream != but) {
        assert_eq!(run.outcome, Outcome::CaughtUp, "{run:?}");
    }
}

/// A few people with a settled history.
pub fn few() -> simulator::Settings {
    simulator::Settings { people: 12, ..settled() }
}

/// A company whose history ended ten minutes ago: every record is out of the exports' blind minute.
pub fn settled() -> simulator::Settings {
    let until = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
    simulator::Settings { until: Some(until), ..simulator::Settings::default() }
}

/// Writes a simulated Zendesk's secrets and the settings file beside them; returns the settings.
pub fn write_settings(folder: &Path, desk: &simulator::Zendesk, keys: &str) -> String {
    for (name, secret) in [
        ("token", desk.api_token()),
        ("webhook", desk.webhook_secret()),
        ("old-webhook", desk.old_webhook_secret()),
        ("client-secret", &desk.oauth().client_secret),
        ("refresh-token", &desk.oauth().refresh_token),
    ] {
        std::fs::write(folder.join(name), secret).expect("a secret is written");
    }
    let settings = connection_settings(desk, keys);
    std::fs::write(folder.join("tributary.toml"), &settings).expect("settings");
    settings
}

/// A settings file for a simulated Zendesk; `keys` may replace the API token by OAuth.
pub fn connection_settings(desk: &simulator::Zendesk, keys: &str) -> String {
    let sign_in = if keys.contains("oauth") {
        String::new()
    } else {
        format!("email = {:?}\ntoken = {{ file = \"token\" }}\n", desk.email())
    };
    let webhooks = if keys.contains("webhook_secrets") {
        ""
    } else {
        "webhook_secrets = [{ file = \"webhook\" }]\n"
    };
    let pace = if keys.contains("pace") { "" } else { "pace = \"unlimited\"\n" };
    format!(
        "[connections.{CONNECTION}]\nsource = \"zendesk\"\nbase_url = {:?}\n{sign_in}{pace}{webhooks}\
         region = \"GB\"\n{keys}\n",
        desk.base_url()
    )
}

/// The keys that sign in by OAuth instead of the API token.
pub fn oauth_keys(desk: &simulator::Zendesk) -> String {
    format!(
        "oauth = {{ client_id = {:?}, client_secret = {{ file = \"client-secret\" }}, refresh_token = {{ file = \"refresh-token\" }} }}",
        desk.oauth().client_id
    )
}

/// The data folder of a stand's folder.
pub fn data_folder(folder: &Path) -> PathBuf {
    folder.join("data")
}

//! An AWS account on this machine: the functions' processes between an S3, a `DynamoDB` and a fake SQS.

use std::sync::{Mutex, PoisonError};

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use shared::stores::Stores;
use simulator::zendesk::Delivery;
use simulator::{ConnectionKeys, Simulator, Zendesk};
use tempfile::TempDir;
use tokio::process::Command;

use super::built;
use crate::account::{Account, REGION};
use crate::fake_aws::{FakeAws, Queue};
use crate::fault_proxy::FaultProxy;
use crate::lambda_runtime::{Function, LambdaRuntime, http_v2_event};
use crate::landed::Landed;
use crate::permissions::Asked;
use crate::stand::{CONNECTION, data_folder};

/// The account, with the simulated company beside it.
pub struct Cloud {
    /// The company and its systems.
    pub simulator: Simulator,
    /// SQS and Secrets Manager.
    pub aws: FakeAws,
    /// Between the door and the inbox of the system.
    pub queue: Queue,
    folder: TempDir,
    account: Account,
    /// What is between the functions and the account; it stops when dropped.
    watchers: Mutex<Vec<FaultProxy>>,
}

/// What addresses become keys with.
pub const IDENTITY_KEY: &str = "identity key of the cloud";

/// Where the settings say that it is.
const IDENTITY_KEY_IS: &str = "identity_key = { secret = \"tributary/identity-key\" }\n";

impl Cloud {
    /// An account whose bucket holds the settings of a helpdesk and whose secret store holds its credentials.
    pub async fn start(company: simulator::Settings) -> Self {
        let cloud = Self::bare(company).await;
        let desk = cloud.desk();
        let token = json!({"token": desk.api_token()}).to_string();
        let webhook = json!({"current": desk.webhook_secret()}).to_string();
        let settings = settings(desk);
        cloud.aws.set_secret("tributary/identity-key", IDENTITY_KEY);
        cloud.aws.set_secret(&format!("tributary/helpdesk-sync/{CONNECTION}"), &token);
        cloud.aws.set_secret(&format!("tributary/helpdesk-webhook/{CONNECTION}"), &webhook);
        cloud.put_settings(&settings).await;
        cloud
    }

    /// An account with a bucket and tables, and nothing in them.
    pub async fn bare(company: simulator::Settings) -> Self {
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        Self::around(simulator, "helpdesk").await
    }

    /// An account with a connection to each of a system's faces, named like its source.
    pub async fn of(
        system: &str,
        simulator: Simulator,
        connections: impl IntoIterator<Item = ConnectionKeys>,
    ) -> Self {
        let cloud = Self::around(simulator, system).await;
        cloud.aws.set_secret("tributary/identity-key", IDENTITY_KEY);
        let mut settings = IDENTITY_KEY_IS.to_owned();
        for ConnectionKeys { source, mut keys, secrets } in connections {
            for (name, text) in secrets {
                // A function may read the secrets under its own name only.
                let reader = if name.contains("webhook") { "webhook" } else { "sync" };
                let full_name = format!("tributary/{system}-{reader}/{name}");
                cloud.aws.set_secret(&full_name, &text);
                keys = keys
                    .replace(&format!("file = \"{name}\""), &format!("secret = \"{full_name}\""));
            }
            let table = ["[connections.", source, "]\nsource = \"", source, "\"\n", &keys, "\n"];
            settings.extend(table);
        }
        cloud.put_settings(&settings).await;
        cloud
    }

    async fn around(simulator: Simulator, system: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let account = Account::open(&data_folder(folder.path())).await;
        let aws = FakeAws::start().await;
        let queue = aws.create_queue(&format!("tributary-{system}-deliveries"));
        Self { simulator, aws, queue, folder, account, watchers: Mutex::default() }
    }

    /// The helpdesk.
    pub fn desk(&self) -> &Zendesk {
        self.simulator.zendesk()
    }

    /// Where bucket and tables are.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Bucket and tables.
    pub fn stores(&self) -> Stores {
        self.account.stores()
    }

    /// Where the settings are.
    pub fn settings_place(&self) -> String {
        format!("s3://{}/tributary.toml", self.account.names().bucket)
    }

    /// Puts the settings where [`Cloud::settings_place`] says.
    pub async fn put_settings(&self, settings: &str) {
        let put = self.stores().s3.put_object().bucket(&self.account.names().bucket);
        let body = settings.as_bytes().to_vec().into();
        put.key("tributary.toml").body(body).send().await.expect("the settings are put");
    }

    /// Writes the settings into a file instead; returns its path.
    pub fn settings_file(&self) -> String {
        let path = self.folder.path().join("tributary.toml");
        std::fs::write(&path, settings(self.desk())).expect("the settings are written");
        path.to_string_lossy().into_owned()
    }

    /// Starts a function with the environment that the template gives it, and these variables over it.
    pub fn spawn(&self, function: &str, over: &[(&str, &str)]) -> Function {
        self.spawn_watched(function, over).0
    }

    /// The same, with what it asks AWS for.
    pub fn spawn_watched(&self, function: &str, over: &[(&str, &str)]) -> (Function, Asked) {
        let names = self.account.names().clone();
        let asked = Asked::by(function, names.clone());
        let watch = |upstream: &str| {
            let asked = asked.clone();
            let watcher = FaultProxy::watched(upstream, move |request| asked.note(request));
            let url = watcher.url().to_owned();
            self.watchers.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
            url
        };
        let (s3, dynamodb) = (watch(self.account.s3()), watch(self.account.dynamodb()));
        let rest = watch(self.aws.url());
        let over = over.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let function = LambdaRuntime::start()
            .env([
                // Any service that the tests do not know answers as S3 does, and is noted.
                ("AWS_ENDPOINT_URL", s3),
                ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
                ("AWS_ENDPOINT_URL_SQS", rest.clone()),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", rest),
                ("AWS_REGION", REGION.to_owned()),
                ("TRIBUTARY_CONFIG", self.settings_place()),
                ("TRIBUTARY_BUCKET", names.bucket),
                ("TRIBUTARY_CUSTOMERS_TABLE", names.customers_table),
                ("TRIBUTARY_STATE_TABLE", names.state_table),
                ("TRIBUTARY_QUEUE_URL", self.queue.url()),
                ("TRIBUTARY_DEPLOYMENT", "tributary".to_owned()),
                ("TRIBUTARY_SYSTEM", "helpdesk".to_owned()),
                ("TRIBUTARY_METRICS", "systems".to_owned()),
            ])
            .spawn(&built(function), over);
        (function, asked)
    }

    /// The folder of an operator of this account.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// `tributary` in that folder with these arguments, not yet started: the account by its endpoints, and nothing else of
    /// the test's environment.
    pub fn tributary(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("tributary"));
        command
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("AWS_ENDPOINT_URL", self.aws.url())
            .env("AWS_ENDPOINT_URL_S3", self.account.s3())
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.account.dynamodb())
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(self.folder())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// The request by which the helpdesk sends a delivery, signed now.
    pub fn request(&self, delivery: &Delivery) -> Value {
        self.request_to(CONNECTION, delivery)
    }

    /// The same, to another connection.
    pub fn request_to(&self, connection: &str, delivery: &Delivery) -> Value {
        let signed = delivery.signed(self.desk().webhook_secret(), jiff::Timestamp::now());
        let headers: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
        http_v2_event("POST", &format!("/webhooks/{connection}"), &headers, &delivery.body)
    }

    /// Everything in the stores.
    pub async fn landed(&self) -> Landed {
        Landed::read(&self.stores()).await
    }

    /// Lets the last minute settle, which the exports leave out.
    pub fn settle(&self) {
        self.simulator.clock().advance(std::time::Duration::from_secs(62));
    }
}

/// Settings as they lie in the bucket: secrets by the name they have in the secret store, which is that of their reader.
pub fn settings(desk: &Zendesk) -> String {
    format!(
        "{IDENTITY_KEY_IS}[connections.{CONNECTION}]\nsource = \"zendesk\"\nbase_url = {:?}\nemail = {:?}\n\
         token = {{ secret = \"tributary/helpdesk-sync/{CONNECTION}\", key = \"token\" }}\npace = \"unlimited\"\n\
         webhook_secrets = [{{ secret = \"tributary/helpdesk-webhook/{CONNECTION}\", key = \"current\" }}]\n\
         region = \"GB\"\n",
        desk.base_url(),
        desk.email(),
    )
}

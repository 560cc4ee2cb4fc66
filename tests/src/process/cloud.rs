//! An AWS account on this machine: the functions' processes between an embedded S3 and `DynamoDB` and a fake SQS.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use shared::stores::Stores;
use simulator::zendesk::Delivery;
use simulator::{Simulator, Zendesk};
use tempfile::TempDir;
use tokio::process::Command;
use tributary::embedded::{Embedded, Options};

use super::built;
use crate::fake_aws::{FakeAws, Queue};
use crate::lambda_runtime::{Function, LambdaRuntime, http_v2_event};
use crate::landed::Landed;
use crate::stand::{CONNECTION, data_folder, store_names};

/// The account, with the simulated company beside it.
pub struct Cloud {
    /// The company and its systems.
    pub simulator: Simulator,
    /// SQS and Secrets Manager.
    pub aws: FakeAws,
    /// Between the door and the inbox.
    pub queue: Queue,
    folder: TempDir,
    embedded: Embedded,
}

/// The name of the secret that has the connection's credentials.
pub const SECRET: &str = "tributary/helpdesk";

impl Cloud {
    /// An account whose bucket holds the settings and whose secret store holds the credentials.
    pub async fn start(company: simulator::Settings) -> Self {
        let cloud = Self::bare(company).await;
        let desk = cloud.desk();
        let secret = json!({"token": desk.api_token(), "webhook": desk.webhook_secret()});
        cloud.aws.set_secret(SECRET, &secret.to_string());
        cloud.put_settings(&settings(desk)).await;
        cloud
    }

    /// An account with a bucket and tables, and nothing in them.
    pub async fn bare(company: simulator::Settings) -> Self {
        let simulator = Simulator::start(company).await.expect("the simulator starts");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let embedded = Embedded::open(&data_folder(folder.path()), Options::default()).await;
        let embedded = embedded.expect("the stores open");
        let aws = FakeAws::start().await;
        let queue = aws.create_queue("deliveries");
        let cloud = Self { simulator, aws, queue, folder, embedded };
        cloud.stores().create_missing().await.expect("bucket and tables");
        cloud
    }

    /// The helpdesk.
    pub fn desk(&self) -> &Zendesk {
        self.simulator.zendesk()
    }

    /// Bucket and tables.
    pub fn stores(&self) -> Stores {
        let (s3, dynamodb) = (self.embedded.s3_client(), self.embedded.dynamodb_client());
        Stores { s3, dynamodb, names: store_names() }
    }

    /// Puts the settings where `s3://…/tributary.toml` is.
    pub async fn put_settings(&self, settings: &str) {
        let put = self.embedded.s3_client().put_object().bucket(store_names().bucket);
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
        let names = store_names();
        let over = over.iter().map(|(name, value)| (*name, (*value).to_owned()));
        LambdaRuntime::start()
            .env(self.embedded.env())
            .env(self.aws.env())
            .env([
                ("TRIBUTARY_CONFIG", format!("s3://{}/tributary.toml", names.bucket)),
                ("TRIBUTARY_BUCKET", names.bucket),
                ("TRIBUTARY_CUSTOMERS_TABLE", names.customers_table),
                ("TRIBUTARY_STATE_TABLE", names.state_table),
                ("TRIBUTARY_QUEUE_URL", self.queue.url()),
            ])
            .spawn(&built(function), over)
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
            .envs(self.embedded.env())
            .env("AWS_ENDPOINT_URL", self.aws.url())
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

/// Settings as they lie in the bucket: secrets by the name they have in the secret store.
pub fn settings(desk: &Zendesk) -> String {
    format!(
        "[connections.{CONNECTION}]\nsource = \"zendesk\"\nbase_url = {:?}\nemail = {:?}\n\
         token = {{ secret = \"{SECRET}\", key = \"token\" }}\npace = \"unlimited\"\n\
         webhook_secrets = [{{ secret = \"{SECRET}\", key = \"webhook\" }}]\nregion = \"GB\"\n",
        desk.base_url(),
        desk.email(),
    )
}

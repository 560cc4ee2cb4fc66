//! One deployment opened for a command: settings, stores and secrets, on this machine or in AWS.

use std::path::Path;
use std::sync::Arc;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use shared::config::{Connection, Foreign, SecretRef, Settings, StoreSettings};
use shared::connector::Auth;
use shared::customers::Customers;
use shared::error::Error;
use shared::http::{Patience, TokenVault};
use shared::hub::{Hub, Selection};
use shared::secrets::Secrets;
use shared::stores::Stores;
use shared::vault::{FileVault, SecretsManagerVault, local_identity_key};

use crate::arguments::Global;
use crate::aws::Deployment;
use crate::embedded::{Embedded, Endpoints, Options};
use crate::failure::Failure;
use crate::sources::sources;

/// An opened deployment; close it when the command is done.
pub(crate) struct Session {
    pub(crate) hub: Arc<Hub>,
    ground: Ground,
    stores: Stores,
}

/// What a deployment stands on.
enum Ground {
    /// Stores within a process on this machine.
    Embedded(Embedded),
    /// AWS: region, credentials and endpoints.
    Aws(Box<SdkConfig>),
}

impl Session {
    /// Opens what the global options name.
    pub(crate) async fn open(global: &Global) -> Result<Self, Failure> {
        Self::open_patiently(global, Patience::default()).await
    }

    /// The same, with this patience for the sources.
    pub(crate) async fn open_patiently(
        global: &Global,
        patience: Patience,
    ) -> Result<Self, Failure> {
        if global.aws.is_some() {
            Self::open_deployment(global, &Deployment::find(global).await?, patience).await
        } else {
            Self::open_with(load(global)?, &global.data, Options::default(), patience).await
        }
    }

    /// Opens the stores of a deployment in AWS, with its own settings or those of a file that is named.
    pub(crate) async fn open_deployment(
        global: &Global,
        deployment: &Deployment,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let settings = deployment.settings(global).await?;
        Self::open_in_aws(settings, deployment.names()?, deployment.aws.clone(), patience).await
    }

    /// Opens the settings' store, or the embedded stores over `data` when they name none.
    pub(crate) async fn open_with(
        settings: Settings,
        data: &Path,
        options: Options,
        patience: Patience,
    ) -> Result<Self, Failure> {
        match settings.store.clone() {
            Some(names) => {
                let aws = crate::aws::config().await;
                Self::open_in_aws(settings, names, aws, patience).await
            }
            None => Self::open_embedded(settings, data, options, patience).await,
        }
    }

    /// As for the functions, stores that the settings name go before those that the stack made.
    async fn open_in_aws(
        mut settings: Settings,
        names: StoreSettings,
        config: SdkConfig,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let names = settings.store.clone().unwrap_or(names);
        let secret_store = aws_sdk_secretsmanager::Client::new(&config);
        let secrets = Secrets::new(&settings.folder, Some(secret_store.clone()));
        settings.unlock(&secrets).await?;
        let tokens: Arc<dyn TokenVault> =
            Arc::new(SecretsManagerVault::of_deployment(secret_store));
        let stores = Stores::new(&config, names);
        let hub = Hub::new(Arc::new(settings), &stores, secrets, &tokens, patience)?;
        Ok(Self { hub: Arc::new(hub), ground: Ground::Aws(Box::new(config)), stores })
    }

    async fn open_embedded(
        mut settings: Settings,
        data: &Path,
        options: Options,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let embedded = Embedded::open(data, options).await?;
        let names = StoreSettings {
            bucket: "tributary".to_owned(),
            customers_table: "tributary-customers".to_owned(),
            state_table: "tributary-state".to_owned(),
        };
        let (s3, dynamodb) = (embedded.s3_client(), embedded.dynamodb_client());
        let stores = Stores { s3, dynamodb, names };
        stores.create_missing().await?;
        let secrets = Secrets::new(&settings.folder, None);
        let private =
            std::path::absolute(data.join("secrets")).unwrap_or_else(|_| data.join("secrets"));
        if settings.identity_key.is_none() {
            settings.identity_key = Some(local_identity_key(&private)?);
        }
        settings.unlock(&secrets).await?;
        let tokens: Arc<dyn TokenVault> = Arc::new(FileVault::new(private));
        let hub = Arc::new(Hub::new(Arc::new(settings), &stores, secrets, &tokens, patience)?);
        if embedded.endpoints().attached {
            tracing::info!(
                pid = embedded.endpoints().pid,
                "using the stores of another tributary, until it ends"
            );
        } else {
            break_leases(&hub).await?;
        }
        Ok(Self { hub, ground: Ground::Embedded(embedded), stores })
    }

    fn embedded(&self) -> Option<&Embedded> {
        match &self.ground {
            Ground::Embedded(embedded) => Some(embedded),
            Ground::Aws(_) => None,
        }
    }

    /// Where the embedded stores answer; none in AWS.
    pub(crate) fn endpoints(&self) -> Option<&Endpoints> {
        self.embedded().map(Embedded::endpoints)
    }

    /// Where landed rows and tables are.
    pub(crate) fn lake(&self) -> Result<lake::Place, Failure> {
        let config = match &self.ground {
            Ground::Embedded(embedded) => embedded.aws_config(),
            Ground::Aws(config) => (**config).clone(),
        };
        Ok(lake::Place::bucket(&config, &self.stores.names.bucket)?)
    }

    /// The environment under which other tools use the embedded stores.
    pub(crate) fn env(&self) -> Vec<(&'static str, String)> {
        self.embedded().map(Embedded::env).unwrap_or_default()
    }

    /// Bucket and tables.
    pub(crate) fn names(&self) -> &StoreSettings {
        &self.stores.names
    }

    /// Reads nothing from the table of customers, to see whether it answers.
    pub(crate) async fn reach_customers(&self) -> Result<(), Error> {
        let nothing = AttributeValue::S("tributary-check".to_owned());
        let table = &self.stores.names.customers_table;
        let get = self.stores.dynamodb.get_item().table_name(table);
        let got = get.key("pk", nothing.clone()).key("sk", nothing).send().await;
        got.map(drop).map_err(|error| Error::landing(format!("reading {table}"), error))
    }

    /// Who is who among the records of this deployment.
    pub(crate) fn customers(&self) -> Result<Customers, Failure> {
        let recognition = self.hub.landing().recognition().ok_or_else(|| {
            Failure::misuse(
                "nobody can be recognised: the settings have no identity_key",
                "add identity_key = { secret = \"…\" } and run `tributary recognise`",
            )
        })?;
        Ok(Customers::new(&self.stores, recognition.clone()))
    }

    /// The selected connections; an error when there are none at all.
    pub(crate) fn connections(&self, selection: &Selection) -> Result<Vec<&Connection>, Failure> {
        let selected = self.hub.selected(selection)?;
        if selected.is_empty() {
            return Err(Failure::misuse(
                "the settings have no connection",
                "add a [connections.NAME] table; `tributary init` in an empty folder writes an example",
            ));
        }
        Ok(selected.into_iter().map(|(connection, _)| connection).collect())
    }

    /// Refuses to start when no selected connection could sign in; one that can is reason enough to go on.
    pub(crate) async fn require_secrets(&self, selection: &Selection) -> Result<(), Failure> {
        let mut first = None;
        for connection in self.connections(selection)? {
            let read = join_all(
                credentials(connection).into_iter().map(|secret| self.hub.secrets().read(secret)),
            )
            .await;
            match read
                .into_iter()
                .find_map(|read| read.err().filter(|error| matches!(error, Error::Config(_))))
            {
                Some(error) => first = first.or(Some(error)),
                None => return Ok(()),
            }
        }
        first.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Ends the leases of streams whose run this process has just given up.
    pub(crate) async fn give_up(&self, running: &[(String, String)]) {
        for (connection, stream) in running {
            if let Err(error) = self.hub.state().break_lease(connection, stream).await {
                tracing::warn!(
                    connection,
                    stream,
                    error = error.chain(),
                    "the lease of this stream runs until it expires"
                );
            }
        }
    }

    /// Lets running requests to the embedded stores finish.
    pub(crate) async fn close(self) {
        drop(self.hub);
        if let Ground::Embedded(embedded) = self.ground {
            embedded.shutdown().await;
        }
    }
}

/// Reads the settings that the global options name.
pub(crate) fn load(global: &Global) -> Result<Settings, Failure> {
    Ok(Settings::load(global.config_file(), &sources(), Foreign::Refuse)?)
}

/// The secrets that a connection signs in with.
pub(crate) fn credentials(connection: &Connection) -> Vec<&SecretRef> {
    match &connection.connector.api.auth {
        Auth::Basic { password: secret, .. }
        | Auth::Bearer(secret)
        | Auth::Header { secret, .. } => vec![secret],
        Auth::OAuth(oauth) => vec![&oauth.client_secret, &oauth.refresh_token],
        Auth::Session(session) => vec![session.secret()],
        Auth::None => Vec::new(),
    }
}

/// Whoever owns the embedded stores is alone with them: runs that seem to go on are those of dead processes.
async fn break_leases(hub: &Hub) -> Result<(), Error> {
    let streams = hub.settings().connections.values().flat_map(|connection| {
        connection
            .connector
            .streams
            .iter()
            .map(|stream| (connection.name.as_str(), stream.facts().name))
    });
    let broken =
        join_all(streams.map(|(connection, stream)| hub.state().break_lease(connection, stream)))
            .await;
    broken.into_iter().collect()
}

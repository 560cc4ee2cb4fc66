//! Where renewed OAuth tokens are kept: the AWS secret store, or private files on a laptop.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::{Error, json_reason};
use crate::http::{StoredTokens, TokenVault, Tokens};
use crate::secrets::SecretRef;

fn read(connection: &str, text: &str) -> Result<Tokens, Error> {
    let stored: StoredTokens = serde_json::from_str(text).map_err(|error| {
        Error::Config(format!(
            "the saved tokens of {connection} cannot be read: {}",
            json_reason(&error)
        ))
    })?;
    Ok(stored.into())
}

fn write(tokens: &Tokens) -> Result<String, Error> {
    serde_json::to_string(&StoredTokens::from(tokens))
        .map_err(|error| Error::Invariant(json_reason(&error)))
}

const IDENTITY_KEY: &str = "identity-key";

/// The secret that [`local_identity_key`] made before, if it did.
pub fn kept_identity_key(folder: &Path) -> Option<SecretRef> {
    let path = folder.join(IDENTITY_KEY);
    path.exists().then_some(SecretRef::File(path))
}

/// The secret under which addresses and the like become keys on a laptop: `<folder>/identity-key`, made once.
pub fn local_identity_key(folder: &Path) -> Result<SecretRef, Error> {
    let path = folder.join(IDENTITY_KEY);
    if !path.exists() {
        let key = format!("{}{}\n", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        write_private(folder, &path, key.as_bytes())
            .map_err(|error| Error::landing(format!("writing {}", path.display()), error))?;
    }
    Ok(SecretRef::File(path))
}

/// Tokens as files `<folder>/<connection>.json`, readable by their owner only.
#[derive(Debug)]
pub struct FileVault {
    folder: PathBuf,
}

impl FileVault {
    /// A vault in `folder`, which is created with the first token.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    fn path(&self, connection: &str) -> PathBuf {
        self.folder.join(format!("{connection}.json"))
    }
}

#[async_trait]
impl TokenVault for FileVault {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, Error> {
        let path = self.path(connection);
        match tokio::fs::read_to_string(&path).await {
            Ok(text) => read(connection, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::landing(format!("reading {}", path.display()), error)),
        }
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), Error> {
        let (folder, path, text) = (self.folder.clone(), self.path(connection), write(tokens)?);
        let failed = format!("writing {}", path.display());
        tokio::task::spawn_blocking(move || write_private(&folder, &path, text.as_bytes()))
            .await
            .map_err(|error| Error::landing(failed.clone(), error))?
            .map_err(|error| Error::landing(failed, error))
    }
}

/// Writes beside the file and renames, so that a crash leaves the old pair or the new one.
fn write_private(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Tokens as secrets `<prefix>/<connection>` of AWS Secrets Manager.
#[derive(Debug)]
pub struct SecretsManagerVault {
    client: aws_sdk_secretsmanager::Client,
    prefix: String,
}

impl SecretsManagerVault {
    /// The vault of a deployment: `TRIBUTARY_TOKENS_PREFIX`, or `tributary/tokens`.
    pub fn of_deployment(client: aws_sdk_secretsmanager::Client) -> Self {
        let prefix = std::env::var("TRIBUTARY_TOKENS_PREFIX").ok().filter(|text| !text.is_empty());
        Self::new(client, prefix.unwrap_or_else(|| "tributary/tokens".to_owned()))
    }

    /// A vault of secrets named `<prefix>/<connection>`.
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: impl Into<String>) -> Self {
        Self { client, prefix: prefix.into() }
    }

    fn name(&self, connection: &str) -> String {
        format!("{}/{connection}", self.prefix)
    }
}

#[async_trait]
impl TokenVault for SecretsManagerVault {
    async fn load(&self, connection: &str) -> Result<Option<Tokens>, Error> {
        let name = self.name(connection);
        match self.client.get_secret_value().secret_id(&name).send().await {
            Ok(answer) => read(connection, answer.secret_string().unwrap_or_default()).map(Some),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::landing(format!("reading the secret {name}"), error)),
        }
    }

    async fn save(&self, connection: &str, tokens: &Tokens) -> Result<(), Error> {
        let (name, text) = (self.name(connection), write(tokens)?);
        let failed = |error: crate::error::Cause| {
            Error::landing(format!("writing the secret {name}"), error)
        };
        match self.client.put_secret_value().secret_id(&name).secret_string(&text).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError::is_resource_not_found_exception) =>
            {
                let created =
                    self.client.create_secret().name(&name).secret_string(&text).send().await;
                created.map(drop).map_err(|error| failed(error.into()))
            }
            Err(error) => Err(failed(error.into())),
        }
    }
}

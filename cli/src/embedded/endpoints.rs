//! Where the stores of a folder answer: published by their owner, read by processes that attach.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;

/// Loopback answers at once or not at all.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// Where the stores of a folder answer, and who serves them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// The S3 endpoint, `http://127.0.0.1:<port>`.
    pub s3: String,
    /// The `DynamoDB` endpoint, `http://127.0.0.1:<port>`.
    pub dynamodb: String,
    /// The process that serves them.
    pub pid: u32,
    /// Whether that is another process than this one.
    #[serde(skip_deserializing)]
    pub attached: bool,
}

impl Endpoints {
    fn file(data: &Path) -> PathBuf {
        data.join("endpoints.json")
    }

    /// Writes the endpoints where attaching processes look; a reader sees all of them or none.
    pub(super) fn publish(&self, data: &Path) -> io::Result<()> {
        let draft = data.join("endpoints.json.new");
        fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
        fs::rename(draft, Self::file(data))
    }

    /// Removes what this owner, or one that was killed, has published.
    pub(super) fn withdraw(data: &Path) -> io::Result<()> {
        match fs::remove_file(Self::file(data)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// The endpoints of the process that holds the folder's lock, if both answer.
    pub(super) async fn of_owner(data: &Path) -> Option<Self> {
        // A new owner may hold the lock for an instant before it withdraws a killed one's file; hence the call.
        let mut endpoints: Self = serde_json::from_slice(&fs::read(Self::file(data)).ok()?).ok()?;
        endpoints.attached = true;
        for url in [&endpoints.s3, &endpoints.dynamodb] {
            let address = url.strip_prefix("http://")?;
            tokio::time::timeout(ANSWER_WITHIN, TcpStream::connect(address)).await.ok()?.ok()?;
        }
        Some(endpoints)
    }
}

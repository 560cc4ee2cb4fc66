//! What can go wrong while the embedded stores start, and what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why the embedded stores could not be used; each message ends with what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddedError {
    /// The data folder, or something this module keeps in it, cannot be created or written.
    #[error(
        "cannot write {}: give this user write permission there, or choose another data folder",
        path.display()
    )]
    Folder {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system of the data folder cannot lock files.
    #[error(
        "cannot lock {}: the folder must be on a disk that supports file locks; choose a local folder",
        path.display()
    )]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds the folder without serving it.
    #[error(
        "another process holds {} but does not answer: wait until it has stopped, or end it, and try again",
        folder.display()
    )]
    Unanswered {
        /// The data folder.
        folder: PathBuf,
    },
    /// A listener could not be opened.
    #[error(
        "cannot listen on 127.0.0.1:{port} for {store}: stop the program that uses the port, or set another one (0 takes any)"
    )]
    Port {
        /// S3 or `DynamoDB`.
        store: &'static str,
        /// The port asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The `DynamoDB` tables cannot be opened.
    #[error(
        "cannot open the DynamoDB tables in {}: bring the file back from a copy, or move it and its -wal and -shm \
         aside to begin with empty tables",
        path.display()
    )]
    Database {
        /// The `SQLite` file.
        path: PathBuf,
        /// What the store said.
        source: dynoxide::errors::DynoxideError,
    },
    /// The thread that serves the stores could not be started.
    #[error(
        "cannot start the stores: the system refuses another thread; close other programs and try again"
    )]
    Thread {
        /// What the system said.
        source: io::Error,
    },
    /// The thread that serves the stores ended while starting.
    #[error(
        "the stores stopped while starting: this is a bug in tributary, please report it with the log"
    )]
    Stopped,
    /// A bucket could not be created.
    #[error(
        "cannot create bucket {name}: use 3 to 63 of a-z, 0-9, '-' and '.', and make sure the data folder is writable"
    )]
    Bucket {
        /// The bucket asked for.
        name: String,
        /// What S3 said.
        source: Box<dyn Error + Send + Sync>,
    },
}

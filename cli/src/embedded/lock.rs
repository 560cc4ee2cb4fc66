//! The lock that gives a data folder to one process; the system releases it however that process ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::EmbeddedError;

/// Creates the data folder, readable by its owner only, as it will hold people's data.
pub(super) fn prepare_folder(data: &Path) -> Result<PathBuf, EmbeddedError> {
    let failed = |source| EmbeddedError::Folder { path: data.into(), source };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data).map_err(failed)?;
    data.canonicalize().map_err(failed)
}

/// Held for as long as this process serves the folder.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the folder, or says `None` when another holder has it.
    pub(super) fn try_take(data: &Path) -> Result<Option<Self>, EmbeddedError> {
        let path = data.join("lock");
        let file = match OpenOptions::new().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => file,
            Err(source) => return Err(EmbeddedError::Folder { path, source }),
        };
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(EmbeddedError::Lock { path, source }),
        }
    }
}

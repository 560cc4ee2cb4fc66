//! The keys of a bucket in S3's order, read folder by folder and only where it matters.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use super::is_missing;

/// Decides where a walk goes and takes what it finds.
pub(super) trait Visitor {
    /// Whether to look into a folder, given as the prefix its keys share (`a/b/`).
    fn enters(&self, prefix: &str) -> bool;
    /// Takes a key; `Break` ends the walk.
    fn key(&mut self, key: &str) -> ControlFlow<()>;
}

/// Visits the keys below `folder`, in the order of their bytes.
pub(super) fn walk(
    folder: &Path,
    prefix: &str,
    visitor: &mut impl Visitor,
) -> io::Result<ControlFlow<()>> {
    for name in sorted_names(folder)? {
        let key = format!("{prefix}{name}");
        let step = match key.ends_with('/') {
            true if visitor.enters(&key) => walk(&folder.join(&name), &key, visitor)?,
            true => ControlFlow::Continue(()),
            false => visitor.key(&key),
        };
        if step.is_break() {
            return Ok(step);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Names of files, and of folders with a slash: so ordered, everything below a folder is where its keys belong.
fn sorted_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // A delete has just removed it as empty.
        Err(error) if is_missing(&error) => return Ok(names),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        // No key that S3 could have been given.
        let Ok(mut name) = entry.file_name().into_string() else { continue };
        if entry.file_type()?.is_dir() {
            name.push('/');
        }
        names.push(name);
    }
    names.sort_unstable();
    Ok(names)
}

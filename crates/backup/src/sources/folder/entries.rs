//! The order in which a folder is walked: always the same for the same names.

use std::fs::{Metadata, ReadDir};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use globset::GlobSet;

use super::facts::shown;
use crate::{Error, ErrorKind};

/// Something in the folder, or the folder itself.
#[derive(Debug)]
pub(super) struct Entry {
    /// Below the folder; empty for the folder itself.
    pub(super) path: PathBuf,
    pub(super) full: PathBuf,
    /// Of a link itself, not of what it leads to.
    pub(super) meta: Metadata,
}

/// Walks a folder, a parent before what is in it, in the order of the names' bytes. Links are not
/// followed. What disappears meanwhile is left out.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    root: &'a Path,
    exclude: &'a GlobSet,
    /// What is to be visited still, the next one last.
    ahead: Vec<PathBuf>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(root: &'a Path, exclude: &'a GlobSet) -> Self {
        Self {
            root,
            exclude,
            ahead: vec![PathBuf::new()],
        }
    }

    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        while let Some(path) = self.ahead.pop() {
            let full = match path.as_os_str().is_empty() {
                true => self.root.to_owned(),
                false => self.root.join(&path),
            };
            let meta = match full.symlink_metadata() {
                Ok(meta) => meta,
                Err(error) if is_missing(&error) && !path.as_os_str().is_empty() => continue,
                Err(error) => return Err(failed("look at", &full, error)),
            };
            if meta.is_dir() {
                match full.read_dir() {
                    Ok(inside) => self.plan(&path, &full, inside)?,
                    Err(error) if is_missing(&error) && !path.as_os_str().is_empty() => continue,
                    Err(error) => return Err(failed("list", &full, error)),
                }
            }
            return Ok(Some(Entry { path, full, meta }));
        }
        Ok(None)
    }

    fn plan(&mut self, path: &Path, full: &Path, inside: ReadDir) -> Result<(), Error> {
        let from = self.ahead.len();
        for found in inside {
            let found = found.map_err(|error| failed("list", full, error))?;
            let path = path.join(found.file_name());
            if !self.exclude.is_match(&path) {
                self.ahead.push(path);
            }
        }
        self.ahead[from..].sort_by(|a, b| b.as_os_str().as_bytes().cmp(a.as_os_str().as_bytes()));
        Ok(())
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

/// What the system said, as our error.
pub(super) fn failed(operation: &'static str, path: &Path, source: std::io::Error) -> Error {
    let kind = match source.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::AlreadyExists => ErrorKind::AlreadyExists,
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
            ErrorKind::PermissionDenied
        }
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
        std::io::ErrorKind::ResourceBusy => ErrorKind::InUse,
        _ => ErrorKind::Server,
    };
    let detail = source.to_string();
    Error::new(operation, shown(path), kind, detail).with_source(source)
}

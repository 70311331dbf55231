//! What is ours in a store's folder: folders and regular files. A link leads out of the store, and
//! a pipe or a device keeps its reader waiting for ever, so neither is opened, followed or deleted.

use std::fmt;
use std::fs::FileType;
use std::io::ErrorKind;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use object_store::Result;

use super::io_error;

/// Something lies where a file or a folder of ours would be.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// Below the store's folder.
    path: PathBuf,
    what: &'static str,
    wanted: &'static str,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, what, wanted) = (self.path.display(), self.what, self.wanted);
        write!(f, "{path} is {what} and not {wanted}, so it is left alone")
    }
}

impl std::error::Error for Foreign {}

/// Fails when a folder on the way from `root` to `path` is none. What is not there is fine.
pub(super) fn expect_folders(root: &Path, path: &Path) -> Result<()> {
    let Ok(below) = path.strip_prefix(root) else {
        return Err(foreign(root, path, "outside of the store", "in it"));
    };
    let mut at = root.to_owned();
    for part in below.parent().into_iter().flatten() {
        at.push(part);
        match kind(&at)? {
            None => return Ok(()),
            Some(kind) if kind.is_dir() => {}
            Some(kind) => return Err(foreign(root, &at, name(kind), "a folder")),
        }
    }
    Ok(())
}

/// Fails when what lies at `path` is not a file of the store. That nothing does is fine.
pub(super) fn expect_file(root: &Path, path: &Path) -> Result<()> {
    expect_folders(root, path)?;
    match kind(path)? {
        Some(kind) if !kind.is_file() => Err(foreign(root, path, name(kind), "a file")),
        _ => Ok(()),
    }
}

fn foreign(
    root: &Path,
    path: &Path,
    what: &'static str,
    wanted: &'static str,
) -> object_store::Error {
    object_store::Error::Generic {
        store: super::STORE,
        source: Box::new(Foreign {
            path: path.strip_prefix(root).unwrap_or(path).to_owned(),
            what,
            wanted,
        }),
    }
}

fn kind(path: &Path) -> Result<Option<FileType>> {
    match path.symlink_metadata() {
        Ok(meta) => Ok(Some(meta.file_type())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(io_error(error)),
    }
}

fn name(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

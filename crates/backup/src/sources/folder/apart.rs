//! A store and the folder that is backed up into it must not lie in each other.

use std::path::{Path, PathBuf};

use super::facts::shown;
use super::source::FolderSource;
use crate::{Error, ErrorKind};

impl FolderSource {
    /// Fails when a store in this local folder, which need not exist yet, would be part of the
    /// backups in it, or the other way round. Links are followed first.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub fn expect_apart_from(&self, store: &Path) -> Result<(), Error> {
        let refused = |detail: &str| {
            let subject = format!("{} as a store", shown(store));
            Err(Error::new("use", subject, ErrorKind::InvalidInput, detail)
                .with_help("keep backups in a folder, or better on a disk, of their own"))
        };
        let (root, store) = (real(&self.root), real(store));
        if root.starts_with(&store) {
            return refused("the folder to back up is inside of it");
        }
        match store.strip_prefix(&root) {
            Ok(below) if !self.leaves_out(below) => refused(
                "it is inside of the folder to back up, so every backup would hold the others",
            ),
            _ => Ok(()),
        }
    }
}

/// Without links, as far as the path exists.
fn real(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for there in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(there)) {
            return real.join(rest);
        }
    }
    path
}

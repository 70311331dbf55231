use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};

use crate::{BackupId, Clock, Error, SystemClock};

/// Backups of databases in one folder of an object store.
///
/// Each is three files: `<id>/archive.pgdump.zst`, `<id>/manifest.json`, and `<id>/SHA256SUMS`
/// for `sha256sum -c`, which covers the other two.
#[derive(Clone, Debug)]
pub struct Vault {
    pub(super) store: Arc<dyn ObjectStore>,
    prefix: Path,
    pub(super) clock: Arc<dyn Clock>,
}

pub(super) const ARCHIVE: &str = "archive.pgdump.zst";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const EVIDENCE: &str = "evidence.json";
pub(super) const RESERVED: &str = "RESERVED";
pub(super) const SCRATCH: &str = "scratch";

impl Vault {
    /// Backups in the folder `prefix` of `store` (empty for its root). Use one folder per
    /// database, so that one's trouble is not another's.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, prefix: impl Into<Path>) -> Self {
        Self {
            store,
            prefix: prefix.into(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The same, by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    pub(super) fn root(&self) -> Path {
        self.prefix.clone()
    }

    pub(super) fn path(&self, id: &BackupId, file: &str) -> Path {
        self.prefix.clone().join(id.as_str()).join(file)
    }

    pub(super) async fn get(&self, path: &Path) -> Result<Bytes, Error> {
        let failed = |source| Error::store("read", path.to_string(), source);
        let result = self.store.get(path).await.map_err(failed)?;
        result.bytes().await.map_err(failed)
    }

    pub(super) async fn put(
        &self,
        path: &Path,
        bytes: Vec<u8>,
        mode: PutMode,
    ) -> Result<(), Error> {
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        self.store
            .put_opts(path, bytes.into(), options)
            .await
            .map(drop)
            .map_err(|source| Error::store("write", path.to_string(), source))
    }

    /// Deletes; what is not there is fine.
    pub(super) async fn delete(&self, path: &Path) -> Result<(), Error> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(Error::store("delete", path.to_string(), source)),
        }
    }

    /// Deletes all that a backup consists of. The manifest goes first, so that a backup is never
    /// listed with parts missing, and the reservation last, so that what is left is swept later.
    pub(super) async fn remove(&self, id: &BackupId) -> Result<(), Error> {
        for file in [MANIFEST, SUMS, EVIDENCE, ARCHIVE, RESERVED] {
            self.delete(&self.path(id, file)).await?;
        }
        Ok(())
    }
}

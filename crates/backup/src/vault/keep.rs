use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode, PutOptions};

use super::reservation::Live;
use crate::archive::Cipher;
use crate::stores::Store;
use crate::{BackupId, Clock, Error, ErrorKind, Format, SystemClock};

/// Backups of databases in one folder of an object store.
///
/// Each is a folder: the archive, such as `<id>/archive.pgdump.zst`; `RESTORE.md` and `restore.sh`,
/// which say and do how to restore it without this library; what else its source keeps, such as
/// `globals.sql`; `manifest.json`, which is never encrypted; and `SHA256SUMS` for `sha256sum -c`,
/// which covers the others. Beside them may lie `evidence.json`, what a later proof found, and
/// `KEEP`, a pin.
#[derive(Clone, Debug)]
pub struct Vault {
    pub(super) store: Store,
    prefix: Path,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) cipher: Option<Arc<dyn Cipher>>,
    pub(super) live: Live,
}

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SUMS: &str = "SHA256SUMS";
pub(super) const EVIDENCE: &str = "evidence.json";
/// Beside an encrypted archive: what the manifest of another one says itself.
pub(super) const FINGERPRINT: &str = "fingerprint.json";
pub(super) const KEEP: &str = "KEEP";
pub(super) const RESERVED: &str = "RESERVED";
pub(super) const SCRATCH: &str = "scratch";

impl Vault {
    /// Backups in the folder `prefix` of `store` (empty for its root). Use one folder per
    /// database, so that one's trouble is not another's.
    #[must_use]
    pub fn new(store: impl Into<Store>, prefix: impl Into<Path>) -> Self {
        Self {
            store: store.into(),
            prefix: prefix.into(),
            clock: Arc::new(SystemClock),
            cipher: None,
            live: Live::default(),
        }
    }

    /// The same, encrypting what is made from now on and decrypting what it has a key for.
    /// Backups that are not encrypted are read as before.
    #[cfg(feature = "encryption")]
    #[must_use]
    pub fn with_encryption(mut self, encryption: crate::Encryption) -> Self {
        self.cipher = Some(Arc::new(encryption));
        self
    }

    /// The same, by another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Whether there is a key for what is made from now on, as far as it needs one. That the key
    /// fits is shown by a backup's [`crate::Manifest::is_readable_here`].
    #[must_use]
    pub fn can_decrypt(&self) -> bool {
        self.cipher
            .as_ref()
            .is_none_or(|cipher| cipher.kept().is_some())
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

    /// Deletes all that a backup consists of, and no file that is not ours. The manifest goes
    /// first, so that a backup is never listed with parts missing, and the reservation last, so
    /// that what is left is swept later.
    pub(super) async fn remove(&self, id: &BackupId) -> Result<(), Error> {
        self.delete(&self.path(id, MANIFEST)).await?;
        self.end_uploads(id).await?;
        let mut names: Vec<String> = [SUMS, EVIDENCE, KEEP].map(str::to_owned).to_vec();
        // An upload that was cut off has a name, although a store may not list it.
        for format in Format::ALL {
            names.extend([format.file(false), format.file(true)]);
        }
        let folder = self.prefix.clone().join(id.as_str());
        for path in self.files(&folder).await? {
            names.extend(
                path.filename()
                    .filter(|n| is_companion(n))
                    .map(str::to_owned),
            );
        }
        let mut failure = None;
        for name in names {
            match self.delete(&self.path(id, &name)).await {
                Ok(()) => {}
                // What is not ours stays, and does not keep the rest.
                Err(error) if error.kind() == ErrorKind::Corrupt => {
                    failure.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) => Err(error),
            None => self.delete(&self.path(id, RESERVED)).await,
        }
    }
}

/// Names of the files that a source may keep beside its archive.
pub(super) fn is_companion(name: &str) -> bool {
    const OURS: &[&str] = &[
        "RESTORE.md",
        "restore.sh",
        FINGERPRINT,
        "globals.sql",
        "settings.sql",
    ];
    OURS.contains(&name.strip_suffix(".age").unwrap_or(name))
}

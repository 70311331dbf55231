use tokio::io::AsyncRead;

use super::keep::Vault;
use crate::{BackupId, Error, Progress, Stage};

impl Vault {
    /// The archive of a published backup as its source wrote it: decrypted and decompressed.
    ///
    /// Its end is reported only when all of it arrived and is what was written; anything else is
    /// an error of [`Error::reading_archive`]. So read to the end before relying on any of it.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `KeyMissing`, `StoreUnreachable`, `Store`.
    pub async fn read<'a>(
        &self,
        id: &BackupId,
        progress: &'a dyn Progress,
    ) -> Result<Box<dyn AsyncRead + Send + Unpin + 'a>, Error> {
        let manifest = self.manifest(id).await?;
        progress.stage(id, Stage::Reading);
        let reader = self.open(&self.kept(&manifest), progress).await?;
        Ok(Box::new(reader))
    }
}

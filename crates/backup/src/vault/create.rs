use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use object_store::PutMode;
use object_store::buffered::BufWriter;
use tokio::io::AsyncWriteExt as _;

use super::keep::{ARCHIVE, MANIFEST, SUMS, Vault};
use super::sums;
use crate::archive::ArchiveWriter;
use crate::manifest::{ArchiveInfo, Manifest, SCHEMA};
use crate::{BackupId, Error, ErrorKind, Level, Progress, Snapshot, Source, Stage};

/// Bytes gathered before a part is sent to the store; with [`PARTS`] the bound on memory.
const PART: usize = 8 * 1024 * 1024;
const PARTS: usize = 4;

/// How to make a backup.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// How much to prove before it is published.
    pub level: Level,
    /// What to find it by later: deployment, release, commit.
    pub labels: BTreeMap<String, String>,
    /// zstd's level, 1 to 19.
    pub compression: i32,
    /// After how long something unpublished is garbage although nobody knows whether its maker
    /// still lives, as on another host.
    pub abandoned_after: Duration,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self {
            level: Level::Content,
            labels: BTreeMap::new(),
            compression: 3,
            abandoned_after: Duration::from_secs(48 * 60 * 60),
        }
    }
}

impl Vault {
    /// Makes a backup, proves it, publishes it, and returns its manifest.
    ///
    /// Also removes what earlier runs left when they were killed.
    ///
    /// # Errors
    /// The source's; `Store` and `StoreUnreachable`; `Corrupt` when the store does not give back
    /// what was written; `Mismatch` when the copy does not restore to what the snapshot held.
    /// Then nothing is published, and what was written is removed.
    ///
    /// # Cancel safety
    /// Dropping the future publishes nothing; the next call removes what was written.
    pub async fn create(
        &self,
        source: &dyn Source,
        options: &CreateOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, Error> {
        if let Err(error) = self.sweep(source, options.abandoned_after).await {
            tracing::warn!(%error, "could not look for what earlier runs left");
        }
        let id = BackupId::new(self.clock.now(), rand::random());
        let reservation = self.reserve(&id, source).await?;
        progress.stage(&id, Stage::Reserved);
        match self.fill(&id, source, options, progress).await {
            Ok(manifest) => {
                progress.stage(&id, Stage::Published);
                // The backup exists; a leftover reservation is swept by the next one.
                if let Err(error) = reservation.release().await {
                    tracing::warn!(%id, %error, "could not remove a reservation");
                }
                Ok(manifest)
            }
            Err(error) => {
                match self.remove(&id).await {
                    Ok(()) => reservation.release().await?,
                    Err(left) => {
                        tracing::warn!(%id, error = %left, "could not remove a failed backup");
                    }
                }
                Err(error)
            }
        }
    }

    async fn fill(
        &self,
        id: &BackupId,
        source: &dyn Source,
        options: &CreateOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, Error> {
        let created = self.clock.now();
        progress.stage(id, Stage::Dumping);
        let (snapshot, archive) = self.dump(id, source, options.compression, progress).await?;
        let verification = self
            .prove(
                source,
                id,
                &archive,
                &snapshot.fingerprint,
                options.level,
                progress,
            )
            .await?;
        let manifest = Manifest {
            schema: SCHEMA,
            id: id.clone(),
            created,
            source: source.name().to_owned(),
            labels: options.labels.clone(),
            server: snapshot.server,
            archive,
            verification,
            writes: snapshot.writes,
            fingerprint: snapshot.fingerprint,
        };
        let bytes = manifest.to_bytes()?;
        let sums = sums::render(&manifest, &bytes).into_bytes();
        self.put(&self.path(id, SUMS), sums, PutMode::Create)
            .await?;
        self.put(&self.path(id, MANIFEST), bytes, PutMode::Create)
            .await?;
        Ok(manifest)
    }

    async fn dump(
        &self,
        id: &BackupId,
        source: &dyn Source,
        compression: i32,
        progress: &dyn Progress,
    ) -> Result<(Snapshot, ArchiveInfo), Error> {
        let path = self.path(id, ARCHIVE);
        let upload = BufWriter::with_capacity(Arc::clone(&self.store), path, PART)
            .with_max_concurrency(PARTS);
        let failed = |source: std::io::Error| {
            let detail = source.to_string();
            Error::new(
                "write",
                format!("the archive of {id}"),
                ErrorKind::Store,
                detail,
            )
            .with_source(source)
        };
        let mut writer = ArchiveWriter::new(upload, compression, progress).map_err(failed)?;
        match source.dump(&mut writer).await {
            Ok(snapshot) => {
                // A shutdown that fails has aborted the upload.
                writer.shutdown().await.map_err(failed)?;
                let (_, archive) = writer.into_parts(ARCHIVE);
                Ok((snapshot, archive))
            }
            Err(error) => {
                let (mut upload, _) = writer.into_parts(ARCHIVE);
                // Parts that were already sent would otherwise be stored, and paid for, for ever.
                if let Err(left) = upload.abort().await {
                    tracing::debug!(%id, error = %left, "could not abort an upload");
                }
                Err(error)
            }
        }
    }
}

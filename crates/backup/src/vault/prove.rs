//! Proving a copy, while it is made and afterwards.

use std::time::Instant;

use object_store::ObjectStoreExt as _;

use super::keep::{ARCHIVE, Vault};
use super::list::Evidence;
use crate::archive::ArchiveReader;
use crate::manifest::{ArchiveInfo, Verification};
use crate::{BackupId, Destination, Error, ErrorKind, Fingerprint, Level, Progress, Source, Stage};

/// How many differences an error names.
const NAMED: usize = 10;

impl Vault {
    /// Proves a published backup again, at this level, and records what was found: a copy that
    /// turns out bad fails the gate from then on.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` and `Mismatch` when the copy is bad; `ToolFailed` and the source's
    /// errors when that could not be found out; `StoreUnreachable`, `Store`.
    ///
    /// # Cancel safety
    /// A cancelled scratch restore is removed by the next [`Vault::create`].
    pub async fn verify(
        &self,
        source: &dyn Source,
        id: &BackupId,
        level: Level,
        progress: &dyn Progress,
    ) -> Result<Verification, Error> {
        let (manifest, manifest_sha256) = self.manifest_and_hash(id).await?;
        let result = self
            .prove(
                source,
                id,
                &manifest.archive,
                &manifest.fingerprint,
                level,
                progress,
            )
            .await;
        let failure = match &result {
            Ok(_) => None,
            Err(error) if error.condemns_the_copy() => Some(error.to_string()),
            Err(_) => return result,
        };
        let evidence = Evidence {
            at: self.clock.now(),
            level,
            manifest_sha256,
            failure,
        };
        let recorded = self.record(id, &evidence).await;
        // That the copy is bad matters more than that it could not be written down.
        let verification = result?;
        recorded?;
        Ok(verification)
    }

    pub(super) async fn prove(
        &self,
        source: &dyn Source,
        id: &BackupId,
        archive: &ArchiveInfo,
        fingerprint: &Fingerprint,
        level: Level,
        progress: &dyn Progress,
    ) -> Result<Verification, Error> {
        let mut verification = Verification {
            level,
            at: self.clock.now(),
            restore_seconds: None,
            harmless: Vec::new(),
            notes: Vec::new(),
        };
        if level < Level::Restored {
            progress.stage(id, Stage::Reading);
            let mut reader = self.open(id, archive, progress).await?;
            if level >= Level::Structure {
                source.inspect(&mut reader).await?;
            }
            reader
                .finish()
                .await
                .map_err(|error| Error::reading_archive(id.as_str(), error))?;
            return Ok(verification);
        }
        let database = format!("ripcord_scratch_{:016x}", rand::random::<u64>());
        let into = Destination::new(&database, format!("ripcord: scratch copy of backup {id}"));
        let reservation = self.reserve_scratch(&database, source).await?;
        let proved = self
            .prove_by_restoring(
                source,
                id,
                archive,
                fingerprint,
                &into,
                progress,
                &mut verification,
            )
            .await;
        match source.discard(&database).await {
            Ok(()) => reservation.release().await?,
            // The reservation stays, so that the next backup tries again.
            Err(error) => tracing::warn!(%database, %error, "could not drop a scratch database"),
        }
        proved?;
        Ok(verification)
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one step of `prove`, split off so that the scratch database is always dropped"
    )]
    async fn prove_by_restoring(
        &self,
        source: &dyn Source,
        id: &BackupId,
        archive: &ArchiveInfo,
        fingerprint: &Fingerprint,
        into: &Destination,
        progress: &dyn Progress,
        verification: &mut Verification,
    ) -> Result<(), Error> {
        progress.stage(id, Stage::Restoring);
        let begun = Instant::now();
        let report = self
            .restore_whole(source, id, archive, into, progress)
            .await?;
        verification.restore_seconds = Some(begun.elapsed().as_secs_f64());
        verification.harmless = report.harmless;
        if verification.level >= Level::Counts {
            progress.stage(id, Stage::Comparing);
            let restored = source.fingerprint_of(&into.database).await?;
            verification.notes = fingerprint.notes(&restored);
            compare(id, fingerprint, &restored, verification.level)?;
        }
        Ok(())
    }

    /// Restores, and fails unless every byte of the archive was read and is what was written.
    pub(super) async fn restore_whole(
        &self,
        source: &dyn Source,
        id: &BackupId,
        archive: &ArchiveInfo,
        into: &Destination,
        progress: &dyn Progress,
    ) -> Result<crate::RestoreReport, Error> {
        let mut reader = self.open(id, archive, progress).await?;
        let report = source.restore(&mut reader, into).await?;
        reader
            .finish()
            .await
            .map_err(|error| Error::reading_archive(id.as_str(), error))?;
        Ok(report)
    }

    pub(super) async fn open<'a>(
        &self,
        id: &BackupId,
        archive: &'a ArchiveInfo,
        progress: &'a dyn Progress,
    ) -> Result<ArchiveReader<'a>, Error> {
        let path = self.path(id, ARCHIVE);
        let result = self.store.get(&path).await.map_err(|source| {
            let error = Error::store("read", path.to_string(), source);
            if error.kind() == ErrorKind::NotFound {
                Error::new(
                    "read",
                    format!("backup {id}"),
                    ErrorKind::Corrupt,
                    "its archive is missing",
                )
            } else {
                error
            }
        })?;
        ArchiveReader::new(result.into_stream(), archive, progress)
            .map_err(|error| Error::reading_archive(id.as_str(), error))
    }
}

/// An error naming what differs, as far as this level looks.
pub(super) fn compare(
    id: &BackupId,
    expected: &Fingerprint,
    found: &Fingerprint,
    level: Level,
) -> Result<(), Error> {
    let differences: Vec<String> = expected
        .diff(found)
        .iter()
        .filter(|difference| difference.level() <= level)
        .map(ToString::to_string)
        .collect();
    if differences.is_empty() {
        return Ok(());
    }
    let more = differences.len().saturating_sub(NAMED);
    let mut detail = differences[..differences.len() - more].join("; ");
    if more > 0 {
        detail.push_str(&format!("; and {more} more"));
    }
    Err(Error::new(
        "verify",
        format!("backup {id}"),
        ErrorKind::Mismatch,
        detail,
    ))
}

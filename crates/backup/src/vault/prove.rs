//! Proving a copy, while it is made and afterwards.

use std::sync::Arc;
use std::time::Instant;

use object_store::ObjectStoreExt as _;
use tokio::io::AsyncReadExt as _;

use super::keep::{FINGERPRINT, Vault};
use super::list::Evidence;
use super::sums;
use crate::archive::{ArchiveReader, Arriving, Opener, Stream};
use crate::manifest::{ArchiveInfo, Compared, Expected, Verification};
use crate::{
    BackupId, CreateOptions, Destination, Error, ErrorKind, Fingerprint, Format, Level, Manifest,
    Progress, RestoreReport, Source, Stage,
};

/// How many differences an error names.
const NAMED: usize = 10;

/// A copy that lies in the store, and the key to it.
#[derive(Clone)]
pub(super) struct Kept<'a> {
    pub(super) id: &'a BackupId,
    pub(super) archive: &'a ArchiveInfo,
    pub(super) key: Key,
}

#[derive(Clone)]
pub(super) enum Key {
    NotNeeded,
    AtHand(Arc<dyn Opener>),
    Missing,
}

/// How far a proof goes.
#[derive(Clone, Debug)]
pub(super) struct Depth {
    pub(super) level: Level,
    /// Why not further, when more was asked for.
    pub(super) limited: Option<String>,
}

impl Depth {
    /// As far as was asked for.
    pub(super) fn of(level: Level) -> Self {
        Self {
            level,
            limited: None,
        }
    }

    /// No further than this.
    pub(super) fn at_most(self, level: Level, reason: &str) -> Self {
        if self.level <= level {
            return self;
        }
        Self {
            level,
            limited: Some(reason.to_owned()),
        }
    }
}

impl Vault {
    /// Proves a published backup again, at this level, and records what was found: a copy that
    /// turns out bad fails the gate from then on.
    ///
    /// Without a key an encrypted one is proven as `stored` only; the result says so.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` when this source does not read what the backup holds; `Corrupt`
    /// and `Mismatch` when the copy is bad; `KeyMissing`, `ToolFailed` and
    /// the source's errors when that could not be found out; `StoreUnreachable`, `Store`.
    ///
    /// # Cancel safety
    /// A cancelled scratch restore is removed by the next call, or the next [`Vault::create`].
    pub async fn verify(
        &self,
        source: &dyn Source,
        id: &BackupId,
        level: Level,
        progress: &dyn Progress,
    ) -> Result<Verification, Error> {
        let (manifest, manifest_sha256) = self.manifest_and_hash(id).await?;
        expect_readable(source, &manifest)?;
        if level >= Level::Restored {
            let after = CreateOptions::default().abandoned_after;
            if let Err(error) = self.sweep_scratch(source, after).await {
                tracing::warn!(%error, "could not look for what killed runs left");
            }
        }
        let result = self.verify_whole(source, manifest, level, progress).await;
        let (level, failure) = match &result {
            Ok(verification) => (verification.level, None),
            Err(error) if error.condemns_the_copy() => (level, Some(error.chain())),
            Err(_) => return result,
        };
        let evidence = Evidence {
            at: self.clock.now(),
            level,
            manifest_sha256,
            failure,
        };
        let recorded = self.record_about(id, &evidence).await;
        // That the copy is bad matters more than that it could not be written down.
        let verification = result?;
        recorded?;
        Ok(verification)
    }

    async fn verify_whole(
        &self,
        source: &dyn Source,
        manifest: Manifest,
        level: Level,
        progress: &dyn Progress,
    ) -> Result<Verification, Error> {
        self.check_companions(&manifest).await?;
        let manifest = self.unsealed(manifest).await?;
        let kept = self.kept(&manifest);
        let mut depth = Depth::of(level);
        // A key was at hand when it was made, so this limit is the source's.
        if let Some(reason) = &manifest.verification.limited {
            depth = depth.at_most(manifest.verification.level, reason);
        }
        let expected = manifest.expected();
        if expected.compared == Compared::Counts {
            let reason = "an older version hashed its rows in another way";
            depth = depth.at_most(Level::Counts, reason);
        }
        if matches!(kept.key, Key::Missing) {
            depth = depth.at_most(Level::Stored, "it is encrypted, and there is no key here");
        }
        self.prove(source, &kept, &expected, depth, progress).await
    }

    /// The small files beside the archive: who restores without this library relies on them.
    async fn check_companions(&self, manifest: &Manifest) -> Result<(), Error> {
        for file in &manifest.companions {
            let damaged = |detail: String| {
                let subject = format!("backup {}", manifest.id);
                Err(Error::new("read", subject, ErrorKind::Corrupt, detail))
            };
            match self.get(&self.path(&manifest.id, &file.file)).await {
                Ok(bytes) if sums::sha256(&bytes) == file.sha256 => {}
                Ok(_) => return damaged(format!("{} is not what was written", file.file)),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return damaged(format!("{} is missing", file.file));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// With what an encrypted backup does not say in its manifest, if there is a key.
    pub(super) async fn unsealed(&self, mut manifest: Manifest) -> Result<Manifest, Error> {
        let named = |file: &&crate::FileInfo| file.file.strip_suffix(".age") == Some(FINGERPRINT);
        let Some(file) = manifest.companions.iter().find(named).cloned() else {
            return Ok(manifest);
        };
        let Key::AtHand(opener) = self.kept(&manifest).key else {
            return Ok(manifest);
        };
        let id = manifest.id.clone();
        let corrupt = |detail: &str| {
            Error::new(
                "read the fingerprint of",
                format!("backup {id}"),
                ErrorKind::Corrupt,
                detail,
            )
        };
        let sealed = match self.get(&self.path(&manifest.id, &file.file)).await {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(corrupt("its file is missing"));
            }
            Err(error) => return Err(error),
        };
        if sums::sha256(&sealed) != file.sha256 {
            return Err(corrupt("its SHA-256 is not the one that was written"));
        }
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                key_missing(&id, "the key that was given does not open it")
            }
            _ => Error::reading_archive(id.as_str(), error),
        };
        let sealed: Stream<'_> = Box::new(std::io::Cursor::new(sealed));
        let mut opened = opener.open(sealed).await.map_err(failed)?;
        let mut bytes = Vec::new();
        opened.read_to_end(&mut bytes).await.map_err(failed)?;
        manifest.fingerprint = serde_json::from_slice(&bytes)
            .map_err(|source| corrupt("it is not a fingerprint").with_source(source))?;
        Ok(manifest)
    }

    /// A published copy, with whatever key there is.
    pub(super) fn kept<'a>(&self, manifest: &'a Manifest) -> Kept<'a> {
        let key = match (&manifest.encryption, &self.cipher) {
            (None, _) => Key::NotNeeded,
            (Some(_), Some(cipher)) => cipher.kept().map_or(Key::Missing, Key::AtHand),
            (Some(_), None) => Key::Missing,
        };
        Kept {
            id: &manifest.id,
            archive: &manifest.archive,
            key,
        }
    }

    pub(super) async fn prove(
        &self,
        source: &dyn Source,
        kept: &Kept<'_>,
        expected: &Expected<'_>,
        depth: Depth,
        progress: &dyn Progress,
    ) -> Result<Verification, Error> {
        let id = kept.id;
        let mut verification = Verification {
            level: depth.level,
            limited: depth.limited,
            opened_with: None,
            at: self.clock.now(),
            restore_seconds: None,
            harmless: Vec::new(),
            notes: Vec::new(),
        };
        let unreadable = |error| Error::reading_archive(id.as_str(), error);
        if depth.level == Level::Stored {
            progress.stage(id, Stage::Reading);
            let mut arriving = self.arriving(kept, progress).await?;
            arriving.finish().await.map_err(unreadable)?;
            return Ok(verification);
        }
        if let Key::AtHand(opener) = &kept.key {
            verification.opened_with = Some(opener.kind());
        }
        if depth.level == Level::Structure {
            progress.stage(id, Stage::Reading);
            let mut reader = self.open(kept, progress).await?;
            source.inspect(&mut reader).await?;
            reader.finish().await.map_err(unreadable)?;
            return Ok(verification);
        }
        let database = format!("ripcord_scratch_{:016x}", rand::random::<u64>());
        let purpose = format!("ripcord: scratch copy of backup {id}");
        let into = Destination::new(&database, purpose).briefly();
        let reservation = self.reserve_scratch(&database, source).await?;
        let proved = self
            .prove_by_restoring(source, kept, expected, &into, progress, &mut verification)
            .await;
        match source.discard(&database).await {
            Ok(()) => reservation.release().await?,
            // The reservation stays, so that the next backup tries again.
            Err(error) => tracing::warn!(%database, %error, "could not drop a scratch database"),
        }
        proved?;
        Ok(verification)
    }

    async fn prove_by_restoring(
        &self,
        source: &dyn Source,
        kept: &Kept<'_>,
        expected: &Expected<'_>,
        into: &Destination,
        progress: &dyn Progress,
        verification: &mut Verification,
    ) -> Result<(), Error> {
        progress.stage(kept.id, Stage::Restoring);
        let begun = Instant::now();
        let report = self.restore_whole(source, kept, into, progress).await?;
        verification.restore_seconds = Some(begun.elapsed().as_secs_f64());
        verification.harmless = report.harmless;
        if verification.level >= Level::Counts {
            progress.stage(kept.id, Stage::Comparing);
            let restored = source.fingerprint_of(&into.database).await?;
            verification.notes = expected.fingerprint.notes(&restored);
            compare(kept.id, expected, &restored, verification.level)?;
        }
        Ok(())
    }

    /// Restores, and fails unless every byte of the archive was read and is what was written.
    pub(super) async fn restore_whole(
        &self,
        source: &dyn Source,
        kept: &Kept<'_>,
        into: &Destination,
        progress: &dyn Progress,
    ) -> Result<RestoreReport, Error> {
        let mut reader = self.open(kept, progress).await?;
        let report = source.restore(&mut reader, into).await?;
        reader
            .finish()
            .await
            .map_err(|error| Error::reading_archive(kept.id.as_str(), error))?;
        Ok(report)
    }

    /// The archive as the source wrote it.
    pub(super) async fn open<'a>(
        &self,
        kept: &Kept<'_>,
        progress: &'a dyn Progress,
    ) -> Result<ArchiveReader<'a>, Error> {
        let opener = match &kept.key {
            Key::NotNeeded => None,
            Key::AtHand(opener) => Some(&**opener),
            Key::Missing => return Err(key_missing(kept.id, "no key was given")),
        };
        let arriving = self.arriving(kept, progress).await?;
        let mut all = arriving.clone();
        let opened = ArchiveReader::open(arriving, kept.archive.uncompressed_bytes, opener).await;
        match opened {
            Ok(reader) => Ok(reader),
            // A damaged header looks like a wrong key; the hash tells them apart.
            Err(error) => Err(match (all.finish().await, error.kind()) {
                (Err(damage), _) => Error::reading_archive(kept.id.as_str(), damage),
                (Ok(()), std::io::ErrorKind::PermissionDenied) => {
                    key_missing(kept.id, "the key that was given does not open it")
                }
                (Ok(()), _) => Error::reading_archive(kept.id.as_str(), error),
            }),
        }
    }

    /// The archive as it lies in the store.
    async fn arriving<'a>(
        &self,
        kept: &Kept<'_>,
        progress: &'a dyn Progress,
    ) -> Result<Arriving<'a>, Error> {
        let path = self.path(kept.id, &kept.archive.file);
        let result = self.store.get(&path).await.map_err(|source| {
            let error = Error::store("read", path.to_string(), source);
            if error.kind() == ErrorKind::NotFound {
                Error::new(
                    "read",
                    format!("backup {}", kept.id),
                    ErrorKind::Corrupt,
                    "its archive is missing",
                )
            } else {
                error
            }
        })?;
        Ok(Arriving::new(result.into_stream(), kept.archive, progress))
    }
}

/// An export holds rows without definitions, and a whole backup more than one table.
pub(super) fn expect_readable(source: &dyn Source, manifest: &Manifest) -> Result<(), Error> {
    let is_export = |format| format == Format::Extract;
    let (detail, help) = match (is_export(manifest.format), is_export(source.format())) {
        (true, false) => (
            "it is an export",
            "put it back instead; it was compared with its tables when it was made",
        ),
        (false, true) => ("it is not an export", "restore it instead"),
        _ => return Ok(()),
    };
    let subject = format!("backup {}", manifest.id);
    Err(Error::new("restore", subject, ErrorKind::InvalidInput, detail).with_help(help))
}

fn key_missing(id: &BackupId, detail: &str) -> Error {
    Error::new(
        "decrypt",
        format!("backup {id}"),
        ErrorKind::KeyMissing,
        detail,
    )
    .with_help("give the identity file that belongs to one of the recipients in its manifest.json, or its passphrase")
}

/// An error naming what differs, as far as this level looks.
pub(super) fn compare(
    id: &BackupId,
    expected: &Expected<'_>,
    found: &Fingerprint,
    level: Level,
) -> Result<(), Error> {
    let differences: Vec<String> = expected
        .differences(found, level)
        .iter()
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

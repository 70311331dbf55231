use std::collections::BTreeMap;
use std::time::Duration;

use object_store::PutMode;
use tokio::io::AsyncWriteExt as _;

use super::keep::{FINGERPRINT, MANIFEST, SUMS, Vault, is_companion};
use super::prove::{Depth, Kept, Key};
use super::{kit, sums};
use crate::archive::{ArchiveWriter, Outlet, Sealing};
use crate::manifest::{ArchiveInfo, Expected, FileInfo, Manifest, SCHEMA};
use crate::{BackupId, Companion, Error, ErrorKind, Level, Progress, Snapshot, Source, Stage};

/// What changes in a manifest once its copy was proven.
pub(super) type Complete<'a> = &'a (dyn Fn(&mut Manifest) + Sync);

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
    /// Makes a backup, proves it, publishes it, and returns its manifest; of an encrypted one with
    /// the whole fingerprint, of which the manifest that is kept says names and numbers only.
    ///
    /// Also removes what earlier runs left when they were killed.
    ///
    /// # Errors
    /// The source's; `Store` and `StoreUnreachable`; `Corrupt` when the store does not give back
    /// what was written; `NoSpace` when it would not fit; `Mismatch` when the copy does not restore
    /// to what the snapshot held. Then nothing is published, and what was written is removed.
    ///
    /// # Cancel safety
    /// Dropping the future publishes nothing; the next call removes what was written.
    pub async fn create(
        &self,
        source: &dyn Source,
        options: &CreateOptions,
        progress: &dyn Progress,
    ) -> Result<Manifest, Error> {
        self.create_as(source, options, progress, &|_| {}).await
    }

    /// The same, with a last word on the manifest.
    pub(super) async fn create_as(
        &self,
        source: &dyn Source,
        options: &CreateOptions,
        progress: &dyn Progress,
        complete: Complete<'_>,
    ) -> Result<Manifest, Error> {
        if let Err(error) = self.sweep(source, options.abandoned_after).await {
            tracing::warn!(%error, "could not look for what earlier runs left");
        }
        self.expect_room(source).await?;
        let id = BackupId::new(self.clock.now(), rand::random());
        let reservation = self.reserve(&id, source).await?;
        progress.stage(&id, Stage::Reserved);
        match self.fill(&id, source, options, progress, complete).await {
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
        complete: Complete<'_>,
    ) -> Result<Manifest, Error> {
        let created = self.clock.now();
        progress.stage(id, Stage::Dumping);
        let sealing = self.cipher.as_ref().map(|c| c.begin()).transpose()?;
        let sealing = sealing.as_deref();
        let (snapshot, archive) = self
            .dump(id, source, options.compression, sealing, progress)
            .await?;
        let kept = Kept {
            id,
            archive: &archive,
            key: match (sealing, &self.cipher) {
                (Some(sealing), Some(cipher)) => {
                    // With the key that stays, if there is one: that it opens is then proven too.
                    Key::AtHand(cipher.kept().unwrap_or_else(|| sealing.opener()))
                }
                _ => Key::NotNeeded,
            },
        };
        let mut depth = Depth::of(options.level);
        if let Some(cap) = &snapshot.cap {
            depth = depth.at_most(cap.level, &cap.reason);
        }
        let expected = Expected::of(&snapshot.fingerprint, &snapshot.scope);
        let mut verification = self
            .prove(source, &kept, &expected, depth, progress)
            .await?;
        verification.notes.extend(snapshot.notes);
        let mut manifest = Manifest {
            schema: SCHEMA,
            id: id.clone(),
            created,
            source: source.name().to_owned(),
            labels: options.labels.clone(),
            server: snapshot.server,
            format: source.format(),
            scope: snapshot.scope,
            encryption: self.cipher.as_ref().map(|cipher| cipher.info()),
            source_bytes: snapshot.source_bytes,
            archive,
            companions: Vec::new(),
            verification,
            writes: snapshot.writes,
            fingerprint: snapshot.fingerprint,
        };
        complete(&mut manifest);
        let mut whole = None;
        if sealing.is_some() {
            // Definitions hold code and comments, and a hash of few rows can be guessed.
            let content = serde_json::to_vec(&manifest.fingerprint).map_err(|source| {
                Error::new("write", "the fingerprint", ErrorKind::InvalidInput, "")
                    .with_source(source)
            })?;
            let file = FINGERPRINT.to_owned();
            let stored = self.keep(id, Companion { file, content }, sealing).await?;
            manifest.companions.push(stored);
            let outline = manifest.fingerprint.outline();
            whole = Some(std::mem::replace(&mut manifest.fingerprint, outline));
        }
        for companion in snapshot.companions {
            let stored = self.keep(id, companion, sealing).await?;
            manifest.companions.push(stored);
        }
        for companion in kit::of(&manifest) {
            let stored = self.keep(id, companion, None).await?;
            manifest.companions.push(stored);
        }
        let bytes = manifest.to_bytes()?;
        let sums = sums::render(&manifest, &bytes).into_bytes();
        self.put(&self.path(id, SUMS), sums, PutMode::Create)
            .await?;
        // A store that was taken away and came back empty would take the manifest all the same.
        let sizes = manifest.companions.iter().map(|f| (&f.file, f.bytes));
        let archive = (&manifest.archive.file, manifest.archive.bytes);
        for (file, bytes) in sizes.chain([archive]) {
            if self.length(&self.path(id, file)).await? != Some(bytes) {
                return Err(Error::new(
                    "publish",
                    format!("backup {id}"),
                    ErrorKind::Corrupt,
                    format!("{file} is not in the store any more"),
                ));
            }
        }
        self.put(&self.path(id, MANIFEST), bytes, PutMode::Create)
            .await?;
        // The caller has seen the database; only what is kept says less.
        if let Some(whole) = whole {
            manifest.fingerprint = whole;
        }
        Ok(manifest)
    }

    /// Stores a small file, encrypted if the archive is.
    async fn keep(
        &self,
        id: &BackupId,
        companion: Companion,
        sealing: Option<&dyn Sealing>,
    ) -> Result<FileInfo, Error> {
        let Companion { mut file, content } = companion;
        let failed = |detail: String| Error::new("store", &file, ErrorKind::InvalidInput, detail);
        if !is_companion(&file) {
            return Err(failed("this is not a name for a companion".to_owned()));
        }
        let content = match sealing {
            None => content,
            Some(sealing) => {
                let sealed = seal(sealing, &content).map_err(|e| failed(e.to_string()))?;
                file.push_str(".age");
                sealed
            }
        };
        let info = FileInfo {
            bytes: content.len() as u64,
            sha256: sums::sha256(&content),
            file,
        };
        self.put(&self.path(id, &info.file), content, PutMode::Create)
            .await?;
        Ok(info)
    }

    async fn dump(
        &self,
        id: &BackupId,
        source: &dyn Source,
        compression: i32,
        sealing: Option<&dyn Sealing>,
        progress: &dyn Progress,
    ) -> Result<(Snapshot, ArchiveInfo), Error> {
        let file = source.format().file(sealing.is_some());
        let mut writer = ArchiveWriter::new(self.upload(id, &file), compression, sealing, progress)
            .map_err(|source| unwritten(id, source))?;
        let dumped = source.dump_watched(&mut writer, progress).await;
        let shut = match &dumped {
            Ok(_) => writer.shutdown().await,
            Err(_) => Ok(()),
        };
        let (mut upload, archive) = writer.into_parts(&file);
        let error = match (dumped, shut) {
            (Ok(snapshot), Ok(())) => return Ok((snapshot, archive)),
            (Ok(_), Err(source)) => unwritten(id, source),
            (Err(error), _) => error,
        };
        // The store's own trouble says more than that writing failed.
        let error = upload.take_failure().unwrap_or(error);
        if let Err(left) = upload.abort().await {
            tracing::debug!(%id, error = %left, "could not abort an upload");
        }
        Err(error)
    }
}

fn unwritten(id: &BackupId, source: std::io::Error) -> Error {
    let detail = source.to_string();
    Error::new(
        "write",
        format!("the archive of {id}"),
        ErrorKind::Store,
        detail,
    )
    .with_source(source)
}

fn seal(sealing: &dyn Sealing, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let outlet = Outlet::default();
    let mut seal = sealing.seal(outlet.clone())?;
    std::io::Write::write_all(&mut seal, content)?;
    seal.finish()?;
    let mut sealed = Vec::new();
    outlet.drain_into(&mut sealed);
    Ok(sealed)
}

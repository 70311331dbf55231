use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, PutMode};
use serde::{Deserialize, Serialize};

use super::keep::{EVIDENCE, MANIFEST, SUMS, Vault};
use super::sums;
use crate::{BackupId, Error, ErrorKind, Level, Manifest};

/// How many manifests are read at once.
const AT_ONCE: usize = 8;

/// A published backup.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub id: BackupId,
    /// What is known about it.
    pub state: State,
}

/// What is known about a published backup.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Its manifest is whole.
    Good {
        /// The manifest.
        manifest: Box<Manifest>,
        /// The highest level proven, when it was made or since.
        level: Level,
    },
    /// Its manifest is whole, but its archive is not there, or a later verification condemned it.
    Failed {
        /// The manifest.
        manifest: Box<Manifest>,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Its manifest or checksum file is not what was written.
    Broken {
        /// Why.
        reason: String,
    },
    /// It has the name of a backup and is none, such as a link to somewhere else. It is neither
    /// followed nor deleted, and counts for nothing.
    Foreign {
        /// What it is.
        reason: String,
    },
}

/// What the last verification of a published backup found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Evidence {
    pub(super) at: Timestamp,
    pub(super) level: Level,
    /// Which manifest it speaks of.
    pub(super) manifest_sha256: String,
    /// Why the copy is bad, if it is.
    pub(super) failure: Option<String>,
}

/// What has the name of a backup.
struct Named {
    /// Folders, oldest first.
    backups: Vec<BackupId>,
    /// Anything else.
    foreign: Vec<BackupId>,
}

impl Vault {
    /// All published backups, oldest first; those that are broken too, and what only has the name of
    /// one.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store`.
    pub async fn list(&self) -> Result<Vec<Entry>, Error> {
        let named = self.named().await?;
        let mut entries: Vec<Entry> = futures::stream::iter(named.backups)
            .map(|id| async move {
                let state = self.state(&id).await?;
                Ok::<_, Error>(state.map(|state| Entry { id, state }))
            })
            .buffer_unordered(AT_ONCE)
            .try_filter_map(|entry| async move { Ok(entry) })
            .try_collect()
            .await?;
        entries.extend(named.foreign.into_iter().map(|id| Entry {
            id,
            state: State::Foreign {
                reason: "it is no folder, so it is left alone".to_owned(),
            },
        }));
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(entries)
    }

    /// The manifest of a published backup, checked against its checksum file.
    ///
    /// # Errors
    /// `NotFound`, `Corrupt`, `NewerSchema`, `StoreUnreachable`, `Store`.
    pub async fn manifest(&self, id: &BackupId) -> Result<Manifest, Error> {
        self.manifest_and_hash(id)
            .await
            .map(|(manifest, _)| manifest)
    }

    pub(super) async fn manifest_and_hash(
        &self,
        id: &BackupId,
    ) -> Result<(Manifest, String), Error> {
        let bytes = self.get(&self.path(id, MANIFEST)).await?;
        let manifest = Manifest::from_bytes(id, &bytes)?;
        let sums = match self.get(&self.path(id, SUMS)).await {
            Ok(sums) => sums,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(corrupt(id, "its checksum file is missing"));
            }
            Err(error) => return Err(error),
        };
        if sums != sums::render(&manifest, &bytes).as_bytes() {
            return Err(corrupt(id, "manifest and checksum file do not agree"));
        }
        Ok((manifest, sums::sha256(&bytes)))
    }

    /// `None` when it is not published.
    async fn state(&self, id: &BackupId) -> Result<Option<State>, Error> {
        let (manifest, hash) = match self.manifest_and_hash(id).await {
            Ok(found) => found,
            Err(error) => {
                return match error.kind() {
                    ErrorKind::NotFound => Ok(None),
                    ErrorKind::Corrupt | ErrorKind::NewerSchema => Ok(Some(State::Broken {
                        reason: error.chain(),
                    })),
                    _ => Err(error),
                };
            }
        };
        let level = manifest.verification.level;
        let manifest = Box::new(manifest);
        let failed = |manifest, reason| State::Failed {
            manifest,
            at: self.clock.now(),
            reason,
        };
        // Cheap to see, and without it nothing else counts.
        match self.length(&self.path(id, &manifest.archive.file)).await {
            Ok(length) if length == Some(manifest.archive.bytes) => {}
            Ok(_) => {
                let reason = "its archive is missing or has another length".to_owned();
                return Ok(Some(failed(manifest, reason)));
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return Ok(Some(failed(manifest, error.chain())));
            }
            Err(error) => return Err(error),
        }
        let evidence = match self.evidence(id, &hash).await {
            // What takes its place may hide that the copy was found to be bad.
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                return Ok(Some(failed(manifest, error.chain())));
            }
            evidence => evidence?,
        };
        Ok(Some(match evidence {
            Some(Evidence {
                at,
                failure: Some(reason),
                ..
            }) => State::Failed {
                manifest,
                at,
                reason,
            },
            Some(evidence) => State::Good {
                manifest,
                level: level.max(evidence.level),
            },
            None => State::Good { manifest, level },
        }))
    }

    async fn evidence(&self, id: &BackupId, manifest: &str) -> Result<Option<Evidence>, Error> {
        let bytes = match self.get(&self.path(id, EVIDENCE)).await {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // Evidence that cannot be read, or is about something else, is no evidence.
        let evidence: Option<Evidence> = serde_json::from_slice(&bytes).ok();
        Ok(evidence.filter(|evidence| evidence.manifest_sha256 == manifest))
    }

    /// Records what was found about a backup, unless it was deleted meanwhile.
    pub(super) async fn record_about(
        &self,
        id: &BackupId,
        evidence: &Evidence,
    ) -> Result<(), Error> {
        self.record(id, evidence).await?;
        if self.exists(&self.path(id, MANIFEST)).await? {
            return Ok(());
        }
        self.delete(&self.path(id, EVIDENCE)).await?;
        let detail = "it was deleted while it was being verified";
        Err(Error::new(
            "verify",
            format!("backup {id}"),
            ErrorKind::NotFound,
            detail,
        ))
    }

    async fn record(&self, id: &BackupId, evidence: &Evidence) -> Result<(), Error> {
        let bytes = serde_json::to_vec_pretty(evidence).map_err(|source| {
            Error::new("write", "the evidence", ErrorKind::InvalidInput, "").with_source(source)
        })?;
        self.put(&self.path(id, EVIDENCE), bytes, PutMode::Overwrite)
            .await
    }

    /// The folders that look like backups, published or not, oldest first.
    pub(super) async fn ids(&self) -> Result<Vec<BackupId>, Error> {
        Ok(self.named().await?.backups)
    }

    async fn named(&self) -> Result<Named, Error> {
        let root = self.root();
        let found = self
            .store
            .list_with_delimiter(Some(&root))
            .await
            .map_err(|source| Error::store("list", root.to_string(), source))?;
        let id = |path: &Path| path.filename()?.parse().ok();
        let mut backups: Vec<BackupId> = found.common_prefixes.iter().filter_map(id).collect();
        backups.sort();
        let objects = found.objects.iter().map(|object| &object.location);
        let mut foreign: Vec<BackupId> = objects.filter_map(id).collect();
        foreign.retain(|id| backups.binary_search(id).is_err());
        Ok(Named { backups, foreign })
    }

    pub(super) async fn files(&self, folder: &Path) -> Result<Vec<Path>, Error> {
        self.store
            .list(Some(folder))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(|source| Error::store("list", folder.to_string(), source))
    }

    pub(super) async fn exists(&self, path: &Path) -> Result<bool, Error> {
        Ok(self.length(path).await?.is_some())
    }

    pub(super) async fn length(&self, path: &Path) -> Result<Option<u64>, Error> {
        match self.store.head(path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(Error::store("look at", path.to_string(), source)),
        }
    }
}

fn corrupt(id: &BackupId, detail: &str) -> Error {
    Error::new("read", format!("backup {id}"), ErrorKind::Corrupt, detail)
}

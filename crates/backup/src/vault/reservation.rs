//! Who is at work on what, so that what a killed run leaves behind is recognised and removed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use object_store::PutMode;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use tokio::sync::RwLock;

use super::keep::{EVIDENCE, KEEP, MANIFEST, RESERVED, SCRATCH, Vault};
use crate::owner::Owner;
use crate::{BackupId, Error, ErrorKind, Source};

/// Written before the thing it stands for, removed after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    owner: Option<Owner>,
    source: String,
    at: Timestamp,
    /// The scratch database, for a claim on one.
    scratch: Option<String>,
    /// Which [`Live`] of the process keeps it.
    #[serde(default)]
    keeper: Option<u64>,
}

/// The claims that a vault and its clones hold right now. The process that made a claim may live
/// on long after it gave the claim up, and the store may have been away when it wanted to say so.
#[derive(Clone, Debug)]
pub(super) struct Live {
    keeper: u64,
    held: Arc<Mutex<BTreeSet<Path>>>,
    /// Read while a claim is being given up in the background, written while sweeping, so that a
    /// claim is not given up again after it was swept.
    giving_up: Arc<RwLock<()>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            keeper: rand::random(),
            held: Arc::default(),
            giving_up: Arc::default(),
        }
    }
}

impl Live {
    fn held(&self) -> MutexGuard<'_, BTreeSet<Path>> {
        self.held
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// A claim of the running process. Dropped without [`Reservation::release`], which happens when
/// a future is cancelled, it is given up in the background, and the next backup sweeps.
#[derive(Debug)]
pub(super) struct Reservation {
    vault: Vault,
    path: Path,
    claim: Option<Claim>,
}

impl Reservation {
    /// Lets go, after everything it stood for is either finished or gone.
    pub(super) async fn release(mut self) -> Result<(), Error> {
        self.vault.delete(&self.path).await?;
        self.claim = None;
        self.vault.live.held().remove(&self.path);
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let Some(mut claim) = self.claim.take() else {
            return;
        };
        self.vault.live.held().remove(&self.path);
        claim.owner = None;
        let (vault, path) = (self.vault.clone(), self.path.clone());
        let giving_up = Arc::clone(&vault.live.giving_up);
        if let (Ok(runtime), Ok(bytes), Ok(turn)) = (
            tokio::runtime::Handle::try_current(),
            serde_json::to_vec(&claim),
            giving_up.try_read_owned(),
        ) {
            runtime.spawn(async move {
                let _turn = turn;
                // At worst the claim is swept when it is old.
                if let Err(error) = vault.put(&path, bytes, PutMode::Overwrite).await {
                    tracing::debug!(%error, "could not give up a reservation");
                }
            });
        }
    }
}

impl Vault {
    pub(super) async fn reserve(
        &self,
        id: &BackupId,
        source: &dyn Source,
    ) -> Result<Reservation, Error> {
        self.claim(self.path(id, RESERVED), source.name(), None)
            .await
    }

    /// Claims a published backup in order to delete it, so that a deletion that is cut off is
    /// finished by the next sweep.
    pub(super) async fn reserve_published(
        &self,
        id: &BackupId,
        source: &str,
        after: Duration,
    ) -> Result<Reservation, Error> {
        let path = self.path(id, RESERVED);
        // What its maker could not remove any more.
        if self.abandoned(&path, after).await.is_some() {
            self.delete(&path).await?;
        }
        self.claim(path, source, None).await
    }

    pub(super) async fn reserve_scratch(
        &self,
        database: &str,
        source: &dyn Source,
    ) -> Result<Reservation, Error> {
        let path = self.root().join(SCRATCH).join(database);
        self.claim(path, source.name(), Some(database.to_owned()))
            .await
    }

    async fn claim(
        &self,
        path: Path,
        source: &str,
        scratch: Option<String>,
    ) -> Result<Reservation, Error> {
        let claim = Claim {
            owner: Some(Owner::current()),
            source: source.to_owned(),
            at: self.clock.now(),
            scratch,
            keeper: Some(self.live.keeper),
        };
        let bytes = serde_json::to_vec(&claim).map_err(|source| {
            Error::new("write", "a reservation", ErrorKind::InvalidInput, "").with_source(source)
        })?;
        self.live.held().insert(path.clone());
        if let Err(error) = self.put(&path, bytes, PutMode::Create).await {
            // It may be there all the same; then the next sweep finds that nobody holds it.
            self.live.held().remove(&path);
            return Err(error);
        }
        Ok(Reservation {
            vault: self.clone(),
            path,
            claim: Some(claim),
        })
    }

    /// Removes what killed runs left: unpublished backups, and scratch databases of this source.
    /// Trouble with one does not keep another from being removed.
    pub(super) async fn sweep(&self, source: &dyn Source, after: Duration) -> Result<(), Error> {
        let backups = self.sweep_backups(after).await;
        self.sweep_scratch(source, after).await?;
        backups
    }

    /// The same for scratch databases of this source alone.
    pub(super) async fn sweep_scratch(
        &self,
        source: &dyn Source,
        after: Duration,
    ) -> Result<(), Error> {
        let _turn = self.live.giving_up.write().await;
        let scratch = self.root().join(SCRATCH);
        self.clear(&scratch).await;
        for path in self.files(&scratch).await? {
            let Some(claim) = self.abandoned(&path, after).await else {
                continue;
            };
            if let Some(database) = claim
                .scratch
                .clone()
                .filter(|_| claim.source == source.name())
            {
                let swept = match source.discard(&database).await {
                    Ok(()) => self.delete(&path).await,
                    Err(error) => Err(error),
                };
                report(&database, &claim, swept);
            }
        }
        Ok(())
    }

    /// The same for backups alone: those that were never published, and files of one that is not
    /// there any more.
    pub(super) async fn sweep_backups(&self, after: Duration) -> Result<(), Error> {
        let _turn = self.live.giving_up.write().await;
        for id in self.ids().await? {
            let reserved = self.path(&id, RESERVED);
            match self.abandoned(&reserved, after).await {
                Some(claim) => {
                    let swept = self.sweep_claimed(&id).await;
                    report(&id, &claim, swept);
                }
                None => {
                    if let Err(error) = self.sweep_unclaimed(&id).await {
                        tracing::warn!(%id, %error, "could not remove what an earlier run left");
                    }
                }
            }
            self.clear(&self.root().join(id.as_str())).await;
        }
        Ok(())
    }

    async fn sweep_claimed(&self, id: &BackupId) -> Result<(), Error> {
        if self.exists(&self.path(id, MANIFEST)).await? {
            self.end_uploads(id).await?;
            return self.delete(&self.path(id, RESERVED)).await;
        }
        self.remove(id).await
    }

    /// What was written about a backup while somebody else deleted it.
    async fn sweep_unclaimed(&self, id: &BackupId) -> Result<(), Error> {
        // In this order: who publishes gives the reservation up last.
        if self.exists(&self.path(id, RESERVED)).await?
            || self.exists(&self.path(id, MANIFEST)).await?
        {
            return Ok(());
        }
        for about in [EVIDENCE, KEEP] {
            self.delete(&self.path(id, about)).await?;
        }
        Ok(())
    }

    /// Removes files of a folder that were never finished. Without them nothing is wrong.
    async fn clear(&self, folder: &Path) {
        let Some(leftovers) = self.store.leftovers.clone() else {
            return;
        };
        let at = folder.clone();
        let cleared = tokio::task::spawn_blocking(move || leftovers.clear(&at)).await;
        if let Ok(Err(error)) = cleared {
            tracing::warn!(%folder, %error, "could not remove what an earlier run left");
        }
    }

    /// The claim, if its owner is certainly gone or it is too old to be true.
    async fn abandoned(&self, path: &Path, after: Duration) -> Option<Claim> {
        let bytes = self.get(path).await.ok()?;
        let claim: Claim = serde_json::from_slice(&bytes).ok()?;
        let gone = claim.owner.as_ref().is_none_or(Owner::is_gone)
            || (claim.keeper == Some(self.live.keeper) && !self.live.held().contains(path));
        let age = self.clock.now().duration_since(claim.at);
        let old = age.unsigned_abs() > after && age.is_positive();
        (gone || old).then_some(claim)
    }
}

fn report(what: &dyn std::fmt::Display, claim: &Claim, swept: Result<(), Error>) {
    match swept {
        Ok(()) => tracing::info!(%what, since = %claim.at, "removed what an earlier run left"),
        Err(error) => tracing::warn!(%what, %error, "could not remove what an earlier run left"),
    }
}

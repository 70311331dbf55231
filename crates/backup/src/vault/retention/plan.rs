use std::fmt;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use serde::Serialize;

use super::Retention;
use super::decide::{Candidate, Decision, Standing, decide};
use crate::vault::keep::Vault;
use crate::vault::list::{Entry, State};
use crate::vault::sums;
use crate::{BackupId, Error, ErrorKind, Manifest};

/// How many pins are read at once.
const AT_ONCE: usize = 8;
/// After how long somebody else's claim on a published backup is no claim any more.
const CLAIM_LASTS: Duration = Duration::from_secs(48 * 60 * 60);

/// What pruning would do, one line for each published backup, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrunePlan {
    /// The lines.
    pub lines: Vec<PlanLine>,
    retention: Retention,
    source: String,
    now: Timestamp,
}

/// What becomes of one backup. `Display` is one line of text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanLine {
    /// Its name.
    pub id: BackupId,
    /// What, and why.
    #[serde(flatten)]
    pub decision: Decision,
    /// Tells whether it is still the backup that was decided about.
    #[serde(skip)]
    manifest: Option<String>,
}

impl fmt::Display for PlanLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.decision)
    }
}

impl PrunePlan {
    /// What would be deleted.
    pub fn deletions(&self) -> impl Iterator<Item = &PlanLine> {
        self.lines.iter().filter(|line| line.decision.deletes())
    }
}

impl fmt::Display for PrunePlan {
    /// A line for each backup.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// What pruning did. `Display` is what differs from the plan, a line each, and how many were deleted.
#[derive(Debug, Default)]
pub struct PruneReport {
    /// What was deleted.
    pub deleted: Vec<BackupId>,
    /// What was planned to be deleted and stays, with the reason.
    pub spared: Vec<(BackupId, String)>,
    /// What could not be deleted, or not wholly; the next backup removes what is left.
    pub failed: Vec<(BackupId, Error)>,
}

impl fmt::Display for PruneReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, reason) in &self.spared {
            writeln!(f, "{id} stays after all: {reason}")?;
        }
        for (id, error) in &self.failed {
            writeln!(f, "{id} is not deleted: failed to {}", error.chain())?;
        }
        writeln!(f, "{} deleted", self.deleted.len())
    }
}

impl Vault {
    /// Decides which backups of the source with this label go, and why each stays that stays.
    /// Changes nothing.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store`.
    pub async fn plan_prune(
        &self,
        retention: &Retention,
        source: &str,
        now: Timestamp,
    ) -> Result<PrunePlan, Error> {
        let candidates: Vec<(Candidate, Option<String>)> =
            futures::stream::iter(self.list().await?)
                .map(|entry| async move {
                    let pin = match entry.state {
                        State::Foreign { .. } => None,
                        _ => self.pinned(&entry.id).await?,
                    };
                    Ok::<_, Error>(candidate(entry, pin))
                })
                .buffered(AT_ONCE)
                .try_collect()
                .await?;
        let (candidates, manifests): (Vec<Candidate>, Vec<Option<String>>) =
            candidates.into_iter().unzip();
        let decisions = decide(&candidates, retention, source, now);
        let lines = candidates
            .into_iter()
            .zip(decisions)
            .zip(manifests)
            .map(|((candidate, decision), manifest)| PlanLine {
                id: candidate.id,
                decision,
                manifest,
            })
            .collect();
        Ok(PrunePlan {
            lines,
            retention: retention.clone(),
            source: source.to_owned(),
            now,
        })
    }

    /// Deletes what the plan says and no other backup; each after it was decided again, with what is
    /// known now. Trouble with one does not keep another from being deleted. Also removes what
    /// killed runs left of backups that were never published, or not wholly deleted.
    ///
    /// # Errors
    /// `StoreUnreachable`, `Store` when it cannot be decided again; then nothing was deleted.
    ///
    /// # Cancel safety
    /// What was not deleted yet stays; what was being deleted is not listed any more, and the next
    /// [`Vault::create`] removes the rest.
    pub async fn prune(&self, plan: &PrunePlan) -> Result<PruneReport, Error> {
        let today = self
            .plan_prune(&plan.retention, &plan.source, plan.now)
            .await?;
        if let Err(error) = self.sweep_backups(CLAIM_LASTS).await {
            tracing::warn!(%error, "could not look for what earlier runs left");
        }
        let mut report = PruneReport::default();
        for line in plan.deletions() {
            let id = line.id.clone();
            let Some(now) = today.lines.iter().find(|now| now.id == id) else {
                // Gone already.
                continue;
            };
            if !now.decision.deletes() {
                report.spared.push((id, now.decision.to_string()));
                continue;
            }
            if now.manifest != line.manifest {
                let reason = "it is not the backup that was decided about".to_owned();
                report.spared.push((id, reason));
                continue;
            }
            match self.delete_published(&id, &plan.source).await {
                Ok(None) => report.deleted.push(id),
                Ok(Some(reason)) => report.spared.push((id, reason)),
                Err(error) => report.failed.push((id, error)),
            }
        }
        Ok(report)
    }

    /// Says why not, if it does not.
    async fn delete_published(&self, id: &BackupId, source: &str) -> Result<Option<String>, Error> {
        let reservation = match self.reserve_published(id, source, CLAIM_LASTS).await {
            Ok(reservation) => reservation,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Some("somebody else is at work on it".to_owned()));
            }
            Err(error) => return Err(error),
        };
        // As late as can be: a deployment may want it since.
        let pin = self.pinned(id).await;
        match pin {
            Ok(None) => self.remove(id).await?,
            Ok(Some(reason)) => {
                reservation.release().await?;
                return Ok(Some(format!("pinned, {reason}")));
            }
            Err(error) => return Err(error),
        }
        reservation.release().await?;
        Ok(None)
    }
}

fn candidate(entry: Entry, pin: Option<String>) -> (Candidate, Option<String>) {
    let (standing, manifest) = match entry.state {
        State::Good { manifest, level } => known(&manifest, Some(level)),
        State::Failed { manifest, .. } => known(&manifest, None),
        State::Broken { .. } => (Standing::Broken, None),
        State::Foreign { .. } => (Standing::Foreign, None),
    };
    let candidate = Candidate {
        id: entry.id,
        standing,
        pin,
    };
    (candidate, manifest)
}

fn known(manifest: &Manifest, proven: Option<crate::Level>) -> (Standing, Option<String>) {
    let standing = Standing::Known {
        created: manifest.created,
        source: manifest.source.clone(),
        system: manifest.server.system_identifier.clone(),
        scope: manifest.scope.clone(),
        labels: manifest.labels.clone(),
        proven,
    };
    let bytes = manifest.to_bytes().ok();
    (standing, bytes.map(|bytes| sums::sha256(&bytes)))
}

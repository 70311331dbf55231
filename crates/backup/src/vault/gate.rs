use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keep::Vault;
use super::list::State;
use crate::shown::Age;
use crate::{BackupId, ErrorKind, Level, Manifest, Scope};

/// A backup that claims to be from further in the future than this was stamped by a clock that
/// cannot be trusted.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// What a backup has to be like for something dangerous to begin.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Freshness {
    /// Its age at most.
    pub max_age: Duration,
    /// How much has to be proven about it.
    pub min_level: Level,
    /// Only backups with this source label count.
    pub source: Option<String>,
    /// Only backups of this cluster count.
    pub system_identifier: Option<String>,
}

impl Freshness {
    /// Any source's backup of at most this age, proven to at least this level.
    #[must_use]
    pub fn new(max_age: Duration, min_level: Level) -> Self {
        Self {
            max_age,
            min_level,
            source: None,
            system_identifier: None,
        }
    }

    fn speaks_of(&self, manifest: &Manifest) -> bool {
        // A part of a database is no copy to go back to.
        manifest.scope == Scope::Full
            && self
                .source
                .as_ref()
                .is_none_or(|source| *source == manifest.source)
            && self
                .system_identifier
                .as_ref()
                .is_none_or(|id| manifest.server.system_identifier.as_ref() == Some(id))
    }
}

/// Whether there is a good enough backup. Everything but `Ok` means no.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum GateAnswer {
    /// There is.
    Ok {
        /// Its name.
        id: BackupId,
        /// What is proven about it.
        level: Level,
        /// Its age, in seconds.
        age_seconds: f64,
        /// How long restoring it took when it was proven.
        restore_seconds: Option<f64>,
    },
    /// There is none at all.
    None,
    /// The newest is too old.
    Stale {
        /// Its name.
        id: BackupId,
        /// Its age, in seconds.
        age_seconds: f64,
    },
    /// The newest is not proven enough.
    Unverified {
        /// Its name.
        id: BackupId,
        /// What is proven about it.
        level: Level,
    },
    /// The newest is known to be bad.
    Failed {
        /// Its name.
        id: BackupId,
        /// Why.
        reason: String,
    },
    /// Nobody knows, because the store does not answer.
    StoreUnreachable {
        /// Why.
        reason: String,
    },
}

impl GateAnswer {
    /// Whether the answer is yes.
    #[must_use]
    pub fn allows(&self) -> bool {
        matches!(self, GateAnswer::Ok { .. })
    }
}

impl fmt::Display for GateAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GateAnswer::Ok {
                id,
                level,
                age_seconds,
                restore_seconds,
            } => {
                let age = Age::of_seconds(*age_seconds);
                write!(f, "ok: backup {id}, proven at level {level}, {age} old")?;
                match restore_seconds {
                    Some(seconds) => write!(f, ", restores in {seconds:.1} s"),
                    None => Ok(()),
                }
            }
            GateAnswer::None => f.write_str("no: there is no backup"),
            GateAnswer::Stale { id, age_seconds } => {
                let age = Age::of_seconds(*age_seconds);
                write!(f, "no: the newest backup {id} is {age} old")
            }
            GateAnswer::Unverified { id, level } => write!(
                f,
                "no: the newest backup {id} is only proven at level {level}"
            ),
            GateAnswer::Failed { id, reason } => {
                write!(f, "no: the newest backup {id} is bad: {reason}")
            }
            GateAnswer::StoreUnreachable { reason } => {
                write!(f, "no: the store does not answer: failed to {reason}")
            }
        }
    }
}

impl Vault {
    /// Asks whether the newest backup is good enough. Never an error: not knowing is an answer.
    pub async fn gate(&self, wanted: &Freshness) -> GateAnswer {
        let entries = match self.list().await {
            Ok(entries) => entries,
            Err(error) => return unreachable(&error),
        };
        let newest = entries.into_iter().rev().find(|entry| match &entry.state {
            State::Good { manifest, .. } | State::Failed { manifest, .. } => {
                wanted.speaks_of(manifest)
            }
            // Whose it was cannot be known, so it counts as ours.
            State::Broken { .. } => true,
            State::Foreign { .. } => false,
        });
        let Some(newest) = newest else {
            return GateAnswer::None;
        };
        let id = newest.id;
        let (manifest, level) = match newest.state {
            State::Good { manifest, level } => (manifest, level),
            State::Failed { reason, .. } | State::Broken { reason } | State::Foreign { reason } => {
                return GateAnswer::Failed { id, reason };
            }
        };
        match self.length(&self.path(&id, &manifest.archive.file)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => return unreachable(&error),
            Ok(Some(length)) if length == manifest.archive.bytes => {}
            _ => {
                let reason = "its archive is missing or has another length".to_owned();
                return GateAnswer::Failed { id, reason };
            }
        }
        let age = self.clock.now().duration_since(manifest.created);
        if age.is_negative() && age.unsigned_abs() > SKEW {
            let reason = "it was made in the future, so its age is not known".to_owned();
            return GateAnswer::Failed { id, reason };
        }
        let age_seconds = age.as_secs_f64().max(0.0);
        if age_seconds > wanted.max_age.as_secs_f64() {
            return GateAnswer::Stale { id, age_seconds };
        }
        if level < wanted.min_level {
            return GateAnswer::Unverified { id, level };
        }
        GateAnswer::Ok {
            id,
            level,
            age_seconds,
            restore_seconds: manifest.verification.restore_seconds,
        }
    }
}

fn unreachable(error: &crate::Error) -> GateAnswer {
    GateAnswer::StoreUnreachable {
        reason: error.chain(),
    }
}

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What runs, resolved once and journaled: an immutable map from service to directory, commit, digest or ARN.
///
/// `label` is what the user typed; two releases are the same release when `id` is the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Release {
    /// The stable identity, which the running instances report (`X-Release: <id>`).
    pub id: String,
    /// What the user typed (`v3`, a tag). For people only.
    pub label: String,
    /// What runs per service, in the backend's own terms.
    pub parts: BTreeMap<String, String>,
}

impl Release {
    /// A release of one service.
    #[must_use]
    pub fn single(
        id: impl Into<String>,
        service: impl Into<String>,
        part: impl Into<String>,
    ) -> Self {
        let id = id.into();
        Self {
            label: id.clone(),
            id,
            parts: BTreeMap::from([(service.into(), part.into())]),
        }
    }
}

impl PartialEq for Release {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Release {}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

/// What a backend sees right now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Observed {
    /// What the configuration of the host says should run (where `current` points), if it says anything.
    pub desired: Option<Release>,
    /// What the instances themselves say is running.
    pub running: Running,
}

impl Observed {
    /// Whether `release` is both what should run and what proves to run.
    #[must_use]
    pub fn is(&self, release: &Release) -> bool {
        self.desired.as_ref() == Some(release) && self.running.proves(release)
    }

    /// The release to come back to: the one that should run. That another one answers is found out before.
    #[must_use]
    pub fn previous(&self) -> Option<Release> {
        self.desired.clone()
    }
}

/// The answer of the instances themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Running {
    /// Every instance asked answered with this release.
    Proved {
        /// The id the instances reported.
        release: String,
    },
    /// Nobody answered, or nobody can be asked, or they disagree.
    Unknown {
        /// Why, in plain words.
        reason: String,
    },
}

impl Running {
    /// Whether the instances proved that `release` runs.
    #[must_use]
    pub fn proves(&self, release: &Release) -> bool {
        matches!(self, Self::Proved { release: id } if *id == release.id)
    }
}

impl fmt::Display for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proved { release } => write!(f, "{release} (proved by its own answer)"),
            Self::Unknown { reason } => write!(f, "unknown: {reason}"),
        }
    }
}

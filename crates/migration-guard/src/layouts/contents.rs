use crate::Migration;
#[cfg(feature = "postgres")]
use crate::{Layout, Repeats, status::Recorded};

/// All that a folder holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    /// Oldest first.
    pub(crate) migrations: Vec<Migration>,
    /// Files that stand for all up to their version where nothing is applied yet; oldest first.
    pub(crate) baselines: Vec<Migration>,
}

impl From<Vec<Migration>> for Contents {
    fn from(migrations: Vec<Migration>) -> Self {
        Self {
            migrations,
            baselines: Vec::new(),
        }
    }
}

impl Contents {
    /// The chain from its first file: the newest baseline only where the files before it are gone.
    pub(super) fn chain(mut self, before: fn(&Migration, &Migration) -> bool) -> Vec<Migration> {
        if let Some(baseline) = self.baselines.pop()
            && !self.migrations.iter().any(|m| before(m, &baseline))
        {
            self.migrations.insert(0, baseline);
        }
        self.migrations
    }

    /// What counts for a database in which `recorded` is applied.
    #[cfg(feature = "postgres")]
    pub(crate) fn for_database(mut self, layout: Layout, recorded: &Recorded) -> Vec<Migration> {
        let wanted = match &recorded.baseline {
            Some(version) => self.baselines.iter().position(|b| b.version == *version),
            None if recorded.is_empty() => self.baselines.len().checked_sub(1),
            None => None,
        };
        let baseline = wanted.map(|at| self.baselines.swap_remove(at));
        let from = match (&baseline, &recorded.baseline) {
            (Some(file), _) => &file.version,
            (None, Some(version)) => version,
            (None, None) => return self.migrations,
        };
        let after = |m: &Migration| {
            m.repeats == Repeats::WhenChanged
                || layout.compare(&m.version, from).is_gt()
                || recorded.baseline.is_some() && recorded.find(&m.version).is_some()
        };
        let kept: Vec<Migration> = self.migrations.into_iter().filter(|m| after(m)).collect();
        baseline.into_iter().chain(kept).collect()
    }
}

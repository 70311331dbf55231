use crate::layouts::checksum::{Fits, fits};
use crate::{Applied, AppliedAs, Layout, Migration, Problem, ProblemKind, Repeats, Status};

/// What a state table says, whichever tool's it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    /// Oldest first; what repeats comes last.
    pub(crate) applied: Vec<Applied>,
    /// Versions with the mark of an interrupted run.
    pub(crate) dirty: Vec<String>,
    /// Those of them whose way back was interrupted.
    pub(crate) reverting: Vec<String>,
    /// The newest baseline: all up to it counts as applied.
    #[cfg(feature = "postgres")]
    pub(crate) baseline: Option<String>,
}

impl Recorded {
    pub(crate) fn find(&self, version: &str) -> Option<&Applied> {
        self.applied.iter().find(|a| a.version == version)
    }

    /// Whether no run and no baseline has left a row.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_empty(&self) -> bool {
        self.newest().is_none() && self.dirty.is_empty()
    }

    /// The newest applied version, leaving out what repeats.
    pub(crate) fn newest(&self) -> Option<&Applied> {
        let mut versions = self.applied.iter().rev();
        versions.find(|a| a.applied_as != AppliedAs::Repeatable)
    }

    /// Whether nothing is left to do for `migration`.
    pub(crate) fn covers(&self, layout: Layout, migration: &Migration) -> bool {
        match (self.find(&migration.version), migration.repeats) {
            (Some(_), Repeats::Never) => true,
            (Some(row), Repeats::WhenChanged) => fits_row(layout, migration, row) == Fits::Yes,
            (None, _) => false,
        }
    }

    /// The newest applied version, if `migration` should have come before it.
    pub(crate) fn overtook(&self, layout: Layout, migration: &Migration) -> Option<&str> {
        use crate::migration::Place;
        if migration.native.place == Place::Anywhere || migration.repeats == Repeats::WhenChanged {
            return None;
        }
        let newest = self.newest()?.version.as_str();
        let later = layout.compare(newest, &migration.version).is_gt();
        later.then_some(newest)
    }
}

pub(crate) fn fits_row(layout: Layout, migration: &Migration, row: &Applied) -> Fits {
    row.checksum
        .as_ref()
        .map_or(Fits::Yes, |recorded| fits(layout, migration, recorded))
}

/// Puts a workspace and a state table side by side.
pub(crate) fn status(layout: Layout, all: Vec<Migration>, mut recorded: Recorded) -> Status {
    let mut problems = Vec::new();
    let mut say = |kind, version: &str, explanation: String| {
        problems.push(Problem {
            kind,
            version: version.to_owned(),
            explanation,
        });
    };
    for version in &recorded.dirty {
        let what = match recorded.reverting.contains(version) {
            true => "the way back",
            false => "a run",
        };
        say(
            ProblemKind::Dirty,
            version,
            format!("{what} of version {version} was interrupted or failed half-way"),
        );
    }
    for row in &recorded.applied {
        let version = &row.version;
        let migration = all.iter().find(|m| m.version == *version);
        match (migration, row.applied_as) {
            (None, AppliedAs::Baseline) => {}
            (None, _) => say(
                ProblemKind::Missing,
                version,
                format!("version {version} is applied, and this release does not hold it"),
            ),
            (Some(migration), AppliedAs::Version | AppliedAs::Baseline) => {
                if let Some(why) = edited(layout, migration, row) {
                    say(ProblemKind::Edited, version, why);
                }
            }
            // It runs again when it was edited.
            (Some(_), AppliedAs::Repeatable) => {}
        }
    }
    for row in recorded.applied.iter_mut().filter(|row| row.name.is_none()) {
        let file = all.iter().find(|m| m.version == row.version);
        row.name = file.map(|m| m.name.clone()).filter(|name| !name.is_empty());
    }
    let mut pending = Vec::new();
    for migration in all {
        if recorded.covers(layout, &migration) {
            continue;
        }
        if let Some(newest) = recorded.overtook(layout, &migration) {
            say(
                ProblemKind::OutOfOrder,
                &migration.version,
                format!(
                    "version {} is pending and older than {newest}, which is applied",
                    migration.version
                ),
            );
        }
        pending.push(migration);
    }
    Status {
        pending,
        applied: recorded.applied,
        problems,
    }
}

/// Why the file is not what was applied, if it is not.
pub(crate) fn edited(layout: Layout, migration: &Migration, row: &Applied) -> Option<String> {
    let file = migration.up.display();
    let version = &row.version;
    match fits_row(layout, migration, row) {
        Fits::Yes => None,
        Fits::But(why) => Some(format!(
            "{file} says the same as what was applied as version {version}, but {why}"
        )),
        Fits::No => Some(format!(
            "{file} is not what was applied as version {version}"
        )),
    }
}

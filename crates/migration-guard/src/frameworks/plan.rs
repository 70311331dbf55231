//! What may come up or down, and in which order.

use crate::frameworks::FrameworkMigrator;
use crate::frameworks::answer::{Conflict, Known, Looked};
use crate::{Direction, Error, ErrorKind, Migration, Workspace, revert_plan};

impl FrameworkMigrator {
    /// Every migration of the project, in the order of the graph. Only those named have their SQL.
    ///
    /// # Errors
    /// As [`Migrator::status`](crate::Migrator::status).
    pub async fn read(
        &self,
        workspace: &Workspace,
        with_sql: &[String],
    ) -> Result<Vec<Migration>, Error> {
        let session = self.open().await?;
        let looked = self.look(&session, workspace, with_sql, false).await?;
        Ok(looked.migrations(self.framework()))
    }

    /// As [`revert_plan`](crate::revert_plan): which applied migrations must come down, newest
    /// first, so that `target` is the newest one left; `None` means that nothing stays.
    ///
    /// # Errors
    /// As [`revert_plan`](crate::revert_plan) and [`Migrator::status`](crate::Migrator::status);
    /// [`Conflict`](ErrorKind::Conflict) while the history has several heads.
    pub async fn revert_plan(
        &self,
        workspace: &Workspace,
        target: Option<&str>,
    ) -> Result<Vec<Migration>, Error> {
        let session = self.open().await?;
        let status = self
            .look(&session, workspace, &[], false)
            .await?
            .status(self.framework());
        let keep = match target {
            None => Some(0),
            Some(version) => {
                let at = status.applied.iter().position(|a| a.version == version);
                at.map(|at| at + 1)
            }
        };
        let down = status.applied.iter().skip(keep.unwrap_or_default());
        let down: Vec<String> = down.map(|a| a.version.clone()).collect();
        let looked = self.look(&session, workspace, &down, false).await?;
        if keep.is_some() {
            self.no_conflict(&looked, Direction::Down)?;
            for version in down.iter().rev() {
                reversible(looked.find(version))?;
            }
        }
        let all = looked.migrations(self.framework());
        revert_plan(workspace, &all, &status, target)
    }

    fn no_conflict(&self, looked: &Looked, direction: Direction) -> Result<(), Error> {
        if looked.conflicts.is_empty() {
            return Ok(());
        }
        let operation = match direction {
            Direction::Up => "go on with",
            Direction::Down => "go back with",
        };
        let all: Vec<String> = looked.conflicts.iter().map(Conflict::told).collect();
        Err(
            Error::new(ErrorKind::Conflict, operation, self.framework().as_str())
                .because(all.join("; "))
                .with_help(Conflict::remedy(self.framework())),
        )
    }

    pub(super) fn may_run(
        &self,
        looked: &Looked,
        known: &Known,
        direction: Direction,
    ) -> Result<(), Error> {
        self.no_conflict(looked, direction)?;
        let out_of_order = |operation, why: String, help: &str| {
            Err(Error::new(ErrorKind::OutOfOrder, operation, &known.version)
                .because(why)
                .with_help(help))
        };
        match direction {
            Direction::Up => {
                let mut parents = known.parents.iter();
                let missing = parents.find(|p| looked.find(p).is_none_or(|p| p.pending));
                match missing {
                    Some(parent) => out_of_order(
                        "apply version",
                        format!("{parent} is pending before it"),
                        "apply the pending versions in order",
                    ),
                    None => Ok(()),
                }
            }
            Direction::Down => {
                reversible(Some(known))?;
                let above = looked.migrations.iter();
                let above: Vec<&str> = above
                    .filter(|m| !m.pending && m.parents.contains(&known.version))
                    .map(|m| m.version.as_str())
                    .collect();
                if above.is_empty() {
                    return Ok(());
                }
                out_of_order(
                    "revert version",
                    format!("{} depends on it and is applied", above.join(", ")),
                    "take those back first",
                )
            }
        }
    }
}

fn reversible(known: Option<&Known>) -> Result<(), Error> {
    let Some((known, why)) = known.and_then(|k| Some((k, k.irreversible.as_ref()?))) else {
        return Ok(());
    };
    Err(
        Error::new(ErrorKind::Irreversible, "revert version", &known.version)
            .because(why)
            .with_help("restore a backup, or write the way back"),
    )
}

//! What is known once a run is over, however it ended.

use std::time::{Duration, Instant};

use crate::layouts::checksum::Fits;
use crate::layouts::contents::Contents;
use crate::postgres::execute::Job;
use crate::postgres::left::{self, Before};
use crate::postgres::runner::EDITED;
use crate::postgres::session::{Session, failed};
use crate::postgres::{PostgresMigrator, state};
use crate::status::{Recorded, edited, fits_row};
use crate::{
    Applied, AppliedAs, Direction, Error, ErrorKind, Migration, Outcome, Problem, ProblemKind,
    RunEvent, Workspace,
};

impl PostgresMigrator {
    /// Runs it, and finds out what came of it: from the state table, and where the connection
    /// broke from a new session.
    pub(super) async fn carry_out(
        &self,
        job: &Job<'_>,
        mut session: Session,
    ) -> Result<Outcome, Error> {
        let began = Instant::now();
        let look = |e| failed("look at what is unfinished on", session_label(self), &e);
        let before = left::before(&session.client).await.map_err(look)?;
        match job.run(&mut session).await {
            Ok(took) => {
                if !self.is_recorded(job, &session).await? {
                    return Err(self.not_shown(job));
                }
                Ok(Outcome::Applied {
                    seconds: took.as_secs_f64(),
                    left: before.left_since(&session.client).await.map_err(look)?,
                })
            }
            Err(error) if error.kind() == ErrorKind::Connection => {
                drop(session);
                self.after_break(job, &before, began, error).await
            }
            Err(error) => {
                let limit = Duration::from_secs(10);
                let left = before.left_since(&session.client);
                if let Ok(Ok(left)) = tokio::time::timeout(limit, left).await
                    && !left.is_empty()
                {
                    let version = job.migration.version.clone();
                    job.observer.event(&RunEvent::Left { version, left }).await;
                }
                Err(error)
            }
        }
    }

    /// Whether COMMIT arrived is known to the server alone. Its old session has ended when ours
    /// has the lock.
    async fn after_break(
        &self,
        job: &Job<'_>,
        before: &Before,
        began: Instant,
        error: Error,
    ) -> Result<Outcome, Error> {
        let deadline = Instant::now() + self.options().reconnect_wait;
        let session = loop {
            match self.locked().await {
                Ok(session) => break session,
                Err(again)
                    if again.kind() == ErrorKind::Connection && Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(_) => return Err(error.and("what was applied could not be found out")),
            }
        };
        let recorded = state::read(self.layout(), &session.client, job.all).await?;
        let version = &job.migration.version;
        if recorded.dirty.contains(version) {
            return Err(error.and("it is marked as interrupted"));
        }
        let applied = recorded.find(version).is_some();
        if applied == (job.direction == Direction::Up) {
            let left = before.left_since(&session.client).await;
            return Ok(Outcome::Applied {
                seconds: began.elapsed().as_secs_f64(),
                left: left.unwrap_or_default(),
            });
        }
        Err(error
            .and("nothing of it was done")
            .with_help("run it again"))
    }

    async fn is_recorded(&self, job: &Job<'_>, session: &Session) -> Result<bool, Error> {
        let recorded = state::read(self.layout(), &session.client, job.all).await?;
        let applied = recorded.find(&job.migration.version).is_some();
        let clean = !recorded.dirty.contains(&job.migration.version);
        Ok(clean && applied == (job.direction == Direction::Up))
    }

    fn not_shown(&self, job: &Job<'_>) -> Error {
        let table = self.layout().state_table();
        Error::new(
            ErrorKind::Database,
            "record version",
            &job.migration.version,
        )
        .because(format!("it ran to its end, and {table} does not show that"))
        .with_help(format!(
            "see what else writes {table}: a trigger, a rule, another session"
        ))
    }

    /// Adds the ways back that were recorded and have no file.
    pub(super) fn add_ways_back(&self, contents: &mut Contents, workspace: &Workspace) {
        let all = &mut contents.migrations;
        for way in workspace.ways_back() {
            if all.iter().any(|m| m.version == way.version) {
                continue;
            }
            let later = |m: &Migration| self.layout().compare(&m.version, &way.version).is_gt();
            let at = all.iter().position(later).unwrap_or(all.len());
            all.insert(at, way.to_migration());
        }
    }

    /// The migration as it was applied, where that is not what its file says now: from the way
    /// back that was recorded. `None` where the file will do.
    pub(super) fn as_applied(
        &self,
        migration: &Migration,
        row: &Applied,
        workspace: &Workspace,
    ) -> Result<Option<Migration>, Error> {
        let Some(why) = self.why_edited(migration, row, workspace) else {
            return Ok(None);
        };
        let recorded = workspace.way_back(&row.version);
        let fits = |checksum: &String| row.checksum.as_ref().is_none_or(|row| row == checksum);
        match recorded.filter(|way| fits(&way.checksum)) {
            Some(way) => Ok(Some(way.to_migration())),
            None => Err(Error::new(ErrorKind::Edited, "revert version", &row.version)
                .because(why)
                .with_help(
                    "put the file back as it was applied, or give the way back that was recorded",
                )),
        }
    }

    /// Nothing goes on over an applied version whose file was edited: the edit would never run.
    pub(super) fn unedited(
        &self,
        all: &[Migration],
        recorded: &Recorded,
        workspace: &Workspace,
    ) -> Result<(), Error> {
        for row in &recorded.applied {
            let migration = all.iter().find(|m| m.version == row.version);
            if let Some(why) = migration.and_then(|m| self.why_edited(m, row, workspace)) {
                let version = &row.version;
                return Err(Error::new(ErrorKind::Edited, "go on past version", version)
                    .because(why)
                    .with_help(EDITED));
            }
        }
        Ok(())
    }

    /// Edited files that the state table alone does not show.
    pub(super) fn edited_ways(
        &self,
        all: &[Migration],
        recorded: &Recorded,
        workspace: &Workspace,
    ) -> Vec<Problem> {
        let rows = recorded.applied.iter().filter(|row| row.checksum.is_none());
        let found = rows.filter_map(|row| {
            let migration = all.iter().find(|m| m.version == row.version)?;
            Some(Problem {
                kind: ProblemKind::Edited,
                version: row.version.clone(),
                explanation: self.why_edited(migration, row, workspace)?,
            })
        });
        found.collect()
    }

    /// Why the file is not what was applied. Line ends do not count here.
    fn why_edited(
        &self,
        migration: &Migration,
        row: &Applied,
        workspace: &Workspace,
    ) -> Option<String> {
        if row.applied_as == AppliedAs::Repeatable {
            return None;
        }
        if fits_row(self.layout(), migration, row) == Fits::No {
            return edited(self.layout(), migration, row);
        }
        let mut row = row.clone();
        if row.checksum.is_none() {
            row.checksum = Some(workspace.way_back(&row.version)?.checksum.clone());
        }
        if fits_row(self.layout(), migration, &row) == Fits::No {
            return edited(self.layout(), migration, &row);
        }
        None
    }
}

fn session_label(migrator: &PostgresMigrator) -> String {
    migrator.conninfo().to_string()
}

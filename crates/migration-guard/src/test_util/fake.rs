use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::revert::way_back;
use crate::sql::Script;
use crate::status::{Recorded, status};
use crate::{
    Applied, Direction, Error, ErrorKind, Layout, Migration, Migrator, Outcome, Repair, Resolution,
    StatementState, Status, Step, StepObserver, Transactional, WayBack, Workspace,
};

/// A migrator without a database: reads real folders (or is given migrations), remembers what is
/// applied, runs no SQL, and fails where it is told to.
#[derive(Debug)]
pub struct FakeMigrator {
    layout: Layout,
    given: Option<Vec<Migration>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What is applied, with the checksum it had, and what was interrupted.
    recorded: Recorded,
    faults: BTreeMap<String, Fault>,
    calls: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Fail(ErrorKind),
    Interrupt(usize),
}

impl FakeMigrator {
    /// Reads the workspaces it is called with.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            given: None,
            state: Mutex::default(),
        }
    }

    /// Has these migrations, whatever workspace it is called with.
    pub fn with_migrations(migrations: Vec<Migration>) -> Self {
        Self {
            given: Some(migrations),
            ..Self::new(Layout::Sqlx)
        }
    }

    /// The next `up` or `down` of `version` fails with `kind` before anything is done.
    pub fn fail_next(&self, version: &str, kind: ErrorKind) {
        self.lock()
            .faults
            .insert(version.to_owned(), Fault::Fail(kind));
    }

    /// The next `up` or `down` of `version` breaks off after `statements` statements, as if the
    /// process had been killed: a transaction leaves nothing, anything else a mark.
    pub fn interrupt_next(&self, version: &str, statements: usize) {
        self.lock()
            .faults
            .insert(version.to_owned(), Fault::Interrupt(statements));
    }

    /// The calls so far, such as `up 7`.
    pub fn calls(&self) -> Vec<String> {
        self.lock().calls.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self, workspace: &Workspace) -> Result<Vec<Migration>, Error> {
        match &self.given {
            Some(given) => Ok(given.clone()),
            None => self.layout.read(workspace),
        }
    }

    async fn run(
        &self,
        workspace: &Workspace,
        version: &str,
        direction: Direction,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let all = self.all(workspace)?;
        let migration = find(&all, version)?;
        let (operation, word) = match direction {
            Direction::Up => ("apply version", "up"),
            Direction::Down => ("revert version", "down"),
        };
        let fault = {
            let mut state = self.lock();
            state.calls.push(format!("{word} {version}"));
            if let Some(dirty) = state.recorded.dirty.first() {
                return Err(Error::new(ErrorKind::Dirty, "go on past version", dirty));
            }
            let applied = state.recorded.find(&migration.version);
            if applied.is_some() == (direction == Direction::Up) {
                let recorded = applied.and_then(|a| a.checksum.as_ref());
                return match recorded {
                    Some(checksum) if *checksum != migration.checksum => {
                        Err(Error::new(ErrorKind::Edited, operation, version))
                    }
                    _ => Ok(Outcome::Already),
                };
            }
            state.faults.remove(version)
        };
        let script = match direction {
            Direction::Up => Script::parse(&migration.up, &migration.up_sql)?,
            Direction::Down => way_back(migration)?,
        };
        self.in_order(&all, migration, direction)?;
        if let (Direction::Up, Some(way)) = (direction, WayBack::of(migration)) {
            let told = observer.way_back(&way).await;
            told.map_err(|e| Error::new(ErrorKind::Stopped, operation, version).with_source(e))?;
        }
        if let Some(Fault::Fail(kind)) = fault {
            return Err(Error::new(kind, operation, version).because("the test asked for it"));
        }
        let transaction = match direction {
            Direction::Up => migration.transaction,
            Direction::Down => migration.down_transaction,
        };
        let total = script.statements().len();
        for (index, statement) in script.statements().iter().enumerate() {
            if matches!(fault, Some(Fault::Interrupt(after)) if after == index) {
                self.interrupt(migration, transaction);
                return Err(Error::new(ErrorKind::Connection, operation, version)
                    .because("the test asked for it"));
            }
            let step = Step {
                version: version.to_owned(),
                direction,
                index,
                total,
                summary: statement.summary(120),
                transaction,
            };
            let told = match observer.before(&step).await {
                Ok(()) => observer.after(&step).await,
                refused => refused,
            };
            if let Err(error) = told {
                self.interrupt(migration, transaction);
                return Err(Error::new(ErrorKind::Stopped, operation, version).with_source(error));
            }
        }
        let applied = &mut self.lock().recorded.applied;
        match direction {
            Direction::Up => {
                let mut row = Applied::new(version);
                row.checksum = Some(migration.checksum.clone());
                applied.push(row);
                applied.sort_by(|a, b| self.layout.compare(&a.version, &b.version));
            }
            Direction::Down => applied.retain(|a| a.version != version),
        }
        Ok(Outcome::Applied {
            seconds: 0.0,
            left: Vec::new(),
        })
    }

    fn interrupt(&self, migration: &Migration, transaction: Transactional) {
        if transaction == Transactional::No {
            let recorded = &mut self.lock().recorded;
            recorded.applied.retain(|a| a.version != migration.version);
            recorded.dirty.push(migration.version.clone());
        }
    }

    fn in_order(
        &self,
        all: &[Migration],
        migration: &Migration,
        direction: Direction,
    ) -> Result<(), Error> {
        let recorded = &self.lock().recorded;
        let wrong = match direction {
            Direction::Up => {
                let before =
                    |m: &&Migration| self.layout.compare(&m.version, &migration.version).is_lt();
                recorded.overtook(self.layout, migration).is_some()
                    || all
                        .iter()
                        .filter(before)
                        .any(|m| !recorded.covers(self.layout, m))
            }
            Direction::Down => {
                let newest = recorded.newest().map(|a| a.version.as_str());
                newest != Some(migration.version.as_str())
            }
        };
        if wrong {
            return Err(Error::new(
                ErrorKind::OutOfOrder,
                "run version",
                &migration.version,
            ));
        }
        Ok(())
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Migrator for FakeMigrator {
    fn name(&self) -> &str {
        "fake"
    }

    async fn status(&self, workspace: &Workspace) -> Result<Status, Error> {
        let all = self.all(workspace)?;
        Ok(status(self.layout, all, self.lock().recorded.clone()))
    }

    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        self.run(workspace, version, Direction::Up, observer).await
    }

    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        self.run(workspace, version, Direction::Down, observer)
            .await
    }

    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let all = self.all(workspace)?;
        let migration = find(&all, version)?;
        let state = self.lock();
        Ok(if state.recorded.dirty.contains(&migration.version) {
            Resolution::Partial {
                statements: vec![StatementState::NotDone],
                repair: Repair::Undo { sql: Vec::new() },
                mark: None,
            }
        } else if state.recorded.find(version).is_some() {
            Resolution::Applied
        } else {
            Resolution::NotApplied
        })
    }

    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let all = self.all(workspace)?;
        find(&all, version)?;
        self.lock().recorded.dirty.retain(|v| v != version);
        self.resolve(workspace, version).await
    }
}

fn find<'a>(all: &'a [Migration], version: &str) -> Result<&'a Migration, Error> {
    all.iter()
        .find(|m| m.version == version)
        .ok_or_else(|| Error::new(ErrorKind::UnknownVersion, "find version", version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Unobserved;

    #[tokio::test]
    async fn faults_happen_once_and_an_interruption_leaves_a_mark() {
        let mut one = Migration::new("1", "a", "1_a.up.sql", "CREATE TABLE a (b int);");
        one.transaction = Transactional::No;
        let fake = FakeMigrator::with_migrations(vec![one]);
        let w = Workspace::new("nowhere");
        fake.fail_next("1", ErrorKind::LockTimeout);
        let failed = fake.up(&w, "1", &Unobserved).await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::LockTimeout);
        fake.interrupt_next("1", 0);
        fake.up(&w, "1", &Unobserved).await.unwrap_err();
        let refused = fake.up(&w, "1", &Unobserved).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Dirty);
        assert_eq!(fake.repair(&w, "1").await.unwrap(), Resolution::NotApplied);
        fake.up(&w, "1", &Unobserved).await.unwrap();
        assert_eq!(fake.resolve(&w, "1").await.unwrap(), Resolution::Applied);
    }
}

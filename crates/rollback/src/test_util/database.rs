use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::plan::{Assessment, PendingMigration, Reason};
use crate::{
    BackupPurpose, BackupRecord, Database, Error, ErrorKind, Release, Resolution, Run, SchemaState,
    Tag,
};

/// A database in memory: a list of applied migrations, with fault injection.
#[derive(Clone, Debug, Default)]
pub struct FakeDatabase(Arc<Mutex<State>>);

/// What a [`FakeDatabase`] holds.
#[derive(Debug, Default)]
pub struct State {
    /// Applied versions, oldest first.
    pub applied: Vec<String>,
    /// What each release brings: its id and its migrations.
    pub brings: Vec<(String, Vec<PendingMigration>)>,
    /// Every changing call in order.
    pub calls: Vec<String>,
    /// Calls that fail, each once, such as `up 2`.
    pub failing: Vec<String>,
    /// Why the old release may refuse to start with a newer history.
    pub start_check: Option<String>,
    /// Whether downs leave something behind, so that the schema is not the one before.
    pub leaky: bool,
    /// What leaky downs left.
    pub left: Vec<String>,
    /// The server goes away for good after this call.
    pub gone_after: Option<String>,
    /// Whether it is away.
    pub gone: bool,
    /// The applied versions as the newest backup holds them.
    pub backed_up: Vec<String>,
    /// Whether backups are encrypted to a key that is not here.
    pub sealed: bool,
}

impl FakeDatabase {
    /// Has these versions applied.
    #[must_use]
    pub fn with_applied(versions: &[&str]) -> Self {
        let fake = Self::default();
        fake.state().applied = versions.iter().map(|v| (*v).to_owned()).collect();
        fake
    }

    /// A release brings a migration on top.
    #[must_use]
    pub fn bringing(self, release: &str, migration: PendingMigration) -> Self {
        self.state()
            .brings
            .push((release.to_owned(), vec![migration]));
        self
    }

    /// Makes the next such call fail, once: `up 2`, `down 2`, `backup`.
    #[must_use]
    pub fn failing_at(self, call: &str) -> Self {
        self.state().failing.push(call.to_owned());
        self
    }

    /// The state, to look at and to change.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.gone {
            return Err(Error::new("reach", "the fake", ErrorKind::Unreachable));
        }
        Ok(state)
    }

    fn call(&self, call: &str) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.reach()?;
        state.calls.push(call.to_owned());
        if state.gone_after.as_deref() == Some(call) {
            state.gone = true;
        }
        if let Some(at) = state.failing.iter().position(|f| f == call) {
            state.failing.remove(at);
            return Err(Error::new("do", call, ErrorKind::Database).because("it was told to fail"));
        }
        Ok(state)
    }
}

/// A migration that only adds, with a down.
#[must_use]
pub fn additive(version: &str) -> PendingMigration {
    PendingMigration {
        version: version.into(),
        name: format!("{version}_adds"),
        irreversible: None,
        not_additive: None,
        losses: Vec::new(),
    }
}

#[async_trait]
impl Database for FakeDatabase {
    async fn assess(&self, to: &Release) -> Result<Assessment, Error> {
        let state = self.state();
        Ok(Assessment {
            pending: state
                .brings
                .iter()
                .filter(|(release, _)| *release == to.id)
                .flat_map(|(_, migrations)| migrations.clone())
                .filter(|m| !state.applied.contains(&m.version))
                .collect(),
            start_check: state.start_check.clone(),
            ..Assessment::default()
        })
    }

    async fn assess_return(&self, extra: &[(String, Release)]) -> Result<Assessment, Error> {
        let state = self.state();
        Ok(Assessment {
            pending: state
                .brings
                .iter()
                .flat_map(|(_, migrations)| migrations.clone())
                .filter(|m| extra.iter().any(|(version, _)| *version == m.version))
                .collect(),
            start_check: state.start_check.clone(),
            ..Assessment::default()
        })
    }

    async fn state(&self) -> Result<SchemaState, Error> {
        let state = self.reach()?;
        let applied = state.applied.clone();
        let schema = [applied.clone(), state.left.clone()].concat().join(",");
        Ok(SchemaState { applied, schema })
    }

    async fn back_up(&self, purpose: BackupPurpose, _: &Run) -> Result<BackupRecord, Error> {
        let mut state = self.call("backup")?;
        if purpose == BackupPurpose::BeforeMigrating {
            state.backed_up = state.applied.clone();
        }
        Ok(BackupRecord {
            id: "backup-1".into(),
            level: "content".into(),
            restore_seconds: None,
            readable: !state.sealed,
        })
    }

    async fn fresh_backup(&self) -> Result<BackupRecord, Reason> {
        if self.state().calls.iter().any(|c| c == "backup") {
            return Ok(BackupRecord {
                id: "backup-1".into(),
                level: "content".into(),
                restore_seconds: None,
                readable: true,
            });
        }
        Err(Reason::new("backup_none", "there is no backup"))
    }

    async fn up(&self, _: &Release, version: &str, _: &Run) -> Result<(), Error> {
        let mut state = self.call(&format!("up {version}"))?;
        if !state.applied.iter().any(|v| v == version) {
            state.applied.push(version.to_owned());
        }
        Ok(())
    }

    async fn down(&self, _: &Release, version: &str, _: &Run) -> Result<(), Error> {
        let mut state = self.call(&format!("down {version}"))?;
        state.applied.retain(|v| v != version);
        if state.leaky {
            state.left.push(format!("an index of {version}"));
        }
        Ok(())
    }

    async fn resolve(&self, _: &Release, version: &str, _: &Run) -> Result<Resolution, Error> {
        Ok(if self.reach()?.applied.iter().any(|v| v == version) {
            Resolution::Applied
        } else {
            Resolution::NotApplied
        })
    }

    async fn restore(&self, backup: &str, _: &Run) -> Result<(), Error> {
        let mut state = self.call(&format!("restore {backup}"))?;
        state.applied = state.backed_up.clone();
        state.left.clear();
        Ok(())
    }

    async fn end_sessions(&self, _: &[String], _: &Tag) -> Result<u32, Error> {
        Ok(0)
    }
}

use async_trait::async_trait;
use ripcord_conninfo::Conninfo;

use crate::postgres::execute::Job;
use crate::postgres::session::{Session, failed};
use crate::postgres::state::{self, Recorded};
use crate::postgres::{OutOfOrder, RunOptions, settle};
use crate::revert::way_back;
use crate::sql::Script;
use crate::status::status;
use crate::{
    Direction, Error, ErrorKind, Layout, Migration, Migrator, Outcome, Resolution, Status,
    StepObserver, Transactional, Workspace,
};

/// Runs migrations on PostgreSQL.
///
/// Each call opens its own session, which holds our advisory lock and the tool's own for as long
/// as it lasts, so neither two of us nor one of us and the service's start-up migrator overlap.
/// Dropping a future ends the running statement on the server.
#[derive(Clone, Debug)]
pub struct PostgresMigrator {
    conninfo: Conninfo,
    layout: Layout,
    options: RunOptions,
    name: String,
}

impl PostgresMigrator {
    /// A migrator for one database; nothing is connected before it is used.
    pub fn new(conninfo: Conninfo, layout: Layout, options: RunOptions) -> Self {
        let name = format!("{layout} on {conninfo}");
        Self {
            conninfo,
            layout,
            options,
            name,
        }
    }

    /// The layout it reads and records.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    pub(super) fn conninfo(&self) -> &Conninfo {
        &self.conninfo
    }

    pub(super) fn options(&self) -> &RunOptions {
        &self.options
    }

    async fn locked(&self) -> Result<Session, Error> {
        let mut session = Session::open(&self.conninfo, &self.options).await?;
        let tool = state::tool_lock(self.layout, &session.client).await?;
        session.lock(tool, self.options.runner_wait).await?;
        Ok(session)
    }

    fn find<'a>(
        &self,
        all: &'a [Migration],
        version: &str,
        w: &Workspace,
    ) -> Result<&'a Migration, Error> {
        all.iter().find(|m| m.version == version).ok_or_else(|| {
            Error::new(ErrorKind::UnknownVersion, "find version", version)
                .because(format!("{} does not hold it", w.path().display()))
                .with_help("versions are written without leading zeros")
        })
    }

    /// What must hold before anything is run.
    fn may_apply(
        &self,
        migration: &Migration,
        all: &[Migration],
        recorded: &Recorded,
    ) -> Result<(), Error> {
        clean(recorded)?;
        if self.options.out_of_order == OutOfOrder::Allow {
            return Ok(());
        }
        let refuse = |why: String, help: &str| {
            Err(
                Error::new(ErrorKind::OutOfOrder, "apply version", &migration.version)
                    .because(why)
                    .with_help(help),
            )
        };
        let newest = recorded.applied.last();
        if let Some(newest) = newest.filter(|a| number(&a.version) > migration.number()) {
            return refuse(
                format!("the newer version {} is already applied", newest.version),
                "give it a later version, or allow out of order",
            );
        }
        let before = all
            .iter()
            .find(|m| m.number() < migration.number() && !recorded.is_applied(&m.version));
        match before {
            Some(before) => refuse(
                format!("version {} is pending before it", before.version),
                "apply the pending versions in order",
            ),
            None => Ok(()),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Migrator for PostgresMigrator {
    fn name(&self) -> &str {
        &self.name
    }

    async fn status(&self, workspace: &Workspace) -> Result<Status, Error> {
        let all = self.layout.read(workspace)?;
        let session = Session::open(&self.conninfo, &self.options).await?;
        let recorded = state::read(self.layout, &session.client, &all).await?;
        Ok(status(all, recorded.applied, &recorded.dirty))
    }

    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let all = self.layout.read(workspace)?;
        let migration = self.find(&all, version, workspace)?;
        let script = Script::parse(&migration.up, &migration.up_sql)?;
        fits_transaction(&script, migration.transaction)?;
        let mut session = self.locked().await?;
        let recorded = state::read(self.layout, &session.client, &all).await?;
        if let Some(applied) = recorded.applied.iter().find(|a| a.version == version) {
            return match &applied.checksum {
                Some(checksum) if *checksum != migration.checksum => {
                    Err(Error::new(ErrorKind::Edited, "apply version", version)
                        .because("it is applied, and its file has changed since")
                        .with_help("restore the file, and write the change as a new migration"))
                }
                _ => Ok(Outcome::Already),
            };
        }
        self.may_apply(migration, &all, &recorded)?;
        session
            .execute(state::create(self.layout))
            .await
            .map_err(|e| failed("make the state table for", self.name.clone(), &e))?;
        let job = Job {
            layout: self.layout,
            migration,
            all: &all,
            script: &script,
            direction: Direction::Up,
            transaction: migration.transaction,
            options: &self.options,
            observer,
        };
        let took = job.run(&mut session).await?;
        Ok(Outcome::Applied {
            seconds: took.as_secs_f64(),
        })
    }

    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let all = self.layout.read(workspace)?;
        let migration = self.find(&all, version, workspace)?;
        let mut session = self.locked().await?;
        let recorded = state::read(self.layout, &session.client, &all).await?;
        clean(&recorded)?;
        if !recorded.is_applied(version) {
            return Ok(Outcome::Already);
        }
        let script = way_back(migration)?;
        fits_transaction(&script, migration.down_transaction)?;
        if let Some(newest) = recorded.applied.last().filter(|a| a.version != version) {
            return Err(Error::new(ErrorKind::OutOfOrder, "revert version", version)
                .because(format!("the newer version {} is applied", newest.version))
                .with_help("take the newer ones back first"));
        }
        let job = Job {
            layout: self.layout,
            migration,
            all: &all,
            script: &script,
            direction: Direction::Down,
            transaction: migration.down_transaction,
            options: &self.options,
            observer,
        };
        let took = job.run(&mut session).await?;
        Ok(Outcome::Applied {
            seconds: took.as_secs_f64(),
        })
    }

    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let all = self.layout.read(workspace)?;
        let migration = self.find(&all, version, workspace)?;
        let mut session = self.locked().await?;
        settle::resolve(&mut session, self.layout, migration, &all).await
    }

    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let all = self.layout.read(workspace)?;
        let migration = self.find(&all, version, workspace)?;
        let mut session = self.locked().await?;
        settle::repair(&mut session, self.layout, migration, &all).await
    }
}

fn number(version: &str) -> i64 {
    version.parse().unwrap_or(-1)
}

fn clean(recorded: &Recorded) -> Result<(), Error> {
    match recorded.dirty.first() {
        None => Ok(()),
        Some(version) => Err(Error::new(ErrorKind::Dirty, "go on past version", version)
            .because("a run of it was interrupted")
            .with_help("find out what it did before anything else runs: `ripcord resume` does, or `Migrator::resolve` and `repair`")),
    }
}

/// A statement that a transaction refuses is found before anything is run.
fn fits_transaction(script: &Script, transaction: Transactional) -> Result<(), Error> {
    match script.non_transactional() {
        Some(statement) if transaction == Transactional::Yes => Err(Error::of_file(
            ErrorKind::Unsupported,
            "run in a transaction",
            script.path(),
        )
        .at(statement.line(), statement.column())
        .because(format!(
            "the server refuses `{}` there",
            statement.summary(60)
        ))
        .with_help("make `-- no-transaction` the first line of a file of its own")),
        _ => Ok(()),
    }
}

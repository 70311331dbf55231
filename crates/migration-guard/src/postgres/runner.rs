use async_trait::async_trait;
use ripcord_conninfo::Conninfo;

use crate::layouts::contents::Contents;
use crate::postgres::execute::Job;
use crate::postgres::others::Lock;
use crate::postgres::session::{Session, failed};
use crate::postgres::state;
use crate::postgres::{Leftovers, OutOfOrder, RunOptions, others, settle};
use crate::revert::row_way_back;
use crate::sql::Script;
use crate::status::{Recorded, edited, status};
use crate::unclosed::ends_transactions;
use crate::{
    Direction, Error, ErrorKind, Layout, Migration, Migrator, Outcome, ProblemKind, Resolution,
    Settled, Status, StepObserver, Transactional, WayBack, Workspace,
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

    pub(super) async fn locked(&self) -> Result<Session, Error> {
        let mut session = Session::open(&self.conninfo, &self.options).await?;
        let tool = state::tool_lock(self.layout, &session.client).await?;
        if self.options.leftovers == Leftovers::End {
            others::at_work(&session, Lock::Tool(tool), &self.options).await?;
        }
        session.lock(tool, self.options.runner_wait).await?;
        Ok(session)
    }

    fn find<'a>(
        &self,
        all: impl IntoIterator<Item = &'a Migration>,
        version: &str,
        w: &Workspace,
    ) -> Result<&'a Migration, Error> {
        let spelled = self.layout.spelled(version);
        let mut all = all.into_iter();
        all.find(|m| m.version == spelled).ok_or_else(|| {
            Error::new(ErrorKind::UnknownVersion, "find version", version)
                .because(format!("{} does not hold it", w.path().display()))
                .with_help("name it as `status` shows it")
        })
    }

    /// What is recorded, and what the workspace holds for a database like that.
    async fn seen(
        &self,
        session: &Session,
        contents: Contents,
    ) -> Result<(Vec<Migration>, Recorded), Error> {
        let recorded = state::read(self.layout, &session.client, &contents.migrations).await?;
        Ok((contents.for_database(self.layout, &recorded), recorded))
    }

    /// What must hold before anything is run.
    fn may_apply(
        &self,
        migration: &Migration,
        all: &[Migration],
        recorded: &Recorded,
        workspace: &Workspace,
    ) -> Result<(), Error> {
        clean(recorded)?;
        self.unedited(all, recorded, workspace)?;
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
        if let Some(newest) = recorded.overtook(self.layout, migration) {
            return refuse(
                format!("the newer version {newest} is already applied"),
                "give it a later version; or, where it was applied and its row was taken away, put that back",
            );
        }
        let place = all.iter().position(|m| m.version == migration.version);
        let mut before = all.iter().take(place.unwrap_or_default());
        match before.find(|m| !recorded.covers(self.layout, m)) {
            Some(before) => refuse(
                format!("version {} is pending before it", before.version),
                "apply the pending versions in order",
            ),
            None => Ok(()),
        }
    }

    /// What can be told without a database is told before one is asked.
    fn ready(&self, contents: &Contents, version: &str, w: &Workspace) -> Result<(), Error> {
        let all = contents.migrations.iter().chain(&contents.baselines);
        let migration = self.find(all, version, w)?;
        let script = Script::parse(&migration.up, &migration.up_sql)?;
        self.runs_whole(&script, migration.transaction)
    }

    /// A transaction that stays open and a statement that a transaction refuses are found before
    /// anything is run.
    fn runs_whole(&self, script: &Script, transaction: Transactional) -> Result<(), Error> {
        ends_transactions(script)?;
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
            .with_help(self.layout.outside())),
            _ => Ok(()),
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
        let contents = self.layout.contents(workspace)?;
        let session = Session::open(&self.conninfo, &self.options).await?;
        // What a run is about to commit would make an answer wrong that was given before.
        let tool = state::tool_lock(self.layout, &session.client).await?;
        let at_work = others::at_work(&session, Lock::Tool(tool), &self.options).await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let edited = self.edited_ways(&all, &recorded, workspace);
        let mut status = status(self.layout, all.clone(), recorded.clone());
        status.problems.extend(edited);
        for problem in &mut status.problems {
            if problem.kind == ProblemKind::Dirty {
                let (table, row) = state::mark(self.layout, &problem.version);
                let mark = format!("; the mark is in {table}, where {row}");
                problem.explanation.push_str(&mark);
            }
        }
        if !at_work.is_empty() {
            others::running(&mut status, &at_work);
            return Ok(status);
        }
        let pending = status.pending.iter();
        let clean: Vec<Migration> = pending
            .filter(|m| !recorded.dirty.contains(&m.version))
            .cloned()
            .collect();
        let found = self
            .unrecorded(&session, workspace, &clean, (&all, &recorded))
            .await?;
        status.problems.extend(found);
        Ok(status)
    }

    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let contents = self.layout.contents(workspace)?;
        self.ready(&contents, version, workspace)?;
        let mut session = self.locked().await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let migration = self.find(&all, version, workspace)?;
        let script = Script::parse(&migration.up, &migration.up_sql)?;
        self.runs_whole(&script, migration.transaction)?;
        if recorded.covers(self.layout, migration) {
            let row = recorded.find(&migration.version);
            return match row.and_then(|row| edited(self.layout, migration, row)) {
                Some(why) => Err(Error::new(ErrorKind::Edited, "apply version", version)
                    .because(format!("it is applied, and {why}"))
                    .with_help(EDITED)),
                None => Ok(Outcome::Already),
            };
        }
        workspace.unchanged(migration, Direction::Up)?;
        self.may_apply(migration, &all, &recorded, workspace)?;
        self.not_run_before(&session, workspace, migration, (&all, &recorded))
            .await?;
        if !state::is_there(&session.client, self.layout.state_table()).await? {
            session
                .execute(&state::create(self.layout, &all))
                .await
                .map_err(|e| failed("make the state table for", self.name.clone(), &e))?;
        }
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
        if let Some(way) = WayBack::of(migration) {
            let told = observer.way_back(&way).await;
            told.map_err(|e| {
                Error::new(ErrorKind::Stopped, "apply version", version)
                    .because("its way back was not kept")
                    .with_source(e)
            })?;
        }
        self.carry_out(&job, session).await
    }

    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let mut contents = self.layout.contents(workspace)?;
        self.add_ways_back(&mut contents, workspace);
        let session = self.locked().await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let migration = self.find(&all, version, workspace)?;
        clean(&recorded)?;
        let Some(row) = recorded.find(&migration.version) else {
            return Ok(Outcome::Already);
        };
        let kept = self.as_applied(migration, row, workspace)?;
        let migration = kept.as_ref().unwrap_or(migration);
        workspace.unchanged(migration, Direction::Down)?;
        let script = row_way_back(migration, row)?;
        self.runs_whole(&script, migration.down_transaction)?;
        let newest = recorded.newest();
        if let Some(newest) = newest.filter(|a| a.version != migration.version) {
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
        self.carry_out(&job, session).await
    }

    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let contents = self.layout.contents(workspace)?;
        let mut session = self.locked().await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let migration = self.interrupted(&all, &recorded, version, workspace)?;
        settle::resolve(&mut session, self.layout, &migration, &all).await
    }

    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let contents = self.layout.contents(workspace)?;
        let mut session = self.locked().await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let migration = self.interrupted(&all, &recorded, version, workspace)?;
        settle::repair(&mut session, self.layout, &migration, &all).await
    }
}

impl PostgresMigrator {
    /// Takes the mark of an interrupted run away by a person's word, and nothing else: where
    /// [`repair`](Migrator::repair) cannot prove what is there, somebody has looked. Idempotent.
    ///
    /// # Errors
    /// [`UnknownVersion`](ErrorKind::UnknownVersion): the workspace does not hold it;
    /// [`NeedsHuman`](ErrorKind::NeedsHuman): no run of it is marked, and its record says otherwise;
    /// as [`up`](Migrator::up).
    pub async fn settle(
        &self,
        workspace: &Workspace,
        version: &str,
        settled: Settled,
    ) -> Result<Resolution, Error> {
        let contents = self.layout.contents(workspace)?;
        let mut session = self.locked().await?;
        let (all, recorded) = self.seen(&session, contents).await?;
        let migration = self.interrupted(&all, &recorded, version, workspace)?;
        settle::settle(&mut session, self.layout, &migration, &all, settled).await
    }

    /// A version with the way that was interrupted: its file may be gone or edited by now.
    fn interrupted(
        &self,
        all: &[Migration],
        recorded: &Recorded,
        version: &str,
        workspace: &Workspace,
    ) -> Result<Migration, Error> {
        let spelled = self.layout.spelled(version);
        let kept = workspace.way_back(&spelled);
        match (self.find(all, version, workspace), kept) {
            (Err(_), Some(way)) if recorded.reverting.contains(&spelled) => Ok(way.to_migration()),
            (found, _) => found.cloned(),
        }
    }
}

/// What to do about the file of an applied version that was edited.
pub(super) const EDITED: &str = "put the file back as it was applied, and write the change as a new migration; or take the version \
     back first, from its release or with the way back that was recorded";

fn clean(recorded: &Recorded) -> Result<(), Error> {
    match recorded.dirty.first() {
        None => Ok(()),
        Some(version) => Err(Error::new(ErrorKind::Dirty, "go on past version", version)
            .because(match recorded.reverting.contains(version) {
                true => "its way back was interrupted",
                false => "a run of it was interrupted",
            })
            .with_help(format!(
                "find out what it did before anything else runs: resolve version {version}"
            ))),
    }
}

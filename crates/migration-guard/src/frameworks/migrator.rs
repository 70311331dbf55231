use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use ripcord_conninfo::Conninfo;

use crate::frameworks::answer::{DoneIt, Looked};
use crate::frameworks::job::Job;
use crate::frameworks::question::{Asked, Question};
use crate::frameworks::running::{MARK, Running, Waited, no_other};
use crate::frameworks::{Framework, Project, settle};
use crate::postgres::left;
use crate::postgres::others::{self, Lock};
use crate::postgres::retry::Attempts;
use crate::postgres::session::{Session, failed};
use crate::{
    Direction, Error, ErrorKind, Migrator, Outcome, Problem, ProblemKind, Repair, Resolution,
    RunEvent, RunOptions, Status, StepObserver, Transactional, Workspace,
};

/// Runs the migrations of a Django or Alembic project on PostgreSQL, through the project's own
/// code, from the workspace of the release that owns them.
///
/// Before anything is changed, the session that the project opens has to see a lock of ours: a
/// settings file that leads to another database is refused. A version is recorded by the tool
/// itself, never by us, and never faked.
///
/// A migration is one step to a [`StepObserver`]. The tool commits by itself, so an observer that
/// fails *after* the step leaves the version applied. It is not handed the way back, which is code
/// of the release and no SQL that could stand alone. Nobody watches how long others wait, so
/// `queue_limit` says nothing here; `lock_timeout` and `statement_timeout` do.
///
/// Dropping a future kills the child with its whole process group and ends its session on the
/// server. A pooler that hands out server sessions per transaction is not supported.
#[derive(Clone, Debug)]
pub struct FrameworkMigrator {
    framework: Framework,
    conninfo: Conninfo,
    project: Project,
    options: RunOptions,
    name: String,
}

impl FrameworkMigrator {
    /// A migrator for one database; nothing is started before it is used. Of `options`,
    /// `out_of_order` says nothing here: the order is that of the graph.
    pub fn new(
        framework: Framework,
        conninfo: Conninfo,
        project: Project,
        options: RunOptions,
    ) -> Self {
        let name = format!("{framework} on {conninfo}");
        Self {
            framework,
            conninfo,
            project,
            options,
            name,
        }
    }

    /// Whose project it runs.
    pub fn framework(&self) -> Framework {
        self.framework
    }

    pub(super) async fn open(&self) -> Result<Session, Error> {
        Session::open(&self.conninfo, &self.options).await
    }

    /// Alone with the database, apart from those who only read.
    async fn locked(&self) -> Result<Session, Error> {
        let mut session = self.open().await?;
        no_other(&mut session, self.options.runner_wait).await?;
        Ok(session)
    }

    fn asked<'a>(&'a self, workspace: &'a Workspace, conninfo: &'a Conninfo) -> Asked<'a> {
        Asked {
            framework: self.framework,
            project: &self.project,
            workspace,
            conninfo: Some(conninfo),
        }
    }

    pub(super) async fn look(
        &self,
        session: &Session,
        workspace: &Workspace,
        sql: &[String],
        pending_sql: bool,
    ) -> Result<Looked, Error> {
        let question = Question {
            what: "look",
            sql,
            pending_sql,
            seen: seen(session).await?,
            ..Question::default()
        };
        let conninfo = self.named();
        let asked = self.asked(workspace, &conninfo);
        asked.ask(&question, self.project.read_timeout).await
    }

    fn named(&self) -> Conninfo {
        self.conninfo
            .with_application_name(&self.options.application_name)
    }

    async fn step(
        &self,
        workspace: &Workspace,
        version: &str,
        direction: Direction,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        let mut session = self.locked().await?;
        let only = [version.to_owned()];
        let looked = self.look(&session, workspace, &only, false).await?;
        let known = looked.find(version).ok_or_else(|| {
            Error::new(ErrorKind::UnknownVersion, "find version", version)
                .because(format!("{} does not hold it", workspace.path().display()))
                .with_help("name it as `status` shows it")
        })?;
        if known.pending == (direction == Direction::Down) {
            return Ok(Outcome::Already);
        }
        self.may_run(&looked, known, direction)?;
        let all = looked.migrations(self.framework);
        let Some(migration) = all.iter().find(|m| m.version == version) else {
            return Ok(Outcome::Already);
        };
        workspace.unchanged_file(migration, direction)?;
        let job = Job::new(direction, migration)?;
        let unread = |e| failed("look for unfinished parts of", session.label(), &e);
        let before = left::before(&session.client).await.map_err(unread)?;
        let began = Instant::now();
        let mut attempts = Attempts::new();
        loop {
            observer.before(&job.step()).await?;
            let (done, back) = self.run(&job, workspace, session, observer).await;
            session = match back {
                Some(session) if !session.client.is_closed() => session,
                _ => self.open().await?,
            };
            // What is unfinished is a remark; that it cannot be read must not hide the outcome.
            let left = before.left_since(&session.client).await.unwrap_or_default();
            let error = match done {
                Ok(done) if done.applied == job.wants() => {
                    let seconds = began.elapsed().as_secs_f64();
                    observer.after(&job.step()).await?;
                    return Ok(Outcome::Applied { seconds, left });
                }
                Ok(_) => {
                    return Err(job
                        .error(ErrorKind::Tool)
                        .because("the command succeeded and its table does not show it"));
                }
                Err(error) => error,
            };
            let version = version.to_owned();
            if !left.is_empty() {
                let version = version.clone();
                observer.event(&RunEvent::Left { version, left }).await;
            }
            // It failed; what is true, only the table says.
            let now = self.look(&session, workspace, &[], false).await;
            if now.is_ok_and(|now| now.is_applied(&version) == job.wants()) {
                let state = if job.wants() { "is" } else { "is not" };
                return Err(error.with_help(format!(
                    "the table was read after that: {version} {state} applied all the same"
                )));
            }
            let may =
                error.kind() == ErrorKind::LockTimeout && job.transaction == Transactional::Yes;
            let next = attempts.next(&self.options, session.seed());
            let Some((attempt, pause)) = next.filter(|_| may) else {
                return Err(error);
            };
            let event = RunEvent::Retrying {
                version,
                attempt,
                attempts: self.options.retries + 1,
                pause,
                why: error.to_string(),
            };
            observer.event(&event).await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = observer.stop() => return Err(job.error(ErrorKind::Stopped).with_source(error)),
            }
            no_other(&mut session, self.options.runner_wait).await?;
        }
    }

    /// Lets the project run one migration. The session comes back, because it holds our lock.
    async fn run(
        &self,
        job: &Job<'_>,
        workspace: &Workspace,
        session: Session,
        observer: &dyn StepObserver,
    ) -> (Result<DoneIt, Error>, Option<Session>) {
        let seen = match seen(&session).await {
            Ok(seen) => seen,
            Err(error) => return (Err(error), Some(session)),
        };
        // Building and dropping indexes concurrently waits for everybody and blocks nobody: cut
        // short, it would leave an invalid index.
        let limit = |limit: Duration| match job.script.non_transactional() {
            Some(_) => 0,
            None => limit.as_millis(),
        };
        let question = Question {
            what: match job.direction {
                Direction::Up => "up",
                Direction::Down => "down",
            },
            version: &job.migration.version,
            seen,
            mark: MARK,
            lock_timeout: limit(self.options.lock_timeout),
            statement_timeout: limit(self.options.statement_timeout),
            ..Question::default()
        };
        let conninfo = self.named();
        let asked = self.asked(workspace, &conninfo);
        let (child, group) = match asked.start(&question) {
            Ok(started) => started,
            Err(error) => return (Err(error), Some(session)),
        };
        let within = self.project.run_timeout;
        let running = Running::new(group, session);
        let (waited, session) = running.wait(child, within, observer.stop()).await;
        let done = match waited {
            Waited::Ended(ended) => asked.answer(ended, within).map_err(|e| job.told(e)),
            Waited::Stopped => Err(job.error(ErrorKind::Stopped).because("it was asked to")),
        };
        (done, session)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Migrator for FrameworkMigrator {
    fn name(&self) -> &str {
        &self.name
    }

    async fn status(&self, workspace: &Workspace) -> Result<Status, Error> {
        let session = self.open().await?;
        // What a run is about to commit would make an answer wrong that was given before.
        let at_work = others::at_work(&session, Lock::Child(MARK), &self.options).await?;
        let looked = self.look(&session, workspace, &[], true).await?;
        let mut status = looked.status(self.framework);
        if !at_work.is_empty() {
            others::running(&mut status, &at_work);
            return Ok(status);
        }
        for migration in &status.pending {
            // Of one that waits for others nothing can have been begun.
            let known = looked.find(&migration.version);
            let parents = known.map(|m| m.parents.as_slice()).unwrap_or_default();
            let waits = parents
                .iter()
                .any(|p| looked.find(p).is_some_and(|p| p.pending));
            if waits || migration.transaction == Transactional::Yes {
                continue;
            }
            let found = settle::found(&session, migration).await?;
            if let Resolution::Partial { .. } = found {
                let version = migration.version.clone();
                let explanation =
                    format!("version {version} is not recorded, and some of it is in the database");
                status.problems.push(Problem {
                    kind: ProblemKind::Dirty,
                    version,
                    explanation,
                });
            }
        }
        Ok(status)
    }

    async fn up(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        self.step(workspace, version, Direction::Up, observer).await
    }

    async fn down(
        &self,
        workspace: &Workspace,
        version: &str,
        observer: &dyn StepObserver,
    ) -> Result<Outcome, Error> {
        self.step(workspace, version, Direction::Down, observer)
            .await
    }

    async fn resolve(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        let session = self.locked().await?;
        let only = [version.to_owned()];
        let looked = self.look(&session, workspace, &only, false).await?;
        if looked.is_applied(version) {
            return Ok(Resolution::Applied);
        }
        let all = looked.migrations(self.framework);
        let migration = all.iter().find(|m| m.version == version).ok_or_else(|| {
            Error::new(ErrorKind::UnknownVersion, "find version", version)
                .because(format!("{} does not hold it", workspace.path().display()))
        })?;
        match migration.transaction {
            Transactional::Yes => Ok(Resolution::NotApplied),
            Transactional::No => settle::found(&session, migration).await,
        }
    }

    async fn repair(&self, workspace: &Workspace, version: &str) -> Result<Resolution, Error> {
        match self.resolve(workspace, version).await? {
            Resolution::Partial {
                repair: Repair::Undo { sql },
                ..
            } => {
                let mut session = self.locked().await?;
                settle::undo(&mut session, version, &sql).await?;
                drop(session);
                self.resolve(workspace, version).await
            }
            Resolution::Partial {
                repair: Repair::Human { why },
                ..
            }
            | Resolution::Unknown { why } => Err(settle::human(version, &why)),
            settled => Ok(settled),
        }
    }
}

/// Takes a lock that nobody else has, by which the child knows that it is in the same database.
async fn seen(session: &Session) -> Result<i64, Error> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = now.unwrap_or_default().subsec_nanos();
    let key = (i64::from(nanos) << 32) | i64::from(session.seed());
    session
        .client
        .execute("SELECT pg_catalog.pg_advisory_lock_shared($1)", &[&key])
        .await
        .map_err(|e| failed("take a lock in", session.label(), &e))?;
    Ok(key)
}

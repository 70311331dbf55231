use std::time::{Duration, Instant};

use crate::postgres::RunOptions;
use crate::postgres::catalogue;
use crate::postgres::session::{Session, failed, is_retryable};
use crate::postgres::state::{self, Change};
use crate::sql::model::{Kind, Object};
use crate::sql::{Script, Statement};
use crate::{
    Direction, Error, ErrorKind, Layout, Migration, StatementState, Step, StepObserver,
    Transactional,
};

/// One migration in one direction, ready to run.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) layout: Layout,
    pub(super) migration: &'a Migration,
    pub(super) all: &'a [Migration],
    pub(super) script: &'a Script,
    pub(super) direction: Direction,
    pub(super) transaction: Transactional,
    pub(super) options: &'a RunOptions,
    pub(super) observer: &'a dyn StepObserver,
}

/// Why a run ended early.
enum Stop {
    Observer(Error),
    Statement(usize, tokio_postgres::Error),
    /// The state table or the transaction itself.
    Record(tokio_postgres::Error),
}

impl Job<'_> {
    /// Runs it to its end and records it; the answer is the time it took.
    pub(super) async fn run(&self, session: &mut Session) -> Result<Duration, Error> {
        let began = Instant::now();
        match self.transaction {
            Transactional::Yes => self.in_transaction(session, began).await?,
            Transactional::No => self.step_by_step(session, began).await?,
        }
        Ok(began.elapsed())
    }

    async fn in_transaction(&self, session: &mut Session, began: Instant) -> Result<(), Error> {
        let mut tried = 0;
        loop {
            let stop = match self.one_transaction(session, began).await {
                Ok(()) => return Ok(()),
                Err(stop) => stop,
            };
            // If this fails the connection is gone, and the server rolls back by itself.
            drop(session.execute("ROLLBACK").await);
            let again = match &stop {
                Stop::Statement(_, error) | Stop::Record(error) => is_retryable(error),
                Stop::Observer(_) => false,
            };
            if !again || tried >= self.options.retries {
                return Err(self.error(stop));
            }
            pause(self.options.backoff, tried, session.seed()).await;
            tried += 1;
        }
    }

    async fn one_transaction(&self, session: &mut Session, began: Instant) -> Result<(), Stop> {
        session.execute("BEGIN").await.map_err(Stop::Record)?;
        for (index, statement) in self.script.statements().iter().enumerate() {
            self.statement(session, index, statement).await?;
        }
        session
            .execute(&self.recorded(began))
            .await
            .map_err(Stop::Record)?;
        session.execute("COMMIT").await.map_err(Stop::Record)
    }

    async fn statement(
        &self,
        session: &mut Session,
        index: usize,
        statement: &Statement,
    ) -> Result<(), Stop> {
        let step = self.step(index, statement);
        self.observer.before(&step).await.map_err(Stop::Observer)?;
        session
            .execute(statement.text())
            .await
            .map_err(|error| Stop::Statement(index, error))?;
        self.observer.after(&step).await.map_err(Stop::Observer)
    }

    /// Outside a transaction: the mark is durable before the first statement, so a crash at any
    /// moment is seen by `resolve`.
    async fn step_by_step(&self, session: &mut Session, began: Instant) -> Result<(), Error> {
        self.nothing_in_the_way(session).await?;
        let mark = state::change(self.layout, Change::Begun, self.migration, self.all);
        session
            .execute(&mark)
            .await
            .map_err(|e| self.error(Stop::Record(e)))?;
        let mut kept = false;
        for (index, statement) in self.script.statements().iter().enumerate() {
            let stop = match self.outside(session, index, statement).await {
                Ok(()) => {
                    kept |= leaves_something(statement);
                    continue;
                }
                Err(stop) => stop,
            };
            // A transaction of the file's own that failed is undone; outside one this is a no-op.
            drop(session.execute("ROLLBACK").await);
            if !kept && self.forget(session, statement, &stop).await {
                return Err(self.error(stop));
            }
            let error = self.error(stop);
            return Err(error.with_help(format!(
                "version {} is marked as interrupted; what it did has to be found out first",
                self.migration.version
            )));
        }
        session
            .execute(&self.completed(began))
            .await
            .map_err(|e| self.error(Stop::Record(e)))
    }

    async fn outside(
        &self,
        session: &mut Session,
        index: usize,
        statement: &Statement,
    ) -> Result<(), Stop> {
        let step = self.step(index, statement);
        self.observer.before(&step).await.map_err(Stop::Observer)?;
        let mut tried = 0;
        loop {
            let error = match self.with_limits(session, statement).await {
                Ok(()) => break,
                Err(error) => error,
            };
            let again = is_retryable(&error) && tried < self.options.retries;
            // A build that gave up leaves an invalid index, and the next try would stumble on it.
            if !again || !clear(session, statement).await {
                return Err(Stop::Statement(index, error));
            }
            pause(self.options.backoff, tried, session.seed()).await;
            tried += 1;
        }
        self.observer.after(&step).await.map_err(Stop::Observer)
    }

    /// Nobody waits behind a concurrent build, and a limit would only leave it half-done.
    async fn with_limits(
        &self,
        session: &mut Session,
        statement: &Statement,
    ) -> Result<(), tokio_postgres::Error> {
        if !is_online(&statement.kind) {
            return session.execute(statement.text()).await;
        }
        session
            .execute("SET lock_timeout = 0; SET statement_timeout = 0")
            .await?;
        let done = session.execute(statement.text()).await;
        let limits = format!(
            "SET lock_timeout = {}; SET statement_timeout = {}",
            self.options.lock_timeout.as_millis(),
            self.options.statement_timeout.as_millis()
        );
        session.execute(&limits).await?;
        done
    }

    /// Refuses when an index that is to be built is there already: after that, an index by that
    /// name is known to be ours.
    async fn nothing_in_the_way(&self, session: &mut Session) -> Result<(), Error> {
        for (index, statement) in self.script.statements().iter().enumerate() {
            let Kind::CreateIndex(it) = &statement.kind else {
                continue;
            };
            let state = catalogue::probe(&session.client, &statement.kind)
                .await
                .map_err(|e| self.error(Stop::Statement(index, e)))?;
            let dropped_before = self.script.statements()[..index].iter().any(|s| {
                matches!(&s.kind, Kind::Drop(d) if d.object == Object::Index
                    && d.names.iter().any(|n| Some(&n.name) == it.name.as_ref()))
            });
            let name = it.name.clone().unwrap_or_default();
            let why = match state {
                StatementState::Broken if !dropped_before => {
                    "an invalid index of that name is there"
                }
                StatementState::Done if !dropped_before && !it.if_not_exists => {
                    "an index of that name is there"
                }
                _ => continue,
            };
            return Err(Error::new(ErrorKind::Database, "build index", name.clone())
                .because(why)
                .with_help(format!(
                    "DROP INDEX CONCURRENTLY {}",
                    crate::sql::model::quoted(&name)
                )));
        }
        Ok(())
    }

    /// Takes the mark away if the failed statement provably left nothing; says whether it did.
    async fn forget(&self, session: &mut Session, statement: &Statement, stop: &Stop) -> bool {
        let nothing_left = match stop {
            Stop::Observer(_) | Stop::Record(_) => false,
            Stop::Statement(..) => clear(session, statement).await,
        };
        if !nothing_left {
            return false;
        }
        let change = match self.direction {
            Direction::Up => Change::Forgotten,
            Direction::Down => Change::Completed { nanos: -1 },
        };
        let sql = state::change(self.layout, change, self.migration, self.all);
        session.execute(&sql).await.is_ok()
    }

    fn step(&self, index: usize, statement: &Statement) -> Step {
        Step {
            version: self.migration.version.clone(),
            direction: self.direction,
            index,
            total: self.script.statements().len(),
            summary: statement.summary(120),
            transaction: self.transaction,
        }
    }

    fn recorded(&self, began: Instant) -> String {
        let change = match self.direction {
            Direction::Up => Change::Applied {
                nanos: nanos(began),
            },
            Direction::Down => Change::Forgotten,
        };
        state::change(self.layout, change, self.migration, self.all)
    }

    fn completed(&self, began: Instant) -> String {
        let change = match self.direction {
            Direction::Up => Change::Completed {
                nanos: nanos(began),
            },
            Direction::Down => Change::Forgotten,
        };
        state::change(self.layout, change, self.migration, self.all)
    }

    fn error(&self, stop: Stop) -> Error {
        let operation = match self.direction {
            Direction::Up => "apply version",
            Direction::Down => "revert version",
        };
        let version = &self.migration.version;
        match stop {
            Stop::Observer(error) => Error::new(ErrorKind::Stopped, operation, version)
                .because("the run was stopped")
                .with_source(error),
            Stop::Record(error) => failed(operation, version, &error),
            Stop::Statement(index, error) => {
                let Some(statement) = self.script.statements().get(index) else {
                    return failed(operation, version, &error);
                };
                let file = self.script.path().display();
                failed(operation, format!("{version} in {file}"), &error)
                    .at(statement.line(), statement.column())
            }
        }
    }
}

fn nanos(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

/// Doubling pauses, spread so that two runners that met do not meet again.
async fn pause(base: Duration, tried: u32, seed: u32) {
    let full = base.saturating_mul(1 << tried.min(6));
    let share = seed.wrapping_mul(2_654_435_761).wrapping_add(tried) % 100;
    tokio::time::sleep(full / 2 + full * share / 200).await;
}

/// Concurrent index work: takes its time, and nobody waits behind it.
fn is_online(kind: &Kind) -> bool {
    match kind {
        Kind::CreateIndex(it) => it.concurrently,
        Kind::Drop(it) => it.object == Object::Index && it.concurrently,
        Kind::Reindex { concurrently, .. } => *concurrently,
        _ => false,
    }
}

/// Whether a statement that succeeded outside a transaction leaves anything behind.
fn leaves_something(statement: &Statement) -> bool {
    !matches!(
        statement.kind,
        Kind::Set { .. } | Kind::Reset { .. } | Kind::Begin | Kind::Rollback | Kind::Harmless
    )
}

/// Removes what a failed statement left, if it is an index build; says whether nothing is left.
async fn clear(session: &mut Session, statement: &Statement) -> bool {
    match &statement.kind {
        Kind::CreateIndex(it) if it.concurrently => {
            match catalogue::probe(&session.client, &statement.kind).await {
                Ok(StatementState::NotDone) => true,
                Ok(StatementState::Broken) => {
                    let name = crate::sql::Name {
                        schema: it.table.schema.clone(),
                        name: it.name.clone().unwrap_or_default(),
                    };
                    let unlimited = "SET lock_timeout = 0; SET statement_timeout = 0";
                    session.execute(unlimited).await.is_ok()
                        && session
                            .execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
                            .await
                            .is_ok()
                }
                _ => false,
            }
        }
        // Anything else that runs as one statement is undone by the server as a whole.
        kind => !kind.is_non_transactional(),
    }
}

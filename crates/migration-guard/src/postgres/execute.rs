use std::time::{Duration, Instant};

use crate::event::{Peer, listed};
use crate::postgres::RunOptions;
use crate::postgres::retry::Attempts;
use crate::postgres::session::{Session, failed, is_retryable};
use crate::postgres::state::{self, Change};
use crate::postgres::watch::{Patience, Watch};
use crate::sql::{Script, Statement};
use crate::{
    Direction, Error, ErrorKind, Layout, Migration, RunEvent, Step, StepObserver, Transactional,
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
#[derive(Debug)]
pub(super) enum Stop {
    /// The observer refused the statement before it was sent.
    Refused(Error),
    /// The observer stopped after the statement.
    Observer(Error),
    Statement(usize, tokio_postgres::Error),
    /// The state table or the transaction itself.
    Record(tokio_postgres::Error),
    /// The observer's `stop` ended.
    Asked,
    /// These waited for too long behind a statement.
    Queue(usize, Vec<Peer>),
}

/// How long a cancelled statement may take to end. A server that does not answer at all would hold
/// us up for ever otherwise.
const CANCELLED_WITHIN: Duration = Duration::from_secs(10);

/// A file may have left its own search path and role, under which the state table is another one.
const AS_CONNECTED: &str = "RESET search_path; RESET ROLE";

impl Job<'_> {
    /// Runs it to its end and records it; the answer is the time it took.
    pub(super) async fn run(&self, session: &mut Session) -> Result<Duration, Error> {
        let began = Instant::now();
        let mut watch = Watch::new(session, self.options, self.observer);
        match self.transaction {
            Transactional::Yes => self.in_transaction(session, &mut watch, began).await?,
            Transactional::No => self.step_by_step(session, &mut watch, began).await?,
        }
        Ok(began.elapsed())
    }

    async fn in_transaction(
        &self,
        session: &mut Session,
        watch: &mut Watch<'_>,
        began: Instant,
    ) -> Result<(), Error> {
        let mut attempts = Attempts::new();
        loop {
            let stop = match self.one_transaction(session, watch, began).await {
                Ok(()) => return Ok(()),
                Err(stop) => stop,
            };
            roll_back(session).await;
            if !self
                .again(&stop, &mut attempts, session.seed(), watch)
                .await
            {
                return Err(self.error(stop, watch));
            }
        }
    }

    async fn one_transaction(
        &self,
        session: &mut Session,
        watch: &mut Watch<'_>,
        began: Instant,
    ) -> Result<(), Stop> {
        session.execute("BEGIN").await.map_err(Stop::Record)?;
        for (index, statement) in self.script.statements().iter().enumerate() {
            let step = self.step(index, statement);
            self.observer.before(&step).await.map_err(Stop::Refused)?;
            self.watched(session, watch, index, statement, Patience::Ordinary)
                .await?;
            self.observer.after(&step).await.map_err(Stop::Observer)?;
        }
        if self.is_asked_to_stop().await {
            return Err(Stop::Asked);
        }
        session
            .execute(&self.recorded(began))
            .await
            .map_err(Stop::Record)?;
        session.execute("COMMIT").await.map_err(Stop::Record)
    }

    /// Runs one statement while a second session looks on, and cancels it when the observer wants
    /// that or others wait for too long. One that ended all the same is done.
    pub(super) async fn watched(
        &self,
        session: &mut Session,
        watch: &mut Watch<'_>,
        index: usize,
        statement: &Statement,
        patience: Patience,
    ) -> Result<(), Stop> {
        if self.is_asked_to_stop().await {
            return Err(Stop::Asked);
        }
        let step = self.step(index, statement);
        let sent = session.execute(statement.text());
        tokio::pin!(sent);
        let stop = tokio::select! {
            biased;
            done = &mut sent => return done.map_err(|error| Stop::Statement(index, error)),
            () = self.observer.stop() => Stop::Asked,
            late = watch.too_long(&step, patience) => Stop::Queue(index, late),
        };
        if watch.cancel(&step).await
            && let Ok(Ok(())) = tokio::time::timeout(CANCELLED_WITHIN, sent).await
        {
            return Ok(());
        }
        Err(stop)
    }

    pub(super) async fn is_asked_to_stop(&self) -> bool {
        tokio::select! {
            biased;
            () = self.observer.stop() => true,
            () = std::future::ready(()) => false,
        }
    }

    /// Whether there is another attempt after `stop`, which left nothing; has waited for it then.
    pub(super) async fn again(
        &self,
        stop: &Stop,
        attempts: &mut Attempts,
        seed: u32,
        watch: &Watch<'_>,
    ) -> bool {
        let (Stop::Statement(_, error) | Stop::Record(error)) = stop else {
            return false;
        };
        if !is_retryable(error) {
            return false;
        }
        let Some((attempt, pause)) = attempts.next(self.options, seed) else {
            return false;
        };
        let mut why = failed("run", "", error).because_of();
        if !watch.blockers().is_empty() {
            why = format!("{why}; it waited for {}", listed(watch.blockers()));
        }
        let event = RunEvent::Retrying {
            version: self.migration.version.clone(),
            attempt,
            attempts: self.options.retries.saturating_add(1),
            pause,
            why,
        };
        self.observer.event(&event).await;
        tokio::select! {
            biased;
            () = self.observer.stop() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    pub(super) fn step(&self, index: usize, statement: &Statement) -> Step {
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
        let nanos = nanos(began);
        self.change(match self.direction {
            Direction::Up => Change::Applied { nanos },
            Direction::Down => Change::Forgotten,
        })
    }

    pub(super) fn completed(&self, began: Instant) -> String {
        let nanos = nanos(began);
        self.change(match self.direction {
            Direction::Up => Change::Completed { nanos },
            Direction::Down => Change::Forgotten,
        })
    }

    /// The SQL that writes a change into the table that was read.
    pub(super) fn change(&self, change: Change) -> String {
        let change = state::change(self.layout, change, self.migration, self.all);
        format!("{AS_CONNECTED}; {change}")
    }

    pub(super) fn error(&self, stop: Stop, watch: &Watch<'_>) -> Error {
        let operation = match self.direction {
            Direction::Up => "apply version",
            Direction::Down => "revert version",
        };
        let version = &self.migration.version;
        let place = |index: usize| self.script.statements().get(index);
        let subject = || format!("{version} in {}", self.script.path().display());
        match stop {
            Stop::Refused(error) | Stop::Observer(error) => {
                Error::new(ErrorKind::Stopped, operation, version)
                    .because("the run was stopped")
                    .with_source(error)
            }
            Stop::Asked => Error::new(ErrorKind::Stopped, operation, version)
                .because("the run was asked to stop"),
            Stop::Record(error) => failed(operation, version, &error),
            Stop::Queue(index, late) => {
                let limit = self.options.queue_limit.unwrap_or_default().as_secs_f64();
                let error = Error::new(ErrorKind::Queue, operation, subject())
                    .because(format!(
                        "others waited behind it for longer than {limit} s: {}",
                        listed(&late)
                    ))
                    .with_help("run it when less is going on, do less at once, or raise the limit");
                match place(index) {
                    Some(statement) => error.at(statement.line(), statement.column()),
                    None => error,
                }
            }
            Stop::Statement(index, error) => {
                let Some(statement) = place(index) else {
                    return failed(operation, version, &error);
                };
                let error =
                    failed(operation, subject(), &error).at(statement.line(), statement.column());
                let blockers = watch.blockers();
                if error.kind() == ErrorKind::LockTimeout && !blockers.is_empty() {
                    return error.and(&format!("it waited for {}", listed(blockers)));
                }
                error
            }
        }
    }
}

/// If this fails the connection is gone, or the session is dropped and ended; the server rolls
/// back by itself. Outside a transaction it is a no-op.
pub(super) async fn roll_back(session: &mut Session) {
    drop(tokio::time::timeout(CANCELLED_WITHIN, session.execute("ROLLBACK")).await);
}

fn nanos(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_nanos()).unwrap_or(i64::MAX)
}

//! Running a file outside a transaction, statement by statement.

use std::time::{Duration, Instant};

use crate::postgres::catalogue;
use crate::postgres::execute::{Job, Stop, roll_back};
use crate::postgres::retry::Attempts;
use crate::postgres::session::{Session, failed, limits};
use crate::postgres::state::Change;
use crate::postgres::watch::{Patience, Watch};
use crate::sql::Statement;
use crate::sql::model::{Kind, Object};
use crate::{Direction, Error, ErrorKind, StatementState};

/// A transaction that the file opened itself.
#[derive(Debug)]
struct Block {
    /// Its BEGIN.
    from: usize,
    /// Whether anything in it stays once it is committed.
    leaves: bool,
}

/// What is known while it goes on.
#[derive(Debug, Default)]
struct Done {
    /// How many statements the observer was told about.
    announced: usize,
    /// Whether anything stays.
    kept: bool,
    block: Option<Block>,
}

impl Job<'_> {
    /// The mark is durable before the first statement, so a crash at any moment is seen by
    /// `resolve`.
    pub(super) async fn step_by_step(
        &self,
        session: &mut Session,
        watch: &mut Watch<'_>,
        began: Instant,
    ) -> Result<(), Error> {
        self.nothing_in_the_way(session).await?;
        session
            .execute(&self.change(Change::Begun {
                direction: self.direction,
            }))
            .await
            .map_err(|e| self.error(Stop::Record(e), watch))?;
        let mut done = Done::default();
        let mut attempts = Attempts::new();
        let mut at = 0;
        while let Some(statement) = self.script.statements().get(at) {
            let before = self.state_before(session, statement).await;
            let sent = self.outside(session, watch, at, &mut done, statement);
            let Err(stop) = sent.await else {
                done.note(at, statement);
                if done.block.is_none() {
                    attempts = Attempts::new();
                }
                at += 1;
                continue;
            };
            roll_back(session).await;
            let in_block = done.block.take();
            let nothing_left = match &stop {
                Stop::Observer(_) => in_block.is_some(),
                Stop::Refused(_) => true,
                Stop::Statement(_, error) if error.as_db_error().is_none() => false,
                _ if in_block.is_some() => true,
                _ => self.nothing_left(session, statement, before).await,
            };
            if nothing_left
                && self
                    .again(&stop, &mut attempts, session.seed(), watch)
                    .await
            {
                at = in_block.map_or(at, |block| block.from);
                continue;
            }
            let error = self.error(stop, watch);
            if nothing_left && !done.kept && self.forget(session).await {
                return Err(error);
            }
            return Err(error.with_help(self.interrupted()));
        }
        let open = session.is_in_transaction().await;
        if open.map_err(|e| self.error(Stop::Record(e), watch))? {
            return Err(self.left_open(session, &done).await);
        }
        session
            .execute(&self.completed(began))
            .await
            .map_err(|e| self.error(Stop::Record(e), watch))
    }

    /// The record would be undone with the rest, and be seen by nobody but us until then.
    async fn left_open(&self, session: &mut Session, done: &Done) -> Error {
        roll_back(session).await;
        let error = Error::of_file(ErrorKind::Unsupported, "run", self.script.path())
            .because("a transaction was open at its end, and was rolled back");
        if !done.kept && self.forget(session).await {
            return error.with_help("end every transaction that the file opens");
        }
        error.with_help(self.interrupted())
    }

    fn interrupted(&self) -> String {
        format!(
            "version {} is marked as interrupted; what it did has to be found out first",
            self.migration.version
        )
    }

    async fn outside(
        &self,
        session: &mut Session,
        watch: &mut Watch<'_>,
        index: usize,
        done: &mut Done,
        statement: &Statement,
    ) -> Result<(), Stop> {
        let step = self.step(index, statement);
        if index >= done.announced {
            self.observer.before(&step).await.map_err(Stop::Refused)?;
            done.announced = index + 1;
        }
        if is_online(&statement.kind) {
            // Nobody waits behind it, and a limit would only leave it half-done.
            session
                .execute("SET lock_timeout = 0; SET statement_timeout = 0")
                .await
                .map_err(|error| Stop::Statement(index, error))?;
            let ran = self
                .watched(session, watch, index, statement, Patience::Online)
                .await;
            let bounds = limits(self.options);
            let again = session.execute(&bounds);
            let again = tokio::time::timeout(Duration::from_secs(10), again).await;
            ran?;
            if let Ok(Err(error)) = again {
                return Err(Stop::Statement(index, error));
            }
        } else {
            self.watched(session, watch, index, statement, Patience::Ordinary)
                .await?;
        }
        self.observer.after(&step).await.map_err(Stop::Observer)
    }

    /// Refuses when something that is to be made is there already: after that, what has its name
    /// is known to be ours.
    async fn nothing_in_the_way(&self, session: &mut Session) -> Result<(), Error> {
        let statements = self.script.statements();
        for (index, statement) in statements.iter().enumerate() {
            let state = catalogue::probe(&session.client, statement)
                .await
                .map_err(|e| failed("look at what is there for", &self.migration.version, &e))?;
            let (why, name, remedy) = match (&statement.kind, state) {
                (Kind::CreateIndex(it), StatementState::Broken | StatementState::Done)
                    if !drops_index(&statements[..index], it.name.as_deref()) =>
                {
                    let name = it.name.clone().unwrap_or_default();
                    let remedy = format!(
                        "DROP INDEX CONCURRENTLY {}",
                        crate::sql::model::quoted(&name)
                    );
                    match state {
                        StatementState::Broken => {
                            ("an invalid index of that name is there", name, remedy)
                        }
                        _ if !it.if_not_exists => ("an index of that name is there", name, remedy),
                        _ => continue,
                    }
                }
                (Kind::CreateDatabase, StatementState::Broken | StatementState::Done) => {
                    let name = catalogue::database_name(statement.text()).unwrap_or_default();
                    let remedy = format!("DROP DATABASE {}", crate::sql::model::quoted(&name));
                    ("a database of that name is there", name, remedy)
                }
                _ => continue,
            };
            return Err(Error::new(ErrorKind::Database, "make", name)
                .because(why)
                .with_help(remedy));
        }
        Ok(())
    }

    /// The state of what the server does not undo as a whole, to be compared with the one after.
    async fn state_before(
        &self,
        session: &Session,
        statement: &Statement,
    ) -> Option<StatementState> {
        if !statement.is_non_transactional() {
            return None;
        }
        let state = catalogue::probe(&session.client, statement).await;
        state.ok().filter(|s| *s != StatementState::Unknown)
    }

    /// Whether a failed statement left nothing; what an index build left is removed.
    async fn nothing_left(
        &self,
        session: &mut Session,
        statement: &Statement,
        before: Option<StatementState>,
    ) -> bool {
        let looked = async {
            if !statement.is_non_transactional() {
                // One statement is undone as a whole, unless it commits in between.
                return !may_commit(statement);
            }
            let Ok(now) = catalogue::probe(&session.client, statement).await else {
                return false;
            };
            if now != StatementState::Broken || before == Some(StatementState::Broken) {
                return before == Some(now);
            }
            let Ok(rests) = catalogue::rests(&session.client, statement).await else {
                return false;
            };
            // The limits are on: whoever holds the table up does not hold us up, too.
            for rest in &rests {
                if session.execute(rest).await.is_err() {
                    return false;
                }
            }
            let left = catalogue::probe(&session.client, statement).await;
            !rests.is_empty() && left.is_ok_and(|now| before == Some(now))
        };
        // A server that does not answer must not keep us from telling so.
        let limit = 4 * self.options.lock_timeout + Duration::from_secs(60);
        tokio::time::timeout(limit, looked).await.unwrap_or(false)
    }

    /// Takes the mark away, because nothing is left; says whether it did.
    async fn forget(&self, session: &mut Session) -> bool {
        let sql = self.change(match self.direction {
            Direction::Up => Change::Forgotten,
            Direction::Down => Change::Completed { nanos: -1 },
        });
        session.execute(&sql).await.is_ok()
    }
}

impl Done {
    /// A statement succeeded.
    fn note(&mut self, at: usize, statement: &Statement) {
        match &statement.kind {
            Kind::Begin => {
                self.block = Some(Block {
                    from: at,
                    leaves: false,
                });
            }
            Kind::Commit => self.kept |= self.block.take().is_some_and(|block| block.leaves),
            Kind::Rollback => self.block = None,
            kind if !leaves_something(kind) => {}
            _ => match &mut self.block {
                Some(block) => block.leaves = true,
                None => self.kept = true,
            },
        }
    }
}

fn drops_index(before: &[Statement], name: Option<&str>) -> bool {
    before.iter().any(|s| {
        matches!(&s.kind, Kind::Drop(d) if d.object == Object::Index
            && d.names.iter().any(|n| Some(n.name.as_str()) == name))
    })
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
fn leaves_something(kind: &Kind) -> bool {
    !matches!(
        kind,
        Kind::Set { .. }
            | Kind::Reset { .. }
            | Kind::Savepoint
            | Kind::SavepointEnd
            | Kind::Harmless
    )
}

/// A procedure or a block may commit what it has done so far.
fn may_commit(statement: &Statement) -> bool {
    match &statement.kind {
        Kind::Call { .. } | Kind::Unanalysed => true,
        Kind::Do { .. } => statement.text().to_ascii_lowercase().contains("commit"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sql::Script;

    #[test]
    fn what_stays_is_known_only_after_the_commit() {
        let sql = "SET a.b = '1'; BEGIN; CREATE TABLE t (a int); COMMIT;";
        let script = Script::parse(Path::new("m.sql"), sql).unwrap();
        let mut done = Done::default();
        let kept: Vec<bool> = script
            .statements()
            .iter()
            .enumerate()
            .map(|(at, statement)| {
                done.note(at, statement);
                done.kept
            })
            .collect();
        assert_eq!(kept, [false, false, false, true]);
    }

    #[test]
    fn a_block_that_commits_is_not_undone_as_a_whole() {
        let may = |sql: &str| {
            may_commit(&Script::parse(Path::new("m.sql"), sql).unwrap().statements()[0])
        };
        assert!(may("DO $$ BEGIN UPDATE t SET a = 1; COMMIT; END $$"));
        assert!(!may("DO $$ BEGIN UPDATE t SET a = 1; END $$"));
        assert!(may("CALL p()") && !may("UPDATE t SET a = 1"));
    }
}

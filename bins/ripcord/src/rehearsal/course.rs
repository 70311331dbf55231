use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use ripcord_backup::{Change, Difference};
use ripcord_migration_guard::ErrorKind;
use ripcord_rollback::evidence::RehearsedMigration;

use super::locks::LockWatch;
use super::relations::Touched;
use super::state::{Looker, State, listed};
use crate::report::chain;
use crate::wiring::ReleaseMigrator;

/// The migrations of a release, to be taken up and down on the scratch database.
#[derive(Debug)]
pub(super) struct Course<'a> {
    pub(super) looker: &'a Looker<'a>,
    pub(super) watch: &'a LockWatch,
    pub(super) migrator: ReleaseMigrator,
    /// Versions and names in the order in which they run.
    pub(super) pending: &'a [(String, String)],
}

/// How far up it went.
#[derive(Debug)]
pub(super) struct Climb {
    /// One more than there are migrations: the first is the state before.
    pub(super) states: Vec<Arc<State>>,
    pub(super) tried: Vec<RehearsedMigration>,
    /// Tables that any of them touched.
    pub(super) touched: Touched,
}

/// Why a down is not a way back.
#[derive(Clone, Debug)]
pub(super) enum Failing {
    /// There is none.
    Missing(String),
    /// It ended with an error.
    Failed(String),
    /// Definitions are not as they were.
    Schema(Vec<Difference>),
    /// Rows are not as they were.
    Content(Vec<Difference>),
}

/// How far down it went.
#[derive(Debug)]
pub(super) struct Descent {
    /// Where it ended.
    pub(super) state: Arc<State>,
    /// What each down took, the newest first.
    pub(super) seconds: Vec<f64>,
    /// What is wrong, with the name of the migration it is about, the newest first.
    pub(super) failing: Vec<(String, Failing)>,
    /// Tables that any down touched.
    pub(super) touched: Touched,
}

impl Course<'_> {
    /// All of them, one by one. The inner error is what the first failing one says.
    pub(super) async fn up(&self, from: Arc<State>) -> Result<Result<Climb, (String, String)>> {
        let mut climb = Climb {
            states: vec![from],
            tried: Vec::new(),
            touched: Touched::default(),
        };
        for (version, name) in self.pending {
            let before = climb
                .states
                .last()
                .cloned()
                .context("there is no state before")?;
            let wal = self.wal().await?;
            let begun = Instant::now();
            let work = self
                .migrator
                .migrator()
                .up(self.migrator.workspace(), version, self.watch);
            let done = self.watch.during(work).await;
            let seconds = begun.elapsed().as_secs_f64();
            let (locks, mut statements) = self.watch.take();
            for statement in &mut statements {
                let locks = &mut statement.locks;
                locks.retain(|lock| !self.looker.hides(&lock.relation));
            }
            if let Err(error) = done {
                return Ok(Err((name.clone(), told(&error))));
            }
            let wal_bytes = self.wal().await?.saturating_sub(wal);
            let (state, touched) = self.looker.since(&before).await?;
            climb.tried.push(RehearsedMigration {
                id: version.clone(),
                up_seconds: seconds,
                down_seconds: None,
                locks: locks
                    .into_iter()
                    .filter(|lock| !self.looker.hides(&lock.relation))
                    .collect(),
                rewrites: touched.rewritten.iter().cloned().collect(),
                rows: touched
                    .rows
                    .iter()
                    .filter(|(table, _)| !self.looker.hides(table))
                    .map(|(table, rows)| (table.clone(), *rows))
                    .collect(),
                wal_bytes,
                statements,
                reversible: false,
                irreversible: None,
            });
            climb.touched.add(touched);
            climb.states.push(Arc::new(state));
        }
        Ok(Ok(climb))
    }

    /// All of them, the newest first, each compared with the state that was before it.
    pub(super) async fn down(&self, climb: &Climb, compare: Compare) -> Result<Descent> {
        let last = climb
            .states
            .last()
            .cloned()
            .context("there is no state to go down from")?;
        self.down_from(last, climb, compare).await
    }

    /// The same from a state that is not exactly where `climb` ended.
    pub(super) async fn down_from(
        &self,
        from: Arc<State>,
        climb: &Climb,
        compare: Compare,
    ) -> Result<Descent> {
        let mut descent = Descent {
            state: from,
            seconds: Vec::new(),
            failing: Vec::new(),
            touched: Touched::default(),
        };
        let mut known: Vec<Difference> = Vec::new();
        for (number, (version, name)) in self.pending.iter().enumerate().rev() {
            let begun = Instant::now();
            let work =
                self.migrator
                    .migrator()
                    .down(self.migrator.workspace(), version, self.watch);
            let done = self.watch.during(work).await;
            let seconds = begun.elapsed().as_secs_f64();
            drop(self.watch.take());
            if let Err(error) = done {
                let why = match error.kind() {
                    ErrorKind::Irreversible => Failing::Missing(told(&error)),
                    _ => Failing::Failed(told(&error)),
                };
                descent.failing.push((name.clone(), why));
                return Ok(descent);
            }
            let (state, touched) = self.looker.since(&descent.state).await?;
            descent.touched.add(touched);
            descent.seconds.push(seconds);
            let before = climb
                .states
                .get(number)
                .context("there is no state before")?;
            let schema = before.fingerprint.diff_schema(&state.fingerprint);
            let mut content = match compare {
                Compare::All => before.fingerprint.diff_content(&state.fingerprint),
                Compare::Schema => Vec::new(),
            };
            content.retain(|difference| !known.contains(difference) && !is_ahead(difference));
            descent.state = Arc::new(state);
            if !schema.is_empty() {
                descent
                    .failing
                    .push((name.clone(), Failing::Schema(schema)));
                return Ok(descent);
            }
            if !content.is_empty() {
                known.extend(content.iter().cloned());
                descent
                    .failing
                    .push((name.clone(), Failing::Content(content)));
            }
        }
        Ok(descent)
    }

    async fn wal(&self) -> Result<u64> {
        let row = self
            .looker
            .client
            .query_one(
                "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8",
                &[],
            )
            .await?;
        Ok(u64::try_from(row.get::<_, i64>(0)).unwrap_or_default())
    }
}

/// What a way down is compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    /// Definitions and rows.
    All,
    /// Definitions: somebody wrote rows meanwhile.
    Schema,
}

/// A sequence that is further on than it was has lost nothing.
fn is_ahead(difference: &Difference) -> bool {
    matches!(&difference.change, Change::Added) && difference.object.starts_with("state of ")
}

impl Touched {
    pub(super) fn add(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.rewritten.extend(other.rewritten);
        for (table, rows) in other.rows {
            *self.rows.entry(table).or_default() += rows;
        }
    }
}

impl Failing {
    /// On one line.
    pub(super) fn told(&self) -> String {
        match self {
            Self::Missing(why) => why.clone(),
            Self::Failed(why) => format!("its down fails: {why}"),
            Self::Schema(differences) => {
                format!(
                    "its down does not bring the schema back: {}",
                    listed(differences)
                )
            }
            Self::Content(differences) => {
                format!(
                    "its down does not bring the data back: {}",
                    listed(differences)
                )
            }
        }
    }
}

/// An error of migration-guard with its causes.
pub(super) fn told(error: &ripcord_migration_guard::Error) -> String {
    chain(error)
}

/// What the guard's sessions are called, so that nobody takes them for our own.
pub(super) const RUNNER: &str = "ripcord-rehearsed";

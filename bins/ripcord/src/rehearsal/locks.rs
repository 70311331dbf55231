use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use ripcord_conninfo::Conninfo;
use ripcord_migration_guard::{Error, LockMode, Step, StepObserver};
use ripcord_rollback::evidence::{TakenLock, TriedStatement};
use tokio_postgres::Client;

/// How often locks are looked at while a statement runs, beside the look after each statement.
const EVERY: Duration = Duration::from_millis(5);

/// Locks on tables that others can see. What the transaction itself has made has no name yet for anybody else.
const LOCKS: &str = "
SELECT format('%I.%I', n.nspname, c.relname), l.mode
FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
JOIN pg_catalog.pg_class c ON c.oid = l.relation
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.application_name <> $1
  AND c.relkind IN ('r', 'p', 'm', 'v') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'";

/// Watches every session on the scratch database but our own.
#[derive(Debug)]
pub struct LockWatch {
    client: Client,
    own: String,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    strongest: BTreeMap<String, (LockMode, String)>,
    statements: Vec<TriedStatement>,
    begun: Option<Instant>,
}

impl LockWatch {
    /// Watches the database that `admin` leads to; sessions called `own` are ours.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn begin(admin: &Conninfo, own: &str) -> anyhow::Result<Self> {
        Ok(Self {
            client: admin.with_application_name(own).connect().await?,
            own: own.to_owned(),
            seen: Mutex::default(),
        })
    }

    /// Runs `work` and looks at the locks all the while.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                done = &mut work => return done,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                done = &mut work => return done,
                () = self.look() => {}
            }
        }
    }

    /// Takes what was seen, and begins anew.
    pub fn take(&self) -> (Vec<TakenLock>, Vec<TriedStatement>) {
        let seen = std::mem::take(&mut *self.seen());
        (listed(&seen.strongest), seen.statements)
    }

    async fn look(&self) {
        // A look that fails is one look less: the next one comes in milliseconds.
        let Ok(rows) = self.client.query(LOCKS, &[&self.own]).await else {
            return;
        };
        let mut seen = self.seen();
        for row in rows {
            let (relation, mode): (String, String) = (row.get(0), row.get(1));
            let Some(strength) = strength(&mode) else {
                continue;
            };
            let known = seen
                .strongest
                .entry(relation)
                .or_insert_with(|| (strength, mode.clone()));
            if strength > known.0 {
                *known = (strength, mode);
            }
        }
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn listed(strongest: &BTreeMap<String, (LockMode, String)>) -> Vec<TakenLock> {
    let all: BTreeSet<TakenLock> = strongest
        .iter()
        .map(|(relation, (_, mode))| TakenLock {
            relation: relation.clone(),
            mode: mode.clone(),
        })
        .collect();
    all.into_iter().collect()
}

/// The mode as the guard knows it, which can be compared.
pub(super) fn strength(mode: &str) -> Option<LockMode> {
    Some(match mode {
        "AccessShareLock" => LockMode::AccessShare,
        "RowShareLock" => LockMode::RowShare,
        "RowExclusiveLock" => LockMode::RowExclusive,
        "ShareUpdateExclusiveLock" => LockMode::ShareUpdateExclusive,
        "ShareLock" => LockMode::Share,
        "ShareRowExclusiveLock" => LockMode::ShareRowExclusive,
        "ExclusiveLock" => LockMode::Exclusive,
        "AccessExclusiveLock" => LockMode::AccessExclusive,
        _ => return None,
    })
}

#[async_trait]
impl StepObserver for LockWatch {
    async fn before(&self, _: &Step) -> Result<(), Error> {
        self.seen().begun = Some(Instant::now());
        Ok(())
    }

    async fn after(&self, step: &Step) -> Result<(), Error> {
        let took = self.seen().begun.take().map(|begun| begun.elapsed());
        self.look().await;
        let mut seen = self.seen();
        let locks = listed(&seen.strongest);
        seen.statements.push(TriedStatement {
            text: step.summary.clone(),
            seconds: took.unwrap_or_default().as_secs_f64(),
            locks,
        });
        Ok(())
    }
}

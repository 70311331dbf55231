//! A second session looks on while a statement runs: how far it is, whom it waits for, and who
//! waits behind it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ripcord_conninfo::{Conninfo, Session as Looker};

use crate::event::Peer;
use crate::postgres::RunOptions;
use crate::postgres::session::Session;
use crate::{Progress, ProgressUnit, RunEvent, Step, StepObserver};

/// Who may be kept waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Nobody who waits for a lock of ours.
    Ordinary,
    /// Only who holds up others in turn: ordinary reads and writes do not wait for us.
    Online,
}

#[derive(Debug)]
pub(super) struct Watch<'a> {
    conninfo: Conninfo,
    pid: i32,
    options: &'a RunOptions,
    observer: &'a dyn StepObserver,
    looker: Option<Looker>,
    version: i32,
    complained: bool,
    /// Since when somebody waits, as far as we have seen.
    since: HashMap<i32, Instant>,
    /// Whom the statement waited for when it was last looked at.
    blockers: Vec<Peer>,
    told: Option<RunEvent>,
}

/// What the server reports of a statement, by the version that began to: name of the view,
/// command, done, total.
const REPORTS: [(i32, &str); 4] = [
    (
        120_000,
        "SELECT command, relid, phase,
                CASE WHEN lockers_total > lockers_done THEN 't' WHEN tuples_total > 0 THEN 'r' ELSE 'b' END,
                CASE WHEN lockers_total > lockers_done THEN lockers_done WHEN tuples_total > 0 THEN tuples_done ELSE blocks_done END,
                CASE WHEN lockers_total > lockers_done THEN lockers_total WHEN tuples_total > 0 THEN tuples_total ELSE blocks_total END
         FROM pg_catalog.pg_stat_progress_create_index WHERE pid = $1",
    ),
    (
        120_000,
        "SELECT command, relid, phase, 'b', heap_blks_scanned, heap_blks_total
         FROM pg_catalog.pg_stat_progress_cluster WHERE pid = $1",
    ),
    (
        90_600,
        "SELECT 'VACUUM', relid, phase, 'b', heap_blks_scanned, heap_blks_total
         FROM pg_catalog.pg_stat_progress_vacuum WHERE pid = $1",
    ),
    (
        130_000,
        "SELECT 'ANALYZE', relid, phase, 'b', sample_blks_scanned, sample_blks_total
         FROM pg_catalog.pg_stat_progress_analyze WHERE pid = $1",
    ),
];

/// Who waits for us in a queue for a lock, and whether somebody waits for them in turn. A wait for
/// our snapshot (virtualxid) is somebody's maintenance, and no outage.
const WAITING: &str = "
    WITH waiting AS (
        SELECT DISTINCT l.pid, pg_catalog.pg_blocking_pids(l.pid) AS behind
        FROM pg_catalog.pg_locks l WHERE NOT l.granted AND l.locktype <> 'virtualxid'
    )
    SELECT w.pid, coalesce(a.application_name, ''),
           EXISTS (SELECT FROM waiting o WHERE w.pid = ANY (o.behind))
    FROM waiting w JOIN pg_catalog.pg_stat_activity a USING (pid)
    WHERE $1 = ANY (w.behind) AND w.pid <> $1
      AND coalesce(a.backend_type, 'client backend') = 'client backend'";

const BLOCKERS: &str = "
    SELECT a.pid, coalesce(a.application_name, ''),
           extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8
    FROM pg_catalog.pg_stat_activity a
    WHERE a.pid = ANY (pg_catalog.pg_blocking_pids($1)) ORDER BY 3 DESC NULLS LAST";

impl<'a> Watch<'a> {
    pub(super) fn new(
        session: &Session,
        options: &'a RunOptions,
        observer: &'a dyn StepObserver,
    ) -> Self {
        Self {
            conninfo: session.conninfo().clone(),
            pid: session.pid(),
            options,
            observer,
            looker: None,
            version: 0,
            complained: false,
            since: HashMap::new(),
            blockers: Vec::new(),
            told: None,
        }
    }

    /// Whom the last statement was seen waiting for.
    pub(super) fn blockers(&self) -> &[Peer] {
        &self.blockers
    }

    /// Looks on for as long as the statement runs; ends when somebody has waited for too long.
    pub(super) async fn too_long(&mut self, step: &Step, patience: Patience) -> Vec<Peer> {
        self.blockers.clear();
        self.told = None;
        loop {
            tokio::time::sleep(self.tick()).await;
            match self.look(step, patience).await {
                Ok(late) if late.is_empty() => {}
                Ok(late) => return late,
                // The next look opens another session.
                Err(_) => self.looker = None,
            }
        }
    }

    /// Often enough for the limits, and no burden: most statements end before the first look.
    fn tick(&self) -> Duration {
        let mut tick = Duration::from_millis(500);
        let limits = [Some(self.options.lock_timeout), self.options.queue_limit];
        for limit in limits.into_iter().flatten().filter(|l| !l.is_zero()) {
            tick = tick.min(limit / 4);
        }
        tick.max(Duration::from_millis(20))
    }

    async fn look(
        &mut self,
        step: &Step,
        patience: Patience,
    ) -> Result<Vec<Peer>, tokio_postgres::Error> {
        if !self.open(step).await {
            return Ok(Vec::new());
        }
        if let Some(progress) = self.progress(step).await? {
            self.tell(RunEvent::Progress(progress)).await;
        }
        self.blockers = self.peers(BLOCKERS).await?;
        if !self.blockers.is_empty() {
            let (version, by) = (step.version.clone(), self.blockers.clone());
            self.tell(RunEvent::Blocked { version, by }).await;
        }
        let waiting = self.waiting(patience).await?;
        let late = |peer: &&Peer| match (self.options.queue_limit, peer.time) {
            (Some(limit), Some(time)) => time >= limit,
            _ => false,
        };
        let late: Vec<Peer> = waiting.iter().filter(late).cloned().collect();
        if !waiting.is_empty() {
            let version = step.version.clone();
            self.tell(RunEvent::Queue { version, waiting }).await;
        }
        Ok(late)
    }

    /// What was said last is not said again.
    async fn tell(&mut self, event: RunEvent) {
        if self.told.as_ref() != Some(&event) {
            self.observer.event(&event).await;
            self.told = Some(event);
        }
    }

    async fn open(&mut self, step: &Step) -> bool {
        if self.looker.is_some() {
            return true;
        }
        let opened = match self.conninfo.session().await {
            Ok(looker) => looker,
            Err(error) => {
                if !self.complained {
                    self.complained = true;
                    let (version, why) = (step.version.clone(), error.to_string());
                    self.tell(RunEvent::Unwatched { version, why }).await;
                }
                return false;
            }
        };
        let settings = "SET lock_timeout = '1s'; SET statement_timeout = '5s'";
        let version = "SELECT current_setting('server_version_num')::int";
        let ready = opened.batch_execute(settings).await.is_ok();
        match opened.query_one(version, &[]).await {
            Ok(row) if ready => self.version = row.get(0),
            _ => return false,
        }
        self.looker = Some(opened);
        true
    }

    async fn progress(&self, step: &Step) -> Result<Option<Progress>, tokio_postgres::Error> {
        let Some(looker) = &self.looker else {
            return Ok(None);
        };
        let reports = REPORTS.iter().filter(|(from, _)| *from <= self.version);
        let reports: Vec<&str> = reports.map(|(_, sql)| *sql).collect();
        let sql = format!(
            "SELECT r.command, coalesce(r.relid::regclass::text, ''), r.phase, r.unit,
                    r.done::int8, r.total::int8
             FROM ({}) AS r (command, relid, phase, unit, done, total)",
            reports.join(" UNION ALL ")
        );
        let row = looker.query_opt(&sql, &[&self.pid]).await?;
        let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        Ok(row.map(|row| Progress {
            version: step.version.clone(),
            index: step.index,
            command: row.get(0),
            relation: row.get(1),
            phase: row.get(2),
            unit: match row.get::<_, &str>(3) {
                "t" => ProgressUnit::Transactions,
                "r" => ProgressUnit::Rows,
                _ => ProgressUnit::Blocks,
            },
            done: number(row.get(4)),
            total: number(row.get(5)),
        }))
    }

    async fn peers(&self, sql: &str) -> Result<Vec<Peer>, tokio_postgres::Error> {
        let Some(looker) = &self.looker else {
            return Ok(Vec::new());
        };
        let rows = looker.query(sql, &[&self.pid]).await?;
        let peer = |row: &tokio_postgres::Row| {
            let seconds: Option<f64> = row.get(2);
            let time = seconds.and_then(|s| Duration::try_from_secs_f64(s.max(0.0)).ok());
            Peer::new(row.get(0), row.get::<_, String>(1), time)
        };
        Ok(rows.iter().map(peer).collect())
    }

    /// Who waits for us, the longest first. We count from when we first saw it, because the server
    /// tells since when only from version 14 on.
    async fn waiting(&mut self, patience: Patience) -> Result<Vec<Peer>, tokio_postgres::Error> {
        let Some(looker) = &self.looker else {
            return Ok(Vec::new());
        };
        let rows = looker.query(WAITING, &[&self.pid]).await?;
        let counts = |row: &&tokio_postgres::Row| patience == Patience::Ordinary || row.get(2);
        let rows: Vec<_> = rows.iter().filter(counts).collect();
        let now = Instant::now();
        self.since
            .retain(|pid, _| rows.iter().any(|row| row.get::<_, i32>(0) == *pid));
        let mut waiting = Vec::new();
        for row in rows {
            let pid = row.get(0);
            let since = *self.since.entry(pid).or_insert(now);
            let time = now.duration_since(since);
            waiting.push(Peer::new(pid, row.get::<_, String>(1), Some(time)));
        }
        waiting.sort_by_key(|peer| std::cmp::Reverse(peer.time));
        Ok(waiting)
    }

    /// Tells the server to cancel the statement. `false` when it could not be told.
    pub(super) async fn cancel(&mut self, step: &Step) -> bool {
        // What was opened may be gone.
        for _ in 0..2 {
            if !self.open(step).await {
                return false;
            }
            if let Some(looker) = &self.looker {
                let sql = "SELECT pg_catalog.pg_cancel_backend($1)";
                if looker.query_one(sql, &[&self.pid]).await.is_ok() {
                    return true;
                }
            }
            self.looker = None;
        }
        false
    }
}

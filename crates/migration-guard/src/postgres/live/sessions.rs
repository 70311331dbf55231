//! Who is on the server right now, and which locks they hold on tables that matter.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Row;

use crate::lint::LockMode;
use crate::live::reader::{Reader, Refusal};

/// Another session of this database.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) pid: i32,
    pub(super) application: String,
    /// Whether its owner's rights let us see more than that it is there.
    pub(super) visible: bool,
    pub(super) is_worker: bool,
    /// Inside a transaction and waiting for its client.
    pub(super) idle: bool,
    pub(super) active: bool,
    /// Since its transaction began.
    pub(super) age: Option<Duration>,
    pub(super) query: String,
    /// Locks that it holds on tables: the table's number, and the mode.
    pub(super) holds: Vec<(u32, LockMode)>,
}

/// A transaction that was prepared and waits for its end.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) gid: String,
    pub(super) age: Duration,
    pub(super) holds: Vec<(u32, LockMode)>,
}

type Locks = BTreeMap<String, Vec<(u32, LockMode)>>;

/// All other sessions, with their locks on `tables`.
pub(super) async fn sessions(
    reader: &Reader,
    tables: &[u32],
) -> Result<(Vec<Session>, Vec<Prepared>), Refusal> {
    let rows = reader
        .rows(
            "SELECT a.pid, COALESCE(a.application_name, ''), COALESCE(a.state, ''),
                    COALESCE(a.query, ''), COALESCE(a.backend_type, ''),
                    extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8,
                    COALESCE(a.query, '') = '<insufficient privilege>'
             FROM pg_catalog.pg_stat_activity a
             WHERE a.pid <> pg_catalog.pg_backend_pid()
               AND a.datname = pg_catalog.current_database()
             ORDER BY a.xact_start NULLS LAST, a.pid",
            &[],
        )
        .await?;
    let mut locks = locks(reader, tables).await?;
    let mut sessions: Vec<Session> = rows.iter().map(session).collect();
    for session in &mut sessions {
        session.holds = locks.remove(&session.pid.to_string()).unwrap_or_default();
    }
    let rows = reader
        .rows(
            "SELECT p.gid, COALESCE(l.virtualtransaction, ''),
                    extract(epoch FROM pg_catalog.clock_timestamp() - p.prepared)::float8
             FROM pg_catalog.pg_prepared_xacts p
             LEFT JOIN pg_catalog.pg_locks l
               ON l.locktype = 'transactionid' AND l.transactionid = p.transaction AND l.pid IS NULL
             WHERE p.database = pg_catalog.current_database() ORDER BY p.prepared",
            &[],
        )
        .await?;
    let prepared = rows.iter().map(|row| Prepared {
        gid: row.get(0),
        age: seconds(row.get(2)),
        // It has no process: its locks are those of the lock on its own number.
        holds: locks.remove(row.get::<_, &str>(1)).unwrap_or_default(),
    });
    let prepared = prepared.collect();
    Ok((sessions, prepared))
}

fn session(row: &Row) -> Session {
    let state: &str = row.get(2);
    let kind: &str = row.get(4);
    Session {
        pid: row.get(0),
        application: row.get(1),
        visible: !row.get::<_, bool>(6),
        is_worker: kind == "autovacuum worker",
        idle: state.starts_with("idle in transaction"),
        active: state == "active",
        age: row.get::<_, Option<f64>>(5).map(seconds),
        query: row.get(3),
        holds: Vec::new(),
    }
}

/// Granted locks on `tables`, by process, or by transaction where there is no process any more.
async fn locks(reader: &Reader, tables: &[u32]) -> Result<Locks, Refusal> {
    let rows = reader
        .rows(
            "SELECT COALESCE(l.pid::text, l.virtualtransaction), l.relation, l.mode
             FROM pg_catalog.pg_locks l
             JOIN pg_catalog.pg_database d ON d.oid = l.database
             WHERE l.locktype = 'relation' AND l.granted AND l.relation = ANY($1)
               AND d.datname = pg_catalog.current_database()
               AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()
             ORDER BY 1, 2, 3",
            &[&tables],
        )
        .await?;
    let mut locks = Locks::new();
    for row in rows {
        if let Some(mode) = mode(row.get(2)) {
            locks
                .entry(row.get(0))
                .or_default()
                .push((row.get(1), mode));
        }
    }
    Ok(locks)
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default()
}

const MODES: [LockMode; 8] = [
    LockMode::AccessShare,
    LockMode::RowShare,
    LockMode::RowExclusive,
    LockMode::ShareUpdateExclusive,
    LockMode::Share,
    LockMode::ShareRowExclusive,
    LockMode::Exclusive,
    LockMode::AccessExclusive,
];

fn mode(spelled: &str) -> Option<LockMode> {
    MODES.into_iter().find(|mode| mode.pg_locks() == spelled)
}

/// Whether two sessions cannot hold these on one table at once.
///
/// <https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES>
pub(super) fn conflict(a: LockMode, b: LockMode) -> bool {
    use LockMode as L;
    let (weak, strong) = if a <= b { (a, b) } else { (b, a) };
    match weak {
        L::AccessShare => strong == L::AccessExclusive,
        L::RowShare => strong >= L::Exclusive,
        L::RowExclusive => strong >= L::Share,
        L::ShareUpdateExclusive => strong >= L::ShareUpdateExclusive,
        // Index builds do not wait for one another.
        L::Share => strong != L::Share,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_matrix_is_the_servers() {
        // A row and a column for each mode, as in the manual.
        let expected = [
            "00000001", "00000011", "00001111", "00011111", "00110111", "00111111", "01111111",
            "11111111",
        ];
        for (a, line) in MODES.iter().zip(expected) {
            let found: String = MODES
                .iter()
                .map(|b| if conflict(*a, *b) { '1' } else { '0' })
                .collect();
            assert_eq!(found, line, "{a}");
        }
    }
}

//! Replicas and slots: a rewrite goes through all of them.

use std::time::Duration;

use crate::lint::readable;
use crate::live::blockers::spell;
use crate::live::reader::Reader;
use crate::live::{Blocker, BlockerKind, LiveOptions, Unknown};

const POSITION: &str = "CASE WHEN pg_catalog.pg_is_in_recovery() \
    THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END";

pub(super) async fn find(
    reader: &Reader,
    limits: &LiveOptions,
    found: &mut Vec<Blocker>,
    unknown: &mut Vec<Unknown>,
) {
    let slots = reader
        .rows(
            &format!(
                "SELECT slot_name::text, active,
                        pg_catalog.pg_wal_lsn_diff({POSITION}, restart_lsn)::bigint
                 FROM pg_catalog.pg_replication_slots ORDER BY 1"
            ),
            &[],
        )
        .await;
    match slots {
        Ok(rows) => {
            for row in rows {
                let kept: i64 = row.get::<_, Option<i64>>(2).unwrap_or_default();
                let active: bool = row.get(1);
                if !active || kept > limits.slot_bytes {
                    found.push(slot(row.get(0), active, kept));
                }
            }
        }
        Err(refusal) => unknown.push(Unknown::new(
            "which replication slots there are",
            refusal.why,
        )),
    }
    let replicas = reader
        .rows(
            &format!(
                "SELECT pid, COALESCE(application_name, ''),
                        extract(epoch FROM replay_lag)::float8,
                        pg_catalog.pg_wal_lsn_diff({POSITION}, replay_lsn)::bigint,
                        state IS NULL
                 FROM pg_catalog.pg_stat_replication ORDER BY 1"
            ),
            &[],
        )
        .await;
    match replicas {
        Ok(rows) => {
            if rows.iter().any(|row| row.get(4)) {
                unknown.push(Unknown::new(
                    "how far replicas are behind",
                    "they may not be seen; GRANT pg_read_all_stats TO this role",
                ));
            }
            for row in rows {
                let lag: Option<f64> = row.get(2);
                let lag = lag.and_then(|s| Duration::try_from_secs_f64(s).ok());
                let bytes: i64 = row.get::<_, Option<i64>>(3).unwrap_or_default();
                if lag.is_some_and(|lag| lag >= limits.replica_lag) || bytes > limits.slot_bytes {
                    found.push(replica(row.get(0), row.get(1), lag, bytes));
                }
            }
        }
        Err(refusal) => unknown.push(Unknown::new("how far replicas are behind", refusal.why)),
    }
    base_backups(reader, found, unknown).await;
}

async fn base_backups(reader: &Reader, found: &mut Vec<Blocker>, unknown: &mut Vec<Unknown>) {
    if reader.version < 130_000 {
        return;
    }
    let sql = "SELECT pid FROM pg_catalog.pg_stat_progress_basebackup ORDER BY 1";
    match reader.rows(sql, &[]).await {
        Ok(rows) => found.extend(rows.iter().map(|row| Blocker {
            kind: BlockerKind::Backup,
            pid: Some(row.get(0)),
            message: "a base backup is being taken: what is rewritten goes into it".to_owned(),
            help: "wait for the backup to end".to_owned(),
            ..nothing()
        })),
        Err(refusal) => unknown.push(Unknown::new("whether a base backup runs", refusal.why)),
    }
}

fn slot(name: String, active: bool, kept: i64) -> Blocker {
    let state = if active {
        "is read"
    } else {
        "is read by nobody"
    };
    Blocker {
        kind: BlockerKind::ReplicationSlot,
        message: format!(
            "replication slot {name} {state} and keeps {} of the log; a rewrite adds its size",
            readable(kept)
        ),
        help: format!(
            "bring its reader back, or SELECT pg_drop_replication_slot('{}')",
            name.replace('\'', "''")
        ),
        application_name: Some(name),
        ..nothing()
    }
}

fn replica(pid: i32, name: String, lag: Option<Duration>, bytes: i64) -> Blocker {
    let behind = match lag {
        Some(lag) => format!("{} and {}", spell(lag), readable(bytes)),
        None => readable(bytes),
    };
    Blocker {
        kind: BlockerKind::ReplicaLag,
        pid: Some(pid),
        age_seconds: lag.map(|lag| lag.as_secs_f64()),
        message: format!("replica {name} is {behind} behind"),
        help: "wait until it has caught up: every lock and every rewritten byte follows there"
            .to_owned(),
        application_name: Some(name).filter(|n| !n.is_empty()),
        ..nothing()
    }
}

/// What holds nobody up.
fn nothing() -> Blocker {
    Blocker {
        kind: BlockerKind::ReplicationSlot,
        pid: None,
        age_seconds: None,
        application_name: None,
        doing: None,
        table: None,
        lock: None,
        message: String::new(),
        help: String::new(),
        blocks: false,
    }
}

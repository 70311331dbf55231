//! What is in the way of pending migrations at this very moment.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::lint::LockMode;
use crate::live::catalogue::Catalogue;
use crate::live::doing::{doing, is_ddl, keyword, tokens};
use crate::live::question::relation;
use crate::live::reader::Reader;
use crate::live::sessions::{Prepared, Session, conflict, sessions};
use crate::live::touch::Touched;
use crate::live::{LiveOptions, Unknown, replication};

/// Something that a migration would wait for, or that would suffer from it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Blocker {
    /// What sort of thing.
    pub kind: BlockerKind,
    /// The server process.
    pub pid: Option<i32>,
    /// Seconds since its transaction began; `None` if it may not be seen.
    pub age_seconds: Option<f64>,
    /// How the client calls itself; for a slot or a prepared transaction its name.
    pub application_name: Option<String>,
    /// The first word of its last statement, and the table: nothing else of the text.
    pub doing: Option<String>,
    /// A pending migration's table that it has locked, as SQL writes it.
    pub table: Option<String>,
    /// How it has locked it.
    pub lock: Option<LockMode>,
    /// In one sentence without a full stop.
    pub message: String,
    /// What to do about it, SQL where possible.
    pub help: String,
    /// Whether a migration would wait for it in vain, and everybody else behind the migration.
    pub blocks: bool,
}

/// What sort of [`Blocker`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum BlockerKind {
    /// A transaction that has been open for long.
    OldTransaction,
    /// A transaction whose client does nothing.
    IdleInTransaction,
    /// A lock that a migration needs.
    LockHeld,
    /// pg_dump, or a base backup.
    Backup,
    /// Another change of the schema.
    OtherDdl,
    /// A vacuum that does not give way, or one that is due.
    Wraparound,
    /// A transaction that was prepared and not ended.
    PreparedTransaction,
    /// A replication slot that keeps the log.
    ReplicationSlot,
    /// A replica that is behind.
    ReplicaLag,
}

/// The tables that pending migrations lock, by their number, each with all the modes.
type Needed = BTreeMap<u32, (String, Vec<LockMode>)>;

pub(super) async fn find(
    reader: &Reader,
    catalogue: &Catalogue,
    touched: &Touched,
    limits: &LiveOptions,
) -> (Vec<Blocker>, Vec<Unknown>) {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    let needed = needed(catalogue, touched);
    let tables: Vec<u32> = needed.keys().copied().collect();
    match sessions(reader, &tables).await {
        Ok((sessions, prepared)) => {
            let hidden = sessions.iter().filter(|s| !s.visible).count();
            if hidden > 0 {
                unknown.push(Unknown::new(
                    "how old the transactions of other roles are",
                    format!(
                        "{hidden} sessions may not be seen; GRANT pg_read_all_stats TO this role"
                    ),
                ));
            }
            let judge = Judge {
                needed: &needed,
                catalogue,
                limits,
                concurrent: touched.concurrent,
            };
            found.extend(sessions.iter().filter_map(|s| judge.session(s)));
            found.extend(prepared.iter().map(|p| judge.prepared(p)));
        }
        Err(refusal) => unknown.push(Unknown::new("who is on the server", refusal.why)),
    }
    let due = wraparound_due(reader, catalogue, &needed, &mut unknown).await;
    for it in due {
        // It has begun.
        if !found
            .iter()
            .any(|b| b.kind == it.kind && b.table == it.table)
        {
            found.push(it);
        }
    }
    replication::find(reader, limits, &mut found, &mut unknown).await;
    found.sort_by_key(|blocker| !blocker.blocks);
    (found, unknown)
}

fn needed(catalogue: &Catalogue, touched: &Touched) -> Needed {
    let mut needed = Needed::new();
    for touch in &touched.touches {
        let tables = catalogue.snapshot.tables.get(touch.at);
        if let (Some(oid), Some(table)) = (catalogue.oids.get(touch.at), tables) {
            let (_, modes) = needed
                .entry(*oid)
                .or_insert_with(|| (relation(table), Vec::new()));
            if !modes.contains(&touch.lock) {
                modes.push(touch.lock);
            }
        }
    }
    needed
}

struct Judge<'a> {
    needed: &'a Needed,
    catalogue: &'a Catalogue,
    limits: &'a LiveOptions,
    concurrent: bool,
}

impl Judge<'_> {
    /// The strongest of these locks that a migration cannot have beside its own.
    fn in_the_way(&self, holds: &[(u32, LockMode)]) -> Option<(String, LockMode)> {
        let conflicting = holds.iter().filter_map(|(table, held)| {
            let (name, modes) = self.needed.get(table)?;
            let waits = modes.iter().any(|mode| conflict(*mode, *held));
            waits.then(|| (name.clone(), *held))
        });
        conflicting.max_by_key(|(_, held)| *held)
    }

    fn session(&self, session: &Session) -> Option<Blocker> {
        let lock = self.in_the_way(&session.holds);
        let old = |limit: Duration| session.age.is_some_and(|age| age >= limit);
        // Of a session that may not be seen only its locks are known.
        let stays = old(self.limits.patience) || session.age.is_none();
        let tokens = tokens(&session.query);
        let ddl = session.active && keyword(&tokens).is_some_and(|word| is_ddl(&word));
        let dumps = session.application.starts_with("pg_dump");
        let waited_for = self.concurrent && old(self.limits.patience);
        let kind = if session.is_worker {
            let firm = session.query.contains("(to prevent wraparound)");
            if !firm || lock.is_none() {
                // An ordinary one is cancelled by whoever waits for it.
                return None;
            }
            BlockerKind::Wraparound
        } else if dumps {
            BlockerKind::Backup
        } else if ddl {
            BlockerKind::OtherDdl
        } else if session.idle && stays {
            BlockerKind::IdleInTransaction
        } else if lock.is_some() && stays {
            BlockerKind::LockHeld
        } else if old(self.limits.old_transaction) || waited_for {
            BlockerKind::OldTransaction
        } else {
            return None;
        };
        let firm = matches!(kind, BlockerKind::Wraparound | BlockerKind::Backup);
        Some(Blocker {
            kind,
            pid: Some(session.pid),
            age_seconds: session.age.map(|age| age.as_secs_f64()),
            application_name: Some(session.application.clone()).filter(|a| !a.is_empty()),
            doing: self.doing(session),
            message: self.message(session, kind, lock.as_ref()),
            help: match kind {
                BlockerKind::Wraparound => {
                    "wait for it; if it is ended, it begins again at once".to_owned()
                }
                BlockerKind::Backup => {
                    "wait for the backup to end, or run the migrations at another hour".to_owned()
                }
                _ => format!(
                    "wait for it, end its client, or SELECT pg_terminate_backend({})",
                    session.pid
                ),
            },
            blocks: (lock.is_some() && (stays || firm)) || waited_for,
            table: lock.as_ref().map(|(table, _)| table.clone()),
            lock: lock.map(|(_, mode)| mode),
        })
    }

    fn doing(&self, session: &Session) -> Option<String> {
        if !session.visible {
            return None;
        }
        let tables = &self.catalogue.snapshot.tables;
        doing(&session.query, |name| tables.iter().any(|t| t.name == name))
    }

    fn message(
        &self,
        session: &Session,
        kind: BlockerKind,
        lock: Option<&(String, LockMode)>,
    ) -> String {
        let who = match session.application.as_str() {
            "" => format!("session {}", session.pid),
            name => format!("session {} ({name})", session.pid),
        };
        let what = match kind {
            BlockerKind::Wraparound => "an autovacuum to prevent wraparound,",
            BlockerKind::Backup => "a dump",
            BlockerKind::OtherDdl => "another change of the schema",
            BlockerKind::IdleInTransaction => "idle",
            _ => "busy",
        };
        let age = session.age.map_or_else(
            || "a transaction of unknown age".to_owned(),
            |age| format!("a transaction for {}", spell(age)),
        );
        let mut text = format!("{who} has been in {age}, {what}");
        match lock {
            Some((table, mode)) => text.push_str(&format!(" and with {mode} on {table}")),
            None if self.concurrent => {
                text.push_str(" and CONCURRENTLY waits for every older transaction");
            }
            None => {}
        }
        text.replace(",,", ",").replace(", and", " and")
    }

    fn prepared(&self, prepared: &Prepared) -> Blocker {
        let lock = self.in_the_way(&prepared.holds);
        let holds = lock
            .as_ref()
            .map(|(table, mode)| format!(" and holds {mode} on {table}"));
        Blocker {
            kind: BlockerKind::PreparedTransaction,
            pid: None,
            age_seconds: Some(prepared.age.as_secs_f64()),
            application_name: Some(prepared.gid.clone()),
            doing: None,
            message: format!(
                "a transaction was prepared {} ago and not ended{}",
                spell(prepared.age),
                holds.unwrap_or_default()
            ),
            help: {
                let gid = prepared.gid.replace('\'', "''");
                format!("COMMIT PREPARED '{gid}'; or ROLLBACK PREPARED '{gid}'")
            },
            blocks: lock.is_some() || self.concurrent,
            table: lock.as_ref().map(|(table, _)| table.clone()),
            lock: lock.map(|(_, mode)| mode),
        }
    }
}

/// Tables whose next autovacuum will not give way.
async fn wraparound_due(
    reader: &Reader,
    catalogue: &Catalogue,
    needed: &Needed,
    unknown: &mut Vec<Unknown>,
) -> Vec<Blocker> {
    let limit = reader
        .rows(
            "SELECT pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint",
            &[],
        )
        .await;
    let limit: i64 = match limit.as_deref() {
        Ok([row]) => row.get(0),
        Ok(_) => return Vec::new(),
        Err(refusal) => {
            unknown.push(Unknown::new(
                "which tables are due for freezing",
                &*refusal.why,
            ));
            return Vec::new();
        }
    };
    let ages = catalogue.oids.iter().zip(&catalogue.ages);
    ages.filter(|(_, age)| **age > limit)
        .filter_map(|(oid, age)| needed.get(oid).map(|(table, _)| due(table, *age)))
        .collect()
}

fn due(table: &str, age: i64) -> Blocker {
    Blocker {
        kind: BlockerKind::Wraparound,
        pid: None,
        age_seconds: None,
        application_name: None,
        doing: None,
        table: Some(table.to_owned()),
        lock: Some(LockMode::ShareUpdateExclusive),
        message: format!(
            "{table} was frozen {age} transactions ago: the autovacuum that begins any moment \
             does not give way"
        ),
        help: format!("before the migration: VACUUM (FREEZE) {table}"),
        blocks: false,
    }
}

/// A time as people say it.
pub(super) fn spell(time: Duration) -> String {
    match time.as_secs() {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7199 => format!("{} min", s / 60),
        s @ 7200..=172_799 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    }
}

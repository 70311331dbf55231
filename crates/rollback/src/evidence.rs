//! What a rehearsal finds out, and what it holds for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::{Basis, Class};

/// What trying a rollback out on a copy has shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The cheapest way back that works.
    pub class: Class,
    /// What that rests on: `assumed` only for [`Class::CodeOnly`] without a test of the old release.
    pub basis: Basis,
    /// Why this class and not a cheaper one; names the object that decides.
    pub reason: String,
    /// Whether the old release may serve while the schema is the new one.
    pub overlap: Overlap,
    /// How finely times and locks were observed.
    pub granularity: Granularity,
    /// What was tried, in the order in which it runs.
    pub migrations: Vec<RehearsedMigration>,
    /// What has to be exported before a [`Class::PreserveAndRevert`].
    pub preserve: Vec<Preserve>,
    /// What the migrations themselves, or their downs, lose for good.
    pub lost: Vec<LostData>,
    /// How long restoring the backup took, in seconds.
    pub restore_seconds: f64,
    /// How long the migrations are expected to take on the live database, in seconds: what they took, and what they wrote
    /// at the speed of a slow disk.
    pub predicted_seconds: Option<f64>,
    /// What people should know, one line each.
    pub findings: Vec<String>,
    /// What it holds for.
    pub key: EvidenceKey,
}

/// What evidence holds for: if any of it is another one, it has to be made again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceKey {
    /// A hash of each pending migration, up and down, by version.
    pub migrations: BTreeMap<String, String>,
    /// The schema before, as [`SchemaState`](crate::SchemaState) has it.
    pub schema: String,
    /// The release that it is about.
    #[serde(default)]
    pub release: String,
    /// The release that was running.
    pub previous: Option<String>,
    /// Names and versions of what took part: the server, the migration tool, how it was tried.
    pub tools: BTreeMap<String, String>,
    /// The backup.
    pub backup: String,
    /// When.
    pub at: Timestamp,
}

impl EvidenceKey {
    /// Whether evidence that was made for `self` says something about `now`, which is asked at `now.at`.
    #[must_use]
    pub fn covers(&self, now: &Self, max_age: std::time::Duration) -> bool {
        let age = now.at.duration_since(self.at);
        self.migrations == now.migrations
            && self.schema == now.schema
            && self.release == now.release
            && self.previous == now.previous
            && self.tools == now.tools
            && !age.is_negative()
            && age.unsigned_abs() <= max_age
    }
}

/// Whether two releases may share the new schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Overlap {
    /// The old release was started on the migrated copy and passed its smoke test.
    Proved,
    /// Every statement is on the closed list of additive DDL.
    Assumed,
    /// It does not, or nobody knows.
    No {
        /// What does not fit; names the object.
        why: String,
    },
}

/// How finely times and locks were observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// After each statement.
    Statement,
    /// Over each migration.
    Migration,
}

/// One migration as it was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RehearsedMigration {
    /// The version.
    pub id: String,
    /// Seconds for the up.
    pub up_seconds: f64,
    /// Seconds for the down; `None` when there is none, or it failed.
    pub down_seconds: Option<f64>,
    /// The strongest lock on each table that others could see.
    pub locks: Vec<TakenLock>,
    /// Tables that were written anew.
    pub rewrites: Vec<String>,
    /// Rows inserted, updated and deleted, by table.
    pub rows: BTreeMap<String, u64>,
    /// Bytes of write-ahead log.
    pub wal_bytes: u64,
    /// Its statements, where they were observed one by one.
    pub statements: Vec<TriedStatement>,
    /// Whether its down brought schema and content back.
    pub reversible: bool,
    /// Why not, if not.
    pub irreversible: Option<String>,
}

/// A lock that was really taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TakenLock {
    /// The table.
    pub relation: String,
    /// As the server calls it, for example `AccessExclusiveLock`.
    pub mode: String,
}

/// One statement as it was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedStatement {
    /// The statement, shortened.
    pub text: String,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The strongest lock on each table, of its transaction so far.
    pub locks: Vec<TakenLock>,
}

/// A table, or some columns of it, that a down drops together with what was written into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preserve {
    /// The table with its schema, quoted as in a statement.
    pub table: String,
    /// Its columns; `None` for all of it.
    pub columns: Option<Vec<String>>,
}

/// Data that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostData {
    /// The table.
    pub table: String,
    /// The column; `None` for whole rows.
    pub column: Option<String>,
    /// How many rows had something there; `None` when that could not be counted.
    pub rows: Option<u64>,
}

impl std::fmt::Display for Preserve {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.columns {
            Some(columns) => write!(f, "{} ({})", self.table, columns.join(", ")),
            None => f.write_str(&self.table),
        }
    }
}

impl std::fmt::Display for LostData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.table)?;
        if let Some(column) = &self.column {
            write!(f, ".{column}")?;
        }
        match self.rows {
            Some(rows) => write!(f, ", {rows} rows"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key() -> EvidenceKey {
        EvidenceKey {
            migrations: BTreeMap::from([("7".to_owned(), "abc".to_owned())]),
            schema: "s".to_owned(),
            release: "v2".to_owned(),
            previous: Some("v1".to_owned()),
            tools: BTreeMap::from([("server".to_owned(), "15.18".to_owned())]),
            backup: "b1".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn evidence_holds_for_the_same_thing_and_for_a_while() {
        let day = Duration::from_secs(86_400);
        let made = key();
        let mut now = key();
        now.backup = "b2".to_owned();
        assert!(made.covers(&now, day), "a newer backup of the same schema");
        now.at = Timestamp::UNIX_EPOCH + day * 2;
        assert!(!made.covers(&now, day), "too old");
        for change in [
            |k: &mut EvidenceKey| k.schema.push('x'),
            |k: &mut EvidenceKey| k.release.push('x'),
            |k: &mut EvidenceKey| k.previous = None,
            |k: &mut EvidenceKey| k.tools.clear(),
            |k: &mut EvidenceKey| k.migrations.clear(),
        ] {
            let mut now = key();
            change(&mut now);
            assert!(!made.covers(&now, day));
        }
        let mut before = key();
        before.at = Timestamp::UNIX_EPOCH - day;
        assert!(!made.covers(&before, day), "the clock went back");
    }
}

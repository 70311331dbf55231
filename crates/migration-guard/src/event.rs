use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::{Migration, Transactional};

/// What happens while a migration runs. Events are for people: they stop nothing.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEvent {
    /// An attempt failed, left nothing, and is made again after a pause.
    Retrying {
        /// The migration's version.
        version: String,
        /// Which attempt comes next, from 2.
        attempt: u32,
        /// How many there are at most.
        attempts: u32,
        /// How long it waits before.
        pause: Duration,
        /// What the server said.
        why: String,
    },
    /// How far the running statement is, where the server tells.
    Progress(Progress),
    /// The running statement waits for these sessions.
    Blocked {
        /// The migration's version.
        version: String,
        /// Who holds what it waits for.
        by: Vec<Peer>,
    },
    /// These sessions wait for the running transaction or statement.
    Queue {
        /// The migration's version.
        version: String,
        /// Who waits, the longest first.
        waiting: Vec<Peer>,
    },
    /// There is no second session that looks on: neither progress nor a queue is seen.
    Unwatched {
        /// The migration's version.
        version: String,
        /// What is in the way.
        why: String,
    },
    /// What a run that failed left in the database. What a run left that succeeded is in
    /// [`Outcome`](crate::Outcome).
    Left {
        /// The migration's version.
        version: String,
        /// Invalid indexes, constraints that are not validated.
        left: Vec<LeftBehind>,
    },
}

/// How far a statement is.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The migration's version.
    pub version: String,
    /// The statement's position among those of the file, from 0.
    pub index: usize,
    /// As the server names it: `CREATE INDEX CONCURRENTLY`.
    pub command: String,
    /// The table.
    pub relation: String,
    /// As the server names it: `building index: scanning table`.
    pub phase: String,
    /// How much is done, in `unit`.
    pub done: u64,
    /// How much there is, in `unit`; 0 where the server does not know.
    pub total: u64,
    /// What is counted.
    pub unit: ProgressUnit,
}

/// What a [`Progress`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressUnit {
    /// Blocks of 8 KiB, as a rule.
    Blocks,
    /// Rows.
    Rows,
    /// Transactions that it waits for.
    Transactions,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            relation,
            phase,
            done,
            total,
            ..
        } = self;
        write!(f, "{command} on {relation}: {phase}")?;
        let unit = match self.unit {
            ProgressUnit::Blocks => "blocks",
            ProgressUnit::Rows => "rows",
            ProgressUnit::Transactions => "transactions",
        };
        match (done * 100).checked_div(*total) {
            Some(percent) => write!(f, ", {percent} % ({done} of {total} {unit})"),
            None if *done > 0 => write!(f, ", {done} {unit}"),
            None => Ok(()),
        }
    }
}

/// Another session on the server.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its server process.
    pub pid: i32,
    /// Its `application_name`.
    pub name: String,
    /// How long it has waited; of one that is waited for, how long its transaction is open, as
    /// far as we may know.
    pub time: Option<Duration>,
}

#[cfg(feature = "postgres")]
impl Peer {
    pub(crate) fn new(pid: i32, name: impl Into<String>, time: Option<Duration>) -> Self {
        Self {
            pid,
            name: name.into(),
            time,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => write!(f, "server process {}", self.pid)?,
            name => write!(f, "{name:?} (server process {})", self.pid)?,
        }
        match self.time {
            Some(time) => write!(f, " for {:.1} s", time.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// Peers as a list for a sentence.
#[cfg(feature = "postgres")]
pub(crate) fn listed(peers: &[Peer]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = peers.iter().take(SHOWN).map(Peer::to_string).collect();
    let more = peers.len().saturating_sub(SHOWN);
    let shown = shown.join(", ");
    if more == 0 {
        shown
    } else {
        format!("{shown} and {more} more")
    }
}

/// Something unfinished in the database that was not there before a run.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LeftBehind {
    /// What it is.
    pub kind: LeftKind,
    /// Its name, with its schema where that is not in the search path, quoted where that is needed.
    pub name: String,
    /// Its table, likewise.
    pub table: String,
    /// SQL that finishes it or takes it away.
    pub remedy: String,
}

/// The kind of a [`LeftBehind`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LeftKind {
    /// An index that costs every write and serves no read.
    InvalidIndex,
    /// A constraint that was never checked for the rows that were there.
    NotValidated,
    /// A partition whose DETACH CONCURRENTLY was not finished.
    DetachPending,
}

impl fmt::Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, table, .. } = self;
        match self.kind {
            LeftKind::InvalidIndex => write!(f, "index {name} on {table} is invalid"),
            LeftKind::NotValidated => write!(f, "constraint {name} on {table} is not validated"),
            LeftKind::DetachPending => write!(f, "partition {name} is half detached from {table}"),
        }
    }
}

/// The way back of a migration as it was when the migration was applied: enough to take it back
/// when no release holds its file any more.
///
/// A [`StepObserver`](crate::StepObserver) is handed it, and a
/// [`Workspace`](crate::Workspace::with_ways_back) takes it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct WayBack {
    /// The version as the layout spells it.
    pub version: String,
    /// The migration's name.
    pub name: String,
    /// The file, for messages; nothing is read from it.
    pub path: PathBuf,
    /// Its text.
    pub sql: String,
    /// Whether it runs in one transaction.
    pub transaction: Transactional,
    /// The checksum of the way forward, as [`Migration::checksum`].
    pub checksum: String,
}

impl WayBack {
    /// The way back of `migration`, if it has one.
    pub fn of(migration: &Migration) -> Option<Self> {
        let (path, sql) = (migration.down.clone()?, migration.down_sql.clone()?);
        Some(Self {
            version: migration.version.clone(),
            name: migration.name.clone(),
            path,
            sql,
            transaction: migration.down_transaction,
            checksum: migration.checksum.clone(),
        })
    }

    /// A migration that has this way back, and of the way forward only the checksum.
    #[must_use]
    pub fn to_migration(&self) -> Migration {
        let (version, name) = (self.version.clone(), self.name.clone());
        let mut migration = Migration::new(version, name, self.path.clone(), "")
            .with_down(self.path.clone(), self.sql.clone());
        migration.checksum.clone_from(&self.checksum);
        migration.down_transaction = self.transaction;
        migration
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_reads_as_a_line() {
        let mut progress = Progress {
            version: "1".into(),
            index: 0,
            command: "CREATE INDEX".into(),
            relation: "orders".into(),
            phase: "scanning table".into(),
            done: 1,
            total: 3,
            unit: ProgressUnit::Blocks,
        };
        let line = "CREATE INDEX on orders: scanning table, 33 % (1 of 3 blocks)";
        assert_eq!(progress.to_string(), line);
        (progress.done, progress.total) = (0, 0);
        assert_eq!(
            progress.to_string(),
            "CREATE INDEX on orders: scanning table"
        );
    }

    #[test]
    fn a_way_back_is_enough_to_go_back() {
        let mut migration =
            Migration::new("7", "a", "7.up.sql", "SELECT 1;").with_down("7.down.sql", "SELECT 2;");
        migration.down_transaction = Transactional::No;
        let again = WayBack::of(&migration).unwrap().to_migration();
        assert_eq!(again.down_sql, migration.down_sql);
        assert_eq!(again.down_transaction, Transactional::No);
        assert_eq!(again.checksum, migration.checksum);
        migration.down = None;
        assert_eq!(WayBack::of(&migration), None);
    }
}

use std::fmt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::lint::Estimate;

/// Something that a rule has to say about a statement.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Finding {
    /// The hazard's stable id, for example `drop-column`.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: PathBuf,
    /// The line of the statement, from 1.
    pub line: u32,
    /// The column of the statement, from 1, in characters.
    pub column: u32,
    /// What the statement does, in one sentence without a full stop.
    pub message: String,
    /// Why that is dangerous.
    pub why: String,
    /// What to do instead, SQL where possible.
    pub help: Option<String>,
    /// The table it is about, as written.
    pub table: Option<String>,
    /// The strongest lock the statement takes on that table.
    pub lock: Option<LockMode>,
    /// Whether every row of the table is written anew while the lock is held.
    pub rewrite: bool,
    /// Whether every row of the table is read while the lock is held.
    pub scan: bool,
    /// What is lost for good.
    pub data_loss: Option<Loss>,
    /// How large the table is, if a live server was asked.
    pub size: Option<TableSize>,
    /// How long it works on the table, if a live server was asked how fast it reads.
    #[cfg_attr(feature = "serde", serde(default))]
    pub estimate: Option<Estimate>,
    /// The statement on one line, shortened.
    pub statement: String,
}

impl Finding {
    /// A file that does not parse, as a finding, for reports that go on with the other files.
    pub fn syntax_error(file: &Path, error: &Error) -> Self {
        let (line, column) = error.position().unwrap_or((1, 1));
        Self {
            rule: "syntax-error".to_owned(),
            severity: Severity::Error,
            file: file.to_owned(),
            line,
            column,
            message: error.to_string(),
            why: "it aborts in production, or does something else than we think".to_owned(),
            help: error.help().map(str::to_owned),
            table: None,
            lock: None,
            rewrite: false,
            scan: false,
            data_loss: None,
            size: None,
            estimate: None,
            statement: String::new(),
        }
    }
}

/// How bad a [`Finding`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Severity {
    /// A matter of style or policy.
    Info,
    /// Can hurt in some circumstances.
    Warning,
    /// Will block traffic, break the running release or fail on real data.
    Error,
    /// Destroys data or cannot be undone.
    Blocker,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Blocker => "blocker",
        })
    }
}

/// PostgreSQL's table lock modes, weakest first, and what MySQL's LOCK clause can say.
///
/// <https://www.postgresql.org/docs/current/explicit-locking.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LockMode {
    /// Readers.
    AccessShare,
    /// SELECT FOR UPDATE; the referenced table while a foreign key is validated.
    RowShare,
    /// Writers.
    RowExclusive,
    /// VALIDATE CONSTRAINT, CREATE INDEX CONCURRENTLY, ATTACH PARTITION.
    ShareUpdateExclusive,
    /// CREATE INDEX: writers wait.
    Share,
    /// ADD FOREIGN KEY, CREATE TRIGGER: writers wait.
    ShareRowExclusive,
    /// REFRESH MATERIALIZED VIEW CONCURRENTLY: writers wait.
    Exclusive,
    /// Most of ALTER TABLE: readers and writers wait.
    AccessExclusive,
    /// MySQL's `LOCK=NONE`: nobody waits, but for a moment at the start and the end.
    #[cfg_attr(feature = "serde", serde(rename = "mysql_none"))]
    MySqlNone,
    /// MySQL's `LOCK=SHARED`: writers wait.
    #[cfg_attr(feature = "serde", serde(rename = "mysql_shared"))]
    MySqlShared,
    /// MySQL's `LOCK=EXCLUSIVE`: readers and writers wait.
    #[cfg_attr(feature = "serde", serde(rename = "mysql_exclusive"))]
    MySqlExclusive,
}

impl LockMode {
    /// Whether INSERT, UPDATE and DELETE wait for it.
    pub fn blocks_writes(self) -> bool {
        self >= Self::Share && self != Self::MySqlNone
    }

    /// Whether even SELECT waits for it.
    pub fn blocks_reads(self) -> bool {
        matches!(self, Self::AccessExclusive | Self::MySqlExclusive)
    }

    /// The mode as `pg_locks` spells it; MySQL's as its LOCK clause does.
    pub fn pg_locks(self) -> &'static str {
        match self {
            Self::AccessShare => "AccessShareLock",
            Self::RowShare => "RowShareLock",
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
            Self::MySqlNone => "NONE",
            Self::MySqlShared => "SHARED",
            Self::MySqlExclusive => "EXCLUSIVE",
        }
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
            Self::MySqlNone => "LOCK=NONE",
            Self::MySqlShared => "LOCK=SHARED",
            Self::MySqlExclusive => "LOCK=EXCLUSIVE",
        })
    }
}

/// What a statement destroys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Loss {
    /// What sort of thing.
    pub kind: LossKind,
    /// The table, view, type, schema or database.
    pub table: String,
    /// The column, for a dropped or narrowed one.
    pub column: Option<String>,
    /// How many rows, as the catalogue estimates it, if a live server was asked.
    pub rows: Option<i64>,
    /// How many bytes, as the catalogue estimates it, if a live server was asked.
    pub bytes: Option<i64>,
}

/// How large a table is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TableSize {
    /// The table, as it was asked for.
    pub table: String,
    /// Bytes on disk, with indexes, large values and partitions.
    pub bytes: i64,
    /// The planner's estimate of the number of rows; `None` for a table that was never analysed.
    pub rows: Option<i64>,
}

/// What sort of thing a [`Loss`] is about.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum LossKind {
    /// A table with all its rows.
    Table,
    /// A column with all its values.
    Column,
    /// All rows (TRUNCATE, DELETE without WHERE).
    AllRows,
    /// Some rows (DELETE with a filter).
    SomeRows,
    /// Values that are overwritten (UPDATE).
    Values,
    /// Values that may not fit the new type.
    Precision,
    /// A schema with all that is in it.
    Schema,
    /// A database.
    Database,
    /// Contents that cannot be told from the statement.
    Unknown,
}

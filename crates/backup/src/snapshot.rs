use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Fingerprint, Level};

/// What a dump holds.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Of exactly the rows in the archive, whatever was written meanwhile.
    pub fingerprint: Fingerprint,
    /// Where and when.
    pub server: ServerFacts,
    /// How often rows were written until the snapshot.
    pub writes: WriteCounters,
    /// How much of the database it is.
    #[serde(default)]
    pub scope: Scope,
    /// What stands in the way of proving more.
    #[serde(default)]
    pub cap: Option<Cap>,
    /// What belongs to a backup beside the archive.
    #[serde(skip)]
    pub companions: Vec<Companion>,
    /// What somebody should know about it, such as that the roles could not be read.
    #[serde(default)]
    pub notes: Vec<String>,
    /// How large the database is on its disk, in bytes.
    #[serde(default)]
    pub source_bytes: Option<u64>,
}

impl Snapshot {
    /// A snapshot with nothing known about the server's write counters.
    #[must_use]
    pub fn new(fingerprint: Fingerprint, server: ServerFacts) -> Self {
        Self {
            fingerprint,
            server,
            writes: WriteCounters::default(),
            scope: Scope::default(),
            cap: None,
            companions: Vec::new(),
            notes: Vec::new(),
            source_bytes: None,
        }
    }

    /// The same, with counters.
    #[must_use]
    pub fn with_writes(mut self, writes: WriteCounters) -> Self {
        self.writes = writes;
        self
    }

    /// The same, of a part of the database.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The same, provable up to this level only.
    #[must_use]
    pub fn with_cap(mut self, cap: Cap) -> Self {
        self.cap = Some(cap);
        self
    }

    /// The same, with a remark.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// The same, of a database of this size.
    #[must_use]
    pub fn with_source_bytes(mut self, bytes: u64) -> Self {
        self.source_bytes = Some(bytes);
        self
    }

    /// The same, with one more file to keep.
    #[must_use]
    pub fn with_companion(mut self, companion: Companion) -> Self {
        self.companions.push(companion);
        self
    }
}

/// How much of a database an archive holds.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All of it; only such a backup counts for a gate.
    #[default]
    Full,
    /// Definitions without rows.
    Schema,
    /// The rows, or some columns, of these tables.
    Tables(Vec<String>),
}

/// The most that can be proven about a dump.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    /// The highest level.
    pub level: Level,
    /// Why not more; a fragment such as "the user may not run FLUSH TABLES WITH READ LOCK".
    pub reason: String,
}

/// A small text kept beside the archive, such as the roles that a restore needs. It is encrypted
/// when the archive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// File name.
    pub file: String,
    /// Its content, of a few MiB at most.
    pub content: Vec<u8>,
}

/// Where a snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerFacts {
    /// The product's version, such as `15.18`; of a folder the host's name.
    pub version: String,
    /// The dump tool and its version.
    pub tool: String,
    /// The cluster's, server's or machine's own identifier, when it may be read.
    pub system_identifier: Option<String>,
    /// The name of the database or folder.
    pub database: String,
    /// The database's OID, 0 where there are none.
    pub database_oid: u32,
    /// The position of the write-ahead log, or of the binary log, at the snapshot.
    pub lsn: Option<String>,
    /// The server's clock at the snapshot.
    pub started: Timestamp,
    /// The server's clock when the dump was complete.
    pub finished: Timestamp,
}

/// How often rows of each table were written since the statistics were last reset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteCounters {
    /// When the statistics were last reset, as the server writes it.
    pub since: Option<String>,
    /// By table.
    pub tables: BTreeMap<String, TableWrites>,
}

/// Rows written to one table. An estimate: the server counts with a delay, and rolled back writes
/// too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableWrites {
    /// Rows inserted.
    pub inserted: u64,
    /// Rows updated.
    pub updated: u64,
    /// Rows deleted.
    pub deleted: u64,
}

impl WriteCounters {
    /// What was written between `self` and `later`: an estimate of what going back would lose.
    /// Tables without writes are left out. `None` when the statistics were reset in between.
    #[must_use]
    pub fn until(&self, later: &Self) -> Option<BTreeMap<String, TableWrites>> {
        if self.since != later.since {
            return None;
        }
        let mut written = BTreeMap::new();
        for (table, now) in &later.tables {
            let before = self.tables.get(table).copied().unwrap_or_default();
            let writes = TableWrites {
                inserted: now.inserted.checked_sub(before.inserted)?,
                updated: now.updated.checked_sub(before.updated)?,
                deleted: now.deleted.checked_sub(before.deleted)?,
            };
            if writes != TableWrites::default() {
                written.insert(table.clone(), writes);
            }
        }
        Some(written)
    }
}

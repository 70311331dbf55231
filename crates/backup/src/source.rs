use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Error, Fingerprint};

/// Something that can be written into an archive, and restored from one beside itself.
///
/// The caller owns the deadline: dropping a future stops the work, and children are killed. No
/// method ever writes to the database that the source stands for.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// A stable label without secrets, such as `shop@db.example:5432/shop`.
    fn name(&self) -> &str;

    /// Writes an archive into `sink` and returns the fingerprint of the very snapshot it holds.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Locked`, `ToolMissing`, `ToolFailed`, `Server`;
    /// whatever `sink` reports comes back as `Store`. What `sink` received is then worthless.
    async fn dump(&self, sink: &mut (dyn AsyncWrite + Send + Unpin)) -> Result<Snapshot, Error>;

    /// Reads an archive's table of contents and says how many entries it has, restoring nothing.
    ///
    /// # Errors
    /// `Corrupt` when it is not an archive.
    async fn inspect(&self, archive: &mut (dyn AsyncRead + Send + Unpin)) -> Result<u64, Error>;

    /// Restores an archive into a database that does not exist yet, or that an earlier restore
    /// with this very purpose left behind; that one is dropped first, and so is one that was
    /// created and nothing else when the run that wanted it was killed.
    ///
    /// A failed restore leaves the database behind for [`Source::discard`], so that the caller
    /// decides whether to look at it first.
    ///
    /// # Errors
    /// `AlreadyExists`, `PermissionDenied` (may not create databases), `Corrupt`, `ToolFailed`
    /// (some entry was not restored), and those of [`Source::dump`].
    async fn restore(
        &self,
        archive: &mut (dyn AsyncRead + Send + Unpin),
        into: &Destination,
    ) -> Result<RestoreReport, Error>;

    /// What is in the database now, from one snapshot.
    ///
    /// # Errors
    /// `Unreachable`, `PermissionDenied`, `Locked`, `Server`.
    async fn fingerprint(&self) -> Result<Fingerprint, Error>;

    /// What is in another database on the same server, such as one just restored.
    ///
    /// # Errors
    /// As [`Source::fingerprint`], and `NotFound`.
    async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error>;

    /// Looks for a database on the same server without connecting to it, so that one which refuses
    /// connections is found too. Waits for what a killed run may still have at work on it.
    ///
    /// # Errors
    /// `Locked`, `Unreachable`, `PermissionDenied`, `Server`. That there is none is `Ok(None)`.
    async fn find(&self, database: &str) -> Result<Option<Found>, Error>;

    /// Replaces the purpose that is kept with a database that [`Source::restore`] made.
    ///
    /// # Errors
    /// `NotFound`, `Conflict`, `PermissionDenied`, `Unreachable`, `Server`.
    async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error>;

    /// Drops a database that [`Source::restore`] made, ending its sessions. One that is not there
    /// is fine; one that `restore` did not make is refused.
    ///
    /// # Errors
    /// `Conflict` when the database carries no mark of ours; `PermissionDenied`, `InUse`,
    /// `Unreachable`, `Server`.
    async fn discard(&self, database: &str) -> Result<(), Error>;
}

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name of the database to create.
    pub database: String,
    /// Why it exists; kept with the database, so that somebody who finds it knows.
    pub purpose: String,
}

impl Destination {
    /// A database of this name.
    #[must_use]
    pub fn new(database: impl Into<String>, purpose: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            purpose: purpose.into(),
        }
    }
}

/// A database that is there.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The purpose that [`Source::restore`] or [`Source::mark`] kept with it. `None` when it
    /// carries none, and when the server itself says that it is damaged.
    pub purpose: Option<String>,
    /// Tells it from another one that had, or will have, the same name.
    pub identity: u64,
}

impl Found {
    /// A database of this identity, for this purpose.
    #[must_use]
    pub fn new(identity: u64, purpose: Option<String>) -> Self {
        Self { purpose, identity }
    }

    /// Whether this very purpose is kept with it.
    #[must_use]
    pub fn serves(&self, purpose: &str) -> bool {
        self.purpose.as_deref() == Some(purpose)
    }
}

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
}

impl Snapshot {
    /// A snapshot with nothing known about the server's write counters.
    #[must_use]
    pub fn new(fingerprint: Fingerprint, server: ServerFacts) -> Self {
        Self {
            fingerprint,
            server,
            writes: WriteCounters::default(),
        }
    }

    /// The same, with counters.
    #[must_use]
    pub fn with_writes(mut self, writes: WriteCounters) -> Self {
        self.writes = writes;
        self
    }
}

/// Where a snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerFacts {
    /// The product's version, such as `15.18`.
    pub version: String,
    /// The dump tool and its version.
    pub tool: String,
    /// The cluster's own identifier, when it may be read.
    pub system_identifier: Option<String>,
    /// The database's name.
    pub database: String,
    /// The database's OID.
    pub database_oid: u32,
    /// The write-ahead log's position at the snapshot.
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

/// What a restore did.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Errors of a known harmless kind, each with the entry it belongs to.
    pub harmless: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl RestoreReport {
    /// A restore that took so long, with these harmless errors.
    #[must_use]
    pub fn new(took: Duration, harmless: Vec<String>) -> Self {
        Self { harmless, took }
    }
}

macro_rules! through_pointer {
    ($pointer:ident) => {
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<T: Source + ?Sized> Source for $pointer<T> {
            fn name(&self) -> &str {
                (**self).name()
            }

            async fn dump(
                &self,
                sink: &mut (dyn AsyncWrite + Send + Unpin),
            ) -> Result<Snapshot, Error> {
                (**self).dump(sink).await
            }

            async fn inspect(
                &self,
                archive: &mut (dyn AsyncRead + Send + Unpin),
            ) -> Result<u64, Error> {
                (**self).inspect(archive).await
            }

            async fn restore(
                &self,
                archive: &mut (dyn AsyncRead + Send + Unpin),
                into: &Destination,
            ) -> Result<RestoreReport, Error> {
                (**self).restore(archive, into).await
            }

            async fn fingerprint(&self) -> Result<Fingerprint, Error> {
                (**self).fingerprint().await
            }

            async fn fingerprint_of(&self, database: &str) -> Result<Fingerprint, Error> {
                (**self).fingerprint_of(database).await
            }

            async fn find(&self, database: &str) -> Result<Option<Found>, Error> {
                (**self).find(database).await
            }

            async fn mark(&self, database: &str, purpose: &str) -> Result<(), Error> {
                (**self).mark(database, purpose).await
            }

            async fn discard(&self, database: &str) -> Result<(), Error> {
                (**self).discard(database).await
            }
        }
    };
}

through_pointer!(Arc);
through_pointer!(Box);

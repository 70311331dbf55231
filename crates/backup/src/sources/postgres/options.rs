use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use super::container::Container;

/// How to work with a PostgreSQL database.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Variables for children, beyond those that tell them where the database is. The rest of
    /// their environment is inherited, except what libpq reads.
    pub env: Vec<(String, String)>,
    /// The sessions' `application_name`, by which a caller finds and ends them after a crash.
    pub application_name: String,
    /// How long to wait for a table's lock. A dump that waits behind a schema change makes every
    /// later query wait too.
    pub lock_wait_timeout: Duration,
    /// How long dropping a database may take. The server waits for a checkpoint, and for every
    /// session to take note, which one whose client reads nothing never does.
    pub drop_timeout: Duration,
    /// Folders with `pg_dump` and `pg_restore`, looked at before the usual places.
    pub tool_dirs: Vec<PathBuf>,
    /// The container that the server is in, when it can only be reached from there. The
    /// connection string then says where the server is as seen from inside, and `tool_dirs` and
    /// `staging` are not used.
    pub container: Option<Container>,
    /// The database to be connected to while databases are created, dropped and renamed.
    pub maintenance_database: String,
    /// How a dump is written.
    pub layout: Layout,
    /// What a dump holds.
    pub contents: Contents,
    /// Whether rows are hashed while they are dumped. Without that nothing beyond `restored` can
    /// be proven.
    pub rows: RowHashes,
    /// How many sessions read rows at once, and how many `pg_restore` may use.
    pub jobs: NonZeroUsize,
    /// A folder with room for the whole archive, uncompressed. With it a restore of three `jobs` or
    /// more writes rows with all of them; without it, and with fewer, rows are written by one session
    /// straight from the store, and only indexes and constraints by several. [`Layout::Directory`]
    /// needs it, to dump and to restore.
    pub staging: Option<PathBuf>,
    /// Schemas that are not part of fingerprints. They are part of the archive all the same.
    pub ignored_schemas: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            env: Vec::new(),
            application_name: "ripcord-backup".to_owned(),
            lock_wait_timeout: Duration::from_secs(60),
            drop_timeout: Duration::from_secs(5 * 60),
            tool_dirs: Vec::new(),
            container: None,
            maintenance_database: "postgres".to_owned(),
            layout: Layout::Stream,
            contents: Contents::Everything,
            rows: RowHashes::FromDump,
            jobs: NonZeroUsize::new(2).unwrap_or(NonZeroUsize::MIN),
            staging: None,
            ignored_schemas: Vec::new(),
        }
    }
}

/// Where the hashes of rows come from.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowHashes {
    /// From the dump as it goes by.
    FromDump,
    /// There are none.
    None,
}

/// What a dump holds.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Definitions and rows.
    Everything,
    /// Definitions only. Such a backup does not count for a gate.
    Definitions,
}

/// How a dump is written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// By one session, straight into the store: `pg_dump --format=custom`.
    Stream,
    /// By several sessions into `staging`, and from there into the store: `pg_dump
    /// --format=directory --jobs`. Restored by several sessions from there too.
    Directory,
}

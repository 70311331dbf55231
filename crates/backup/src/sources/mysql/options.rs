use std::path::PathBuf;
use std::time::Duration;

/// How to work with a MySQL or MariaDB database.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    /// Variables for children. The rest of their environment is inherited, except what the tools
    /// read about servers and passwords.
    pub env: Vec<(String, String)>,
    /// How long to wait for a table's lock, and for another run's work on a database. A dump that
    /// waits behind a schema change makes every later query wait too.
    pub lock_wait_timeout: Duration,
    /// How long to wait for `FLUSH TABLES WITH READ LOCK`, which makes every writer wait with it.
    pub read_lock_timeout: Duration,
    /// How long to hold that lock at most. It is held until the dump's snapshot is taken, which is
    /// some tens of milliseconds.
    pub read_lock_limit: Duration,
    /// Folders with the tools, looked at before the usual places.
    pub tool_dirs: Vec<PathBuf>,
    /// Certificates, in PEM, that the server's may be signed with.
    pub ca_file: Option<PathBuf>,
    /// Where it is kept why a database was made.
    pub mark_place: MarkPlace,
}

impl Default for MysqlOptions {
    fn default() -> Self {
        Self {
            env: Vec::new(),
            lock_wait_timeout: Duration::from_secs(60),
            read_lock_timeout: Duration::from_secs(5),
            read_lock_limit: Duration::from_secs(10),
            tool_dirs: Vec::new(),
            ca_file: None,
            mark_place: MarkPlace::default(),
        }
    }
}

/// Where it is kept why a database was made.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MarkPlace {
    /// In the database's comment where the server has that (MariaDB 10.5 and later), else in a
    /// table.
    #[default]
    Comment,
    /// In a table `ripcord_mark`, which is never part of a dump.
    Table,
}

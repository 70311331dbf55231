use std::path::PathBuf;
use std::time::Duration;

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
    /// Folders with `pg_dump` and `pg_restore`, looked at before the usual places.
    pub tool_dirs: Vec<PathBuf>,
    /// The database to be connected to while databases are created, dropped and renamed.
    pub maintenance_database: String,
    /// Schemas that are not part of fingerprints. They are part of the archive all the same.
    pub ignored_schemas: Vec<String>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            env: Vec::new(),
            application_name: "ripcord-backup".to_owned(),
            lock_wait_timeout: Duration::from_secs(60),
            tool_dirs: Vec::new(),
            maintenance_database: "postgres".to_owned(),
            ignored_schemas: Vec::new(),
        }
    }
}

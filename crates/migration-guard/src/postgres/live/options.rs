use std::time::Duration;

/// How [`analyse`](crate::live::analyse) looks at a database.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveOptions {
    /// How long all of it may take; what is not known by then is reported as unknown. Default 10 s.
    pub deadline: Duration,
    /// How long one query may take. Default 2 s.
    pub query_timeout: Duration,
    /// How long a query may wait for its ACCESS SHARE lock. Default 200 ms.
    pub lock_timeout: Duration,
    /// How long a migration waits for a lock. A session that has been in its transaction for longer
    /// and holds a lock that a migration needs blocks it. Default 5 s, as
    /// [`RunOptions::lock_timeout`](crate::RunOptions).
    pub patience: Duration,
    /// From what age on a transaction is reported although it holds no lock that is needed: index
    /// builds wait for it, and vacuum cannot clean up behind it. Default 60 s.
    pub old_transaction: Duration,
    /// From what lag on a replica is reported. Default 10 s.
    pub replica_lag: Duration,
    /// From how many bytes of kept write-ahead log on a replication slot is reported. Default 1 GiB.
    pub slot_bytes: i64,
    /// How much of a table is read to find out how fast that is. Default 32 MiB.
    pub sample_bytes: u64,
    /// What is assumed where no table is large enough to measure it. Default 100 MiB a second.
    pub assumed_bytes_per_second: u64,
    /// Free bytes on the database's disk, if the caller knows. The server does not tell.
    pub free_bytes: Option<u64>,
    /// The session's `application_name`.
    pub application_name: String,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(10),
            query_timeout: Duration::from_secs(2),
            lock_timeout: Duration::from_millis(200),
            patience: Duration::from_secs(5),
            old_transaction: Duration::from_secs(60),
            replica_lag: Duration::from_secs(10),
            slot_bytes: 1 << 30,
            sample_bytes: 32 << 20,
            assumed_bytes_per_second: 100 << 20,
            free_bytes: None,
            application_name: "migration-guard analyse".to_owned(),
        }
    }
}

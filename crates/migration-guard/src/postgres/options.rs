use std::time::Duration;

/// How a [`PostgresMigrator`](crate::PostgresMigrator) runs.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunOptions {
    /// How long a statement may wait for a table lock; everybody else on the table waits behind
    /// it. Default 5 s. Building and dropping indexes concurrently is exempt: nobody waits
    /// behind that, and giving up would leave an invalid index.
    pub lock_timeout: Duration,
    /// How long a statement may run. Default 15 min; zero is no limit. Concurrent index builds
    /// are exempt.
    pub statement_timeout: Duration,
    /// How often a transaction is tried again after a lock timeout, a deadlock or a
    /// serialization failure. Default 5.
    pub retries: u32,
    /// The pause before the first retry; it doubles each time, with jitter. Default 500 ms.
    pub backoff: Duration,
    /// How long to wait for another runner to finish. Default 30 s.
    pub runner_wait: Duration,
    /// The session's `application_name`, by which others can find and end it.
    pub application_name: String,
    /// What to do with a version older than the newest applied one.
    pub out_of_order: OutOfOrder,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15 * 60),
            retries: 5,
            backoff: Duration::from_millis(500),
            runner_wait: Duration::from_secs(30),
            application_name: "migration-guard".to_owned(),
            out_of_order: OutOfOrder::Refuse,
        }
    }
}

/// What to do with a version older than the newest applied one, or with older ones pending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutOfOrder {
    /// Refuse: environments would apply the same files in different orders.
    #[default]
    Refuse,
    /// Apply it, as sqlx does.
    Allow,
}

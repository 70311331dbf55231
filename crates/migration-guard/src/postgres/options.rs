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
    /// serialization failure. Default 5. Outside a transaction a statement is tried again only
    /// where the catalogue shows that the failed attempt left nothing.
    pub retries: u32,
    /// No attempt begins later than this after the first one began. Default 5 min.
    pub retry_within: Duration,
    /// The pause before the first retry; it doubles each time, with jitter. Default 500 ms.
    pub backoff: Duration,
    /// How long other clients may wait for a lock of ours before the run gives way: its statement
    /// is cancelled, its transaction rolled back, and the error names them. `None` is never.
    /// Default 30 s. Behind a concurrent index build those count that hold up others in turn.
    pub queue_limit: Option<Duration>,
    /// How long to wait for another runner to finish. Default 30 s.
    pub runner_wait: Duration,
    /// How long the server is asked again what was applied after the connection broke. Default
    /// 10 s.
    pub reconnect_wait: Duration,
    /// How long `status` waits for a session of the same name that is still at work: one whose
    /// client died ends by itself after 2 s. Default 3 s.
    pub leftover_wait: Duration,
    /// What to do with sessions of the same name that hold the migration lock.
    pub leftovers: Leftovers,
    /// The session's `application_name`, by which others can find and end it.
    pub application_name: String,
    /// What to do with a version older than the newest applied one.
    pub out_of_order: OutOfOrder,
    /// What to do with a pending version that seems to have run before.
    pub unrecorded: Unrecorded,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self {
            lock_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(15 * 60),
            retries: 5,
            retry_within: Duration::from_secs(5 * 60),
            backoff: Duration::from_millis(500),
            queue_limit: Some(Duration::from_secs(30)),
            runner_wait: Duration::from_secs(30),
            reconnect_wait: Duration::from_secs(10),
            leftover_wait: Duration::from_secs(3),
            leftovers: Leftovers::Await,
            application_name: "migration-guard".to_owned(),
            out_of_order: OutOfOrder::Refuse,
            unrecorded: Unrecorded::Refuse,
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

/// What to do with sessions that carry our `application_name` and hold the migration lock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Leftovers {
    /// Wait for them: they may belong to somebody who is alive.
    #[default]
    Await,
    /// End them: the name is this owner's alone, so they are what a crash left.
    End,
}

/// What to do with a pending version when what it makes is there already, or when another tool has
/// recorded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unrecorded {
    /// Refuse: its row was taken away, or it was run by hand, and its data would be written twice.
    #[default]
    Refuse,
    /// Apply it.
    Apply,
}

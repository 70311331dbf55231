use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::sql::MySqlServer;
use crate::{Snapshot, Transactional};

/// What a rule has to know about the server and the runner.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintOptions {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The server's major version; default 15.
    pub postgres_version: u32,
    /// Which MySQL or MariaDB it is; default: the worse of MySQL 8.0 and MariaDB 10.6.
    pub mysql_server: MySqlServer,
    /// Whether the runner opens a transaction around a file. `None` asks each
    /// [`Unit`](crate::Unit).
    pub transaction: Option<Transactional>,
    /// The `lock_timeout` that the runner sets before each file, if it does.
    pub lock_timeout: Option<Duration>,
    /// The `statement_timeout` that the runner sets before each file, if it does.
    pub statement_timeout: Option<Duration>,
    /// Whether somebody knows who runs the files. If nobody does, and
    /// [`transaction`](Self::transaction) is not set either, the text is asked: what can only be
    /// meant inside a transaction is in one, what a transaction refuses is in none, and about
    /// everything else the rules say "if it is".
    pub runner: Runner,
    /// The moment that exceptions with an end are measured against. `None` is now.
    pub now: Option<SystemTime>,
    /// What the database looks like before the first file. Without it only what the files make is
    /// known.
    pub snapshot: Option<Arc<Snapshot>>,
}

/// Whether it is known who runs the files.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Runner {
    /// Each [`Unit`](crate::Unit) says whether it runs in a transaction.
    #[default]
    Known,
    /// Files from anywhere.
    Unknown,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::Postgres,
            postgres_version: 15,
            mysql_server: MySqlServer::default(),
            transaction: None,
            lock_timeout: None,
            statement_timeout: None,
            runner: Runner::Known,
            now: None,
            snapshot: None,
        }
    }
}

impl LintOptions {
    /// What this crate's own runner does with its default options: both timeouts are set.
    pub fn with_own_runner() -> Self {
        Self {
            lock_timeout: Some(Duration::from_secs(5)),
            statement_timeout: Some(Duration::from_secs(15 * 60)),
            ..Self::default()
        }
    }
}

/// Whose SQL a file is written in.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL 12 to 19.
    #[default]
    Postgres,
    /// MySQL 5.7 to 9, MariaDB 10.6 and newer.
    MySql,
}

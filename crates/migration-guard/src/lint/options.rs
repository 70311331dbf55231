use std::time::Duration;

use crate::Transactional;

/// What a rule has to know about the server and the runner.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintOptions {
    /// Whose SQL it is.
    pub dialect: Dialect,
    /// The server's major version; default 15.
    pub postgres_version: u32,
    /// Whether the runner opens a transaction around a file. `None` asks each
    /// [`Unit`](crate::Unit).
    pub transaction: Option<Transactional>,
    /// The `lock_timeout` that the runner sets before each file, if it does.
    pub lock_timeout: Option<Duration>,
    /// The `statement_timeout` that the runner sets before each file, if it does.
    pub statement_timeout: Option<Duration>,
}

impl Default for LintOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::Postgres,
            postgres_version: 15,
            transaction: None,
            lock_timeout: None,
            statement_timeout: None,
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
    /// MySQL and MariaDB: known by name, refused until there is a parser for them.
    MySql,
}

use std::time::{Duration, Instant};

use ripcord_conninfo::Conninfo;
use tokio_postgres::error::SqlState;

use crate::postgres::RunOptions;
use crate::{Error, ErrorKind};

/// One connection with its settings. Dropping it while a statement runs ends the statement on
/// the server, from a second connection: closing the first alone would leave it running.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its socket is closed at once when it is dropped, which is how the server sees that we are
    /// gone even where it cannot be told.
    pub(crate) client: ripcord_conninfo::Session,
    conninfo: Conninfo,
    pid: i32,
    started: String,
    busy: bool,
}

/// Two runs of this crate, on whatever layout, never overlap in one database.
pub(super) const OWN_LOCK: i64 = 0x0072_6970_636f_7264;

impl Session {
    pub(crate) async fn open(conninfo: &Conninfo, options: &RunOptions) -> Result<Self, Error> {
        let conninfo = conninfo.with_application_name(&options.application_name);
        let client = conninfo
            .session()
            .await
            .map_err(|e| refused(&conninfo, e))?;
        let row = client
            .query_one(
                "SELECT pid, backend_start::text, current_setting('server_version_num')::int
                 FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()",
                &[],
            )
            .await
            .map_err(|e| failed("read the session of", conninfo.to_string(), &e))?;
        let mut session = Self {
            client,
            conninfo,
            pid: row.get(0),
            started: row.get(1),
            busy: false,
        };
        session.settle(options, row.get(2)).await?;
        Ok(session)
    }

    async fn settle(&mut self, options: &RunOptions, version: i32) -> Result<(), Error> {
        let sql = format!(
            "{}; SET idle_in_transaction_session_timeout = 0; SET client_min_messages = warning",
            limits(options)
        );
        self.execute(&sql)
            .await
            .map_err(|e| failed("prepare the session of", self.conninfo.to_string(), &e))?;
        // The server looks for us while it works, so that a killed runner leaves no statement, and
        // finds out within half a minute that our host is gone. Not every platform can do either.
        let mut watchful = vec![
            "SET tcp_keepalives_idle = 10",
            "SET tcp_keepalives_interval = 5",
            "SET tcp_keepalives_count = 4",
        ];
        if version >= 140_000 {
            watchful.push("SET client_connection_check_interval = '2s'");
        }
        for setting in watchful {
            drop(self.execute(setting).await);
        }
        Ok(())
    }

    /// Runs `sql`; when the future is dropped meanwhile, the server is told to stop.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<(), tokio_postgres::Error> {
        self.busy = true;
        let done = self.client.batch_execute(sql).await;
        self.busy = false;
        done
    }

    /// Whether a transaction is open that statements of ours have begun. Outside of one the time of
    /// the transaction is that of the statement.
    pub(crate) async fn is_in_transaction(&self) -> Result<bool, tokio_postgres::Error> {
        let sql =
            "SELECT pg_catalog.now() OPERATOR(pg_catalog.<>) pg_catalog.statement_timestamp()";
        let said = self.client.simple_query(sql).await?;
        Ok(said.iter().any(|message| {
            matches!(message, tokio_postgres::SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))
        }))
    }

    /// The database, without secrets.
    pub(crate) fn label(&self) -> String {
        self.conninfo.to_string()
    }

    /// Our process on the server.
    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    /// As a second session of ours is opened.
    pub(super) fn conninfo(&self) -> &Conninfo {
        &self.conninfo
    }

    /// A number to spread retries by: sessions differ in it.
    pub(crate) fn seed(&self) -> u32 {
        self.pid.unsigned_abs()
    }

    /// Takes our lock and the tool's own ones, waiting at most `wait` for another runner.
    ///
    /// Asks again and again instead of waiting in the server: a waiting statement holds a
    /// snapshot, and CREATE INDEX CONCURRENTLY of the other runner would wait for it for ever.
    pub(crate) async fn lock(&mut self, tool: Option<i64>, wait: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + wait;
        for key in std::iter::once(OWN_LOCK).chain(tool) {
            loop {
                let taken: bool = self
                    .client
                    .query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&key])
                    .await
                    .map_err(|e| failed("take the migration lock of", self.label(), &e))?
                    .get(0);
                if taken {
                    break;
                }
                if Instant::now() >= deadline {
                    return Err(self.held_by_another(key).await);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    }

    async fn held_by_another(&self, key: i64) -> Error {
        let owner = self
            .client
            .query_opt(
                "SELECT a.application_name, a.pid FROM pg_catalog.pg_locks l
                 JOIN pg_catalog.pg_stat_activity a USING (pid)
                 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
                   AND l.database = (SELECT oid FROM pg_catalog.pg_database
                                     WHERE datname = pg_catalog.current_database())
                   AND ((l.classid::bigint << 32) | l.objid::bigint) = $1",
                &[&key],
            )
            .await
            .ok()
            .flatten()
            .map(|row| {
                let (name, pid): (String, i32) = (row.get(0), row.get(1));
                format!("another runner holds it: {name:?}, server process {pid}")
            });
        Error::new(ErrorKind::Busy, "take the migration lock of", self.label())
            .because(owner.unwrap_or_else(|| "another runner holds it".to_owned()))
            .with_help("wait for it to end, or end it with pg_terminate_backend")
    }
}

/// The settings that bound a statement.
pub(super) fn limits(options: &RunOptions) -> String {
    format!(
        "SET lock_timeout = {}; SET statement_timeout = {}",
        options.lock_timeout.as_millis(),
        options.statement_timeout.as_millis()
    )
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.busy {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let (conninfo, pid, started) = (self.conninfo.clone(), self.pid, self.started.clone());
        // Whoever dropped us does not wait; the server ends the session soon after.
        runtime.spawn(async move {
            if let Ok(client) = conninfo.connect().await {
                let ended = client
                    .execute(
                        "SELECT pg_catalog.pg_terminate_backend(pid)
                         FROM pg_catalog.pg_stat_activity
                         WHERE pid = $1 AND backend_start::text = $2",
                        &[&pid, &started],
                    )
                    .await;
                // If this fails, client_connection_check_interval does it two seconds later.
                drop(ended);
            }
        });
    }
}

pub(super) fn refused(conninfo: &Conninfo, error: ripcord_conninfo::Error) -> Error {
    let kind = if error.is_transient() {
        ErrorKind::Connection
    } else {
        ErrorKind::Refused
    };
    let help = error.help().map(str::to_owned);
    let refused = Error::new(kind, "open a session on", conninfo.to_string()).with_source(error);
    match help {
        Some(help) => refused.with_help(help),
        None => refused,
    }
}

/// What the server said, without DETAIL: that quotes rows.
pub(crate) fn failed(
    operation: &'static str,
    subject: impl Into<String>,
    error: &tokio_postgres::Error,
) -> Error {
    let kind = kind(error);
    let said = match error.as_db_error() {
        Some(db) => format!("{} ({})", db.message(), db.code().code()),
        None => error.to_string(),
    };
    let failed = Error::new(kind, operation, subject).because(said);
    match kind {
        ErrorKind::LockTimeout => failed.with_help(
            "another session holds the table; see pg_stat_activity for long transactions",
        ),
        ErrorKind::StatementTimeout => {
            failed.with_help("raise statement_timeout, or do less at once")
        }
        ErrorKind::Connection => failed.with_help("ask again once the server can be reached: what is there tells `status`, and `resolve` of a version that was under way"),
        _ => match error.as_db_error().and_then(|db| db.hint()) {
            Some(hint) => failed.with_help(hint),
            None => failed,
        },
    }
}

fn kind(error: &tokio_postgres::Error) -> ErrorKind {
    let Some(db) = error.as_db_error() else {
        return ErrorKind::Connection;
    };
    if *db.code() == SqlState::LOCK_NOT_AVAILABLE {
        ErrorKind::LockTimeout
    } else if *db.code() == SqlState::QUERY_CANCELED && db.message().contains("statement timeout") {
        ErrorKind::StatementTimeout
    } else if *db.code() == SqlState::ADMIN_SHUTDOWN || *db.code() == SqlState::CRASH_SHUTDOWN {
        ErrorKind::Connection
    } else {
        ErrorKind::Database
    }
}

/// Whether the same transaction may succeed when it is run again.
pub(super) fn is_retryable(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| {
        *code == SqlState::LOCK_NOT_AVAILABLE
            || *code == SqlState::T_R_DEADLOCK_DETECTED
            || *code == SqlState::T_R_SERIALIZATION_FAILURE
    })
}
